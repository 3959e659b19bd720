"""A changed configuration applies at once, to what waits by the old one, too."""
import subprocess

from harness.beacon import conf, program, record, starts, wait_record


def programs(**keys):
    return conf(program("slow", startsecs=keys["startsecs"]),
                program("retry", "run=1 exit=1", backoff=keys["backoff"], startretries=1000),
                program("deaf", "ignore=TERM", startsecs=0, stopwaitsecs=keys["stopwaitsecs"]),
                program("steps", "ignore=TERM", startsecs=0, stopsignals=keys["stopsignals"]),
                program("fatal", "run=1 exit=1", startretries=0, on_fatal=keys["on_fatal"]),
                program("family", "run=500 exit=1 member=TERM", startsecs=0, autorestart="true",
                        stopwaitsecs=3600, orphans=keys["orphans"]))


OLD = {"startsecs": 3600, "backoff": "1h", "stopwaitsecs": 3600, "stopsignals": "TERM:1h,INT:1h",
       "on_fatal": "nothing", "orphans": "kill"}
NEW = {"startsecs": 2, "backoff": "200ms", "stopwaitsecs": 2, "stopsignals": "TERM:1s,INT:1s",
       "on_fatal": "retry:1s", "orphans": "keep"}


def test_a_wait_under_way_is_as_long_as_the_new_configuration_says(sup):
    s = sup(programs(**OLD))
    for name in ("slow", "deaf", "steps", "family.member"):
        wait_record(s, name, "start")
    s.wait_state("retry", "BACKOFF")
    s.wait_state("fatal", "FATAL")
    stops = [subprocess.Popen(s.ns.enter_command(s.ctl_command("stop", n)), env=s.env,
                              stdout=subprocess.DEVNULL) for n in ("deaf", "steps")]
    for name in ("deaf", "steps"):
        s.wait_state(name, "STOPPING")
    wait_record(s, "family", "end")
    s.wait(lambda: "others of its process group" in s.ok("explain", "family"))
    before = {n: r["pid"] for n, r in s.status().items()}
    s.write("supd.conf", programs(**NEW))
    s.ok("update")
    assert s.wait_state("slow", "RUNNING")["pid"] == before["slow"]
    s.wait_log("success: slow entered RUNNING state, process has stayed up for > than 2 seconds")
    wait_record(s, "retry", "start", 4)
    assert [p.wait(20) for p in stops] == [0, 0]
    assert s.status()["deaf"]["exit"] == "terminated by SIGKILL"
    assert [e.what for e in record(s, "steps") if e.what != "SIGCONT"] == ["start", "SIGTERM", "SIGINT", "end"]
    wait_record(s, "fatal", "start", 3)
    wait_record(s, "family", "start", 2)
    assert len(starts(s, "slow")) == 1

"""depends_on=, after=, type=, ready_timeout= and `supctl wait` with real programs."""
import json
import re

import pytest

from harness.beacon import conf, program, record, starts, wait_record
from harness.upgrading import crash, upgrade

GATE = "/bin/sh -c 'test -e %(here)s/open'"  # succeeds once the test has opened it


def order(s, what):
    """The names in the order in which that happened to them."""
    return [e.name for e in record(s, what=what)]


def test_waves_up_and_reverse_down(sup):
    s = sup(conf(program("web", startsecs=0, depends_on="app", stopwaitsecs=20),
                 program("app", depends_on="db:ready,migrate:done,cache:started"),
                 program("migrate", "run=300", type="oneshot", depends_on="db"),
                 program("cache", startsecs=30), program("db", priority=1)))
    wait_record(s, "web", "start")
    assert set(order(s, "start")[:2]) == {"db", "cache"}
    assert order(s, "start")[2:] == ["migrate", "app", "web"]
    said = ["success: db entered RUNNING", "spawned: 'migrate'", "success: migrate is done", "spawned: 'app'",
            "success: app entered RUNNING", "spawned: 'web'"]
    assert [re.search(text, s.log_text()).start() for text in said] == sorted(
        re.search(text, s.log_text()).start() for text in said)
    got = s.status()["migrate"]
    assert (got["state"], got["why"], got["restarts"]) == ("EXITED", "done", 0)
    assert s.ctl("status", "migrate", "db").returncode == 0, "done is well"
    s.stop()
    ends = [name for name in order(s, "end") if name != "migrate"]
    assert ends[:2] == ["web", "app"] and set(ends[2:]) == {"db", "cache"}


def test_a_failure_below_is_told_above(sup):
    s = sup(conf(program("db", command=GATE, type="setup", startretries=5, backoff="60s"),
                 program("web", startsecs=0, depends_on="db:done"),
                 program("job", command=GATE, type="oneshot"),
                 program("app", startsecs=0, depends_on="job:done")))
    s.wait_state("db", "BACKOFF")
    text = "waiting for db: BACKOFF, 1 of 5"
    s.wait(lambda: text in s.ctl("status", "web").stdout)
    shown = json.loads(s.ctl("--json", "status", "web").stdout)[0]
    assert (shown["state"], shown["waiting"]) == ("STARTING", "db: BACKOFF, 1 of 5")
    assert f"{text}; it starts when that is there" in s.ok("explain", "web")
    waits = s.ctl("wait", "web=ready", "--timeout", "0.2")
    assert (waits.returncode, waits.stderr) == (8, f"web: ERROR (not ready after 200ms: STARTING, {text})\n")
    # that it is in vain is said at once, with a limit or without
    waits = s.ctl("wait", "app")
    assert (waits.returncode, waits.stderr) == (
        7, "app: ERROR (it will not be ready by itself: STARTING, waiting for job: FATAL, exit status 1)\n")
    s.wait_log("app waits for what does not come by itself: job: FATAL, exit status 1")
    s.ok("stop", "db")
    s.wait(lambda: "waiting for db: STOPPED; that does not come by itself" in s.ok("explain", "web"))
    # a start asks for what it needs, and says why that did not help
    asked = s.ctl("start", "app", timeout=30)
    assert asked.returncode == 7 and "waiting for job: FATAL, exit status 1" in asked.stderr
    s.write("open", "")
    assert sorted(s.ok("start", "app", "web").splitlines()) == ["app: started", "web: started"]
    assert s.status()["job"]["why"] == s.status()["db"]["why"] == "done"


def test_a_start_by_hand_takes_what_it_needs(sup):
    s = sup(conf(program("db", startsecs=0, autostart="false"), program("job", "run=1", type="oneshot", autostart="false"),
                 program("web", startsecs=0, autostart="false", depends_on="db,job")))
    wrong = s.ctl("wait", "db=ready")
    assert (wrong.returncode, wrong.stderr) == (
        7, "db: ERROR (it will not be ready by itself: STOPPED, not started)\n")
    assert s.ok("start", "web") == "web: started\n"
    assert s.ok("wait", "db", "job=done", "web=started") == "db: ready\njob: done\nweb: started\n"
    # a stop of one stops one; what it needs is there again before it starts again
    s.ok("stop", "db")
    assert s.state("web") == "RUNNING" and s.ok("wait", "db=stopped") == "db: stopped\n"
    s.kill(s.status()["web"]["pid"])
    s.wait(lambda: "db: STOPPED" in s.status()["web"].get("waiting", ""))
    assert len(starts(s, "db")) == 1, "a restart by itself starts nobody else"
    s.ok("start", "db")
    wait_record(s, "web", "start", 2)
    assert len(starts(s, "job")) == 1
    # several stop in reverse
    s.ok("stop", "all")
    ends = order(s, "end")
    assert ends[-2:] == ["web", "db"]
    assert s.ctl("wait", "db=up").returncode == 2 and s.ctl("wait", "nobody").returncode == 1
    never = s.ctl("wait", "web=done", "--timeout", "9s")
    assert never.returncode == 7 and "a service is never done" in never.stderr


def test_a_member_of_a_group_and_a_whole_group(sup):
    off = {"startsecs": 0, "autostart": "false"}
    s = sup(conf(program("a", **off), program("b", numprocs=2, process_name="b%(process_num)s", **off),
                 program("one", depends_on="a:started", **off), program("whole", depends_on="back", **off),
                 program("both", depends_on="b", **off), "[group:back]\nprograms=a,b\n"))
    s.ok("start", "one")
    assert {n for n, r in s.status().items() if r["starts"]} == {"one", "back:a"}
    s.ok("stop", "back:a")
    s.ok("start", "both")
    assert {n for n, r in s.status().items() if r["state"] == "RUNNING"} == {"one", "both", "back:b0", "back:b1"}
    s.ok("start", "whole")
    assert s.state("back:a") == "RUNNING"
    # an automatic restart waits, and a hand that comes then asks for what is missing
    s.ok("stop", "back:b1")
    s.kill(s.status()["both"]["pid"])
    s.wait(lambda: s.status()["both"].get("waiting") == "back:b1: STOPPED")
    assert s.ok("restart", "both") == "both: restarted\n" and s.state("back:b1") == "RUNNING"


def test_a_oneshot_says_that_it_failed(sup):
    s = sup(conf(program("job", "run=1 exit=3", type="oneshot"),
                 program("long", type="oneshot", ready_timeout="300ms", startretries=0),
                 program("after", startsecs=0, after="job,long")))
    assert s.wait_state("job", "FATAL")["starts"] == 1
    assert "1 failure in a row (startretries=0), the last exit was exit status 3" in s.ok("explain", "job")
    asked = s.ctl("start", "job")
    assert asked.returncode == 7 and "failed: exit status 3" in asked.stderr
    s.wait_state("long", "FATAL")
    s.wait_log("failed: long was not done in time")
    wait_record(s, "after", "start")


def test_an_update_adds_and_takes_away_what_is_waited_for(sup):
    gate = program("gate", command=GATE, type="setup", startretries=99, backoff="300ms", backoff_max="300ms")
    web = {"startsecs": 0}
    s = sup(conf(gate, program("web", depends_on="gate:done", **web)))
    s.wait(lambda: "gate: " in s.status()["web"].get("waiting", ""))
    s.write("supd.conf", conf(gate, program("web", **web)))
    s.ok("update")
    wait_record(s, "web", "start")
    s.write("supd.conf", conf(gate, program("web", depends_on="gate:done", **web)))
    s.ok("update")
    assert len(starts(s, "web")) == 1, "one that is up is left alone"
    s.kill(s.status()["web"]["pid"])
    s.wait(lambda: "gate: " in s.status()["web"].get("waiting", ""))
    s.write("open", "")
    wait_record(s, "web", "start", 2)
    s.write("supd.conf", conf(program("web", depends_on="gate:done", **web)))
    assert "there is no program gate" in s.ctl("update").stderr


@pytest.mark.release
def test_it_waits_on_over_an_upgrade_and_a_fault(sup):
    s = sup(conf(program("gate", command=GATE, type="setup", startretries=99, backoff="300ms", backoff_max="300ms"),
                 program("web", depends_on="gate:done"), program("app", "slow=1200", startsecs=0, depends_on="web")))
    s.wait(lambda: "gate: " in s.status()["web"].get("waiting", ""))
    upgrade(s)
    crash(s)
    got = s.status()
    assert "gate: " in got["web"]["waiting"] and "web: STARTING, waiting itself" in got["app"]["waiting"]
    assert not starts(s, "web")
    s.write("open", "")
    wait_record(s, "app", "start")
    assert order(s, "start") == ["web", "app"]
    # done is remembered, too
    before = s.status()["gate"]["starts"]
    upgrade(s)
    s.ok("restart", "web")
    assert s.status()["gate"]["starts"] == before
    # and so is what waits for its turn to be stopped
    s.wait_state("app", "RUNNING")
    s.ask("stop", "web", "app", "wait=0")
    upgrade(s)
    crash(s)
    s.wait_state("web", "STOPPED")
    assert order(s, "end")[-2:] == ["app", "web"]


def test_done_is_no_end_that_counts(sup):
    s = sup(conf(program("job", "run=1", type="oneshot", critical="true"), program("web", startsecs=0, depends_on="job"),
                 supd="exit_on=any"))
    wait_record(s, "web", "start")
    s.wait_state("web", "RUNNING")
    s.kill(s.status()["web"]["pid"], 15)
    assert s.wait_exit() == 0
    s.wait_log(r"web is EXITED \(exit status 0\) and \[supd\] exit_on=any")


def test_with_exit_on_all_nobody_waits_for_ever(sup):
    s = sup(conf(program("db", "run=1 exit=7", type="oneshot"), program("web", depends_on="db"),
                 supd="exit_on=all"), ready=False)
    assert s.wait_exit() == 7
    assert not starts(s, "web")


def test_a_circle_of_two_configurations(sup):
    """An update of some groups only has them wait for each other: all are told, and it can be undone."""
    keys = {"startsecs": 0, "autostart": "false"}
    s = sup(conf(program("a", **keys, depends_on="b"), program("b", **keys), program("c", **keys, depends_on="b")))
    s.write("supd.conf", conf(program("a", **keys), program("b", **keys, depends_on="a"),
                              program("c", **keys, depends_on="b")))
    s.ok("update", "b")
    done = s.ctl("start", "a", timeout=20)
    assert done.returncode == 7 or "ERROR" in done.stdout + done.stderr, done
    for name, way in (("a", "a -> b -> a"), ("b", "b -> a -> b")):
        s.wait(lambda n=name, w=way: s.status()[n].get("waiting", "").endswith(f"; the programs wait for each other: {w}"),
               what=lambda: s.status())
    assert "the programs wait for each other: a -> b -> a" in s.ok("explain", "a")
    s.wait_log("a waits for what does not come by itself: b: .*; the programs wait for each other: a -> b -> a")
    s.ask("start", "c", "wait=0")
    s.wait(lambda: s.status()["c"].get("waiting") and "each other" not in s.status()["c"]["waiting"])
    s.ok("update")
    for name in "abc":
        s.wait_state(name, "RUNNING")

"""What the kernel is told about a program: limits, scheduling, capabilities; and what it refuses."""
import os
import re
import signal

import pytest

from harness.beacon import conf, program
from harness.namespace import status_of
from harness.waiting import wait

SLEEP = "busybox sleep 1000"


def sleeper(name, **keys):
    return program(name, command=SLEEP, startsecs=keys.pop("startsecs", 0), startretries=0, **keys)


def outer(s, name):
    pid = s.ns.outer(s.status()[name]["pid"])
    wait(lambda: os.readlink(f"/proc/{pid}/exe").endswith("busybox"), 10, "the exec is done")
    return pid


def limit(pid, name):
    text = open(f"/proc/{pid}/limits").read()
    return re.search(rf"^Max {name} +(\S+) +(\S+)", text, re.M).groups()


def caps(pid, name):
    return int(status_of(pid, name)[0], 16)


def test_limits(sup):
    s = sup(conf(
        sleeper("two", limit_nofile="64:128", limit_core="0", limit_cpu="1500ms:1m", limit_stack="1MB:unlimited"),
        sleeper("one", limit_nofile="100", limit_as="unlimited", limit_rttime="2ms"),
        sleeper("none")))
    pid = outer(s, "two")
    assert limit(pid, "open files") == ("64", "128")
    assert limit(pid, "core file size") == ("0", "0")
    assert limit(pid, "cpu time") == ("2", "60"), "whole seconds, never fewer than asked for"
    assert limit(pid, "stack size") == ("1048576", "unlimited")
    pid = outer(s, "one")
    assert limit(pid, "open files") == ("100", "100")
    assert limit(pid, "realtime timeout") == ("2000", "2000")
    assert limit(outer(s, "none"), "core file size") == limit("self", "core file size")


def test_scheduling(sup):
    s = sup(conf(sleeper("low", nice="7", ionice="best-effort:6", oom_score_adj="300", cpu_affinity="0"),
                 sleeper("idle", ionice="idle"), sleeper("none")))
    low, none = outer(s, "low"), outer(s, "none")
    assert os.getpriority(os.PRIO_PROCESS, low) == 7
    assert os.sched_getaffinity(low) == {0}
    assert open(f"/proc/{low}/oom_score_adj").read() == "300\n"
    assert os.getpriority(os.PRIO_PROCESS, none) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.sched_getaffinity(none) == os.sched_getaffinity(0)
    # neither supd nor its other programs got it with the one that asked
    mine = open("/proc/self/oom_score_adj").read()
    assert open(f"/proc/{none}/oom_score_adj").read() == mine
    assert open(f"/proc/{s.pid}/oom_score_adj").read() == mine
    for name, said in (("low", "best-effort: prio 6"), ("idle", "idle")):
        assert s.run("ionice", "-p", str(s.status()[name]["pid"])).stdout.strip() == said


@pytest.mark.caps
def test_capabilities(sup):
    s = sup(conf(
        sleeper("few", capabilities="net_bind_service, CAP_CHOWN"),
        sleeper("nothing", capabilities="none", no_new_privileges="true"),
        sleeper("bind", user="nobody", ambient_capabilities="net_bind_service",
                capabilities="net_bind_service"),
        sleeper("plain", user="nobody")))
    few, bind = outer(s, "few"), outer(s, "bind")
    assert caps(few, "CapBnd") == caps(few, "CapEff") == 1 << 10 | 1 << 0
    assert caps(outer(s, "nothing"), "CapEff") == 0
    assert status_of(outer(s, "nothing"), "NoNewPrivs") == ["1"]
    assert status_of(bind, "Uid")[0] == "65534"
    assert caps(bind, "CapEff") == caps(bind, "CapAmb") == caps(bind, "CapBnd") == 1 << 10
    assert caps(outer(s, "plain"), "CapEff") == 0 and status_of(outer(s, "plain"), "NoNewPrivs") == ["0"]


def test_what_is_refused_says_what_it_needs(sup):
    s = sup(conf(
        sleeper("files", limit_nofile="4096"),
        sleeper("nice", nice="-5"),
        sleeper("oom", oom_score_adj="-900"),
        sleeper("ambient", user="nobody", ambient_capabilities="sys_admin"),
        sleeper("cpus", cpu_affinity="1000-1023"),
        sleeper("fine", nice="-5 optional", limit_nofile="4096 optional", startsecs=1)),
        prefix=["prlimit", "--nofile=1024:1024", "setpriv",
                "--bounding-set=-sys_resource,-sys_nice,-sys_admin",
                "--inh-caps=-sys_resource,-sys_nice,-sys_admin"])
    for name, said in (
            ("files", "cannot set limit_nofile to 4096:4096: Operation not permitted "
                      "(raising the hard limit needs CAP_SYS_RESOURCE)"),
            ("nice", "cannot set nice to -5: Permission denied (CAP_SYS_NICE is missing)"),
            ("oom", "cannot set oom_score_adj to -900: Permission denied "
                    "(lowering it needs CAP_SYS_RESOURCE)"),
            ("ambient", "cannot set ambient_capabilities: Operation not permitted (supd has no "
                        "sys_admin itself, or capabilities= leaves it out)"),
            ("cpus", "cannot set cpu_affinity: none of these CPUs is there, or allowed")):
        s.wait_state(name, "FATAL")
        s.wait_log(re.escape(said))
    s.wait_state("fine", "RUNNING")
    s.wait_log(r"fine: started without what the kernel refused and its options call optional: "
               r"limit_nofile, nice")
    assert os.getpriority(os.PRIO_PROCESS, outer(s, "fine")) == os.getpriority(os.PRIO_PROCESS, 0)


def test_dies_with_supd(sup):
    s = sup(conf(sleeper("with", die_with_supd="true", user="nobody"), sleeper("without")), pid1=False)
    pids = [outer(s, n) for n in ("with", "without")]
    files = [os.pidfd_open(p) for p in pids]
    os.kill(s.pid, signal.SIGKILL)
    wait(lambda: not alive(files[0]), 10, "the one that asked for it is gone")
    assert alive(files[1])
    signal.pidfd_send_signal(files[1], signal.SIGKILL)
    wait(lambda: not s.left(), 10, "supd-log has ended, too")
    for f in files:
        os.close(f)


def alive(pidfd):
    try:
        signal.pidfd_send_signal(pidfd, 0)
        return True
    except ProcessLookupError:
        return False


def test_changed_limits_restart_the_program(sup):
    s = sup(conf(sleeper("a", limit_nofile="64"), sleeper("b")))
    before = {n: outer(s, n) for n in "ab"}
    s.write("supd.conf", conf(sleeper("a", limit_nofile="65"), sleeper("b")))
    s.ok("update")
    s.wait_state("a", "RUNNING")
    assert limit(outer(s, "a"), "open files") == ("65", "65")
    assert outer(s, "b") == before["b"]

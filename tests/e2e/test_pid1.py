"""Orphans and zombies, as PID 1 and as a subreaper."""
import os
import re

import pytest

from harness.beacon import conf, program, record, wait_record
from harness.namespace import command_of, status_of
from harness.waiting import wait

KERNEL = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
FAMILY = "/bin/sh -c '(busybox sleep 0.3 & busybox sleep 0.5 & setsid busybox sleep 0.7 &); " \
         "exec busybox sleep 1000'"


def zombies(s):
    return [p for p in s.ns.pids(zombies=True) if status_of(p, "State")[:1] == ["Z"]]


def parent(s, pid):
    return int(status_of(pid, "PPid")[0])


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_orphans_are_reaped(sup, pid1):
    s = sup(conf(program("a", command=FAMILY, startsecs=0), program("b", startsecs=0)), pid1=pid1)
    s.wait_state("a", "RUNNING")
    wait(lambda: sum(c.endswith("sleep 1000") for c in map(command_of, s.pids)) == 1, 5, "it runs")

    def orphans():
        return int(re.search(r"^orphans\D+(\d+)", s.ok("stats"), re.M).group(1))

    wait(lambda: orphans() >= 3, 10, lambda: f"three orphans came and went: {s.ok('stats')}")
    assert zombies(s) == []
    assert s.status()["a"]["state"] == "RUNNING" and s.status()["a"]["restarts"] == 0


def test_orphans_come_to_supd(sup):
    """As somebody's child, too: it is their subreaper."""
    s = sup(conf(program("a", command="/bin/sh -c '(busybox sleep 1000 &); exec busybox sleep 2000'",
                         startsecs=0)), pid1=False)
    wait(lambda: any(command_of(p).endswith("sleep 1000") and parent(s, p) == s.pid for p in s.pids), 5,
         "the orphan is supd's child")


FLOOD = "/bin/sh -c 'i=0; while [ $i -lt 3000 ]; do (busybox true &); i=$((i+1)); done; " \
        "echo >%(here)s/over; exec busybox sleep 1000'"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pid1", [True, False])
def test_a_flood_of_orphans(sup, pid1):
    """Thousands of orphans: none stays, and supd answers and restarts all the while."""
    s = sup(conf(program("flood", command=FLOOD, startsecs=0), program("b", startsecs=0)), pid1=pid1)
    for n in range(2, 5):
        s.kill(wait_record(s, "b", "start", n - 1)[-1].pid)
        wait_record(s, "b", "start", n)
        assert s.status()["b"]["restarts"] == n - 1 or s.wait_state("b", "RUNNING")
    s.wait_file("over", timeout=90)
    wait(lambda: zombies(s) == [], 10, lambda: f"zombies: {len(zombies(s))}")


@pytest.mark.skipif(KERNEL < (6, 14), reason="pid_max is the whole machine's before Linux 6.14")
@pytest.mark.timeout(120)
def test_numbers_come_again_soon(sup):
    """With 350 pids and thousands of restarts each number is used again and again: nobody gets what
    was meant for another."""
    keys = {"startsecs": 0, "autorestart": "true", "orphans": "kill", "stdin": "null"}
    names = [f"w{i}" for i in range(10)]
    s = sup(conf(program("bare", command="/bin/sh -c 'exit 1'", **keys),
                 program("family", command="/bin/sh -c 'sleep 0.02 & sleep 0.03 & exit 1'", **keys),
                 *(program(n, startsecs=0) for n in names)),
            prefix=["sh", "-c", 'echo 350 >/proc/sys/kernel/pid_max; exec "$@"', "sh"])
    for name in names:
        wait_record(s, name, "start")
    wait(lambda: s.status()["bare"]["starts"] + s.status()["family"]["starts"] > 2000, 90,
         lambda: f"2,000 starts: {s.status()}", every=0.5)
    assert {e.what for e in record(s)} == {"start"} and len(record(s)) == len(names)
    assert all(s.status()[n]["restarts"] == 0 for n in names)


def test_a_program_that_signals_everybody(sup):
    """`kill -TERM -1` in a program: supd ends in order and says who it was; supd-log goes on."""
    s = sup(conf(program("a", startsecs=0, stdout_logfile="%(here)s/a.log"),
                 program("wild", command="/bin/sh -c 'kill -TERM -1; exec busybox sleep 1000'",
                         autostart="false")), pid1=False)
    wait_record(s, "a", "start")
    s.ctl("start", "wild")
    assert s.wait_exit() == 0
    assert re.search(r"SIGTERM comes from pid \d+, uid 0", s.log_text())
    assert "supd-log" not in s.log_text()


def test_the_same_below_pid_1(sup):
    """The kernel does not send such a signal to PID 1: the others are simply started again."""
    s = sup(conf(program("a", startsecs=0, autorestart="true"),
                 program("wild", command="/bin/sh -c 'kill -TERM -1; exec busybox sleep 1000'",
                         autostart="false")))
    wait_record(s, "a", "start")
    s.ctl("start", "wild")
    assert [e.what for e in wait_record(s, "a", "start", 2)] == ["start", "start"]
    assert s.wait_state("a", "RUNNING")["restarts"] == 1

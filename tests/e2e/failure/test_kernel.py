"""Kernel interfaces that are denied or missing, groups that are not there, and clocks that jump."""
import errno
import os
import signal
import time

import pytest

from harness import cgroups
from harness.beacon import conf, gaps, near, program, starts, wait_record
from harness.failing import busy_share, denied, frozen, pause, preload
from harness.plaininit import as_dumb_init, as_tini, own, signals_of
from harness.supervised import tool
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]

ALL = {"own": own, "tini": as_tini, "dumb-init": as_dumb_init}
NEW = ("clone3", "close_range", "pidfd_open", "pidfd_send_signal", "epoll_pwait2", "memfd_create", "signalfd4",
       "timerfd_create", "inotify_init1")
CALLS = {"new": NEW[:5], "memfd": NEW[5:6], "signalfd": NEW[6:7], "timerfd": NEW[7:8], "inotify": NEW[8:], "all": NEW}


# E1: system calls that a filter denies or an old kernel does not know

@pytest.mark.parametrize("errnum", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
@pytest.mark.parametrize("which", CALLS)
def test_denied_calls(sup, which, errnum):
    """A whole life: start, death, output, reload, stop, end. (The programs have the filter, too.)"""
    one, two = (program(n, command=f"/bin/sh -c 'echo {n} $$; exec busybox sleep 1000'", startsecs=0,
                        stdout_logfile=f"%(here)s/{n}") for n in ("one", "two"))
    s = sup(conf(one), prefix=denied(errnum, *CALLS[which]))
    s.kill(int(s.wait_file("one", r"^one (\d+)\n").group(1)))
    s.wait_file("one", r"^one \d+\none \d+\n")
    assert s.wait_state("one", "RUNNING")["restarts"] == 1
    s.write("supd.conf", conf(one, two))
    s.send(signal.SIGHUP)
    s.wait_file("two", r"^two \d+\n")
    assert busy_share(s.pid, 0.5) < 0.1
    s.ok("stop", "one")
    assert s.status()["one"]["exit"] == "terminated by SIGTERM"
    assert s.stop(timeout=8) == 0


@pytest.mark.parametrize("errnum", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
@pytest.mark.parametrize("name", ALL)
def test_denied_calls_and_plain_init(plain, name, errnum):
    one = plain(ALL[name]() + [tool("sigtale")], prefix=denied(errnum, *NEW, "prctl"), pid1=name != "tini")
    one.wait_line("^start")
    one.send(signal.SIGHUP)
    one.wait_line("^start-signal 1 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9


# E2: control groups of no kind, read-only ones, and whatever this machine has (all other tests)

HIDDEN = {"empty": "mount -t tmpfs none $G", "read-only": "mount --bind $G $G && mount -o remount,ro,bind $G",
          "no sys": "mount -t tmpfs none /sys"}


@pytest.mark.parametrize("how", HIDDEN)
def test_control_groups(sup, how):
    s = sup(conf(program("a", startsecs=0)), before=cgroups.PLACE + HIDDEN[how].replace("$G", cgroups.ROOT))
    s.kill(wait_record(s, "a", "start")[0].pid)
    wait_record(s, "a", "start", 2)


# E3: somebody sets the clock

def test_a_clock_that_jumps(sup):
    """A year to and fro: waits are as long as they were, nothing restarts, nothing is busy."""
    s = sup(conf(program("bad", "run=1 exit=1", backoff="600ms", backoff_factor=1, startretries=50),
                 program("a", startsecs=0), program("deaf", "ignore=TERM", stopwaitsecs=1, startsecs=0)),
            env={**preload("wallclock"), "WALLCLOCK": "clock"})
    year = 365 * 86400
    wait_record(s, "deaf", "start")
    for n, offset in ((2, year), (3, -year), (4, 0)):
        s.write("clock", str(offset))
        wait_record(s, "bad", "start", n)
    waits = gaps(starts(s, "bad"))[:3]
    assert near(waits, [600, 600, 600]), waits
    s.write("clock", str(year))
    began = time.monotonic()
    s.ok("stop", "deaf")
    assert 1 <= time.monotonic() - began < 6
    s.write("clock", str(-year))
    s.ok("stop", "bad")
    assert busy_share(s.pid, 0.5) < 0.1
    got = s.status()["a"]
    assert got["restarts"] == 0 and got["uptime_ms"] < 60000
    assert f"{time.gmtime().tm_year + 1}-" in s.log_text() and f"{time.gmtime().tm_year - 1}-" in s.log_text()


# E4: everything stands still for a while

SLOW = """trap 'echo yes >"$TEST_DIR/told"; for i in 1 2 3 4 5 6 7 8; do busybox sleep 0.1; done; exit 0' TERM
echo yes >"$TEST_DIR/up"
while true; do busybox sleep 0.05; done
"""


def test_frozen_and_thawed(cgroup, sup):
    """The program that was told to stop gets its time after the thaw: it stood still, too."""
    group = cgroup("freezer")
    group.add(os.getpid())  # what is started from here on is in it, too
    try:
        s = sup(conf(program("slow", command="/bin/sh %(here)s/slow", stopwaitsecs=2, startsecs=0, autostart="false"),
                     program("a", startsecs=0)))
    finally:
        group.leave(os.getpid())
    s.write("slow", SLOW)
    s.ok("start", "slow")
    s.wait_file("up")
    wait_record(s, "a", "start")
    with s.wire() as wire:
        wire.sock.sendall(b"1\tstop\tslow\n")
        s.wait_file("told")
        group.freeze(True)
        pause(3.5)
        group.freeze(False)
        s.wait_state("slow", "STOPPED")
    got = s.status()
    assert got["slow"]["exit"] == "exit status 0" and got["a"]["restarts"] == 0


def test_we_alone_stood_still(sup):
    """kill -STOP and CONT for supd: retries are not spent, nobody is killed, and it goes on at once."""
    s = sup(conf(program("a", startsecs=2), program("b", startsecs=0)))
    pid = wait_record(s, "b", "start")[0].pid
    s.send(signal.SIGSTOP)
    frozen(s.pid)
    pause(2.5)
    s.kill(pid)
    s.send(signal.SIGCONT)
    wait_record(s, "b", "start", 2)
    assert s.wait_state("a", "RUNNING")["restarts"] == 0
    assert len(starts(s, "a")) == 1


def test_plain_init_stood_still(plain):
    one = plain(own() + [tool("sigtale")])
    one.wait_line("^start")
    os.kill(one.pid, signal.SIGSTOP)
    frozen(one.pid)
    for sig in (signal.SIGHUP, signal.SIGTERM):
        one.send(sig)
    os.kill(one.pid, signal.SIGCONT)
    wait(lambda: len(signals_of(one.text())) >= 2, 10, one.text)
    assert {s[0] for s in signals_of(one.text())} - {signal.SIGCONT} == {1, 15}
    one.send(signal.SIGUSR2)
    assert one.status() == 9

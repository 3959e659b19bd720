"""Children that stop, hang, escape, end too soon, too often or too many at once, or never."""
import ctypes
import fcntl
import os
import platform
import re
import signal
import subprocess
import time

import pytest

from harness.beacon import conf, program, record, starts, wait_record
from harness.failing import frozen, pause, shell, zombies
from harness.namespace import command_of, status_of
from harness.plaininit import own, signals_of
from harness.supervised import tool
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]

NAP = "busybox sleep 1000"


def many(n, **keys):
    return program("w", command=f"{tool('beacon')} %(here)s/record w%(process_num)d", numprocs=n, startsecs=0,
                   process_name="w%(process_num)d", stdin="null", **keys)


# B1: one SIGCHLD for many deaths

@pytest.mark.parametrize("pid1", [True, False])
def test_deaths_while_we_stand_still(sup, pid1):
    n = 40
    s = sup(conf(many(n)), pid1=pid1)
    wait(lambda: len(record(s, what="start")) == n, 15, "all have started")
    pids = [e.pid for e in record(s, what="start")]
    s.send(signal.SIGSTOP)
    frozen(s.pid)
    for pid in pids:
        s.kill(pid)
    s.send(signal.SIGCONT)
    wait(lambda: len(record(s, what="start")) == 2 * n, 15, "all have started again")
    assert {r["restarts"] for r in s.status().values()} == {1}
    wait(lambda: not zombies(s.ns), 10, "no zombies")


def test_deaths_while_plain_init_stands_still(plain):
    one = plain(own() + ["sh", "-c", f"for i in $(seq 40); do (setsid {NAP} &); done; echo made; exec busybox sleep 2000"])
    one.wait_line("^made")
    orphans = wait(lambda: [p for p in one.ns.pids() if command_of(p).endswith("sleep 1000")][:40], 10)
    one.send(signal.SIGSTOP)
    os.kill(one.pid, signal.SIGSTOP)
    frozen(one.pid)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    one.send(signal.SIGCONT)
    wait(lambda: len(one.ns.pids(zombies=True)) == 2, 10, "all are reaped")


# B2: zombies by the thousand

@pytest.mark.parametrize("pid1", [True, False])
def test_term_in_a_flood(sup, pid1):
    """Orphans as fast as a program can make them: we answer, and act on a TERM at once."""
    s = sup(conf(program("flood", command=tool("flood"), startsecs=0), program("a", startsecs=0)), pid1=pid1)
    wait_record(s, "a", "start")
    wait(lambda: int(s.ask("stats")[1]["orphans"]) > 2000, 20, "it is a flood")
    began = time.monotonic()
    s.ask("status")
    assert time.monotonic() - began < 3
    began = time.monotonic()
    s.send(signal.SIGTERM)
    told = wait_record(s, "a", "SIGTERM")[0]
    assert told.ms - began * 1000 < 3000
    assert s.wait_exit() == 0


def test_term_in_a_flood_of_plain_init(plain):
    one = plain(own() + ["sh", "-c", f"{tool('flood')} & exec {tool('sigtale')}"])
    one.wait_line("^start")
    before = one.switches()
    wait(lambda: one.switches() - before > 500, 10, "it is a flood")
    began = time.monotonic()
    one.send(signal.SIGTERM)
    one.wait_line("^start-signal 15 ")
    assert time.monotonic() - began < 3
    one.send(signal.SIGUSR2)
    assert one.status() == 9


# B4: stops are no exits; test_stop.test_a_stopped_program_is_continued has the stop of one

def test_a_stopped_program_is_not_an_exit(sup):
    s = sup(conf(program("a", startsecs=0)))
    pid = wait_record(s, "a", "start")[0].pid
    for sig in (signal.SIGSTOP, signal.SIGTSTP):
        s.kill(pid, sig)
        frozen(s.ns.outer(pid))
        got = s.status()["a"]
        assert (got["state"], got["pid"], got["exits"], got["stopped"]) == ("RUNNING", pid, 0, sig.name)
        assert f"It stands still, stopped by {sig.name}, until SIGCONT" in s.ok("explain", "a")
        assert f"stands still: {sig.name}" in s.ctl("status").stdout
        s.kill(pid, signal.SIGCONT)
        wait(lambda: status_of(s.ns.outer(pid), "State")[:1] != ["T"], 10, "it goes on")
    got = s.status()["a"]
    assert got["restarts"] == 0 and "stopped" not in got and len(starts(s, "a")) == 1


# B5: somebody looks at a child with a debugger

def traced(pid):
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)])
    wait(lambda: status_of(pid, "TracerPid")[:1] not in ([], ["0"]), 10, "it is traced")
    return tracer


def test_a_traced_program(sup):
    s = sup(conf(program("a", startsecs=0)))
    pid = wait_record(s, "a", "start")[0].pid
    tracer = traced(s.ns.outer(pid))
    for _ in range(3):
        s.ok("signal", "USR1", "a")
    wait_record(s, "a", "SIGUSR1")
    got = s.status()["a"]
    assert (got["state"], got["pid"], got["restarts"]) == ("RUNNING", pid, 0)
    s.ok("stop", "a")
    assert s.status()["a"]["exit"] == "exit status 0"
    tracer.wait(10)


def test_a_traced_command(plain):
    one = plain(own() + [tool("sigtale")])
    one.wait_line("^start")
    command = next(p for p in one.ns.pids() if p != one.pid)
    tracer = traced(command)
    one.send(signal.SIGHUP)
    one.wait_line("^start-signal 1 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    tracer.wait(10)


# B8: a grandchild keeps the output open

def test_output_held_by_a_grandchild(sup):
    """Its end is told by the death of the leader, not by the end of its output."""
    s = sup(conf(program("a", command=f"/bin/sh -c 'setsid {NAP} & busybox sleep 0.3; echo words; exit 3'", startsecs=0, autorestart="false",
                         stdout_logfile="%(here)s/a.log", orphans="keep")))
    got = s.wait_state("a", "EXITED")
    assert got["exit"] == "exit status 3"
    s.wait_file("a.log", "^words$")
    assert any(command_of(p).endswith("sleep 1000") for p in s.pids)
    s.ok("start", "a")
    s.wait_file("a.log", "^words\nwords$")


# B10: what not even KILL ends

def test_unkillable(cgroup, sup):
    """We say so, everything else goes on, and a shutdown ends without it."""
    group = cgroup("freezer", only_old=True)
    s = sup(conf(program("stuck", stopwaitsecs=1, startsecs=0), program("a", startsecs=0), supd="shutdown_timeout=1s"),
            pid1=False)
    s.expect_log("stuck")
    stuck = s.ns.outer(wait_record(s, "stuck", "start")[0].pid)
    pid = wait_record(s, "a", "start")[0].pid
    group.add(stuck)
    try:
        group.freeze(True)
        with s.wire() as wire:
            wire.sock.sendall(b"1\tstop\tstuck\n")
            s.wait_state("stuck", "STOPPING")
            s.wait_log(r"killing 'stuck' \(\d+\) with SIGKILL")
            s.kill(pid)
            wait_record(s, "a", "start", 2)
        began = time.monotonic()
        assert s.stop() == 0
        assert time.monotonic() - began < 15
        assert record(s, "a", "end")
        assert os.path.exists(f"/proc/{stuck}")
    finally:
        group.freeze(False)
    wait(lambda: not os.path.exists(f"/proc/{stuck}"), 10, "it is gone at last")


# B12: ends before anybody has looked

def test_a_thousand_instant_exits(sup):
    s = sup(conf(program("t", command="/bin/true", numprocs=1000, process_name="t%(process_num)d", startsecs=0,
                         autorestart="false", stdin="null")))
    wait(lambda: {r.get("exit") for r in s.status().values()} == {"exit status 0"}, 20, "each status has come")
    got = s.status().values()
    assert len(got) == 1000 and {(r["state"], r["starts"], r["exits"]) for r in got} == {("EXITED", 1, 1)}


# what is asked for twice, or before it has come true

def test_two_restarts_at_once(sup):
    """One instance comes out of it, and none was started beside another."""
    s = sup(conf(program("a", "slow=300", startsecs=0)))
    wait_record(s, "a", "start")
    with s.wire() as one, s.wire() as two:
        for wire in (one, two):
            wire.sock.sendall(b"1\trestart\ta\n")
        for wire in (one, two):
            while not wire.line().startswith("1 ok"):
                pass
    wait(lambda: len(starts(s, "a")) - len(record(s, "a", "end")) == 1, 10, lambda: record(s, "a"))
    events = [e.what for e in record(s, "a") if e.what in ("start", "end")]
    assert events == ["start", "end"] * (len(events) // 2) + ["start"] and 3 <= len(events) <= 5


def test_stopped_while_it_starts(sup):
    s = sup(conf(program("a", startsecs=1)))
    wait_record(s, "a", "start")
    assert s.state("a") == "STARTING"
    s.ok("stop", "a")
    pause(1.5)  # its startsecs
    assert s.state("a") == "STOPPED" and len(starts(s, "a")) == 1


# B13: pids that are used again

def kernel():
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", platform.release()).groups())


@pytest.mark.skipif(kernel() < (6, 14), reason="pid_max is the whole machine's on this kernel")
def test_few_pids(sup):
    """2,000 restarts where each number comes back after 300: nobody else is ever signalled."""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        machine = f.read()
    s = sup(conf(*(program(f"t{i}", command="/bin/true", autorestart="true", startsecs=0, stdin="null") for i in range(4)),
                 program("a", startsecs=0)), before="echo 350 >/proc/sys/kernel/pid_max")
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        assert f.read() == machine
    wait_record(s, "a", "start")
    with open(s.path("tale"), "wb") as out:
        strangers = [subprocess.Popen(s.ns.enter_command([tool("sigtale")]), stdout=out) for _ in range(5)]
    wait(lambda: s.read("tale").count("start pid=") == 5, 10, "the strangers are there")
    wait(lambda: sum(r["restarts"] for r in s.status().values()) > 2000, 20, lambda: s.status())
    s.ok("restart", "a")
    s.ok("stop", "t0", "t1", "t2", "t3")
    assert not signals_of(s.read("tale"))
    assert s.status()["a"]["restarts"] == 0
    for stranger in strangers:
        assert stranger.poll() is None
    s.stop()
    for stranger in strangers:
        stranger.wait(10)


# B14: a pid file that names somebody else

def test_a_stale_pid_file(sup):
    """It is nobody's order to signal that process."""
    s = sup(conf(program("a", startsecs=0)).replace("[supd]", "pidfile=%(here)s/pid\n[supd]"),
            prefix=shell(f'{tool("sigtale")} >"$TEST_DIR/tale" & echo $! >"$TEST_DIR/pid"; '
                         'until [ -s "$TEST_DIR/tale" ]; do :; done'))
    wait_record(s, "a", "start")
    s.wait_file("pid", r"^1$")
    s.ok("restart", "a")
    assert not signals_of(s.read("tale"))


# B15: somebody makes our output nonblocking

def same_description(pid, fd):
    """A descriptor of another process, as one of ours."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, pid, 0)
    got = libc.syscall(438, pidfd, fd, 0)
    os.close(pidfd)
    if got < 0:
        pytest.skip(f"no pidfd_getfd: {os.strerror(ctypes.get_errno())}")
    return got


def test_output_that_becomes_nonblocking(sup):
    """What shares it (a shell, another container) set the flag: no line is lost for it."""
    lines = 200000
    s = sup(conf(program("a", command=f"/usr/bin/seq {lines}", startsecs=0, autorestart="false", autostart="false",
                         stdout_logfile="/dev/stdout", stdout_logfile_maxbytes=0)),
            before='mkfifo -m 666 "$TEST_DIR/fifo"', prefix=shell('exec >"$TEST_DIR/fifo"'), ready=False)
    fd = wait(lambda: os.path.exists(s.path("fifo")) and os.open(s.path("fifo"), os.O_RDONLY), 10)
    s.wait_ready()
    ours = same_description(s.pid, 1)
    fcntl.fcntl(ours, fcntl.F_SETFL, fcntl.fcntl(ours, fcntl.F_GETFL) | os.O_NONBLOCK)
    os.close(ours)
    s.ok("start", "a")
    s.wait_state("a", "EXITED")
    got, end = b"", time.monotonic() + 20
    while got.count(b"\n") < lines and time.monotonic() < end:
        got += os.read(fd, 65536)
    os.close(fd)
    assert got == b"".join(b"%d\n" % i for i in range(1, lines + 1))


# B17: output without end or lines

def test_monster_output(sup):
    """Memory stays bounded, whatever a program writes."""
    keys = {"startsecs": 0, "autorestart": "false", "stdout_logfile_maxbytes": "1MB", "stdout_logfile_backups": 1}
    s = sup(conf(program("zero", command="/usr/bin/head -c 200M /dev/zero", stdout_logfile="%(here)s/zero", **keys),
                 program("noise", command="/usr/bin/head -c 30M /dev/urandom", stdout_logfile="%(here)s/noise",
                         log_prefix="true", **keys), program("a", startsecs=0)))
    for name in ("zero", "noise"):
        assert s.wait_state(name, "EXITED", timeout=20)["exit"] == "exit status 0"
    log = next(p for p in s.pids if "supd-log" in command_of(p).split(" ")[0])
    assert int(status_of(log, "RssAnon")[0]) < 16 << 10
    assert int(status_of(s.pid, "VmHWM")[0]) < 32 << 10
    assert os.path.getsize(s.path("zero")) <= 1 << 20 and s.state("a") == "RUNNING"

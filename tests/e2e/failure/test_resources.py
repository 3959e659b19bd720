"""Resources that run out: processes, memory, descriptors, disks, time on the CPU, queued signals."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import cgroups
from harness.beacon import conf, program, record, starts, wait_record
from harness.failing import busy_share, first_free_descriptor, limit, piped, preload, shell
from harness.namespace import command_of, status_of
from harness.plaininit import as_dumb_init, as_tini, own, signals_of
from harness.supervised import program as built
from harness.supervised import tool
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]

ALL = {"own": own, "tini": as_tini, "dumb-init": as_dumb_init}
TALK = "/bin/sh -c 'while echo line; do busybox sleep 0.05; done'"


# A1: fork EAGAIN

def refused(s, name):
    return re.search(r"refused to create a process ([3-9]|\d\d) times", s.ok("explain", name))


@pytest.mark.parametrize("pid1", [True, False])
def test_no_process_for_a_restart(cgroup, sup, pid1):
    """Nothing is spent while the kernel refuses, all else goes on, and it recovers by itself."""
    group = cgroup("pids")
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), pid1=pid1)
    s.expect_log("cannot start supd-log")
    pid = wait_record(s, "a", "start")[0].pid
    wait_record(s, "b", "start")
    group.add(s.pid)
    group.set("pids.max", 1)
    s.kill(pid)
    wait(lambda: refused(s, "a"), 15, lambda: s.ok("explain", "a"))
    got = s.status()
    assert (got["a"]["state"], got["a"]["tries"], got["b"]["state"]) == ("STARTING", 0, "RUNNING")
    s.ok("signal", "USR1", "b")
    wait_record(s, "b", "SIGUSR1")
    log = next(p for p in s.pids if "supd-log" in command_of(p).split(" ")[0])
    os.kill(log, signal.SIGKILL)  # it cannot come back either, and nobody waits for it
    s.ok("stop", "b")
    assert s.state("b") == "STOPPED"
    group.set("pids.max", "max")
    got = s.wait_state("a", "RUNNING")
    assert (got["starts"], got["tries"]) == (2, 0)
    wait(lambda: any("supd-log" in command_of(p).split(" ")[0] for p in s.pids), 10, "supd-log is back")


def test_no_process_for_the_command(cgroup, plain):
    """Plain init says it and ends; test_plain_init has the same for RLIMIT_NPROC."""
    group = cgroup("pids")
    group.set("pids.max", 1)
    one = plain(own() + ["true"], prefix=shell("echo ready; read _"), stdin=subprocess.PIPE)
    one.wait_line("^ready")
    group.add(one.pid)
    one.ns.proc.stdin.write(b"\n")
    one.ns.proc.stdin.close()
    assert one.status() == 1
    assert "cannot start true: Resource temporarily unavailable" in one.text("err")


# A2: ENOMEM in ourselves

def survivors(s, name):
    """How many instances of a program run."""
    return sum(command_of(p).startswith(f"{tool('beacon')} {s.path('record')} {name}") for p in s.pids)


def test_no_address_space(sup):
    """Every new mapping is refused (the programs have that limit from us, so none can start)."""
    s = sup(conf(program("a", startsecs=0, autorestart="false"), program("b", startsecs=0)))
    s.expect_log(".*")
    pid = wait_record(s, "a", "start")[0].pid
    wait_record(s, "b", "start")
    limit(s.pid, "as", 1)
    s.kill(pid)
    for _ in range(20):
        s.ctl("status", timeout=20)
    s.send(signal.SIGHUP)
    s.ok("stop", "b")
    limit(s.pid, "as", "unlimited")
    assert s.state("a") == "EXITED" and s.state("b") == "STOPPED"
    s.ok("start", "a", "b")
    s.ok("update")
    assert survivors(s, "a") == survivors(s, "b") == 1


@pytest.mark.parametrize("pid1", [True, False])
def test_allocations_that_fail(sup, pid1):
    """Every allocation of supd fails, then each second, third, seventh: restarts need none."""
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), pid1=pid1,
            env={**preload("nomem"), "NOMEM_NAME": "supd", "NOMEM_FLAG": "/run/nomem"})
    s.expect_log(".*")
    pid = wait_record(s, "a", "start")[0].pid
    flag = os.path.join(f"/proc/{s.ns.init}/root", "run/nomem")
    for i, period in enumerate((1, 2, 3, 7), 2):
        with open(flag, "w", encoding="ascii") as f:
            f.write(str(period))
        s.kill(pid)
        pid = wait_record(s, "a", "start", i)[-1].pid
        for _ in range(8):
            s.ctl("status", timeout=20)
        s.send(signal.SIGHUP)
        s.ctl("stop", "nosuch")
    os.unlink(flag)
    s.ok("update")
    assert s.wait_state("a", "RUNNING")["restarts"] == 4 and s.status()["b"]["restarts"] == 0
    assert survivors(s, "a") == survivors(s, "b") == 1


@pytest.mark.parametrize("name", ALL)
def test_plain_init_needs_no_allocation(plain, tmp_path, name):
    one = plain(ALL[name]() + [tool("sigtale")], before="echo 1 >/run/nomem",
                env={**preload("nomem"), "NOMEM_NAME": "supd", "NOMEM_FLAG": "/run/nomem"})
    one.wait_line("^start")
    one.send(signal.SIGHUP)
    one.wait_line("^start-signal 1 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9


# A4: EMFILE; test_spawn_errors.test_no_descriptor_left has the starts

def test_no_descriptor_for_a_client(sup):
    """The listening socket is let be, not asked again and again; restarts need no descriptor."""
    s = sup(conf(program("a", startsecs=0, stdin="null")))
    pid = wait_record(s, "a", "start")[0].pid
    limit(s.pid, "nofile", first_free_descriptor(s.pid))
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for one in waiting:
        one.connect(s.socket)
    s.wait_log("cannot accept a client: Too many open files")
    assert busy_share(s.pid) < 0.1
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    limit(s.pid, "nofile", 1024)
    for one in waiting:
        one.settimeout(10)
        assert one.recv(100).startswith(b"supd ")
        one.close()
    assert s.status()["a"]["restarts"] == 1


@pytest.mark.parametrize("name,least", [("supd", 4), ("supd-init", 3)])
def test_plain_init_needs_no_descriptor(plain, name, least):
    """What is linked dynamically needs one, for its library."""
    one = plain([built(name), "--", "busybox", "sh", "-c", "exit 6"], prefix=["prlimit", f"--nofile={least}:{least}"])
    assert one.status() == 6, one.text("err")


# A5: a limit of a million descriptors, or as many as we may have here

MANY_DESCRIPTORS = """
(ulimit -n 1048576) 2>/dev/null && ulimit -n 1048576 || ulimit -n "$(ulimit -Hn)"
ulimit -n >"$TEST_DIR/most"
"""


def test_a_million_descriptors(sup, tmp_path):
    """No walk over the numbers: a start takes few system calls, and the program gets what we were given."""
    s = sup(conf(program("a", command="/bin/sh -c 'ulimit -n >%(here)s/limit; exec busybox sleep 1000'",
                         autostart="false", startsecs=0)), before=MANY_DESCRIPTORS)
    trace = tmp_path / "trace"
    with subprocess.Popen(["strace", "-f", "-qq", "-o", str(trace), "-p", str(s.pid)]) as tracer:
        wait(lambda: re.search(r"^TracerPid:\s*[1-9]", open(f"/proc/{s.pid}/status").read(), re.M), 10, "it is traced")
        s.ok("start", "a")
        s.wait_file("limit", r"\n")
        tracer.terminate()
        tracer.wait(10)
    lines = trace.read_text(errors="replace").splitlines()
    child = next(line.split()[0] for line in lines if " execve(" in line)
    upto = next(i for i, line in enumerate(lines) if line.startswith(child) and " execve(" in line)
    assert sum(line.startswith(child) for line in lines[:upto]) < 50
    assert upto < 200
    assert s.read("limit") == s.read("most")


# A6: no room on the disk, in blocks and in inodes

FULL = """
mkdir "$TEST_DIR/full" && mount -t tmpfs -o size=16k,nr_inodes=10 none "$TEST_DIR/full" || exit 125
i=0; while [ $i -lt 8 ]; do true >"$TEST_DIR/full/f$i"; i=$((i+1)); done
cat /dev/zero >"$TEST_DIR/full/f0" 2>/dev/null
chmod -R a+rwX "$TEST_DIR/full"
"""


def test_no_room_for_files(sup):
    """Logs, pid file and main log that cannot be written hold nobody up, and come when there is room."""
    s = sup(conf(program("new", command=TALK, stdout_logfile="%(here)s/full/sub.log", startsecs=0),
                 program("old", command=TALK, stdout_logfile="%(here)s/full/f1", startsecs=0),
                 program("dev", command=TALK, stdout_logfile="/dev/full", stdout_logfile_maxbytes=0, startsecs=0),
                 program("a", startsecs=0)).replace("[supd]", "pidfile=%(here)s/full/pid\n[supd]"),
            before=FULL + 'i=8; while true >"$TEST_DIR/full/f$i"; do i=$((i+1)); done 2>/dev/null; :')
    s.expect_log("full/", "/dev/full")
    for name in ("new", "old", "dev", "a"):
        s.wait_state(name, "RUNNING")
    pid = wait_record(s, "a", "start")[0].pid
    s.wait_log("No space left on device")
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    assert "line" in s.ok("tail", "old")
    inside = f"/proc/{s.ns.init}/root{s.path('full')}"
    for name in os.listdir(inside):
        if name != "f1":
            os.unlink(os.path.join(inside, name))
    wait(lambda: os.path.exists(inside + "/sub.log") and os.path.getsize(inside + "/sub.log"), 15,
         lambda: f"the log is written; {s.log_text()}")
    wait(lambda: os.path.getsize(inside + "/f1"), 15, lambda: f"the log is written; {s.log_text()}")
    assert {r["restarts"] for n, r in s.status().items() if n != "a"} == {0}


@pytest.mark.parametrize("name", ALL)
def test_messages_that_cannot_be_written(plain, name):
    loud = {"own": ["--verbose", "--verbose"], "tini": ["-vvv"], "dumb-init": ["-v"]}[name]
    argv = [built("supd")] + ([] if name == "own" else [f"--as={name}"]) + loud
    one = plain(argv + ["--", "sh", "-c", "exit 5"], prefix=shell("exec 2>/dev/full"))
    assert one.status() == 5


# A7: RLIMIT_FSIZE (test_boot has supd's), and a reader that is gone: signals that our own writes
# cause are not the command's

def verbose(name):
    return {"own": [built("supd"), "--verbose", "--verbose", "--"], "tini": as_tini() + ["-vvv", "--"],
            "dumb-init": as_dumb_init() + ["-v"]}[name]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("why", ["limit", "closed"])
def test_signals_of_our_own_writes(plain, name, why):
    prefix = piped("closed") if why == "closed" else shell("ulimit -f 0")
    one = plain(verbose(name) + ["sh", "-c", "busybox sleep 0.3; exit 5"], prefix=prefix)
    assert one.status() == 5


# A8: the kernel kills for want of memory

def test_out_of_memory(cgroup, sup):
    """The kernel kills the program that takes too much, not us, and the others do not notice."""
    group = cgroup("memory")
    group.add(os.getpid())  # what is started from here on is in it, too
    try:
        s = sup(conf(program("hog", command="/usr/bin/tail /dev/zero", startsecs=0, autorestart="false",
                             autostart="false"), program("a", startsecs=0)))
    finally:
        group.leave(os.getpid())
    pid = wait_record(s, "a", "start")[0].pid
    group.set("memory.limit_in_bytes" if group.old else "memory.max", 64 << 20)
    s.ctl("start", "hog")
    assert s.wait_state("hog", "EXITED")["exit"] == "terminated by SIGKILL (out of memory)"
    assert s.status()["a"]["restarts"] == 0 and s.running()
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    assert s.status()["a"]["exit"] == "terminated by SIGKILL"


def test_the_reason_of_a_death(sup):
    """The count of version 2, in a tree of our own."""
    s = sup(conf(program("a", startsecs=0)),
            before=cgroups.PLACE + "mount -t tmpfs none /sys/fs/cgroup; printf 'oom 0\\noom_kill 7\\n' >/sys/fs/cgroup/memory.events")
    inside = os.path.join(f"/proc/{s.ns.init}/root", "sys/fs/cgroup/memory.events")

    def kill(count):
        with open(inside, "w", encoding="ascii") as f:
            f.write(f"oom 0\noom_kill {count}\n")
        done = len(starts(s, "a"))
        s.kill(starts(s, "a")[-1].pid)
        wait_record(s, "a", "start", done + 1)
        return s.status()["a"]["exit"]

    wait_record(s, "a", "start")
    assert [kill(n) for n in (7, 8, 8, 10)] == ["terminated by SIGKILL" + why for why in
                                               ("", " (out of memory)", "", " (out of memory)")]
    assert "terminated by SIGKILL (out of memory)" in s.ok("status") and "(out of memory)" in s.log_text()


def test_the_reason_among_other_deaths(sup):
    """One that exits in the same moment, and is reaped first, does not take the reason."""
    s = sup(conf(program("a", startsecs=0, autorestart="false"), program("b", startsecs=0, autorestart="false")),
            before=cgroups.PLACE + "mount -t tmpfs none /sys/fs/cgroup; printf 'oom 0\\noom_kill 0\\n' >/sys/fs/cgroup/memory.events")
    pids = {n: wait_record(s, n, "start")[0].pid for n in "ab"}
    first, then = sorted("ab", key=lambda n: pids[n])  # of several that are dead, the oldest comes first
    outside = {n: s.ns.outer(pid) for n, pid in pids.items()}
    os.kill(s.pid, signal.SIGSTOP)
    try:
        with open(os.path.join(f"/proc/{s.ns.init}/root", "sys/fs/cgroup/memory.events"), "w", encoding="ascii") as f:
            f.write("oom 0\noom_kill 1\n")
        s.kill(pids[first], signal.SIGTERM)
        s.kill(pids[then])
        wait(lambda: all(status_of(p, "State")[:1] == ["Z"] for p in outside.values()), 10, "both are dead")
    finally:
        os.kill(s.pid, signal.SIGCONT)
    assert "out of memory" not in s.wait_state(first, "EXITED")["exit"]
    assert s.wait_state(then, "EXITED")["exit"] == "terminated by SIGKILL (out of memory)"


# A9: one percent of a CPU

@pytest.mark.parametrize("pid1", [True, False])
def test_one_percent_of_a_cpu(cgroup, sup, pid1):
    """Late but right: the deadline of a shutdown is kept."""
    group = cgroup("cpu")
    s = sup(conf(program("deaf", "ignore=TERM", stopwaitsecs=60, startsecs=0), supd="shutdown_timeout=1s"), pid1=pid1)
    wait_record(s, "deaf", "start")
    if group.old:
        group.set("cpu.cfs_quota_us", 1000)
    else:
        group.set("cpu.max", "1000 100000")
    group.add(s.pid)
    began = time.monotonic()
    assert s.stop(timeout=25) == 0
    assert 1 <= time.monotonic() - began < 10  # of 60


# A10: no room for queued signals

def test_no_queued_signals(sup):
    s = sup(conf(program("a", startsecs=0), program("b", startsecs=0)), prefix=["prlimit", "--sigpending=0:0"])
    pid = wait_record(s, "a", "start")[0].pid
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    s.send(signal.SIGUSR2)
    s.wait_log("received SIGUSR2 indicating log reopen request")
    assert s.stop() == 0
    assert record(s, "b", "SIGTERM") and len(starts(s, "a")) == 2


def test_no_queued_signals_for_plain_init(plain):
    one = plain(own() + [tool("sigtale")], prefix=["prlimit", "--sigpending=0:0"])
    one.wait_line("^start")
    for sig in (signal.SIGHUP, signal.SIGTERM, signal.SIGRTMIN + 3):
        one.send(sig)
        one.wait_line(f"^start-signal {int(sig)} ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    assert len(signals_of(one.text())) == 4

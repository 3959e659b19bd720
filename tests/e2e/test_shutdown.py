"""The way down: order, limits, haste, and nothing left behind."""
import ctypes
import os
import re
import signal
import subprocess
import time

import pytest

from harness.beacon import beacon, conf, program, record, starts, wait_record
from harness.namespace import command_of
from harness.supervised import program as supd_program
from harness.waiting import wait


def sigterm(s, name):
    return record(s, name, "SIGTERM")[0].ms


def end(s, name):
    return record(s, name, "end")[0].ms


def ready(s, *names):
    for name in names:
        wait_record(s, name, "start")


@pytest.mark.parametrize("pid1", [True, False])
def test_reverse_priority(sup, pid1):
    s = sup(conf(program("one", "slow=300", priority=1), program("two", "slow=300", priority=2),
                 program("also", "slow=300", priority=2), program("three", "slow=300", priority=3)),
            pid1=pid1)
    ready(s, "one", "two", "also", "three")
    assert s.stop() == 0
    assert end(s, "three") <= sigterm(s, "two") and end(s, "three") <= sigterm(s, "also")
    # equal priorities at once: both are told before either has ended
    assert max(sigterm(s, "two"), sigterm(s, "also")) < min(end(s, "two"), end(s, "also"))
    assert max(end(s, "two"), end(s, "also")) <= sigterm(s, "one")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("pid1", [True, False])
def test_signals(sup, sig, pid1):
    s = sup(conf(program("a")), pid1=pid1)
    ready(s, "a")
    assert s.stop(sig) == 0
    assert [e.what for e in record(s, "a") if e.what != "SIGCONT"] == ["start", "SIGTERM", "end"]
    s.wait_log(f"received {signal.Signals(sig).name} indicating exit request")


def test_supctl_shutdown(sup):
    s = sup(conf(program("a")), pid1=False)  # or supctl would end with its PID 1
    ready(s, "a")
    s.ok("shutdown")
    assert s.wait_exit() == 0
    assert record(s, "a", "end")


def test_nothing_starts_any_more(sup):
    s = sup(conf(program("waits", "run=1 exit=1", backoff="500ms", startretries=50),
                 program("dies", "run=700 exit=1", autorestart="true", startsecs=0),
                 program("slow", "slow=2500", priority=1, stopwaitsecs=20),
                 program("off", autostart="false")))
    ready(s, "slow", "waits", "dies")
    s.send(signal.SIGTERM)
    wait_record(s, "slow", "SIGTERM")
    counts = {n: len(starts(s, n)) for n in ("waits", "dies")}
    refused = s.ctl("start", "off")
    assert refused.returncode != 0
    assert s.wait_exit() == 0
    assert counts == {n: len(starts(s, n)) for n in counts} and not starts(s, "off")


@pytest.mark.parametrize("pid1", [True, False])
def test_a_second_signal_hastens(sup, pid1):
    s = sup(conf(program("slow", "slow=30000", stopwaitsecs=60)), pid1=pid1)
    ready(s, "slow")
    s.send(signal.SIGTERM)
    wait_record(s, "slow", "SIGTERM")
    begun = time.monotonic()
    s.hasten()
    assert s.wait_exit() == 0
    assert time.monotonic() - begun < 10  # of the 30 s that it wants
    assert not record(s, "slow", "end")


@pytest.mark.parametrize("name", ["supd", "supervisord"])
def test_the_signal_of_timeout_is_one(sup, name):
    """timeout(1) signals its child, and then its group, which that is in: programs have their time all the same."""
    s = sup("[supervisord]\nlogfile=%(here)s/main.log\nnodaemon=true\n" + program("slow", "slow=500", stopwaitsecs=60),
            name=name, pid1=False, prefix=["timeout", "1000"])
    ready(s, "slow")
    s.send(signal.SIGTERM)  # to timeout, which does with it what it does when its time is over
    assert s.wait_exit() == 0
    assert record(s, "slow", "end") and "again: killing" not in s.read("main.log")


@pytest.mark.parametrize("first, second", [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_another_signal_hastens_at_once(sup, first, second):
    s = sup(conf(program("slow", "slow=30000", stopwaitsecs=60)))
    ready(s, "slow")
    s.send(first)
    s.send(second)
    s.wait_log(f"received {second.name} indicating exit request again: killing|"
               f"received {first.name} indicating exit request again: killing")
    assert s.wait_exit() == 0
    assert not record(s, "slow", "end")


PTRACE_SEIZE, WALL = 0x4206, 0x40000000


def test_a_second_signal_does_not_wait_for_what_kill_cannot_end(sup):
    """A process that we trace is dead for its parent only when we say so."""
    s = sup(conf(program("held"), program("calm", priority=1), supd="shutdown_timeout=120s"), pid1=False)
    s.expect_log("held .* did not end, not even by SIGKILL")
    ready(s, "held", "calm")
    held = s.ns.outer(s.status()["held"]["pid"])
    assert ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, held, 0, 0) == 0
    try:
        s.send(signal.SIGTERM)
        s.wait_log("stopping the programs of priority 999")
        begun = time.monotonic()
        s.hasten()
        assert s.wait_exit(60) == 0
        assert 2 <= time.monotonic() - begun < 40  # of 120
    finally:
        os.kill(held, signal.SIGKILL)
        os.waitpid(held, WALL)
    assert re.search(r"held \(pid \d+\) did not end, not even by SIGKILL", s.log_text())
    wait(lambda: not s.left(), 5, lambda: f"left: {s.left()}")


@pytest.mark.parametrize("pid1", [True, False])
def test_what_may_not_be_signalled_is_not_waited_for(sup, pid1):
    """Without CAP_KILL a program of another user is out of reach: said, and no reason to wait."""
    s = sup(conf(program("far", user="nobody", command="/bin/sleep 1000", startsecs=0),
                 program("near", priority=1), "[agent]\nuser=root\n", supd="shutdown_timeout=120s"),
            pid1=pid1, prefix=["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"])
    s.expect_log("far .* could not be signalled")
    ready(s, "near")
    far = s.wait_state("far", "RUNNING")["pid"]
    assert s.ctl("stop", "far").returncode != 0
    assert s.status()["far"]["state"] == "UNKNOWN"
    assert f"process {far} could not be signalled" in s.ok("explain", "far")
    begun = time.monotonic()
    assert s.stop(timeout=60) == 0
    assert time.monotonic() - begun < 40  # of 120
    assert record(s, "near", "end")
    if not pid1:
        s.kill(far)
        wait(lambda: not s.left(), 5)


@pytest.mark.parametrize("pid1", [True, False])
def test_shutdown_timeout(sup, pid1):
    s = sup(conf(program("deaf", "ignore=TERM member=TERM", stopwaitsecs=60, priority=5),
                 program("calm", priority=1), supd="shutdown_timeout=1s"), pid1=pid1)
    ready(s, "deaf", "deaf.member", "calm")
    begun = time.monotonic()
    assert s.stop() == 0
    assert 1 <= time.monotonic() - begun < 10  # of 60
    s.wait_log("shutdown_timeout is over")
    if not pid1:
        wait(lambda: not s.left(), 3, lambda: f"left: {s.left()}")


@pytest.mark.caps
@pytest.mark.parametrize("pid1", [True, False])
def test_what_escaped_is_ended(sup, pid1):
    """A program that makes a session of its own and leaves its parent does not outlive supd."""
    nap = "busybox sleep 1000"
    escape = f"/bin/sh -c 'setsid sh -c \"{nap} & {nap} & :\"; exec {nap}'"
    s = sup(conf(program("a", command=escape, startsecs=0)), pid1=pid1)
    wait(lambda: sum("sleep" in c for c in s.left()) == 3, 5, lambda: f"three sleep: {s.left()}")
    assert s.stop() == 0
    wait(lambda: not s.left(), 3, lambda: f"left: {s.left()}")


def test_stopwaitsecs_at_shutdown(sup):
    """A deaf program has its own time, which is less than the limit of the whole shutdown."""
    s = sup(conf(program("deaf", "ignore=TERM", stopwaitsecs=2)))
    ready(s, "deaf")
    begun = time.monotonic()
    assert s.stop() == 0
    assert 2 <= time.monotonic() - begun < 15  # shutdown_timeout is 25 s
    assert "shutdown_timeout is over" not in s.log_text()


RESTARTED = ("sh", "-c", '"$@"; exec "$@"', "sh")


@pytest.mark.caps
def test_leftovers_of_a_killed_supd(sup):
    """The next supd reports what a killed one left, and ends it before it starts anything."""
    s = sup(conf(program("a", "slow=500"), program("deaf", "ignore=TERM", stopwaitsecs=1),
                 program("steps", "ignore=INT,QUIT", stopsignals="INT:300ms,QUIT:300ms,TERM:20s")),
            pid1=False, prefix=RESTARTED)
    old = {n: wait_record(s, n, "start")[0] for n in ("a", "deaf", "steps")}
    s.wait_log("supd started with pid")
    supd = int(s.ok("pid").split()[0])
    assert s.kill(supd)
    again = {n: wait_record(s, n, "start", 2, timeout=20)[1] for n in old}
    for name, entry in old.items():
        s.wait_log(rf"pid {entry.pid} is left from a supervisor that is gone \(program {name}:{name}\)")
        assert s.ns.outer(entry.pid) is None
    assert end(s, "a") <= again["a"].ms
    assert sigterm(s, "deaf") + 1000 <= again["deaf"].ms < sigterm(s, "deaf") + 4900
    assert [e.what for e in record(s, "steps") if e.what != "SIGCONT"] == \
        ["start", "SIGINT", "SIGQUIT", "SIGTERM", "end", "start"]
    assert int(s.ok("pid").split()[0]) != supd


ORPHANS = """i=0
next() { echo $1 > /proc/sys/kernel/ns_last_pid; }
for pid in 5001 5003 5005; do next $pid; setsid sleep 1000 & done
next 20000
while [ $i -lt 3000 ]; do setsid sleep 1000 & i=$((i+1)); done
echo yes > "$TEST_DIR/made"
wait
"""


def test_a_long_list_of_orphans_hits_nobody_else(sup):
    """The kernel's list of children is read in parts, and a part may end within a number."""
    s = sup(conf("[program:a]\ncommand=/bin/sh %(here)s/orphans\nstdout_logfile=NONE\n"
                 "stderr_logfile=NONE\nautostart=false\n"), pid1=False)
    s.write("orphans", ORPHANS)
    s.ok("start", "a")
    s.wait_file("made", timeout=60)
    near = "for i in 20 21 22 23 200 201 202 213 214 215; do echo $((i-1)) > " \
        "/proc/sys/kernel/ns_last_pid; sleep 1000 > /dev/null 2>&1 & done"
    s.run("sh", "-c", near)
    strangers = [p for p in s.pids if s.ns.inner(p) < 300 and command_of(p) == "sleep 1000"]
    assert len(strangers) == 10
    assert s.stop() == 0
    left = [p for p in s.pids if command_of(p) == "sleep 1000"]
    assert sorted(left) == sorted(strangers)
    for pid in strangers:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not s.left(), 10)


HERD = """test -e "$TEST_DIR/made" && exec sleep 1000
i=0
while [ $i -lt 4500 ]; do setsid sleep 2000 & i=$((i+1)); done
echo yes > "$TEST_DIR/made"
wait
"""


@pytest.mark.timeout(240)
def test_thousands_of_leftovers(sup):
    """However many they are, all are found, said and ended."""
    s = sup(conf("[program:a]\ncommand=/bin/sh %(here)s/herd\nstdout_logfile=NONE\nstderr_logfile=NONE\n"
                 "autostart=false\nautorestart=false\n"), pid1=False, prefix=RESTARTED)
    s.write("herd", HERD)
    s.ok("start", "a")
    s.wait_file("made", timeout=90)
    old = int(s.ok("pid").split()[0])
    assert s.kill(old)
    s.wait(lambda: s.log_text().count("supd started with pid") == 2, 30)
    wait(lambda: len(re.findall(r"pid \d+ is left from a supervisor .* ending it", s.log_text())) >= 4501, 60,
         "all are told")
    wait(lambda: not any(c.endswith("sleep 2000") for c in map(command_of, s.pids)), 60, "all are ended")


def test_leftovers_that_are_kept(sup):
    s = sup(conf(program("a", orphans="keep")), pid1=False, prefix=RESTARTED)
    old = wait_record(s, "a", "start")[0]
    assert s.kill(int(s.ok("pid").split()[0]))
    wait_record(s, "a", "start", 2, timeout=20)
    s.wait_log(rf"pid {old.pid} is left from a supervisor that is gone")
    assert s.ns.outer(old.pid) in s.pids and not record(s, "a", "SIGTERM")
    s.kill(old.pid)


def test_a_shutdown_while_leftovers_are_ended(sup):
    """They are waited for like programs, and a second signal kills them."""
    s = sup(conf(program("deaf", "ignore=TERM", stopwaitsecs=60)), pid1=False, prefix=RESTARTED)
    old = wait_record(s, "deaf", "start")[0]
    assert s.kill(int(s.ok("pid").split()[0]))
    wait_record(s, "deaf", "SIGTERM", timeout=40)
    s.send(signal.SIGTERM)
    s.wait_log("waiting for what a supervisor that is gone has left to die")
    assert s.running() and s.ns.outer(old.pid)
    s.hasten()
    assert s.wait_exit() == 0
    assert s.ns.outer(old.pid) is None and len(starts(s, "deaf")) == 1


def test_leftovers_of_another_namespace(sup):
    """A container has its own numbers: who is gone here may live there, with the same path."""
    s = sup(conf(program("a")), pid1=False, prefix=RESTARTED)
    wait_record(s, "a", "start")
    inside = s.ns.enter_command(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", supd_program("supd"),
                                 "-c", s.path("supd.conf")])
    with open(s.path("inside.log"), "wb") as log:
        other = subprocess.Popen(inside, env=dict(s.env, SUPD_SOCKET=s.path("inside.sock")), stderr=log)
    wait_record(s, "a", "start", 2)
    assert s.kill(int(s.ok("pid").split()[0]))
    wait_record(s, "a", "start", 3, timeout=40)
    assert s.log_text().count("is left from a supervisor that is gone") == 1
    assert len(record(s, "a", "SIGTERM")) == 1 and "exited" not in s.read("inside.log")
    for pid in s.pids:
        if command_of(pid).startswith("unshare "):
            os.kill(pid, signal.SIGKILL)
    other.wait(10)


IN_FOLDERS = ("sh", "-c", 'cd one && "$1" -c supd.conf; cd ../two && "$1" -c supd.conf; '
              'exec "$1" -c "$TEST_DIR/one/supd.conf"', "sh")


def test_leftovers_of_another_configuration(sup):
    """The same name in another folder is another one; a relative name and an absolute one are the same."""
    s = sup(conf(program("a", command=beacon("a", record="%(here)s/../record"))), pid1=False, prefix=IN_FOLDERS,
            before='cd "$TEST_DIR" && mkdir one two && cp supd.conf one && cp supd.conf two')
    first = wait_record(s, "a", "start")[0]
    assert s.kill(int(s.ok("pid").split()[0]))
    second = wait_record(s, "a", "start", 2, timeout=40)[1]
    assert "is left from a supervisor" not in s.log_text()
    assert s.ns.outer(first.pid) and not record(s, "a", "SIGTERM")
    s.wait_log(f"spawned: 'a' with pid {second.pid}")
    s.wait_ready()
    assert s.kill(int(s.ok("pid").split()[0]))
    wait_record(s, "a", "start", 3, timeout=40)
    assert re.findall(r"pid (\d+) is left from a supervisor", s.log_text()) == [str(first.pid)]
    assert [e.pid for e in record(s, "a", "SIGTERM")] == [first.pid]
    s.kill(second.pid)


@pytest.mark.parametrize("orphans", ["keep", "kill"])
def test_what_orphans_says_holds_at_the_end(sup, orphans):
    """A subreaper that ends leaves what a program with orphans=keep left, and nothing else."""
    s = sup(f"""[supervisord]
[supd]
socket=%(here)s/supd.sock
[program:p]
command=/bin/sh -c '/bin/sleep 4711 & echo $! > "%(here)s/left"; exec /bin/sleep 4712'
orphans={orphans}
""", pid1=False)
    s.wait_file("left", r"^\d+\n")
    s.wait_state("p", "RUNNING")
    assert s.stop() == 0
    left = [p for p in s.pids if p != s.ns.init]
    assert [open(f"/proc/{p}/cmdline", "rb").read() for p in left] == \
        ([b"/bin/sleep\x004711\x00"] if orphans == "keep" else [])
    for p in left:
        os.kill(p, signal.SIGKILL)
    wait(lambda: not [p for p in s.pids if p != s.ns.init], 5, "they are gone")


def test_a_new_shutdown_timeout_counts_at_once(sup):
    deaf = program("deaf", "ignore=TERM", startsecs=0, stopwaitsecs=1000)
    s = sup(conf(deaf))
    wait_record(s, "deaf", "start")
    s.write("supd.conf", conf(deaf, supd="shutdown_timeout=1s"))
    s.ok("update")
    assert s.stop() == 0
    assert "shutdown_timeout is over" in s.log_text()

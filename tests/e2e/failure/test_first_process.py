"""PID 1, terminals and rights: what a first process meets and must not die of."""
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from harness.beacon import conf, program, record, starts, wait_record
from harness.failing import busy_share, shell, zombies
from harness.namespace import capability_prefix, command_of
from harness.plaininit import as_dumb_init, as_tini, own, signals_of
from harness.supervised import program as built
from harness.supervised import tool
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]

ALL = {"own": own, "tini": as_tini, "dumb-init": as_dumb_init}
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
MEANT = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP, 32, 33}


# C1: signals whose default would end or stop us

@pytest.mark.parametrize("pid1", [True, False])
def test_signals_without_a_meaning(sup, pid1):
    s = sup(conf(program("a", startsecs=0)), pid1=pid1)
    wait_record(s, "a", "start")
    for sig in sorted(set(range(1, 65)) - FAULTS - MEANT):
        s.send(sig)
    s.ask("ping")
    s.kill(record(s, "a", "start")[0].pid)
    wait_record(s, "a", "start", 2)
    assert s.stop() == 0


# C2: what came in by `docker exec` and lost its parent outside

def stray(ns):
    done = ns.enter(["sh", "-c", "busybox sleep 0.3 & busybox sleep 0.1 & echo $!"])
    assert done.returncode == 0, done.stderr


def test_a_stray_of_docker_exec(sup):
    s = sup(conf(program("a", startsecs=0, autorestart="false")))
    wait_record(s, "a", "start")
    before = int(s.ask("stats")[1]["orphans"])
    stray(s.ns)
    wait(lambda: int(s.ask("stats")[1]["orphans"]) >= before + 2, 10, "they are counted")
    assert not zombies(s.ns)
    assert not re.search(r" (WARN|ERRO|CRIT) ", s.log_text())


@pytest.mark.parametrize("name", ALL)
def test_a_stray_beside_plain_init(plain, name):
    one = plain(ALL[name]() + ["busybox", "sleep", "1000"])
    wait(lambda: len(one.ns.pids()) == 2, 10)
    stray(one.ns)
    wait(lambda: len(one.ns.pids(zombies=True)) == 2, 10, "all are reaped")
    assert one.text("err") == ""


# C3: others in the pid namespace, when we are not its first process

def stranger(ns, out):
    proc = subprocess.Popen(ns.enter_command([tool("sigtale")]), stdout=out)
    wait(lambda: any(command_of(p) == tool("sigtale") for p in ns.pids()), 10, "the stranger is there")
    return proc


def test_others_live_on(sup):
    s = sup(conf(program("a", command="/bin/sh -c 'setsid busybox sleep 1000 & exec busybox sleep 2000'", startsecs=0)),
            pid1=False)
    s.wait_state("a", "RUNNING")
    with open(s.path("tale"), "wb") as out:
        other = stranger(s.ns, out)
    s.wait_file("tale", "^start")
    assert s.stop() == 0
    wait(lambda: [command_of(p) for p in s.ns.pids() if p != s.ns.init] == [tool("sigtale")], 10, s.left)
    assert not signals_of(s.read("tale"))
    s.ns.kill(int(re.search(r"pid=(\d+)", s.read("tale")).group(1)))
    other.wait(10)
    wait(lambda: not s.left(), 10)


def test_others_live_on_beside_plain_init(plain, tmp_path):
    one = plain(own() + ["sh", "-c", "setsid busybox sleep 1000 & busybox sleep 0.5; exit 3"], pid1=False)
    with open(tmp_path / "tale", "wb") as out:
        other = stranger(one.ns, out)
    assert one.status() == 3
    assert other.poll() is None and not signals_of((tmp_path / "tale").read_text())
    one.ns.destroy()
    other.wait(10)


# C4: a signal that may not be sent; test_plain_init.test_a_signal_that_may_not_be_sent has plain init

def test_a_program_that_may_not_be_signalled(sup):
    """Said once; supd and the others go on, and a shutdown ends in its time."""
    s = sup(conf(program("other", user="nobody", startsecs=0, stopwaitsecs=1, command="busybox sleep 1000"),
                 program("a", startsecs=0), "[agent]\nuser=root\n", supd="shutdown_timeout=1s"), pid1=False,
            prefix=["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"])
    s.expect_log("other")
    pid = wait_record(s, "a", "start")[0].pid
    outer = s.ns.outer(s.wait_state("other", "RUNNING")["pid"])
    assert s.ctl("stop", "other").returncode != 0
    s.wait_log("other: cannot send signal 15 to .*: Operation not permitted")
    assert s.state("other") == "UNKNOWN"
    again = s.ctl("stop", "other")  # it is not "not running", which would be a success
    assert again.returncode == 1 and "it could not be signalled" in again.stderr
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    began = time.monotonic()
    assert s.stop() == 0
    assert time.monotonic() - began < 15
    os.kill(outer, signal.SIGKILL)
    wait(lambda: not s.left(), 10)


# C7, C8: terminals that are not quite ours

@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("what", ["another", "gone"])
def test_an_odd_terminal(plain, name, what):
    """One of another session, and one whose other end is closed: nothing is said, all goes on."""
    master, slave = pty.openpty()
    one = plain(ALL[name]() + [tool("sigtale")], stdin=slave)
    os.close(slave)
    one.wait_line("^start")
    if what == "gone":
        os.close(master)
    one.send(signal.SIGWINCH)
    one.wait_line("^start-signal 28 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    assert one.text("err") == ""
    if what != "gone":
        os.close(master)


def test_a_terminal_that_stops_writers(plain):
    """`stty tostop`: the command has the foreground, and what we say does not stop us."""
    master, slave = pty.openpty()
    one = plain(["setsid", "--ctty", "--", "sh", "-c", 'stty tostop; exec "$@" 2>&0', "sh", built("supd"), "--verbose",
                 "--verbose", "--", tool("sigtale")], stdin=slave)
    os.close(slave)
    one.wait_line("^start")
    for n in (1, 2, 3):
        one.send(signal.SIGHUP)
        wait(lambda n=n: len(signals_of(one.text())) == n, 10, one.text)
    one.send(signal.SIGUSR2)
    assert one.status() == 9
    seen = os.read(master, 65536).decode()
    assert seen.count("signal 1 passed on") == 3
    os.close(master)


BACKGROUND = """
import os, pty, sys
pid, master = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", 'stty tostop; set -m; "$@" & wait $!; wait $!', "sh"] + sys.argv[1:])
out = open(os.environ["TEST_DIR"] + "/terminal", "wb", buffering=0)
while True:
    try:
        out.write(os.read(master, 65536))
    except OSError:
        break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_supd_in_the_background_of_a_terminal(sup):
    """With tostop: its log is written, and it is never stopped."""
    s = sup(conf(program("a", startsecs=0)), pid1=False, prefix=["/usr/bin/python3", "-c", BACKGROUND])
    pid = wait_record(s, "a", "start")[0].pid
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    s.wait_file("terminal", "spawned: 'a' with pid")
    s.ok("shutdown")
    s.wait_exit()
    assert "supd ends" in s.read("terminal")


def test_an_error_in_the_background_of_a_terminal(sup):
    s = sup(conf(program("a", autorestart="perhaps")), pid1=False, prefix=["/usr/bin/python3", "-c", BACKGROUND],
            ready=False)
    assert s.wait_exit() == 2
    assert "program:a.autorestart" in s.read("terminal")


# C9: every way to ask for a stop

def test_stop_signals(sup):
    names = ["HUP", "INT", "QUIT", "TERM", "USR1", "WINCH", "PWR", "RTMIN", "RTMIN+3"]
    keys = [{"stopsignals": n + ":1s"} if "+" in n else {"stopsignal": n, "stopwaitsecs": 1} for n in names]
    s = sup(conf(*(program(f"p{i}", command=tool("sigtale"), stdout_logfile=f"%(here)s/p{i}", startsecs=0, **k)
                   for i, k in enumerate(keys))))
    for i in range(len(names)):
        s.wait_file(f"p{i}", "^start ")
    s.ok("stop", "all")
    for i, name in enumerate(names):
        number = signal.SIGRTMIN + 3 if "+" in name else getattr(signal, "SIG" + name)
        got = [n for n, _, _ in signals_of(s.read(f"p{i}")) if n != signal.SIGCONT]
        assert got == [int(number)], name


# C10: signals by the thousand

@pytest.mark.parametrize("pid1", [True, False])
def test_a_storm_of_signals(sup, pid1):
    """No TERM is lost among them, and afterwards nothing is busy."""
    s = sup(conf(program("a", startsecs=0)), pid1=pid1)
    wait_record(s, "a", "start")
    pid = s.pid
    for _ in range(10000):
        os.kill(pid, signal.SIGUSR1)
    s.ask("ping")
    assert busy_share(pid, 0.5) < 0.1
    for _ in range(5000):
        os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGTERM)
    assert s.wait_exit() == 0 and record(s, "a", "SIGTERM")


@pytest.mark.parametrize("name", ALL)
def test_a_storm_beside_plain_init(plain, name):
    one = plain(ALL[name]() + [tool("sigtale")])
    one.wait_line("^start")
    pid = one.pid
    for _ in range(10000):
        os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGTERM)
    one.wait_line("^start-signal 15 ")
    assert busy_share(pid, 0.5) < 0.1
    one.send(signal.SIGUSR2)
    assert one.status() == 9


# C11, C12: rights that are not there

USERNS = ["unshare", "--user", "--map-root-user"]


def test_a_user_namespace(sup):
    """`unshare -Ur`: programs run, and a user that cannot be had is an error that says why."""
    caps = capability_prefix(os.environ.get("SUPD_CAPS") or None)
    if subprocess.run([*caps, *USERNS, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    s = sup(conf(program("a", startsecs=0), program("other", user="12345", startretries=0, autostart="false"),
                 "[agent]\nuser=root\n"), prefix=USERNS)
    wait_record(s, "a", "start")
    done = s.ctl("start", "other")
    assert done.returncode != 0
    assert re.search(r"cannot (set the supplementary groups|change to (user|group) 12345): ", done.stdout + done.stderr)
    assert s.state("a") == "RUNNING"


def test_a_number_without_a_name(sup):
    """user=12345, which no passwd file knows."""
    s = sup(conf(program("a", user="12345", command="busybox sleep 1000", startsecs=0)))
    got = s.wait_state("a", "RUNNING")
    with open(f"/proc/{s.ns.outer(got['pid'])}/status", encoding="ascii") as f:
        assert "Uid:\t12345\t12345\t12345\t12345" in f.read()
    s.ok("restart", "a")


@pytest.mark.parametrize("pid1", [True, False])
def test_without_any_capability(sup, pid1):
    s = sup(conf(program("a", startsecs=0), program("other", user="nobody", startretries=0, autostart="false"),
                 "[agent]\nuser=root\n"), pid1=pid1,
            prefix=["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"])
    pid = wait_record(s, "a", "start")[0].pid
    done = s.ctl("start", "other")
    assert done.returncode != 0 and re.search(r"CAP_SET[UG]ID is missing", done.stdout + done.stderr)
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    s.ok("stop", "a")
    assert len(starts(s, "a")) == 2


@pytest.mark.parametrize("name", ALL)
def test_plain_init_without_any_capability(plain, name):
    one = plain(ALL[name]() + [tool("sigtale")], prefix=shell(
        "exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all"
        " --reuid=12345 --regid=12345 --clear-groups \"$@\""))
    one.wait_line("^start")
    one.send(signal.SIGTERM)
    one.wait_line("^start-signal 15 ")
    one.send(signal.SIGUSR2)
    assert one.status() == 9

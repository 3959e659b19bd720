"""Cases of docs/failure-modes.md that other tests hold in all their detail: each once from end to end here, so that
no row is without a test that runs as full root and with docker's capabilities."""
import json
import os
import pty
import re
import shutil
import signal
import socket
import termios

import pytest

from harness.agents import ping
from harness.beacon import conf, program, record, starts, wait_record
from harness.failing import busy_share, shell
from harness.namespace import command_of
from harness.plaininit import as_dumb_init, as_tini, own, signals_of
from harness.supervised import program as built
from harness.supervised import tool
from harness.upgrading import version
from harness.waiting import wait
from harness.wire import Refused

pytestmark = [pytest.mark.release, pytest.mark.caps]

# what a careless parent leaves behind: SIGCHLD is ignored, all signals are blocked
CARELESS = ["/usr/bin/python3", "-S", "-c", "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
            "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.execv(sys.argv[1], sys.argv[1:])"]


def living(s, command):
    return [p for p in s.pids if command_of(p) == command]


# B3

@pytest.mark.parametrize("pid1", [True, False])
def test_a_careless_parent(sup, plain, pid1):
    s = sup(conf(program("a", command="/bin/sh -c 'grep SigBlk /proc/self/status >>%(here)s/mask; exec busybox sleep 1000'",
                         startsecs=0)), prefix=CARELESS, pid1=pid1)
    s.wait_file("mask", r"SigBlk:\s0+\n")
    s.kill(s.status()["a"]["pid"])
    s.wait(lambda: s.status()["a"]["restarts"] == 1)
    assert s.stop() == 0
    assert plain(own() + ["sh", "-c", "exit 7"], prefix=CARELESS, pid1=pid1).status() == 7


# B6

def test_who_escapes_in_a_session_of_its_own(sup):
    s = sup(conf(program("a", command="/bin/sh -c 'setsid sh -c \"busybox sleep 4001 & busybox sleep 4002\" & "
                                      "exec busybox sleep 4003'", startsecs=0)))
    wait(lambda: all(living(s, f"busybox sleep {n}") for n in (4001, 4002, 4003)), 10, "all are there")
    s.ok("stop", "a")
    wait(lambda: not any(living(s, f"busybox sleep {n}") for n in (4001, 4002, 4003)), 10, "nobody is left")


# B7, B19

def test_a_master_of_workers_that_is_killed(sup):
    """Its workers end before the next master begins with workers of its own."""
    s = sup(conf(program("a", command="/bin/sh -c 'busybox sleep 4001 & busybox sleep 4001 & exec busybox sleep 4002'",
                         startsecs=0)))
    old = wait(lambda: len(living(s, "busybox sleep 4001")) == 2 and living(s, "busybox sleep 4001"), 10)
    s.kill(wait(lambda: living(s, "busybox sleep 4002"), 10) and s.status()["a"]["pid"])
    new = wait(lambda: s.status()["a"]["restarts"] == 1 and len(living(s, "busybox sleep 4001")) == 2 and
               living(s, "busybox sleep 4001"), 10, "there are two again")
    assert not set(old) & set(new)


# B9

def test_one_that_ignores_term(sup):
    """A stop has its time, and so has the shutdown, though the program's is longer."""
    s = sup(conf(program("a", "ignore=TERM", stopwaitsecs=1, startsecs=0),
                 program("b", "ignore=TERM", stopwaitsecs=600, startsecs=0), supd="shutdown_timeout=1s"))
    wait_record(s, "a", "start")
    wait_record(s, "b", "start")
    s.ok("stop", "a")
    assert s.status()["a"]["exit"] == "terminated by SIGKILL"
    assert s.stop() == 0
    assert [e.what for e in record(s, "b")][:2] == ["start", "SIGTERM"]


# B11

def test_ways_in_which_a_start_fails(sup):
    ways = {"none": ("/no/such/file", {}, "cannot execute /no/such/file: No such file or directory"),
            "denied": ("/etc/passwd", {}, "cannot execute /etc/passwd: Permission denied"),
            "format": ("%(here)s/text", {}, "Exec format error"),
            "lost": ("%(here)s/script", {}, "interpreter"),
            "folder": ("/bin/true", {"directory": "/no/such/folder"}, "/no/such/folder: No such file or directory")}
    s = sup(conf(*(program(n, command=c, autostart="false", startretries=0, **more) for n, (c, more, _) in ways.items()),
                 program("busy", command="%(here)s/busy 1000", autostart="false")))
    for name, text in (("text", "text"), ("script", "#!/no/such/interpreter\n")):
        os.chmod(s.write(name, text), 0o755)
    for name, (_, _, says) in ways.items():
        assert s.ctl("start", name).returncode != 0
        assert says in s.status()[name]["spawnerr"]
    # one that is being written yet is tried again, and then there
    os.chmod(shutil.copy("/bin/sleep", s.path("busy")), 0o755)
    with open(s.path("busy"), "r+b"):
        s.ask("start", "busy", "wait=0")
        s.wait(lambda: s.status()["busy"]["state"] == "BACKOFF" or
               "Text file busy" in s.status()["busy"].get("spawnerr", ""))
    s.wait_state("busy", "RUNNING")


# B16, C6

def on_terminal(plain, argv):
    master, slave = pty.openpty()
    return plain(["setsid", "--ctty", "--", *argv], stdin=slave), master, slave


def test_a_terminal_that_was_left_raw(plain):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    one = plain(["setsid", "--ctty", "--", *own(), "sh", "-c", "stty raw -echo; kill -9 $$"], stdin=slave)
    assert one.status() == 137 and termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("init", [own, as_tini, as_dumb_init])
def test_a_terminal_that_changes_hands(plain, init):
    """HUP and CONT that come of it reach nobody; those that are meant do."""
    one, master, slave = on_terminal(plain, init() + [tool("sigtale")])
    os.close(slave)
    one.wait_line("^start")
    for sig in (signal.SIGHUP, signal.SIGUSR1):
        one.send(sig)
        one.wait_line(f"^start-signal {int(sig)} ")
    assert [n for n, *_ in signals_of(one.text())] == [signal.SIGHUP, signal.SIGUSR1]
    os.close(master)


# B18

def test_kill_minus_one(sup):
    s = sup(conf(program("wild", command="/bin/sh -c 'kill -TERM -1; exec busybox sleep 1000'", autostart="false")),
            pid1=False)
    s.ask("start", "wild", "wait=0")
    assert s.wait_exit() == 0
    pid = int(s.wait_log(r"spawned: 'wild' with pid (\d+)")[1])
    assert int(s.wait_log(r"SIGTERM comes from pid (\d+), uid 0")[1]) == pid


# C5

def test_the_parent_dies(sup, plain):
    """The kernel forgets it when the user changes: it is asked again after that."""
    one = plain(["sh", "-c", f"{built('supd')} --as=tini -s -p SIGTERM {tool('sigtale')} & wait"], pid1=False)
    one.wait_line("^start")
    os.kill(next(p for p in one.ns.pids() if command_of(p).startswith("sh -c")), signal.SIGKILL)
    one.wait_line("^start-signal 15 ")
    s = sup(conf(program("a", command="busybox sleep 4001", die_with_supd="true", user="nobody", startsecs=0)),
            pid1=False)
    wait(lambda: living(s, "busybox sleep 4001"), 10)
    os.kill(s.pid, signal.SIGKILL)
    wait(lambda: not living(s, "busybox sleep 4001"), 10, "it ends with supd")


# D4

def test_closed_from_the_start(sup, plain):
    closed = shell("exec <&- >&- 2>&-")
    s = sup(conf(program("a", startsecs=0)), prefix=closed)
    wait_record(s, "a", "start")
    for fd in range(3):
        assert not os.readlink(f"/proc/{s.pid}/fd/{fd}").startswith("socket:")
    assert s.stop() == 0
    assert plain(own() + ["sh", "-c", "exit 6"], prefix=closed).status() == 6


# D9

TALK = "/bin/sh -c 'while echo line; do busybox sleep 0.02; done'"


def test_logs_that_go_away(sup):
    """One is deleted, one loses its folder and gets another, one is a FIFO whose reader comes and goes."""
    s = sup(conf(*(program(n, command=TALK, startsecs=0, stdout_logfile=f"%(here)s/logs/{n}/log") for n in "abf")),
            before="mkdir -p $TEST_DIR/logs/a $TEST_DIR/logs/b $TEST_DIR/logs/f; mkfifo $TEST_DIR/logs/f/log")
    s.expect_log("log")
    s.wait_file("logs/a/log", "line")
    s.wait_file("logs/b/log", "line")
    os.unlink(s.path("logs/a/log"))
    os.rename(s.path("logs/b"), s.path("logs/gone"))
    for _ in range(2):
        with open(s.path("logs/f/log"), "rb", buffering=0) as f:
            assert b"line" in f.read(4096)
    s.wait_file("logs/a/log", "line")
    os.mkdir(s.path("logs/b"))
    s.wait(lambda: s.ok("reopen") is not None and "line" in s.read("logs/b/log"), 10)
    assert {r["restarts"] for r in s.status().values()} == {0}


# F2

def test_lines_and_names_that_libinih_cuts(sup):
    """A value of thousands of bytes, a semicolon within a command, names that are equal for 49 bytes."""
    names = ["p" * 60 + end for end in "ab"]
    value = "v" * 5000
    s = sup("[supervisord]\n" + "".join(
        f"[program:{n}]\ncommand=/bin/sh -c 'echo {n[-1]};echo $LONG'   ; and a comment\nenvironment=LONG=\"{value}\"\n"
        f"startsecs=0\nautorestart=false\nstdout_logfile=%(here)s/{n[-1]}\n" for n in names))
    for n in names:
        s.wait_file(n[-1], rf"\A{n[-1]}\n{value}\n\Z")
    assert set(s.status()) == set(names)


def test_all_errors_in_one_run(sup):
    s = sup("[supervisord]\n[program:a]\ncommand=x\n" + "environment=A=\"" + "v" * 400 + "\"\nstartsecs=soon\n"
            "[program:b]\ncommand=y\nnumprocs=no\n", ready=False)
    assert s.wait_exit() == 2
    assert re.search(r":5: program:a\.startsecs", s.log_text()) and re.search(r":8: program:b\.numprocs", s.log_text())


# F4

def test_an_upgrade_that_cannot_be(sup):
    s = sup(conf(program("a", startsecs=0)))
    before = s.wait_state("a", "RUNNING")["pid"]
    with open(built("supd"), "rb") as f:
        cut = s.write("cut", "")
        with open(cut, "wb") as to:
            to.write(f.read(100000))
    os.chmod(cut, 0o755)
    for binary in ("/no/such/supd", "/bin/true", cut):
        with pytest.raises(Refused):
            s.ask("upgrade", binary)
    s.kill(before)
    wait_record(s, "a", "start", 2)
    assert version(s)["upgrades"] == 0


# F5, F6

SERVER = """import socket, struct
servers = [socket.create_server(("127.0.0.1", 8080)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
servers[1].bind(("127.0.0.1", 53))
while True:
    c = servers[0].accept()[0]
    c.recv(1024)
    c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
"""


def test_servers_that_reset_and_names_that_nobody_tells(sup):
    """A name server that never answers, and a server that resets in the middle: the agent goes on, and so do we."""
    probe = "[probe:{}]\ntype={}\ninterval=300ms\ntimeout=250ms\nconfirm=0s\nstart_period=0s\nfall=1\n{}\n"
    s = sup(conf(program("a", startsecs=0), program("server", command="/usr/bin/python3 -S %(here)s/server.py")) +
            probe.format("reset", "http", "url=http://127.0.0.1:8080/") +
            probe.format("http", "http", "url=http://db.example:8080/") +
            probe.format("db", "postgres", "host=db.example\nuser=u"),
            before=f"cat >$TEST_DIR/server.py <<'.'\n{SERVER}.\necho nameserver 127.0.0.1 >$TEST_DIR/resolv.conf; "
                   "mount --bind $TEST_DIR/resolv.conf /etc/resolv.conf")
    agent = s.wait(lambda: ping(s))["pid"]
    s.wait(lambda: {p["name"]: p["reason"] for p in json.loads(s.ctl("--json", "probes").stdout) if p["state"] == "FAILED"} ==
           {"reset": "closed", "http": "dns", "db": "dns"}, 15, lambda: f"all fail: {s.ctl('probes').stdout}")
    s.kill(starts(s, "a")[0].pid)
    wait_record(s, "a", "start", 2)
    assert ping(s)["pid"] == agent and busy_share(s.pid, 0.5) < 0.1


# F8

def test_each_exit_status_is_the_right_one(sup):
    """libev's own handler of SIGCHLD would take them."""
    s = sup(conf(*(program(f"p{n}", command=f"/bin/sh -c 'exit {n}'", startsecs=0, autorestart="false") for n in range(40)),
                 program("k", command="/bin/sh -c 'kill -USR1 $$'", startsecs=0, autorestart="false")))
    s.wait(lambda: all(r["state"] == "EXITED" for r in s.status().values()))
    got = s.status()
    assert [got[f"p{n}"]["exitcode"] for n in range(40)] == list(range(40))
    assert got["k"]["exit"] == "terminated by SIGUSR1"


# F9

def test_descriptors_that_are_used_again_at_once(sup):
    """Clients that hang up in the middle, while starts take the numbers of their descriptors."""
    s = sup(conf(program("a", startsecs=0, stdout_logfile="%(here)s/a"),
                 program("q", command="/bin/true", startsecs=0, autorestart="true")))
    wait_record(s, "a", "start")
    s.wait(lambda: s.status()["q"]["starts"] > 20)
    for i in range(300):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(s.socket)
            one.sendall((b"1\tsta", b"1\tstatus\n", b"1\tsubscribe\n")[i % 3])
            if i % 2:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.ok("stop", "q")
    assert s.status()["a"]["restarts"] == 0
    assert busy_share(s.pid, 0.5) < 0.1

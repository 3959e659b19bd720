"""What the name changes, row by row of the table in docs/supervisor.md; HUP is in test_reload.py."""
import ctypes
import os
import re
import signal
import struct
import subprocess
import time

import pytest

from harness.beacon import conf, program, wait_record
from harness.namespace import command_of, status_of
from harness.supervised import program as built
from harness.waiting import wait

LEAVES = "sh -c 'grep SigIgn /proc/self/status; sleep 1000 & echo left $!; exec sleep 1000'"


def sections(**keys):
    return f"[program:p]\ncommand={LEAVES}\nstartsecs=0\nstdout_logfile=%(here)s/out\n" + \
        "".join(f"{k}={v}\n" for k, v in keys.items())


def ignored(s):
    return int(s.wait_file("out", r"^SigIgn:\s*([0-9a-f]+)$").group(1), 16)


def has(mask, sig):
    return bool(mask >> (sig - 1) & 1)


@pytest.mark.parametrize("name", ["supd", "supervisord"])
@pytest.mark.parametrize("sigpipe", [None, "default", "ignore"])
def test_signals_of_programs(sup, name, sigpipe):
    s = sup("[supervisord]\nlogfile=/dev/null\nnodaemon=true\n" +
            sections(**({"sigpipe": sigpipe} if sigpipe else {})), name=name)
    mask = ignored(s)
    want = sigpipe == "ignore" if sigpipe else name == "supervisord"
    assert has(mask, signal.SIGPIPE) is want and has(mask, signal.SIGXFSZ) is want


@pytest.mark.parametrize("name,keys,stays", [
    ("supd", {}, False), ("supd", {"orphans": "keep"}, True), ("supervisord", {}, True),
    ("supervisord", {"stopasgroup": "true"}, False), ("supervisord", {"orphans": "kill"}, False)])
def test_what_a_dead_leader_leaves(sup, name, keys, stays):
    s = sup("[supervisord]\nlogfile=/dev/null\nnodaemon=true\n" + sections(autorestart="false", **keys),
            name=name)
    left = int(s.wait_file("out", r"^left (\d+)$").group(1))
    assert s.kill(s.status()["p"]["pid"])
    s.wait_state("p", "EXITED")
    there = "kill -0 %d" % left
    if stays:
        assert s.run("sh", "-c", there).returncode == 0
    else:
        s.wait(lambda: s.run("sh", "-c", there).returncode != 0)


def test_shutdown_is_bounded_or_not(sup):
    text = "[supervisord]\nlogfile=/dev/null\nnodaemon=true\n" + sections(stopwaitsecs=40)
    assert "shutdown_timeout=40s" in sup(text).ok("config")
    assert "shutdown_timeout" not in sup(text, name="supervisord").ok("config")


@pytest.mark.timeout(90)
def test_a_long_shutdown(sup):
    """Two deaf programs, one after the other, take 28 s; supd's own limit is 25 s."""
    deaf = "".join(program(f"p{n}", "ignore=TERM", stopwaitsecs=14, startsecs=0, priority=n) for n in (1, 2))
    ours, theirs = (sup("[supervisord]\nlogfile=%(here)s/log\nnodaemon=true\n" + deaf, name=name)
                    for name in ("supd", "supervisord"))
    for s in (ours, theirs):
        for n in ("p1", "p2"):
            wait_record(s, n, "start")
    begun = time.monotonic()
    for s in (theirs, ours):  # both at once, since it is long
        s.send(signal.SIGTERM)
    for s, least in ((ours, 25), (theirs, 28)):
        assert s.wait_exit(60) == 0
        assert time.monotonic() - begun >= least
        killed = re.findall(r"killing '(p\d)' \(\d+\) with SIGKILL", s.read("log"))
        assert killed == ["p2", "p1"]
        assert ("shutdown_timeout is over" in s.read("log")) is (s is ours)


@pytest.mark.parametrize("name", ["supd", "supervisord"])
def test_exit_status(sup, name):
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        s = sup("[supervisord]\nlogfile=/dev/null\nnodaemon=true\n" + sections(), name=name)
        assert s.stop(sig) == 0


def second(s, text, *args):
    """Another supd, as supervisord, inside a namespace where it is not PID 1."""
    s.write("second.conf", text)
    return s.run(built("supd"), "--as=supervisord", "-c", s.path("second.conf"), *args, env=s.env)


def background(s, extra=""):
    return f"[supervisord]\ndirectory=/usr\numask=027\nlogfile=%(here)s/second.log\npidfile=%(here)s/pid\n{extra}" \
        f"[supd]\nsocket=%(here)s/second.sock\n[program:q]\ncommand=sh -c 'pwd; umask; exec sleep 1000'\n" \
        "stdout_logfile=%(here)s/q\nstartsecs=0\n"


def test_it_goes_to_the_background(sup):
    """The command returns when all is up, and holds neither terminal nor pipe of who called it."""
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)))
    done = second(s, background(s))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    there = [built("supctl"), "-s", s.path("second.sock")]
    pid = int(s.run(*there, "pid").stdout)
    assert int(s.wait_file("pid", r"^(\d+)\n").group(1)) == pid
    s.wait_file("q", r"^/usr\n0027$")
    links = s.run("sh", "-c", f"readlink /proc/{pid}/fd/0 /proc/{pid}/fd/1 /proc/{pid}/fd/2").stdout
    assert links.split() == ["/dev/null"] * 3
    assert s.run("sh", "-c", f"ps -o sid= -p {pid}").stdout.strip() == str(pid)
    assert "supervisord started with pid" in s.read("second.log")
    # a relative -c is found again after directory= was entered
    s.write("second.conf", background(s) + "[program:r]\ncommand=sleep 1000\nstartsecs=0\n")
    assert s.run(*there, "update").stdout == "r: added process group\n"
    s.run(*there, "shutdown")
    wait(lambda: not os.path.exists(s.path("second.sock")) and not os.path.exists(s.path("pid")), 10,
         "the socket and the pid file are gone")


MODIFY, DELETE = 0x2, 0x200  # of inotify(7)


def folder_events(fd):
    """What was seen in the folder: [(mask, name)]."""
    text, found, at = os.read(fd, 1 << 20), [], 0
    while at < len(text):
        _, mask, _, n = struct.unpack_from("iIII", text, at)
        found.append((mask, text[at + 16:at + 16 + n].rstrip(b"\0").decode()))
        at += 16 + n
    return found


@pytest.mark.parametrize("name", ["supd", "supervisord"])
def test_the_pid_file_goes_when_the_log_is_whole(sup, name):
    """Who waits for the end of the pid file and then looks into the log finds all of it."""
    s = sup("[supervisord]\nlogfile=%(here)s/log\npidfile=%(here)s/pid\nnodaemon=true\n" + sections(), name=name)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK)
    assert fd >= 0 and libc.inotify_add_watch(fd, s.dir.encode(), MODIFY | DELETE) >= 0
    s.wait_file("pid")
    assert s.stop() == 0
    events = folder_events(fd)
    os.close(fd)
    gone, last = events.index((DELETE, "pid")), len(events) - 1 - events[::-1].index((MODIFY, "log"))
    assert gone > last and "supd ends" in s.read("log")


@pytest.mark.parametrize("text,args", [("nodaemon=true\n", ()), ("", ("-n",))])
def test_it_stays_in_the_foreground(sup, text, args):
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)))
    s.write("second.conf", background(s, text))
    done = s.run("timeout", "3", built("supd"), "--as=supervisord", "-c", s.path("second.conf"), *args,
                 env=s.env)
    assert done.returncode == 124  # and ended by its TERM
    assert "received SIGTERM" in s.read("second.log") and "received SIGTERM" in done.stdout


@pytest.mark.parametrize("text,says", [
    ("[supervisord]\n[program:a]\ncommand=x\nstartsecs=soon\n", "second.conf:4: program:a.startsecs"),
    ("[supervisord]\nlogfile=/dev/null\n[supd]\nsocket=%(here)s/supd.sock\n", "is in use")])
def test_what_is_wrong_is_said_before(sup, text, says):
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)))
    done = second(s, text)
    assert done.returncode == 2 and says in done.stderr


def test_a_crash_while_it_is_read(sup):
    """The process that becomes the supervisor does not read the file itself."""
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)))
    pipe = s.path("second.conf")
    os.mkfifo(pipe)
    with subprocess.Popen(s.ns.enter_command([built("supd"), "--as=supervisord", "-c", pipe]), env=s.env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as starting:
        def three():
            found = [p for p in s.pids if f"--as=supervisord -c {pipe}" in command_of(p)]
            return found if len(found) == 3 else None
        os.kill(max(s.wait(three), key=lambda p: int(status_of(p, "NSpid")[-1])), signal.SIGKILL)
        said, _ = starting.communicate(timeout=20)
    assert starting.returncode == 2 and said.startswith("Error: reading the configuration was ended by signal 9\n")

"""The control socket abused, a configuration gone bad, helpers that cannot start."""
import contextlib
import os
import re
import shutil
import signal
import socket

import pytest

from harness.beacon import conf, program, starts, wait_record
from harness.failing import busy_share
from harness.namespace import status_of
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]


# F1: clients that never read, never end their request, are too many, or talk nonsense

def connect(path):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(10)
    one.connect(path)
    return one


def test_a_thousand_clients(sup):
    """Those that came too late are told so, whoever is idle makes room, restarts go on."""
    s = sup(conf(program("a", startsecs=0)))
    pid = wait_record(s, "a", "start")[0].pid
    memory = int(status_of(s.pid, "RssAnon")[0])
    with contextlib.ExitStack() as stack:
        said = b""
        for _ in range(1000):
            one = stack.enter_context(connect(s.socket))
            said += one.recv(4096)
        assert said.count(b"supd ") >= 32 and b"too many clients" in said
        s.kill(pid)
        wait_record(s, "a", "start", 2)
        assert int(status_of(s.pid, "RssAnon")[0]) < memory + 4096
        wait(lambda: s.ctl("status").returncode == 0, 10, "the idle ones make room")
    assert busy_share(s.pid, 0.5) < 0.1


def test_clients_that_do_not_read(sup):
    """Bounded memory for each, and nobody waits for them."""
    s = sup(conf(*(program(f"p{i}", startsecs=0, autostart="false") for i in range(50)), program("a", startsecs=0)))
    pid = wait_record(s, "a", "start")[0].pid
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            one = stack.enter_context(connect(s.socket))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.send(b"x\tstatus\n" * 500)
        s.kill(pid)
        wait_record(s, "a", "start", 2)
        assert s.ctl("status", "a").returncode == 0
        assert int(status_of(s.pid, "RssAnon")[0]) < 64 << 10
        assert busy_share(s.pid, 0.5) < 0.1
    assert s.status()["a"]["restarts"] == 1


def test_noise(sup):
    s = sup(conf(program("a", startsecs=0)))
    wait_record(s, "a", "start")
    for noise in (os.urandom(100000), b"\0" * 70000, b"\n" * 70000, b"x" * 70000 + b"\n", b"1\tstop\ta", b"\xff\xfe\n",
                  b"1\tstatus" + b"\t" * 60000 + b"\n"):
        with connect(s.socket) as one, contextlib.suppress(OSError):
            one.sendall(noise)
    assert s.status()["a"]["restarts"] == 0 and s.state("a") == "RUNNING"


# F3: a configuration gone bad; test_reload.test_a_bad_file_changes_nothing has the many ways

def test_a_configuration_that_is_gone(sup):
    s = sup(conf(program("a", startsecs=0)))
    wait_record(s, "a", "start")
    os.rename(s.path("supd.conf"), s.path("away"))
    s.expect_log("supd.conf", "was not reloaded")
    s.send(signal.SIGHUP)
    s.wait_log(r"supd\.conf.*No such file")
    os.mkdir(s.path("supd.conf"))
    s.send(signal.SIGHUP)
    s.wait_log(r"supd\.conf.*directory")
    s.kill(starts(s, "a")[0].pid)
    wait_record(s, "a", "start", 2)
    os.rmdir(s.path("supd.conf"))
    os.rename(s.path("away"), s.path("supd.conf"))
    s.ok("update")


# F7: what the agent needs is not there: it does not start, all else does

def test_an_agent_that_cannot_start(sup):
    """As with a missing library: the loader gives it exit status 127, again and again."""
    s = sup(conf(program("a", startsecs=0), "[agent]\n"), agent="#!/bin/sh\nexit 127\n")
    s.expect_log("supd-agent")
    pid = wait_record(s, "a", "start")[0].pid
    s.wait_log("agent: ended pid=.* exit status 127, starting it again")
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    assert busy_share(s.pid, 0.5) < 0.1


def test_a_supd_log_that_is_gone(sup):
    """Deleted while it runs and killed: programs go on, the pipes keep what they write, and it comes back."""
    talk = "/bin/sh -c 'while echo line; do busybox sleep 0.05; done'"
    s = sup(conf(program("talk", command=talk, startsecs=0, stdout_logfile="%(here)s/talk"), program("a", startsecs=0)),
            agent="#!/bin/sh\nexec sleep 1000\n")
    s.expect_log("supd-log")
    pid = wait_record(s, "a", "start")[0].pid
    s.wait_file("talk", "line")
    os.rename(s.path("bin", "supd-log"), s.path("bin", "away"))
    log = next(p for p in s.pids if status_of(p, "Name")[:1] == ["supd-log"])
    os.kill(log, signal.SIGKILL)
    s.kill(pid)
    wait_record(s, "a", "start", 2)
    had = os.path.getsize(s.path("talk"))
    shutil.move(s.path("bin", "away"), s.path("bin", "supd-log"))
    wait(lambda: os.path.getsize(s.path("talk")) > had, 20, "the log goes on")
    assert s.status()["talk"]["restarts"] == 0
    assert re.search(r"\A(line\n)+\Z", s.read("talk"))

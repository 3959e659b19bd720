"""supd-agent: there when it is needed, unprivileged, replaced when it dies, gone at the end."""
import json
import signal

import pytest

from harness.namespace import command_of, status_of

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[program:a]
command=/bin/sleep 1000
startsecs=0
"""


def ping(s):
    done = s.ctl("--json", "agent", "ping")
    return json.loads(done.stdout) if done.returncode == 0 else None


def test_none_is_started_without_need(sup):
    s = sup(CONF)
    done = s.ctl("agent", "ping")
    assert done.returncode == 1 and "no agent" in done.stderr
    assert not [p for p in s.pids if "supd-agent" in command_of(p)]


def test_life_of_the_agent(sup):
    s = sup(CONF + "[agent]\n")
    first = s.wait(lambda: ping(s))
    assert first["uid"] == 65534 and first["generation"] == 1
    outer = s.ns.outer(first["pid"])
    assert status_of(outer, "Groups") in ([], ["65534"]) and status_of(outer, "Uid") == ["65534"] * 4
    s.ok("restart", "a")
    s.wait(lambda: ping(s)["events"] >= first["events"] + 5)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        s.kill(first["pid"], sig)
    assert ping(s)["pid"] == first["pid"]
    for _ in range(2):
        old = ping(s)["pid"]
        s.kill(old)
        s.wait(lambda old=old: (ping(s) or {"pid": old})["pid"] != old)
    assert s.state("a") == "RUNNING" and s.status()["a"]["restarts"] == 0
    assert s.ctl("agent", "bogus").returncode == 2
    assert s.stop() == 0


@pytest.mark.parametrize("conf", ["[agent]\nuser=daemon\n"])
def test_user(sup, conf):
    s = sup(CONF + conf)
    assert s.wait(lambda: ping(s))["uid"] == 1


@pytest.mark.parametrize("again", [False, True])
def test_one_that_hangs_is_killed_when_it_is_not_needed(sup, again):
    s = sup(CONF + "[agent]\n")
    pid = s.wait(lambda: ping(s))["pid"]
    s.kill(pid, signal.SIGSTOP)
    s.write("supd.conf", CONF)
    s.ok("update")
    if again:  # needed again before the old one is gone
        s.write("supd.conf", CONF + "[agent]\n")
        s.ok("update")
    s.wait_log(rf"agent: pid={pid} takes too long to end, killing it", 5)
    s.wait_log(rf"agent: ended pid={pid} terminated by SIGKILL")
    if again:
        assert s.wait(lambda: ping(s))["pid"] != pid
    else:
        assert not [p for p in s.pids if "supd-agent" in command_of(p)]


def test_descriptors(sup):
    import os
    s = sup(CONF + "[agent]\n")
    outer = s.ns.outer(s.wait(lambda: ping(s))["pid"])
    fds = {fd: os.readlink(f"/proc/{outer}/fd/{fd}") for fd in os.listdir(f"/proc/{outer}/fd")}
    extra = [v for fd, v in fds.items() if int(fd) > 3 and "anon_inode" not in v]
    assert extra == [] and fds["3"].startswith("socket:"), fds
    with open(f"/proc/{outer}/environ", "rb") as f:
        assert b"TEST_DIR" not in f.read()

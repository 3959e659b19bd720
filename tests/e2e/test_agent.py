"""supd-agent: there when it is needed, unprivileged, replaced when it dies, gone at the end."""
import json
import shutil
import signal
import subprocess

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
    extra = [v for fd, v in fds.items() if int(fd) > 4 and "anon_inode" not in v]
    files = [v for v in extra if not v.startswith("socket:")]
    assert len(files) == 1 and "supd-journal" in files[0] and len(extra) < 6, fds
    assert fds["3"].startswith("socket:") and fds["4"].startswith("socket:"), fds
    with open(f"/proc/{outer}/environ", "rb") as f:
        assert b"TEST_DIR" not in f.read()


def test_generation(sup):
    """It knows the names of processes, and hears of a new configuration without a restart."""
    s = sup(CONF + "[agent]\n")
    first = s.wait(lambda: (ping(s) or {}).get("processes") == 1 and ping(s))
    s.write("supd.conf", CONF.replace("startsecs=0", "startsecs=0\nnumprocs=3\nprocess_name=%(process_num)s") +
            "[agent]\n")
    s.ok("update")
    now = s.wait(lambda: ping(s)["processes"] == 3 and ping(s))
    assert now["pid"] == first["pid"] and now["sections"] == 0


def get(s, port, path):
    """An HTTP request inside the supervisor's network namespace: (status, type, text)."""
    code = ("import sys,urllib.request as u,urllib.error as e\n"
            "try: r=u.urlopen(sys.argv[1],timeout=5)\n"
            "except e.HTTPError as x: r=x\n"
            "except OSError as x: sys.exit(str(x))\n"
            "print(r.status, r.headers['Content-Type']); print(r.read().decode(), end='')")
    done = s.ns.enter(["/usr/bin/python3", "-c", code, f"http://127.0.0.1:{port}{path}"])
    if done.returncode:
        return None
    head, _, text = done.stdout.partition("\n")
    return int(head.split()[0]), head.partition(" ")[2], text


def test_metrics(sup):
    s = sup(CONF + "[agent]\nlisten=9190\n[probe:self]\ntype=http\nurl=http://127.0.0.1:9190/-/healthy\n"
            "interval=500ms\n[probe:none]\ntype=tcp\nhost=127.0.0.1\nport=1\ninterval=500ms\n")
    got = s.wait(lambda: get(s, 9190, "/metrics"))
    s.wait(lambda: 'supd_process_up{name="a",program="a"} 1' in get(s, 9190, "/metrics")[2])
    s.ok("restart", "a")
    s.wait(lambda: 'supd_process_starts_total{name="a",program="a"} 2' in get(s, 9190, "/metrics")[2])
    assert got[0] == 200 and got[1] == "text/plain; version=0.0.4; charset=utf-8"
    assert get(s, 9190, "/nothing")[0] == 404 and get(s, 9190, "/-/healthy")[2] == "ok\n"
    s.wait(lambda: 'probe_success{probe="self",type="http"} 1' in get(s, 9190, "/metrics")[2])
    s.wait(lambda: 'probe_failures_total{probe="none",type="tcp",reason="connect_refused"}'
           in get(s, 9190, "/metrics")[2])
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=get(s, 9190, "/metrics")[2],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_listen_follows_the_configuration(sup):
    """Connections wait while the agent is being replaced; another address is taken over."""
    s = sup(CONF + "[agent]\nlisten=127.0.0.1:9190\n")
    s.wait(lambda: get(s, 9190, "/-/healthy"))
    s.kill(ping(s)["pid"])
    assert get(s, 9190, "/-/healthy")[0] == 200
    s.write("supd.conf", CONF + "[agent]\nlisten=127.0.0.1:9191\n")
    s.ok("update")
    s.wait(lambda: get(s, 9191, "/-/healthy") and not get(s, 9190, "/-/healthy"))
    s.write("supd.conf", CONF + "[agent]\n")
    s.ok("update")
    s.wait(lambda: not get(s, 9191, "/-/healthy"))

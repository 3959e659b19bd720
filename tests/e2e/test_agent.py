"""supd-agent: there when it is needed, unprivileged, replaced when it dies, gone at the end."""
import json
import os
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


@pytest.mark.parametrize("section", [
    "[agent]", "[probe:x]\ntype=tcp\nhost=127.0.0.1\nport=1", "[metric:x]\ntype=exits\nprogram=a",
    "[alert:x]\ntype=program\nprogram=a", "[notify:x]\ntype=log"])
def test_each_section_that_needs_one_starts_it(sup, section):
    s = sup(CONF + section + "\n")
    assert s.wait(lambda: ping(s))["uid"] == 65534
    s.write("supd.conf", CONF)
    s.ok("update")
    s.wait(lambda: not [p for p in s.pids if "supd-agent" in command_of(p)])


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


def test_user_and_groups(sup):
    s = sup(CONF + "[agent]\nuser=daemon\ngroups=adm,mail\n")
    first = s.wait(lambda: ping(s))
    outer = s.ns.outer(first["pid"])
    assert first["uid"] == 1 and status_of(outer, "Uid") == ["1"] * 4 and status_of(outer, "Gid") == ["1"] * 4
    assert sorted(status_of(outer, "Groups")) == ["1", "4", "8"]
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status_of(outer, caps)[0], 16) == 0, caps


def memory_of(pid):
    """All that is readable in a process's memory, bar the gigabytes that a sanitizer only reserves."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            first, last = (int(n, 16) for n in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or last - first > 1 << 28:
                continue
            try:
                mem.seek(first)
                found.append(mem.read(last - first))
            except (OSError, ValueError, OverflowError):  # [vvar], or gone
                continue
    return b"".join(found)


def files_of(pid):
    """What its descriptors hold, as far as it can be read without taking it away."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        if os.readlink(path).startswith("/") and os.path.isfile(path):
            with open(path, "rb") as f:
                found.append(f.read())
    return b"".join(found)


def test_no_secret_of_a_program_reaches_it(sup):
    """Neither what a program is started with, nor what supd was: it has its own sections and the servers alone."""
    s = sup(CONF + """[program:secretive]
command=/bin/sh -c 'sleep 1000; : sesame-command'
environment=PASSWORD="sesame-environment"
startsecs=0
[unix_http_server]
file=%(here)s/rpc.sock
username=u
password=own-password-of-a-server
[probe:own]
type=http
url=http://127.0.0.1:1/
bearer=own-secret-of-a-probe
[alert:own]
type=program
program=secretive
[notify:own]
type=command
command=true own-words-of-a-notifier
""", env={"SUPD_TEST_SECRET": "sesame-of-supd"})
    s.wait_state("secretive", "RUNNING")
    outer = s.ns.outer(s.wait(lambda: ping(s) and ping(s)["sections"] == 3 and ping(s))["pid"])
    s.wait(lambda: "own" in s.ctl("alerts").stdout)
    everything = memory_of(outer) + files_of(outer)
    for part in ("environ", "cmdline"):
        with open(f"/proc/{outer}/{part}", "rb") as f:
            everything += f.read()
    assert b"secretive" in everything  # its name it knows
    for own in (b"own-secret-of-a-probe", b"own-words-of-a-notifier", b"own-password-of-a-server"):
        assert own in everything
    at = everything.find(b"sesame")
    assert at < 0, everything[max(0, at - 100):at + 100]


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
    s = sup(CONF + "[agent]\n")
    outer = s.ns.outer(s.wait(lambda: ping(s))["pid"])
    fds = {fd: os.readlink(f"/proc/{outer}/fd/{fd}") for fd in os.listdir(f"/proc/{outer}/fd")}
    extra = [v for fd, v in fds.items() if int(fd) > 4 and "anon_inode" not in v]
    files = [v for v in extra if not v.startswith("socket:")]
    assert sum("supd-journal" in v for v in files) == 1, fds
    assert all("supd-journal" in v or "agent.db" in v for v in files) and len(extra) < 9, fds
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

"""supd-agent, or supd, ends and begins again: what it knew goes on, what happened meanwhile counts."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import struct
import subprocess
import time
import zlib

CONF = """[supd]
[supervisord]
[program:a]
command=/bin/sleep 1000
startsecs=0
[agent]
state_dir=%(here)s/state
"""
PROBES = """[probe:dead]
type=tcp
address=127.0.0.1:1
interval=300ms
confirm=50ms
start_period=0
[probe:slow]
type=tcp
address=127.0.0.1:1
interval=1h
fall=1
start_period=0
[notify:all]
type=log
[alert:down]
type=probe
probe=dead
severity=critical
for=0
keep_firing=0
notify=all
"""


def ping(s):
    done = s.ctl("--json", "agent", "ping")
    return json.loads(done.stdout) if done.returncode == 0 else None


def again(s, wait=True):
    """Kills the agent; returns when the next one is there."""
    old = s.wait(lambda: ping(s))["pid"]
    s.kill(old)
    if wait:
        s.wait(lambda: (ping(s) or {"pid": old})["pid"] != old)
    return old


def probes(s):
    done = s.ctl("--json", "probes")
    return {p["name"]: p for p in json.loads(done.stdout)} if done.returncode in (0, 3) else {}


def since(p):
    """When its state began, seconds since 1970."""
    return time.time() - int(p["since_ms"]) / 1000


def told(s, name="down"):
    return re.findall(rf"alert {name}: (\w+) severity", s.log_text())


def started(sup, conf):
    s = sup(CONF + conf)
    s.expect_log("alert .*: (firing|PENDING -> FIRING)")
    s.wait(lambda: ping(s))
    return s


def supd_again(s):
    """supd ends and another one begins, with the same folder of states."""
    s.stop()
    s.ns.destroy()
    s.start()
    s.wait_ready()
    s.wait(lambda: ping(s))


def test_a_failed_probe_stays_failed(sup):
    s = started(sup, PROBES)
    s.wait_log("alert down: firing")
    s.wait(lambda: probes(s)["slow"]["state"] == "FAILED", 15)
    before = {name: since(p) for name, p in probes(s).items()}
    for _ in range(2):
        again(s)
        s.wait(lambda: probes(s).get("slow", {}).get("state") == "FAILED", 3)  # before it is measured
        now = probes(s)
        for name in ("dead", "slow"):
            assert now[name]["state"] == "FAILED" and abs(since(now[name]) - before[name]) < 0.5, now[name]
            assert now[name]["reason"] == "connect_refused"
    supd_again(s)
    s.wait(lambda: probes(s).get("slow", {}).get("state") == "FAILED", 3)
    assert abs(since(probes(s)["slow"]) - before["slow"]) < 0.5
    s.wait(lambda: int(probes(s)["dead"]["runs"]) > int(now["dead"]["runs"]) + 3)
    assert told(s) == ["firing"] and "FIRING" in s.ctl("alerts").stdout
    assert s.log_text().count("WAITING -> FAILED") == 2  # each probe once, by the first agent


def test_old_states_say_nothing(sup):
    """A machine that was off for long: what was written down then is not believed."""
    s = started(sup, PROBES)
    s.wait(lambda: probes(s)["slow"]["state"] == "FAILED", 15)
    s.stop()
    s.ns.destroy()
    # the stamps as if the boot before had been a day ago
    db = s.path("state", "agent.db")
    with contextlib.closing(sqlite3.connect(db)) as store:
        (record,) = store.execute("SELECT value FROM record WHERE tab='agent'").fetchone()
        wall = struct.unpack("<q", record[-8:])[0] - 86400 * 10**9
        rest = record[4:12] + struct.pack("<Q", 12345) + record[20:28] + struct.pack("<q", wall)
        store.execute("UPDATE record SET value=? WHERE tab='agent'", (struct.pack("<I", zlib.crc32(rest)) + rest,))
        store.commit()
    s.start()
    s.wait_ready()
    s.wait_log("agent: 0 of 2 probes go on where they were")
    assert probes(s)["slow"]["state"] == "WAITING"
    s.wait_log("probe slow: WAITING -> FAILED", 15)


def test_a_program_that_began_meanwhile_begins_anew(sup):
    """Its probe was FAILED; but it was started again while no agent was there."""
    s = started(sup, PROBES.replace("[probe:dead]\n", "[probe:dead]\nprogram=a\n"))
    s.wait(lambda: {p["state"] for p in probes(s).values()} == {"FAILED"}, 15)
    began = s.status()["a"]["start"]
    s.wait(lambda: time.time() > began + 2)  # starts are told in seconds
    agent = s.ns.outer(ping(s)["pid"])
    os.kill(agent, signal.SIGSTOP)
    s.ok("restart", "a")
    os.kill(agent, signal.SIGKILL)
    s.wait_log("agent: 1 of 2 probes go on")
    s.wait(lambda: s.log_text().count("probe dead: WAITING -> FAILED") == 2)
    assert s.log_text().count("probe slow: WAITING -> FAILED") == 1
    assert told(s) == ["firing"]


CERT = """[probe:cert]
type=cert
files=%(pem)s
interval=1h
[notify:all]
type=log
[alert:ends]
type=cert
probe=cert
severity=warning
notify=all
"""


def test_a_certificates_alert_goes_on(sup, tmp_path):
    pem = tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=test", "-days", "2", "-keyout", str(tmp_path / "key.pem"), "-out", str(pem)],
                   check=True, capture_output=True)
    # a life of 90 days, of which 5 are left, would do as well: what counts is that a stage has begun
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        os.chmod(folder, 0o755)
    s = started(sup, CERT % {"pem": pem})
    s.wait(lambda: probes(s)["cert"]["state"] != "WAITING", 15)
    before = s.ctl("explain", "ends").stdout
    again(s)
    s.wait_log("agent: 1 of 1 probes go on where they were")
    assert re.sub(r"\d+", "N", s.ctl("explain", "ends").stdout) == re.sub(r"\d+", "N", before)


EXITS = """[program:b]
command=/bin/sh -c "exit 3"
autostart=false
autorestart=false
startsecs=0
[metric:exits]
type=exits
program=b
[metric:restarts]
type=exits
program=c
of=restarts
[program:c]
command=/bin/sleep 1000
startsecs=0
"""


def metric(s, name):
    """(total, errors, known) of a metric's last hour."""
    done = s.ctl("--json", "metrics", name)
    rows = json.loads(done.stdout) if done.returncode == 0 else []
    return next(((int(m["total"]), int(m["errors"]), m["known"]) for m in rows if m["window"] == "1h"), None)


def exits(s, n):
    for _ in range(n):
        before = s.status()["b"]["exits"]
        s.ctl("start", "b")
        s.wait(lambda before=before: s.status()["b"]["exits"] > before)


def test_exits_count_while_no_agent_is_there(sup):
    s = started(sup, EXITS)
    exits(s, 2)
    s.wait(lambda: metric(s, "exits") == (2, 2, "100%"))
    agent = s.ns.outer(ping(s)["pid"])
    os.kill(agent, signal.SIGSTOP)  # it sees nothing of these
    exits(s, 3)
    s.kill(s.status()["c"]["pid"])
    s.wait(lambda: s.status()["c"]["restarts"] == 1 and s.state("c") == "RUNNING")
    os.kill(agent, signal.SIGKILL)
    exits(s, 1)
    s.wait(lambda: metric(s, "exits") == (6, 6, "100%"))
    assert metric(s, "restarts") == (1, 1, "100%")
    exits(s, 1)
    s.wait(lambda: metric(s, "exits") == (7, 7, "100%"))
    again(s)
    s.wait(lambda: metric(s, "exits") == (7, 7, "100%"))
    # another supd counts from 0, and the time between is not known
    supd_again(s)
    exits(s, 1)
    s.wait(lambda: (metric(s, "exits") or (0,))[0] == 8)
    assert metric(s, "exits")[2] != "100%"

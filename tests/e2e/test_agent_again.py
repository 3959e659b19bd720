"""supd-agent, or supd, ends and begins again: what it knew goes on, what happened meanwhile counts."""
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import time
import zlib

import pytest

from harness.agents import again, ping
from harness.pki import Pki

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


def probes(s):
    """{name: what is told of it}; began: when its state began, in seconds, at least and at most."""
    asked = time.time()
    done = s.ctl("--json", "probes")
    told = json.loads(done.stdout) if done.returncode in (0, 3) else []
    answered = time.time()
    for p in told:
        p["began"] = [at - int(p["since_ms"]) / 1000 for at in (asked, answered)]
    return {p["name"]: p for p in told}


def same_state(one, other):
    """Both are of one state: it can have begun at one time."""
    return one["began"][0] <= other["began"][1] + 0.1 and other["began"][0] <= one["began"][1] + 0.1


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
    before = probes(s)
    for _ in range(2):
        again(s)
        s.wait(lambda: probes(s).get("slow", {}).get("state") == "FAILED")
        now = probes(s)
        for name in ("dead", "slow"):
            assert now[name]["state"] == "FAILED" and same_state(now[name], before[name]), (before, now)
            assert now[name]["reason"] == "connect_refused"
    supd_again(s)
    s.wait(lambda: probes(s).get("slow", {}).get("state") == "FAILED")
    assert same_state(probes(s)["slow"], before["slow"]), before
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
runbook=https://runbooks.example/certificate
severity=warning
for=0
notify=all
"""


@pytest.mark.timeout(90)
def test_a_certificates_alert_goes_on(sup, tmp_path):
    """Told once, whatever ends and begins again; and its end, when it is renewed."""
    pki = Pki(str(tmp_path))
    pki.issue("ends", start=-80, end=10)
    pki.issue("renewed", start=-1, end=89)
    s = sup(CONF + CERT % {"pem": "%(here)s/cert.pem"}, ready=False)
    shutil.copy(pki.path("ends.pem"), s.path("cert.pem"))
    os.chmod(s.path("cert.pem"), 0o644)
    s.wait_ready()
    s.wait_log("alert ends: firing", 15)
    for _ in range(2):
        again(s)
        s.wait_log("agent: 1 of 1 probes go on where they were")
        p = probes(s)["cert"]
        assert p["state"] == "OK" and int(p["not_after"]) > time.time() + 9 * 86400, p
        runs = int(p["runs"])
        s.wait(lambda runs=runs: int(probes(s)["cert"]["runs"]) > runs, 15)
    supd_again(s)
    runs = int(s.wait(lambda: probes(s).get("cert"), 15)["runs"])
    s.wait(lambda: int(probes(s)["cert"]["runs"]) > runs, 15)
    assert told(s, "ends") == ["firing"]
    shutil.copy(pki.path("renewed.pem"), s.path("cert.pem"))
    s.ctl("probe", "run", "cert")
    s.wait(lambda: told(s, "ends") == ["firing", "resolved"])


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
    s.wait(lambda: metric(s, "exits") == (2, 2, 1.0))
    agent = s.ns.outer(ping(s)["pid"])
    os.kill(agent, signal.SIGSTOP)  # it sees nothing of these
    exits(s, 3)
    s.kill(s.status()["c"]["pid"])
    s.wait(lambda: s.status()["c"]["restarts"] == 1 and s.state("c") == "RUNNING")
    os.kill(agent, signal.SIGKILL)
    exits(s, 1)
    s.wait(lambda: metric(s, "exits") == (6, 6, 1.0))
    assert metric(s, "restarts") == (1, 1, 1.0)
    exits(s, 1)
    s.wait(lambda: metric(s, "exits") == (7, 7, 1.0))
    again(s)
    s.wait(lambda: metric(s, "exits") == (7, 7, 1.0))
    # another supd counts from 0, and the time between is not known
    supd_again(s)
    exits(s, 1)
    s.wait(lambda: (metric(s, "exits") or (0,))[0] == 8)
    assert metric(s, "exits")[2] != 1.0

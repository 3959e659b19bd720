"""Probes in supd-agent: what supctl shows of them, health of programs, restarts within a budget."""
import json
import os
import re
import subprocess

from harness.pki import Pki
from harness.supervised import build_dir

WEB = """[supd]
[supervisord]
childlogdir=%(here)s
[program:web]
command=/usr/bin/python3 -u -m http.server 18080 --bind 127.0.0.1 --directory %(here)s/www
startsecs=0
"""
PROBE = """[probe:web]
type=http
url=http://127.0.0.1:18080/health
interval=500ms
confirm=100ms
start_period=5s
program=web
"""


def probes(s, *names):
    done = s.ctl("--json", "probes", *names)
    return {p["name"]: p for p in json.loads(done.stdout)} if done.returncode in (0, 3) else {}


def health(s, *, ok):
    """The page that the probe asks for is there, or is not."""
    os.makedirs(s.path("www"), exist_ok=True)
    if ok:
        s.write("www/health", "well\n")
    elif os.path.exists(s.path("www/health")):
        os.unlink(s.path("www/health"))


def run_supd(*args):
    return subprocess.run([os.path.join(build_dir(), "supd"), *args], capture_output=True, text=True,
                          timeout=60, check=False)


def state(s, name="web"):
    return probes(s).get(name, {}).get("state")


def test_health_of_a_program(sup):
    s = sup(WEB + PROBE)
    health(s, ok=True)
    s.wait(lambda: state(s) == "OK")
    s.wait(lambda: s.status()["web"].get("health") == "OK")
    assert "HEALTH" in s.ok("status") and " healthy" in s.ok("status")
    assert "Its health" not in s.ok("explain", "web")
    health(s, ok=False)
    s.wait(lambda: state(s) == "FAILED")
    assert s.ctl("probes").returncode == 3
    row = s.status()["web"]
    assert row["health"] == "FAILED" and "probe web: status 404 (wanted 200-299)" in row["health_text"]
    assert row["restarts"] == 0 and "unhealthy" in s.ctl("status").stdout
    assert "Its health is FAILED: probe web: status 404 (wanted 200-299)" in s.ok("explain", "web")
    health(s, ok=True)
    s.wait(lambda: state(s) == "OK")
    log = s.log_text()
    assert "probe web: OK -> FAILED, reason: status 404" in log
    assert log.count("probe web: FAILED -> OK") == 1


def test_restart_within_its_budget(sup):
    s = sup(WEB + PROBE.replace("start_period=5s", "start_period=0s") +
            "on_fail=restart\nrestart_limit=2\nrestart_window=1h\n")
    s.wait(lambda: s.log_text().count("restarting: web, its probe web failed") == 2, 30)
    s.wait(lambda: "was restarted 2 times within restart_window already" in s.log_text(), 30)
    assert s.log_text().count("restarting: web") == 2 and s.state("web") == "RUNNING"


def test_restarted_again_when_the_window_allows(sup):
    s = sup(WEB + PROBE.replace("start_period=5s", "start_period=0s") +
            "on_fail=restart\nrestart_limit=1\nrestart_window=3s\n")
    s.wait(lambda: s.log_text().count("restarting: web, its probe web failed") >= 3, 30)
    assert s.log_text().count("was restarted 1 times within restart_window already") >= 2


def test_run_like_a_plugin(sup):
    s = sup(WEB + PROBE + "[probe:none]\ntype=tcp\nhost=127.0.0.1\nport=1\ninterval=1h\n")
    health(s, ok=True)
    s.wait(lambda: state(s) == "OK")
    done = s.ctl("probe", "run", "web")
    assert done.returncode == 0 and re.match(r"OK - web: status 200 .*\| time=0\.\d{6}s;;;0$", done.stdout)
    done = s.ctl("probe", "run", "none")
    assert done.returncode == 2 and done.stdout.startswith("CRITICAL - none: connection refused")
    assert s.ctl("probe", "run", "nosuch").returncode == 3
    assert s.ctl("probes", "nosuch").returncode == 1


def test_a_certificate_that_ends_soon_warns_like_a_plugin(sup, open_dir):
    """It is no failure of the probe; exit codes follow the stages."""
    pki = Pki(open_dir())
    ends = {"far": 60, "early": 25, "warns": 10, "urgent": 5}
    for name, end in ends.items():
        pki.issue(name, start=end - 90, end=end)
    s = sup("[supd]\n[supervisord]\nchildlogdir=%(here)s\n" + "".join(
        f"[probe:{n}]\ntype=cert\nfiles={pki.path(n)}.pem\ninterval=1h\n" for n in ends))
    s.wait(lambda: len(probes(s)) == len(ends))
    for name, code, word in (("far", 0, "OK"), ("early", 0, "OK"), ("warns", 1, "WARNING"), ("urgent", 2, "CRITICAL")):
        done = s.ctl("probe", "run", name)
        assert done.returncode == code and done.stdout.startswith(f"{word} - {name}: "), done.stdout
        assert probes(s)[name]["status"] == "ok"
    assert json.loads(s.ctl("--json", "probe", "run", "warns").stdout)["stage"] == 2


def test_agent_killed(sup):
    """Probing goes on after the agent died; the workers do not notice."""
    s = sup(WEB + PROBE)
    health(s, ok=True)
    s.wait(lambda: state(s) == "OK")
    pid = s.status()["web"]["pid"]
    s.kill(json.loads(s.ctl("--json", "agent", "ping").stdout)["pid"])
    s.wait(lambda: state(s) == "OK" and s.status()["web"].get("health") == "OK")
    assert s.status()["web"]["pid"] == pid


def test_reload(sup):
    """What stays goes on, what is new begins, what is gone is gone."""
    s = sup(WEB + PROBE)
    health(s, ok=True)
    s.wait(lambda: state(s) == "OK")
    runs = int(probes(s)["web"]["runs"])
    s.write("supd.conf", WEB + PROBE + "[probe:two]\ntype=tcp\nhost=127.0.0.1\nport=18080\n")
    s.ok("update")
    s.wait(lambda: state(s, "two") == "OK")
    assert int(probes(s)["web"]["runs"]) >= runs and state(s) == "OK"
    s.write("supd.conf", WEB)
    s.ok("update")
    s.wait(lambda: "health" not in s.status()["web"])


def test_refusals(tmp_path):
    """Everything that is wrong is said at once, each with its line and what to do."""
    conf = tmp_path / "c.conf"
    conf.write_text("""[supervisord]
[program:a]
command=/bin/true
[probe:x]
type=htp
[probe:y]
type=http
url=http://127.0.0.1/
program=a
target=dependency
on_fail=restart
timout=1s
[probe:z]
type=tcp
host=h
port=1
parent=w
timeout=1m
[probe:re]
type=http
url=http://h/
body_regex=(
""", encoding="utf-8")
    done = run_supd("--check", "-c", str(conf))
    text = done.stderr
    assert done.returncode == 2
    for part in (":5: probe:x.type: 'htp' is not one of ", "did you mean http?",
                 ":11: probe:y.on_fail: restart is refused for a probe of something that the program",
                 ":12: [probe:y] has no option 'timout'; did you mean timeout?",
                 ":17: probe:z.parent: there is no [probe:w]",
                 ":18: probe:z.timeout: an attempt may not take longer than the interval"):
        assert part in text, (part, text)
    conf.write_text("[supervisord]\n[probe:re]\ntype=http\nurl=http://h/\nbody_regex=(\n", encoding="utf-8")
    done = run_supd("--check", "-c", str(conf))
    assert done.returncode == 2 and ":5: probe:re.body_regex: " in done.stderr


def test_health_of_many_programs(sup):
    names = [f"p{i}" for i in range(100)]
    s = sup("[supd]\n[supervisord]\nchildlogdir=%(here)s\n" + "".join(
        f"[program:{n}]\ncommand=/bin/sleep 1000\n"
        f"[probe:{n}]\ntype=tcp\naddress=127.0.0.1:1\ninterval=1h\nprogram={n}\n" for n in names))
    s.wait(lambda: len(probes(s)) == len(names))
    s.wait(lambda: {s.status()[n].get("health") for n in names} == {"WAITING"})

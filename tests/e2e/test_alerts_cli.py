"""What people do with alerts through supctl: look, explain, acknowledge, silence, test."""
import json
import re

import pytest

CONF = """[supd]
[supervisord]
childlogdir=%(here)s
[agent]
listen=9190
state_dir=%(here)s/state
[program:web]
command=/bin/sleep 1000
startsecs=0
[probe:web]
type=tcp
host=127.0.0.1
port=1
interval=500ms
[alert:web]
type=program
program=web
state=RUNNING
for=0s
keep_firing=0s
[notify:log]
type=log
"""


@pytest.fixture
def s(sup):
    one = sup(CONF)
    one.wait(lambda: "FIRING" in one.ctl("alerts", "web").stdout)
    return one


def test_explain_tells_of_all_that_has_a_name(s):
    s.wait(lambda: "connect_refused" in s.ok("probes"))
    out = s.ok("explain", "web")
    assert re.search(r"^web: up for .*pid \d+", out, re.M)
    assert re.search(r"^probe web \(tcp\) is WAITING", out, re.M)
    assert re.search(r"waits for its first success; failures do not count for \d+s more", s.ok("explain", "probe:web"))
    assert re.search(r"^alert web \(.*\) is FIRING;", out, re.M)
    assert "alert web" not in s.ok("explain", "probe:web")
    done = s.ctl("explain", "nosuch")
    assert done.returncode == 1 and "nosuch: there is no process, probe, metric, alert" in done.stderr


@pytest.mark.parametrize("words,said", [
    (["explain", "wbe"], "wbe: there is no process, probe, metric, alert or notifier of that name; did you mean web?"),
    (["explain", "something-else"], "of that name"),
    (["probes", "wbe"], "there is no probe wbe; did you mean web?"),
    (["probe", "run", "weba"], "there is no probe weba; did you mean web?"),
    (["alerts", "wbe"], "there is no alert wbe; did you mean web?"),
    (["alerts", "ack", "web", "wbe"], "there is no alert wbe; did you mean web?"),
    (["alerts", "unack", "wbe"], "there is no alert wbe; did you mean web?"),
    (["metrics", "wbe"], "there is no metric wbe: no [metric:NAME] is configured"),
    (["notify", "test", "xyz"], "there is no notifier xyz"),
    (["notify", "test", "lo"], "there is no notifier lo; did you mean log?"),
])
def test_a_name_that_nothing_has(s, words, said):
    done = s.ctl(*words)
    assert done.returncode == (3 if "run" in words else 1), done
    assert done.stderr == f"supctl: {said}\n" or (words[1] == "something-else" and done.stderr.endswith(f"{said}\n"))
    assert "acknowledged" not in s.ctl("alerts").stdout  # all or none


def test_silences_and_acknowledgements_are_taken_back(s):
    number = s.ok("alerts", "silence", "alertname=w*", "for=10m", "reason=deploy").strip()
    s.wait(lambda: f"silence {number}" in s.ctl("alerts", "web").stdout)
    assert "deploy" in s.ok("alerts", "silences")
    s.ok("alerts", "unsilence", number)
    assert s.ok("alerts", "silences") == "there are no silences\n"
    assert s.ctl("alerts", "unsilence", number).returncode == 1
    s.ok("alerts", "ack", "web", "for=1h", "reason=known since noon")
    assert "root has acknowledged it for 59m59s: known since noon" in s.ok("explain", "alert:web")
    s.wait_log(r'alert web: acknowledged severity=warning summary="acknowledged by root: known since noon: web')
    s.ok("alerts", "unack", "web")
    assert s.ctl("alerts", "unack", "web").returncode == 1
    assert "acknowledged" not in s.ctl("alerts", "web").stdout


def test_many_names_at_once(s):
    names = ["web"] * 200
    assert s.ctl("alerts", *names).stdout.count("FIRING") == 200
    done = s.ctl("alerts", "ack", *names)
    assert done.returncode == 0, done.stderr
    assert "acknowledged by root" in s.ctl("alerts", "web").stdout
    done = s.ctl("alerts", *["web"] * 300)
    assert done.returncode == 2 and "more than 252 names at once" in done.stderr


def test_exit_codes_of_a_plugin(s):
    assert s.ctl("probe", "run", "web").returncode == 2
    for args in (["run"], ["run", "nosuch"], ["walk", "web"], ["run", "web", "again"], []):
        done = s.ctl("probe", *args)
        assert done.returncode == 3 and done.stderr, args


def test_a_test_of_a_notifier_as_json(s):
    assert json.loads(s.ok("--json", "notify", "test", "log")) == {"name": "log", "text": "written"}

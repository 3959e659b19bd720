"""Debian's nginx in trouble, watched through supd and supd-agent: what fires, when, once, with what
text, and what resolves; told to the log, to a command and to a web server."""
import os
import re
import time

import pytest

from harness.nginxwatch import Watched, clock, seconds

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed")
SLACK = 8  # seconds: the machine may have other things to do

# what it does is said by files beside it, so that it needs no reload
SITE = """
    server {
        listen 127.0.0.1:8080;
        root {here}/www;
        location / {
            if (-f {here}/broken) { return 500; }
            if (-f {here}/slow) { set $limit_rate 500; }
        }
    }
"""

INTERVAL, TIMEOUT, CONFIRM, FALL, RISE, FOR, KEEP = 2, 1, 0.3, 3, 2, 1, 1
WEB = f"""
[probe:web]
type=http
url=http://127.0.0.1:8080/page
interval={INTERVAL}s
timeout={TIMEOUT}s
confirm={CONFIRM}s
fall={FALL}
rise={RISE}
start_period=0

[alert:web-down]
type=probe
probe=web
severity=critical
for={FOR}s
keep_firing={KEEP}s
runbook=https://runbooks.example/web
"""


@pytest.fixture
def watched(sup, open_dir):
    return lambda http, conf: Watched(sup, open_dir(), http, conf)


# ---- a website ----

def stopped(w, on):
    w.s.ok("stop" if on else "start", "nginx")


def errors(w, on):
    if on:
        w.write("broken", "")
    else:
        os.unlink(w.path("broken"))


# what a timeout of a second leaves to an attempt, on a machine with other things to do
SECOND = r"(?:1s|9\d0ms)"


def slow(w, on):
    if on:
        w.write("slow", "")
    else:
        os.unlink(w.path("slow"))


def hung(w, on):
    """Its worker stands still: the kernel takes connections, and nobody answers them."""
    master = w.s.status()["nginx"]["pid"]
    done = w.s.run("sh", "-c", f"kill -{'STOP' if on else 'CONT'} $(cat /proc/{master}/task/{master}/children)")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("trouble,takes,words", [
    (stopped, 0, r"connection refused by 127\.0\.0\.1:8080"),
    (errors, 0, r"status 500 \(wanted 200-299\)"),
    (slow, TIMEOUT, rf"the answer did not end within {SECOND} \(connected in [\d.]+ ms, status 200\)"),
    (hung, TIMEOUT, rf"no answer within {SECOND} \(connected in [\d.]+ ms, waiting for the first byte\)"),
])
def test_a_website_in_trouble(watched, trouble, takes, words):
    w = watched(SITE, WEB)
    w.wait_probe("web", "OK")
    began = time.time()
    trouble(w, True)
    fired = w.wait_notice("web-down", "firing", INTERVAL + FALL * (takes + CONFIRM) + FOR + 2 * SLACK)
    # FAILED: the interval to the first failure, then the others at the distance of confirm=; then for=
    starts, at = seconds(fired["starts"]), seconds(fired["at"])
    assert (FALL - 1) * CONFIRM + takes <= starts - began <= INTERVAL + FALL * takes + (FALL - 1) * CONFIRM + SLACK
    assert FOR - 0.1 <= at - starts <= FOR + SLACK  # stamps of two clocks
    expected = rf"web-down: the probe web has failed since {clock(fired['starts'])}: {words}"
    assert re.fullmatch(expected, fired["summary"]), fired["summary"]
    assert (fired["severity"], fired["status"], fired["runbook"]) == ("critical", "firing",
                                                                     "https://runbooks.example/web")
    ended = time.time()
    trouble(w, False)
    over = w.wait_notice("web-down", "resolved", RISE * (INTERVAL + takes) + KEEP + 2 * SLACK)
    assert KEEP <= seconds(over["ends"]) - ended <= RISE * (INTERVAL + takes) + KEEP + SLACK
    # well since rise= successes; keep_firing= later it is over
    well = seconds(over["ends"]) - KEEP
    expected = "web-down: over after (.+?): the probe web has been well since (.+)"
    lasted, since = re.fullmatch(expected, over["summary"]).groups()
    assert re.fullmatch(r"[\d.]+s", lasted)
    assert since in [clock(well - d) for d in (0, SLACK)]
    assert (over["starts"], over["key"], over["status"]) == (fired["starts"], fired["key"], "resolved")
    w.wait_attempts("web")
    once = [("firing", fired["summary"]), ("resolved", over["summary"])]
    assert w.told("web-down") == {"hook": once, "command": once, "log": once}
    assert len({n["id"] for n in w.hook("web-down")}) == 2
    w.s.expect_log("alert web-down: (firing|FIRING)")


def test_a_restart_is_told_to_nobody(watched):
    """What is over before fall= failures has not happened; nor does a reload end or begin anything."""
    w = watched(SITE, WEB)
    w.wait_probe("web", "OK")
    w.s.ok("restart", "nginx")
    w.s.ok("signal", "HUP", "nginx")
    w.wait_attempts("web", 3)
    assert w.probe("web")["state"] == "OK"
    assert w.told("web-down") == {"hook": [], "command": [], "log": []}


def test_the_agent_is_killed_while_it_fires(watched):
    """The next one tells nothing anew, and what resolves when nginx is back. A notice that was on its
    way may come twice, as the same one."""
    w = watched(SITE, WEB)
    w.wait_probe("web", "OK")
    w.s.ok("stop", "nginx")
    fired = w.wait_notice("web-down", "firing", INTERVAL + FALL * CONFIRM + FOR + 2 * SLACK)
    for _ in range(2):
        w.kill_agent("web")
    w.wait_attempts("web")
    assert {n["id"] for n in w.hook("web-down")} == {fired["id"]}
    w.s.ok("start", "nginx")
    over = w.wait_notice("web-down", "resolved", RISE * INTERVAL + KEEP + 2 * SLACK)
    w.wait_attempts("web")
    assert (over["key"], over["starts"][:19]) == (fired["key"], fired["starts"][:19])
    assert {n["id"] for n in w.hook("web-down")} == {fired["id"], over["id"]}
    once = {("firing", fired["summary"]), ("resolved", over["summary"])}
    assert {name: set(told) for name, told in w.told("web-down").items()} == {
        name: once for name in ("hook", "command", "log")}
    w.s.expect_log("alert web-down: (firing|FIRING)", "supd-agent")

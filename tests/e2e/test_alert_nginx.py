"""Debian's nginx in trouble, watched through supd and supd-agent: what fires, when, once, with what
text, and what resolves; told to the log, to a command and to a web server."""
import calendar
import json
import os
import re
import time

import pytest

NGINX = "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not os.path.exists(NGINX), reason="nginx is not installed")
SLACK = 8  # seconds: the machine may have other things to do

# what it does is said by files beside it, so that it needs no reload
SITE = """
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
    server {{
        listen 127.0.0.1:8080;
        root {here}/www;
        location / {{
            if (-f {here}/broken) {{ return 500; }}
            if (-f {here}/slow) {{ set $limit_rate 500; }}
        }}
    }}
}}
"""

# a web server that writes down the body of each request, one a line
RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[1], "ab") as f:
            f.write(body + b"\\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Handler).serve_forever()
"""

COMMON = """
[supervisord]
logfile=/dev/stderr

[agent]
state_dir={here}/state

[program:nginx]
command=/usr/sbin/nginx -p {here} -c {here}/nginx.conf
stdout_logfile={here}/nginx.log
redirect_stderr=true

[program:receiver]
command=/usr/bin/python3 {here}/receiver.py {here}/hook
stdout_logfile={here}/receiver.log
redirect_stderr=true

[notify:log]
type=log

[notify:command]
type=command
command=tee -a {here}/told/command

[notify:hook]
type=webhook
url=http://127.0.0.1:8099/
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


def seconds(stamp):
    """Unix seconds of "2026-11-24T02:43:00.123Z"."""
    whole, part = re.fullmatch(r"(\S+?)(\.\d+)?Z", stamp).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(part or 0)


def clock(stamp):
    """"02:43 UTC" """
    return time.strftime("%H:%M UTC", time.gmtime(seconds(stamp)))


class Watched:
    """nginx, a receiver and what is configured, under supd."""

    def __init__(self, sup, folder, nginx_conf, conf):
        self.dir = str(folder)
        for name, mode in (("www", 0o755), ("told", 0o1777), ("state", 0o1777)):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), mode)
        self.write("nginx.conf", nginx_conf.format(here=self.dir))
        self.write("receiver.py", RECEIVER)
        self.write("www/page", "all is well\n" * 1000)
        self.s = sup((COMMON + conf).format(here=self.dir))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def lines(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as f:
                return [json.loads(line) for line in f.read().splitlines(keepends=True) if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def hook(self, alert, **labels):
        """Notices of an alert that came to the web server, in their order."""
        found = [one["supd"] for one in self.lines("hook")]
        return [n for n in found if n["alert"] == alert and labels.items() <= n["labels"].items()]

    def told(self, alert):
        """(kind, summary) of each notice, by notifier."""
        log = re.findall(rf'alert {alert}: (\w+) severity=\w+ summary="(.*?)"', self.s.log_text())
        return {"hook": [(n["kind"], n["summary"]) for n in self.hook(alert)],
                "command": [(n["kind"], n["summary"]) for n in self.lines("told/command") if n["alert"] == alert],
                "log": [(kind.lower(), summary) for kind, summary in log]}

    def wait_notice(self, alert, kind, timeout, **labels):
        def there():
            return next((n for n in self.hook(alert, **labels) if n["kind"] == kind), None)
        return self.s.wait(there, timeout, lambda: f"{kind} of {alert} {labels}; there are {self.hook(alert)}; log:\n"
                           f"{self.s.log_text()}")

    def probe(self, name):
        found = json.loads(self.s.ctl("probes", name, "--json").stdout or "[]")
        return found[0] if found else {}

    def wait_probe(self, name, state, timeout=30):
        return self.s.wait(lambda: self.probe(name).get("state") == state and self.probe(name), timeout,
                           lambda: f"{name} {state}: {self.probe(name)}; log:\n{self.s.log_text()}")

    def wait_attempts(self, name, n=2):
        """Until it was looked at so often again: what was to be told has been told by then."""
        runs = int(self.probe(name)["runs"]) + n
        self.s.wait(lambda: int(self.probe(name)["runs"]) >= runs, 30, f"{n} attempts of {name}")


@pytest.fixture
def watched(sup, open_dir):
    return lambda nginx_conf, conf: Watched(sup, open_dir(), nginx_conf, conf)


# ---- a website ----

def stopped(w, on):
    w.s.ok("stop" if on else "start", "nginx")


def errors(w, on):
    if on:
        w.write("broken", "")
    else:
        os.unlink(w.path("broken"))


def slow(w, on):
    if on:
        w.write("slow", "")
    else:
        os.unlink(w.path("slow"))


def hung(w, on):
    w.s.ok("signal", "STOP" if on else "CONT", "nginx")


@pytest.mark.parametrize("trouble,takes,words", [
    (stopped, 0, r"connection refused by 127\.0\.0\.1:8080"),
    (errors, 0, r"status 500 \(wanted 200-299\)"),
    (slow, TIMEOUT, r"the answer did not end within 1s \(connected in [\d.]+ ms, status 200\)"),
    (hung, TIMEOUT, r"no answer within 1s \(connected in [\d.]+ ms, waiting for the first byte\)"),
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
    assert since in [time.strftime("%H:%M UTC", time.gmtime(well - d)) for d in (0, SLACK)]
    assert (over["starts"], over["key"], over["status"]) == (fired["starts"], fired["key"], "resolved")
    w.wait_attempts("web")
    once = [("firing", fired["summary"]), ("resolved", over["summary"])]
    assert w.told("web-down") == {"hook": once, "command": once, "log": once}
    assert len({n["id"] for n in w.hook("web-down")}) == 2
    w.s.expect_log("alert web-down: (firing|FIRING)")

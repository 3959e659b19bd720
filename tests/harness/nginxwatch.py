"""Debian's nginx under supd, what watches it, and what is told of it: to the log, a command and a web
server, which are read back."""
import calendar
import json
import os
import re
import time

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

# its http section is what the test gives
NGINX = """
daemon off;
worker_processes 1;
pid {here}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
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


def seconds(stamp):
    """Unix seconds of "2026-11-24T02:43:00.123Z"."""
    whole, part = re.fullmatch(r"(\S+?)(\.\d+)?Z", stamp).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(part or 0)


def clock(when):
    """"02:43 UTC", of Unix seconds or of such a stamp."""
    return time.strftime("%H:%M UTC", time.gmtime(seconds(when) if isinstance(when, str) else when))


def date(when):
    """"2026-11-24 02:43 UTC" of Unix seconds."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


class Watched:
    """Starts all of it with sup (the fixture) in a folder that others may enter. conf and http may
    name the folder as {here}."""

    def __init__(self, sup, folder, http, conf):
        self.dir = str(folder)
        for name, mode in (("www", 0o755), ("told", 0o1777), ("state", 0o1777)):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), mode)
        self.write("nginx.conf", NGINX.format(here=self.dir) + http.replace("{here}", self.dir) + "}\n")
        self.write("receiver.py", RECEIVER)
        self.write("www/page", "all is well\n" * 1000)
        self.s = sup((COMMON + conf).replace("{here}", self.dir))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    # what was told

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
        log = re.findall(rf'alert {alert}: ([\w ]+) severity=\w+ summary="(.*?)"', self.s.log_text())
        return {"hook": [(n["kind"], n["summary"]) for n in self.hook(alert)],
                "command": [(n["kind"], n["summary"]) for n in self.lines("told/command") if n["alert"] == alert],
                "log": [(kind, summary) for kind, summary in log]}

    def wait_notice(self, alert, kind, timeout, **labels):
        """The first such notice."""
        return self.wait_notices(alert, kind, 1, timeout, **labels)[0]

    def wait_notices(self, alert, kind, n, timeout, **labels):
        """The first n such notices."""
        def there():
            found = [one for one in self.hook(alert, **labels) if one["kind"] == kind]
            return found if len(found) >= n else None
        return self.s.wait(there, timeout, lambda: f"{n} {kind} of {alert} {labels}; there are "
                           f"{self.hook(alert)}; log:\n{self.s.log_text()}")

    # probes

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

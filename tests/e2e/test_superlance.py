"""Listeners in the style of superlance's crashmail, memmon and httpok, written after docs/listeners.md."""
import os

from harness.supervised import ROOT, program

LANCE = f"/usr/bin/python3 {ROOT}/tests/harness/superlance.py"
# the first of its instances is not well, the next ones are
EATER = """import os, sys, time
first = not os.path.exists(sys.argv[1])
open(sys.argv[1], "w").close()
fill = b"x" * (200 << 20 if first else 1)
time.sleep(1000)
"""
WEB = """import http.server, os, sys
first = not os.path.exists(sys.argv[1])
open(sys.argv[1], "w").close()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if first else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", 8077), Handler).serve_forever()
"""


def section(name, events, *words):
    return f"""[eventlistener:{name}]
command={LANCE} {name} "cat >>%(here)s/{name}.mails" {' '.join(words)}
events={events}
environment=SUPCTL="{program('supctl')}"
buffer_size=100
"""


def test_all_three(sup, tmp_path):
    """Some of it waits for a tick, which comes every five seconds."""
    (tmp_path / "eater.py").write_text(EATER)
    (tmp_path / "web.py").write_text(WEB)
    os.chmod(tmp_path, 0o755)
    s = sup("[supervisord]\nchildlogdir=%(here)s\n" + section("crashmail", "PROCESS_STATE_EXITED")
            + section("memmon", "TICK_5", f"eater={150 << 20}")
            + section("httpok", "TICK_5", "web=http://127.0.0.1:8077/") + f"""
[program:dies]
command=/bin/sh -c "exit 3"
startsecs=0
autorestart=false
[program:ends]
command=/bin/sh -c "exit 0"
startsecs=0
autorestart=false
[program:eater]
command=/usr/bin/python3 -S {tmp_path}/eater.py {tmp_path}/ate
startsecs=0
[program:web]
command=/usr/bin/python3 {tmp_path}/web.py {tmp_path}/served
startsecs=0
""")
    before = s.status()
    s.wait_file("crashmail.mails", r"^Process dies in group dies exited unexpectedly \(pid \d+\) from state RUNNING$")
    s.wait_file("memmon.mails", "^Subject: memmon: eater restarted$", 30)
    s.wait_file("httpok.mails", "^Subject: httpok: web restarted$", 30)
    after = s.status()
    assert all(after[name]["pid"] != before[name]["pid"] for name in ("eater", "web"))
    assert "ends" not in s.read("crashmail.mails")
    assert {r["name"]: r["discarded"] for r in s.ask("listeners")[0]} == {"crashmail": 0, "memmon": 0, "httpok": 0}

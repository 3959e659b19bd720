"""An agent that stands still for a while (stopped, its cgroup frozen, the machine too busy for it) blames nobody for it."""
import json
import signal
import time

import pytest

from harness.agents import ping

EACH = 8           # probes of a kind, spread over the interval: some are under way at any time
SLOW = 0.8         # seconds that the peer takes to answer
SERVER = """import socket, sys, threading, time

def talk(peer):
    try:
        asked = peer.recv(4096)
        time.sleep(%s)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nwell" if asked.startswith(b"GET") else b"+PONG\\r\\n")
    except OSError:
        pass
    peer.close()

listener = socket.create_server(("127.0.0.1", 7000), backlog=256)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=talk, args=(peer,), daemon=True).start()
""" % SLOW
TIMING = "interval=3200ms\ntimeout=3s\nfall=1\nstart_period=0s\n"
CONF = """[supd]
[supervisord]
[program:server]
command=/usr/bin/python3 -u %(here)s/server.py
[agent]
""" + "".join(f"""[probe:http-{n}]
type=http
url=http://127.0.0.1:7000/
{TIMING}[probe:tcp-{n}]
type=tcp
address=127.0.0.1:7000
send=PING\\r\\n
expect=+PONG
{TIMING}""" for n in range(EACH))


def probes(s):
    done = s.ctl("--json", "probes")
    return {p["name"]: p for p in json.loads(done.stdout)} if done.returncode in (0, 3) else {}


def wait_for_runs(s, runs):
    """Until each probe has run so many times more."""
    before = {name: int(p["runs"]) for name, p in probes(s).items()}
    s.wait(lambda: all(int(p["runs"]) >= before[name] + runs for name, p in probes(s).items()), 30)


@pytest.mark.timeout(120)
def test_nobody_fails_because_the_agent_stood_still(sup):
    s = sup("[supd]\n[supervisord]\n")
    s.write("server.py", SERVER)
    s.write("supd.conf", CONF)
    s.ok("update")
    s.wait(lambda: {p["state"] for p in probes(s).values()} == {"OK"} and len(probes(s)) == 2 * EACH, 30)
    failures = {name: p["failures"] for name, p in probes(s).items()}  # before the server was there
    pid = ping(s)["pid"]
    # a little over what an attempt may take: answers wait beside timeouts; and far over it
    for seconds in (3.4, 3.4, 8.0):
        s.kill(pid, signal.SIGSTOP)
        end = time.monotonic() + seconds
        s.wait(lambda end=end: time.monotonic() > end, seconds + 5)
        s.kill(pid, signal.SIGCONT)
        wait_for_runs(s, 2)
    got = probes(s)
    assert {p["state"] for p in got.values()} == {"OK"}, got
    assert {name: p["failures"] for name, p in got.items()} == failures, got
    assert ping(s)["pid"] == pid and "-> FAILED" not in s.log_text()

"""What could hold supd-agent up, all at once: a DNS server that is dead, peers that accept and say
nothing, a disk that does not answer. Probes start in time, alerts are told."""
import json
import os
import re
import time

import pytest

from harness.machine import Machine
from harness.pki import Pki
from harness.supervised import program, tool

PROBES = 20        # ordinary ones
SECONDS = 8        # that the disk does not answer
PROMISE = 0.1      # seconds that no attempt begins late

# what the probes meet: names are asked for in vain, connections are accepted and not answered
PEERS = r'''
import socket, ssl, sys, threading
folder = sys.argv[1]
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("127.0.0.1", 53))
held = []

def deaf(port, say=b""):
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    while True:
        peer, _ = listener.accept()
        if say:
            peer.recv(100)
            peer.sendall(say)
        held.append(peer)

def web(peer):
    try:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nwell\n")
    except OSError:
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/pki/server.pem", folder + "/pki/server.key")
listener = socket.create_server(("127.0.0.1", 7443), backlog=256)
threading.Thread(target=deaf, args=(7000,), daemon=True).start()
threading.Thread(target=deaf, args=(7432, b"S"), daemon=True).start()  # PostgreSQL's yes to TLS
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=web, args=(peer,), daemon=True).start()
'''

CONF = """[supd]
[supervisord]
[program:peers]
command=/usr/bin/python3 -u %(here)s/peers.py %(here)s
stdout_logfile=%(here)s/peers.log
redirect_stderr=true

[program:door]
command=/usr/bin/python3 -u -m http.server 7001 --bind 127.0.0.1
directory=%(here)s/pki
stdout_logfile=NONE
stderr_logfile=NONE

[agent]
listen=9190
state_dir=%(here)s/disk/state

; needs a name
[probe:name-http]
type=http
url=https://dead.example:7443/
[probe:name-tcp]
type=tcp
address=dead.example:7443
[probe:name-postgres]
type=postgres
host=dead.example
user=u
[probe:name-cert]
type=cert
address=dead.example:7443
ca=%(here)s/pki/ca.pem

; is accepted, and hears nothing
[probe:deaf-http]
type=http
url=http://127.0.0.1:7000/
[probe:deaf-tls]
type=http
url=https://127.0.0.1:7000/
[probe:deaf-tcp]
type=tcp
address=127.0.0.1:7000
expect=hello
[probe:deaf-postgres]
type=postgres
host=127.0.0.1
port=7000
user=u
[probe:deaf-cert]
type=cert
address=127.0.0.1:7000
ca=%(here)s/pki/ca.pem

; needs a file of the disk
[probe:disk-cert]
type=cert
files=%(here)s/disk/server.pem
allow=unknown_issuer,self_signed
[probe:disk-http]
type=http
url=https://127.0.0.1:7443/
tls_ca=%(here)s/disk/ca.pem
[probe:disk-own]
type=http
url=https://127.0.0.1:7443/
tls_ca=%(here)s/disk/other/ca.pem
tls_cert=%(here)s/disk/other/server.pem
tls_key=%(here)s/disk/other/server.key
[probe:disk-postgres]
type=postgres
host=127.0.0.1
port=7432
user=u
sslmode=verify-full
ca=%(here)s/disk/ca.pem

; closes while the disk does not answer
[probe:door]
type=tcp
address=127.0.0.1:7001
[alert:door]
type=probe
probe=door
for=0s
keep_firing=0s
severity=info

; is told while the disk does not answer, by a program that is on the disk, and by one that is not
[alert:deaf]
type=probe
probe=deaf-tcp
for=0s
severity=info
[notify:stalled]
type=command
command=%(here)s/disk/tell
timeout=2s
[notify:file]
type=command
command=tee -a %(here)s/notices/all
"""
ORDINARY = """[probe:plain-{n}]
type=http
url=http://127.0.0.1:9190/-/healthy
"""
TIMING = "interval=1s\ntimeout=900ms\nconfirm=0s\nstart_period=0s\nfall=1\n"

AGENT = """#!/bin/sh
exec env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD={stall} STALL_DIR=%(dir)s/disk STALL_FLAG=%(dir)s/stalled {agent} "$@"
"""
RESOLVER = ["sh", "-c", 'echo nameserver 127.0.0.1 >"$TEST_DIR/resolv.conf" && '
            'mount --bind "$TEST_DIR/resolv.conf" /etc/resolv.conf && exec "$@"', "sh"]


def timed(conf):
    """Every probe with the same short times."""
    return re.sub(r"(?m)^(\[probe:.*\]\n)", lambda m: m[1] + TIMING, conf)


def disk(s):
    """The files and folders that the configuration names."""
    pki = Pki(s.path("pki"))
    pki.issue("ca", ca=True)
    pki.issue("server", "ca")
    for folder in ("disk", "disk/other", "disk/state", "notices"):
        os.mkdir(s.path(folder))
        os.chmod(s.path(folder), 0o777)
    for name in ("ca.pem", "server.pem", "server.key"):
        for to in ("disk", "disk/other"):
            with open(s.path("pki", name), encoding="utf-8") as f:
                os.chmod(s.write(f"{to}/{name}", f.read()), 0o644)
    os.chmod(s.write("disk/tell", "#!/bin/sh\nexec cat >/dev/null\n"), 0o755)


@pytest.fixture
def watched(sup):
    """All of it, running, with a disk that answers; write the file "stalled" and it does not."""
    agent = AGENT.format(stall=tool("stall.so"), agent=program("supd-agent"))
    s = sup("[supd]\n[supervisord]\n", prefix=RESOLVER, agent=agent)
    disk(s)
    s.write("peers.py", PEERS)
    s.machine = Machine()
    s.machine.start()
    s.write("supd.conf", timed(CONF + "".join(ORDINARY.format(n=n) for n in range(PROBES))))
    s.ok("update")
    s.wait_file("peers.log", "ready")
    s.wait(lambda: is_well(s, "plain-0", "disk-cert", "disk-http", "door"), 20)
    s.wait(lambda: notices(s, "deaf") == ["firing"])
    s.wait(lambda: len(notices(s, "door")) % 2 == 0)  # it may have been slower than its probe
    s.expect_log("the disk does not answer")
    yield s
    s.machine.end()


def metrics(s, name):
    """{probe: value} of a family."""
    text = s.run("curl", "-sS", "--max-time", "5", "http://127.0.0.1:9190/metrics").stdout
    return {m[1]: float(m[2]) for m in re.finditer(rf'^{name}\{{probe="([^"]+)",[^}}]*\}} (\S+)$', text, re.M)}


def watch(s, seconds):
    """Runs of all probes within so many seconds, and the latest start of any of them."""
    before, end = metrics(s, "probe_runs_total"), time.monotonic() + seconds
    s.wait(lambda: time.monotonic() > end, seconds + 5)
    runs = {name: n - before[name] for name, n in metrics(s, "probe_runs_total").items()}
    late = metrics(s, "probe_late_max_seconds")
    return runs, max(late.values())


def assert_in_time(s, seconds):
    runs, late = watch(s, seconds)
    machine = s.machine.late
    print(f"{len(runs)} probes, the latest start {late * 1000:.0f} ms late; the machine {machine * 1000:.0f} ms")
    # whoever only sleeps is woken first on a busy machine: others wait some turns more
    assert late < PROMISE + 6 * machine, (late, machine)
    few = {name: n for name, n in runs.items() if n < seconds - 2}
    assert not few, few
    assert set(metrics(s, "probe_success").get(f"plain-{n}") for n in range(PROBES)) == {1.0}
    assert not [n for n in metrics(s, "probe_failures_total") if n.startswith("plain-")]


def notices(s, alert):
    told = [json.loads(line) for line in s.read("notices/all").splitlines(keepends=True) if line.endswith("\n")]
    return [n["status"] for n in told if n["alert"] == alert]


def is_well(s, *names):
    got = metrics(s, "probe_success")
    return all(got.get(name) == 1 for name in names)


def assert_unknown(s, *names):
    """Nothing can be said of a server whose certificates' authorities cannot be read: it does not fail."""
    got = {p["name"]: p for p in json.loads(s.ctl("--json", "probes").stdout)}
    for name in names:
        assert got[name]["status"] == "unknown" and "does not answer" in got[name]["detail"], got[name]


@pytest.mark.release
@pytest.mark.timeout(120)
def test_a_disk_that_stops_answering(watched):
    s = watched
    before = notices(s, "door")
    s.write("stalled", "")
    assert_in_time(s, SECONDS)
    assert is_well(s, "disk-http", "disk-own")  # what was read before is known still
    assert_unknown(s, "disk-cert")
    # an alert that cannot be written down is told all the same
    s.ok("stop", "door")
    s.wait(lambda: notices(s, "door") == before + ["firing"], 20)
    os.unlink(s.path("stalled"))
    s.ok("start", "door")
    s.wait(lambda: is_well(s, "disk-cert", "disk-http", "disk-own", "door"), 20)
    s.wait(lambda: notices(s, "door") == before + ["firing", "resolved"], 20)
    assert notices(s, "deaf") == ["firing"]


@pytest.mark.release
@pytest.mark.timeout(120)
def test_a_disk_that_does_not_answer_from_the_start(watched):
    s = watched
    s.write("stalled", "")
    told = len(notices(s, "deaf"))
    s.kill(json.loads(s.ctl("--json", "agent", "ping").stdout)["pid"])
    s.wait(lambda: is_well(s, "plain-0"))
    assert_in_time(s, SECONDS)
    assert_unknown(s, "disk-cert", "disk-http", "disk-own", "disk-postgres")
    # it knows nothing of what was told, but that something is wrong
    s.wait(lambda: notices(s, "deaf")[told:] == ["firing"], 20)
    os.unlink(s.path("stalled"))
    s.wait(lambda: is_well(s, "disk-cert", "disk-http", "disk-own", "door"), 20)

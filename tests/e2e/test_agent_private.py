"""Files that only root may read: supd-log opens them for the agent, which has no rights of its own."""
import json
import os
import subprocess

import pytest

from harness.namespace import command_of
from harness.pki import Pki
from harness.supervised import program

SERVER = """import socket, ssl, sys
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("pki/server.pem", "pki/server.key")
c.load_verify_locations("pki/ca.pem")
c.verify_mode = ssl.CERT_OPTIONAL
listener = socket.create_server(("127.0.0.1", 7443), backlog=64)
while True:
    peer, _ = listener.accept()
    peer.settimeout(5)
    try:
        with c.wrap_socket(peer, server_side=True) as tls:
            tls.recv(4096)
            who = b"known" if tls.getpeercert() else b"nobody"
            tls.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + who)
    except OSError:
        pass
"""
CONF = """[supd]
[supervisord]
[program:server]
command=/usr/bin/python3 -u %(here)s/server.py
directory=%(here)s
[probe:pattern]
type=cert
files=%(here)s/private/*/*.pem
allow=unknown_issuer
[probe:served]
type=cert
address=localhost:7443
ca=%(here)s/private/ca/ca.pem
check_served_file=%(here)s/private/server/server.pem
key_file=%(here)s/private/server/server.key
[probe:web]
type=http
url=https://localhost:7443/
tls_ca=%(here)s/private/ca/ca.pem
tls_cert=%(here)s/private/server/server.pem
tls_key=%(here)s/private/server/server.key
body_regex=known
[probe:planted]
type=cert
files=%(here)s/planted/own.pem
[probe:absent]
type=cert
files=%(here)s/private/ca/nothing.pem
"""
TIMING = "interval=1s\ntimeout=900ms\nconfirm=200ms\nfall=1\nstart_period=0s\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another user's supd-log may open no more")


def timed(conf):
    return conf.replace("type=cert\n", "type=cert\n" + TIMING).replace(
        "type=http\n", "type=http\n" + TIMING)


def prepare(s):
    """A private folder, and one that the agent's user owns, with a link that leads into the first."""
    pki = Pki(s.path("pki"))
    pki.issue("ca", ca=True)
    pki.issue("server", "ca", names="DNS:localhost")
    for folder in ("private", "private/ca", "private/server"):
        os.mkdir(s.path(folder), 0o700)
    for name, to in (("ca.pem", "ca"), ("server.pem", "server"), ("server.key", "server")):
        with open(pki.path(name), encoding="utf-8") as f:
            os.chmod(s.write(f"private/{to}/{name}", f.read()), 0o600)
    os.mkdir(s.path("planted"), 0o755)
    os.symlink(s.path("private/server/server.pem"), s.path("planted/own.pem"))
    os.chown(s.path("planted"), 65534, 65534)
    s.write("server.py", SERVER)


def probes(s):
    done = s.ctl("--json", "probes")
    return {p["name"]: p for p in json.loads(done.stdout)} if done.returncode in (0, 3) else {}


def are_well(s, *names, runs=0):
    got = probes(s)
    return all(got.get(n, {}).get("status") == "ok" and int(got[n]["runs"]) > runs for n in names)


def test_files_of_a_private_folder(sup):
    s = sup("[supd]\n[supervisord]\n")
    prepare(s)
    s.write("supd.conf", timed(CONF))
    done = subprocess.run([program("supd"), "--check", "-c", s.path("supd.conf")], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "may not open" not in done.stderr + done.stdout, done
    s.ok("update")
    names = ("pattern", "served", "web")
    s.wait(lambda: are_well(s, *names), 20, lambda: str(probes(s)))
    assert probes(s)["pattern"]["detail"].startswith("2 certificates in 2 files"), probes(s)["pattern"]
    # where somebody else can put a link, it leads nowhere; and what is not there is not there
    s.wait(lambda: [probes(s)[n].get("status") for n in ("planted", "absent")] == ["unknown", "fail"])
    assert "nobody but root can change the folders on the way to it" in probes(s)["planted"]["detail"]
    assert "nothing.pem: No such file" in probes(s)["absent"]["detail"], probes(s)["absent"]
    # another supd-log opens them as well
    s.kill(next(p for p in s.pids if "supd-log" in command_of(p)))
    before = max(int(p["runs"]) for p in probes(s).values())
    s.wait(lambda: are_well(s, *names, runs=before + 1), 20, lambda: str(probes(s)))
    # what a new configuration names, and not what it names no more
    with open(s.path("pki/server.pem"), encoding="utf-8") as f:
        os.chmod(s.write("private/ca/later.pem", f.read()), 0o600)
    s.write("supd.conf", timed(CONF.replace("private/ca/nothing.pem", "private/ca/later.pem")))
    s.ok("update")
    s.wait(lambda: are_well(s, "absent", *names), 20, lambda: str(probes(s)))

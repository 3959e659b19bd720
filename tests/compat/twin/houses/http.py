"""HTTP as it lies on the wire: status lines, heads, connections, passwords, streamed logs."""
import base64
import hashlib
import os
import re
import signal
import socket
import xmlrpc.client

from ..daemons import LIMIT
from ..house import HEAD, House, program

SHA = hashlib.sha1(b"secret").hexdigest()
house = House("http", HEAD + f"""
[unix_http_server]
file=/run/w/sock
chmod=0770
chown=nobody:daemon
[unix_http_server:two]
file=/run/w/two.sock
username=user
password=secret
[inet_http_server]
port=127.0.0.1:9222
username=user
password={{SHA}}{SHA}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
""" + program("web", "/run/w/web.sh", stdout_logfile="/run/w/web.log", stderr_logfile="/run/w/web.err", startsecs=0) +
              program("nolog", "sleep 1000", startsecs=0) + program("big", "sh -c 'seq 1 2000; exec sleep 1000'", startsecs=0,
                                                                    stdout_logfile="/run/w/big.log") +
              program("null", "sh -c 'echo text; exec sleep 1000'", startsecs=0, stdout_logfile="/dev/null") +
              "[group:team]\nprograms=web\n",
              before="mount --bind /dev/null /dev/null",  # so that nobody in here can remove it from the machine
              files={"web.sh": "#!/bin/sh\ntrap 'echo two' USR1\necho one\necho bad >&2\nwhile :; do sleep 0.05; done\n"})
CALL = b"<?xml version='1.0'?><methodCall><methodName>supervisor.getAPIVersion</methodName><params></params></methodCall>"
OURS = ("X-Content-Type-Options",)


class Raw:
    """One connection, and answers taken apart."""

    def __init__(self, where="/run/w/sock"):
        self.sock = socket.create_connection(where) if isinstance(where, tuple) else socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        if not isinstance(where, tuple):
            self.sock.connect(where)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)
        return self

    def head(self):
        line = self.file.readline().decode("latin1").rstrip("\r\n")
        heads = {}
        while True:
            text = self.file.readline().decode("latin1").rstrip("\r\n")
            if not text:
                return line, heads
            name, _, value = text.partition(": ")
            if name.title() not in OURS:
                heads[name.title()] = value

    def answer(self, method="POST"):
        """[status line, headers as a set without what varies, body]"""
        line, heads = self.head()
        size = int(heads.get("Content-Length", 0))
        body = self.file.read(size) if method != "HEAD" else b""
        varies = ("Date", "Content-Length", "Last-Modified", "Server")
        body = body.decode("utf-8", "replace") if heads.get("Content-Type") == "text/xml" else len(body) > 0
        return [line, sorted(f"{k}: {v}" for k, v in heads.items() if k not in varies), [k for k in varies if k in heads], body]

    def ended(self):
        """True if the other side has closed, or is about to: one more request gets no answer."""
        try:
            return self.send(post()).file.readline() == b""
        except (BrokenPipeError, ConnectionResetError):
            return True

    def chunk(self, size):
        text = self.file.read(int(size, 16))
        self.file.readline()
        return text

    def until(self, wanted):
        text = b""
        while wanted not in text:
            size = self.file.readline()
            if not size:
                break  # it was closed
            text += self.chunk(size)
        return text.decode()


def post(path="/RPC2", body=CALL, version="1.1", heads=()):
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *heads, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path, version="1.1", method="GET", heads=()):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *heads, "", ""]).encode()


@house.scenario
def paths_of_rpc(t):
    for path in ("/RPC2", "/RPC2/", "/RPC2/foo", "/RPC2?x=1", "/RPC", "/other", "/rpc2"):
        t.see(f"POST {path}", Raw().send(post(path)).answer())
    for method in ("GET", "HEAD"):
        t.see(f"{method} /RPC2", Raw().send(get("/RPC2", method=method)).answer(method))
    for path in ("/nosuch", "/logtail/nosuch", "/logtail/nolog", "/logtail/team%3Aweb/stdin"):
        t.see(f"GET {path}", Raw().send(get(path)).answer())
    t.see("ok.html", Raw().send(get("/ok.html")).answer())
    t.differs("`/logtail` without a name", "logtail", Raw().send(get("/logtail")).answer()[0].split()[1], "500", "404")
    t.see("PUT", Raw().send(get("/RPC2", method="PUT")).answer()[0])


@house.scenario
def bodies(t):
    for name, body in (("not xml", b"hello"), ("no method", b"<methodCall></methodCall>"), ("half", CALL[:-10])):
        status, heads, _, _ = Raw().send(post(body=body)).answer()
        t.see(name, status)
        t.differs("no XML-RPC", f"{name} kind", heads, ["Content-Type: text/html"], ["Content-Type: text/plain; charset=utf-8"])
    for name, body in (
                       ("no params", b"<methodCall><methodName>supervisor.getState</methodName></methodCall>"),
                       ("spaces", b"\n" + CALL.replace(b"<?xml version='1.0'?>", b"") + b"\n\n")):
        t.see(name, Raw().send(post(body=body)).answer())
    t.see("no length", Raw().send(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n").answer())
    t.see("lower case head", Raw().send(post().replace(b"Content-Length", b"content-length")).answer())
    t.see("in pieces", in_pieces(post()))


def in_pieces(data):
    raw = Raw()
    for at in range(0, len(data), 37):
        raw.send(data[at:at + 37])
    return raw.answer()


@house.scenario
def connections(t):
    raw = Raw()
    t.see("kept", [raw.send(post()).answer() for _ in range(3)])
    raw = Raw()
    t.see("blank lines before", [raw.send(b"\r\n" + post()).answer() for _ in range(2)])
    for name, version, heads in (("1.1", "1.1", ()), ("1.1 close", "1.1", ("Connection: close",)), ("1.0", "1.0", ()),
                                 ("1.0 keep", "1.0", ("Connection: Keep-Alive",)), ("1.1 keep", "1.1", ("Connection: keep-alive",))):
        raw = Raw().send(post(version=version, heads=heads))
        (proto, status), heads, *rest = (lambda a: [a[0].split(" ", 1), *a[1:]])(raw.answer())
        ends = raw.ended()
        t.see(name, [status, [head for head in heads if head != "Connection: close"], rest])
        t.see(f"{name} ends", ends)
        t.differs("the version of HTTP", f"{name} version", proto, f"HTTP/{version}", "HTTP/1.1")
        t.differs("the version of HTTP", f"{name} says so", "Connection: close" in heads, False, ends)
    raw = Raw().send(post() + post())
    t.see("two at once", [raw.answer(), raw.answer()])


@house.scenario
def passwords(t):
    def auth(text):
        return "Authorization: Basic " + base64.b64encode(text.encode()).decode()
    for where in ("/run/w/two.sock", ("127.0.0.1", 9222)):
        name = where if isinstance(where, str) else "inet"
        for key, heads in (("none", ()), ("right", (auth("user:secret"),)), ("wrong", (auth("user:Secret"),)),
                           ("other user", (auth("root:secret"),)),
                           ("digest", ("Authorization: Digest x",)),
                           ("lower case", (auth("user:secret").replace("Basic", "basic"),)),
                           ("the digest itself", (auth(f"user:{{SHA}}{SHA}"),))):
            raw = Raw(where).send(post(heads=heads))
            t.see(f"{name} {key}", raw.answer())
        for key, header, ours in (("malformed", "Authorization: Basic !!!", "400"), ("no colon", auth("usersecret"), "401")):
            status = Raw(where).send(post(heads=(header,))).answer()[0].split()[1]
            t.differs("half a password", f"{name} {key}", status, "500", ours)
        t.see(f"{name} other paths", [Raw(where).send(get(path)).answer()[0] for path in ("/", "/logtail/team:web", "/nosuch")])


@house.scenario
def pythons_own_client(t):
    """xmlrpc.client over TCP, as it comes with Python."""
    where = "127.0.0.1:9222"
    with xmlrpc.client.ServerProxy(f"http://user:secret@{where}") as node:
        t.see("methods", node.system.listMethods())
        t.see("kept alive", [node.supervisor.getState(), node.supervisor.getIdentification()])
        for name in ("big", "nolog", "null", "team:web"):
            t.wait_state(name, "RUNNING")
        t.see("processes", [[one["group"], one["name"], one["statename"]] for one in node.supervisor.getAllProcessInfo()])
        for key, call in (("fault", lambda: node.supervisor.getProcessInfo("nosuch")), ("unknown", lambda: node.supervisor.nosuch()),
                          ("arity", lambda: node.supervisor.getState(1))):
            try:
                t.see(key, call())
            except xmlrpc.client.Fault as fault:
                t.see(key, [fault.faultCode, fault.faultString])
        many = xmlrpc.client.MultiCall(node)
        many.supervisor.getState()
        many.supervisor.getAPIVersion()
        many.supervisor.getProcessInfo("nosuch")
        for at in range(3):
            try:
                t.see(f"multicall {at}", many()[at])
            except (xmlrpc.client.Error, ValueError, KeyError) as error:
                t.see(f"multicall {at}", [type(error).__name__, str(error)])
    for key, url in (("no password", f"http://{where}"), ("wrong password", f"http://user:no@{where}/RPC2"),
                     ("another path", f"http://user:secret@{where}/other")):
        try:
            t.see(key, xmlrpc.client.ServerProxy(url).supervisor.getState())
        except xmlrpc.client.ProtocolError as error:
            t.see(key, [error.errcode, error.errmsg])


@house.scenario
def sockets(t):
    for name in ("sock", "two.sock"):
        t.see(name, t.run("stat", "-c", "%F %a %U %G", name).stdout)


@house.scenario
def log_streams(t):
    t.wait_file("web.log", "one")
    t.wait_file("web.err", "bad")
    raw = Raw().send(get("/logtail/team%3Aweb"))
    line, heads = raw.head()
    t.see("head", [line, sorted(k for k in heads), heads.get("Content-Type"), heads.get("Transfer-Encoding"),
                   heads.get("X-Accel-Buffering")])
    t.see("first", raw.until(b"one\n"))
    os.kill(t.pid_of("web"), signal.SIGUSR1)
    t.see("then", raw.until(b"two\n"))
    err = Raw().send(get("/logtail/team:web/stderr"))
    err.head()
    t.see("stderr", err.until(b"bad\n"))
    t.wait_file("big.log", "^2000$")
    big = Raw().send(get("/logtail/big"))
    big.head()
    t.see("last kilobyte", big.until(b"2000\n"))


@house.scenario
def a_log_that_is_dev_null(t):
    with open("/proc/self/mountinfo", encoding="ascii") as f:
        assert " /dev/null " in f.read()
    for at in [(0, 0), (0, 5), (-6, 0), (-6, 3), (0, -1), (100, 5)]:
        for method in ("readProcessStdoutLog", "tailProcessStdoutLog"):
            t.see(f"{method} {at}", t.call("supervisor." + method, "null", *at))
    text = None
    if not t.real:  # which does not even send a head before there is something
        raw = Raw().send(get("/logtail/null"))
        raw.head()
        text = raw.until(b"text\n")
    t.differs("that is `/dev/null`", "followed", text, None, "text\n")


@house.then
def main_log_stream(t):
    raw = Raw().send(get("/mainlogtail"))
    line, heads = raw.head()
    t.see("head", [line, sorted(heads), heads.get("Content-Type")])
    os.kill(t.pid_of("nolog"), signal.SIGKILL)
    text = raw.until(b"exited: nolog")
    t.see("text", re.search("[A-Z]+ exited: nolog", text).group(0))
    t.see("begins with", len(text) > 500)

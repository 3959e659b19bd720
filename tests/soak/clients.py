"""Those who want something of supd all the time, over its HTTP servers, by supctl, or of FastCGI programs.

Nobody may be refused, whatever happens to supd and its parts. A connection that somebody took may end without
an answer when just he is replaced: once for each time that this was done.
"""
import ctypes
import http.client
import os
import re
import socket
import threading
import xmlrpc.client
from collections import Counter

from harness.waiting import wait
from harness.web import Unix

PATIENCE = 60  # s
NEW_NET = 0x40000000  # CLONE_NEWNET of sched.h


class Cut(Exception):
    """The connection was taken, and ended without an answer."""


def enter_net(pid):
    """This thread's network is that of the process."""
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.setns(fd, NEW_NET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(fd)


class Client:
    """Asks in a thread of its own until close(). cutters: the acts of which each may cut it off once."""

    def __init__(self, name, supd, cutters, pause=0.02):
        self.name, self.s, self.cutters, self.pause = name, supd, cutters, pause
        self.asked, self.cut, self.wrong = 0, 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        enter_net(self.s.pid)
        while not self.over.is_set() and len(self.wrong) < 10:
            try:
                self.ask()
                self.asked += 1
            except Cut:
                self.cut += 1
            except Exception as e:  # pylint: disable=broad-except # whatever it is, it goes into the report
                self.wrong.append(f"{self.name}: after {self.asked} answers: {type(e).__name__}: {e}")
            self.over.wait(self.pause)

    def close(self, done):
        """What is wrong, given the acts that were done."""
        self.over.set()
        self.thread.join(PATIENCE + 10)
        allowed = sum(done.count(act) for act in self.cutters)
        if self.cut > allowed:
            self.wrong.append(f"{self.name}: {self.cut} times no answer; {allowed} acts may have done that")
        return self.wrong + [f"{self.name}: never answered"] * (not self.asked)

    def told(self):
        return f"{self.name} {self.asked} answers, {self.cut} cut off"


class Caller(Client):
    """Calls methods over one of the HTTP servers, some on each connection; sends events, too."""

    def __init__(self, name, supd, at):
        self.at, self.number = at, 0
        self.sent, self.tried = set(), Counter()
        super().__init__(name, supd, ("upgrade", "crash", "kill_agent"))

    def ask(self):
        connection = Unix(self.at, timeout=PATIENCE) if isinstance(self.at, str) else \
            http.client.HTTPConnection(*self.at, timeout=PATIENCE)
        connection.connect()  # refused is wrong
        try:
            self.talk(connection)
        except (ConnectionError, http.client.HTTPException) as e:
            raise Cut from e
        finally:
            connection.close()

    def call(self, connection, method, *args):
        connection.request("POST", "/RPC2", xmlrpc.client.dumps(args, method), {"Content-Type": "text/xml"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{method}: {answer.status} {body[:200]}"
        return xmlrpc.client.loads(body)[0][0]

    def talk(self, connection):
        state = self.call(connection, "supervisor.getState")
        assert state["statename"] == "RUNNING", state
        everyone = self.call(connection, "supervisor.getAllProcessInfo")
        assert "w1" in [p["name"] for p in everyone], everyone
        self.send(connection)

    def send(self, connection):
        self.number += 1
        text = f"{self.name}-{self.number}"
        self.tried[text] += 1
        assert self.call(connection, "supervisor.sendRemoteCommEvent", "soak", text) is True
        self.sent.add(text)


class Supctl(Client):
    """supctl status, again and again."""

    def __init__(self, name, supd):
        super().__init__(name, supd, ("upgrade", "crash"), pause=0.2)

    def status(self):
        """A flood of clients may leave no room; supctl says so."""
        done = self.s.ctl("status", timeout=PATIENCE)
        return None if "too many clients; try again" in done.stderr else done

    def ask(self):
        done = wait(self.status, PATIENCE, "supctl is let in")
        if re.search("supd closed it|Connection reset|Broken pipe", done.stderr):
            raise Cut
        assert done.returncode in (0, 3) and "w1 " in done.stdout, f"{done.returncode} {done.stdout}{done.stderr}"


class Dialler(Client):
    """Connects to the socket of a FastCGI program; one of its processes says which it is."""

    def __init__(self, name, supd, at):
        self.at = at
        super().__init__(name, supd, ("kill_page",))

    def ask(self):
        family = socket.AF_UNIX if isinstance(self.at, str) else socket.AF_INET
        with socket.socket(family) as client:
            client.settimeout(PATIENCE)
            client.connect(self.at)
            try:
                said = client.makefile("rb").readline()
            except ConnectionError as e:
                raise Cut from e
        if not said:
            raise Cut
        assert re.fullmatch(rb"\d+\n", said), said

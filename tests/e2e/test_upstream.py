"""supd tells those above it how it is: its service manager (NOTIFY_SOCKET) and the ready file."""
import os
import re
import socket

import pytest

from harness.beacon import conf, program, wait_record
from harness.upgrading import upgrade
from harness.waiting import wait

QUIET = {"startsecs": 0}


class Manager:
    """A service manager's end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.setblocking(False)
        self.seen = []

    def read(self):
        try:
            while True:
                self.seen.append(dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines()))
        except BlockingIOError:
            return self.seen

    def wait(self, key, count=1, timeout=15):
        """Waits for so many messages with this key; the last of them."""
        def there():
            found = [m for m in self.read() if key in m]
            return found[count - 1] if len(found) >= count else None
        return wait(there, timeout, lambda: f"{count} x {key}; there is {self.seen}")


@pytest.fixture
def manager(tmp_path):
    made = []

    def make(address=None):
        made.append(Manager(address or str(tmp_path / "notify")))
        return made[-1], address.replace("\0", "@") if address else str(tmp_path / "notify")

    yield make
    for one in made:
        one.sock.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_the_life_of_supd(sup, manager, abstract):
    """Ready when all that start by themselves are up; a reload, and its end; the stop."""
    m, address = manager(f"\0supd-test-{os.getpid()}" if abstract else None)
    text = conf(program("a", "run=60000", startsecs=0), program("late", autostart="false"))
    s = sup(text, env={"NOTIFY_SOCKET": address}, net=not abstract)
    assert m.wait("READY") == {"READY": "1", "MAINPID": "1", "STATUS": "all programs are up"}
    assert [m.seen[0]["STATUS"], "READY" in m.seen[0]] == ["starting the programs", False]
    s.ok("reload")
    assert int(m.wait("RELOADING")["MONOTONIC_USEC"]) > 10 ** 6
    assert m.wait("READY", 2)["STATUS"] == "the configuration was reloaded"
    s.write("supd.conf", "[program:a]\n")
    s.expect_log("not reloaded", "was not reloaded")
    s.send(1)
    m.wait("RELOADING", 2)
    assert "not reloaded" in m.wait("READY", 3)["STATUS"]
    assert s.stop() == 0
    assert "SIGTERM" in m.wait("STOPPING")["STATUS"]
    assert [k for n in m.seen for k in n if k in ("READY", "RELOADING", "STOPPING")] == \
        ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"]


def test_not_before_all_are_up(sup, manager):
    """One that is given up is named; when it is up after all, ready is said. One that ended well is up."""
    m, address = manager()
    s = sup(conf(program("done", "run=1 exit=0", startsecs=0, autorestart="unexpected"),
                 program("bad", command="/bin/sh -c 'test -e %(here)s/go && exec sleep 1000'", startretries=0),
                 supd="ready_file=%(here)s/ready"), env={"NOTIFY_SOCKET": address})
    s.wait_state("bad", "FATAL")
    assert m.wait("STATUS", 2)["STATUS"] == "not ready: bad is FATAL"
    assert not os.path.exists(s.path("ready")) and not [n for n in m.read() if "READY" in n]
    s.write("go", "")
    s.ok("start", "bad")
    m.wait("READY")
    assert s.wait_file("ready").string == "1\n"


def test_who_waits_for_ever_is_named(sup, manager):
    m, address = manager()
    s = sup(conf(program("web", depends_on="db", **QUIET), program("db", autostart="false", command="/no/such",
                                                                startretries=0)), env={"NOTIFY_SOCKET": address})
    assert re.match(r"not ready: (web waits for db: FATAL|db is FATAL)", m.wait("STATUS", 2)["STATUS"])
    s.write("supd.conf", conf(program("web", **QUIET)))
    s.ok("reload")
    m.wait("READY")


def test_the_ready_file(sup):
    """One of an earlier run goes at the start; it is there from ready to the stop, over an upgrade too."""
    s = sup(conf(program("a", **QUIET), program("b", startsecs=1000), supd="ready_file=%(here)s/ready"),
            before="echo 4711 >$TEST_DIR/ready")
    s.wait(lambda: not os.path.exists(s.path("ready")))
    s.ok("stop", "b")  # nobody waits for what was stopped by hand
    s.wait_file("ready", r"^1$")
    upgrade(s)
    assert s.read("ready") == "1\n"
    s.ask("stop", "a", "wait=0")
    s.wait_state("a", "STOPPED")
    assert s.read("ready") == "1\n"  # it says that the start was complete
    s.write("supd.conf", conf(program("slow", "slow=60000", **QUIET), supd="ready_file=%(here)s/ready"))
    s.ok("reload")
    wait_record(s, "slow", "start")
    s.send(15)
    s.wait(lambda: not os.path.exists(s.path("ready")))
    assert s.running()
    s.hasten()
    assert s.wait_exit() == 0


def test_a_ready_file_that_cannot_be_written(sup):
    s = sup(conf(program("a", **QUIET), supd="ready_file=/proc/nosuch"))
    s.wait_log(r"WARN cannot write the ready file /proc/nosuch: No such file or directory")
    assert s.state("a") == "RUNNING" and s.stop() == 0


def test_programs_do_not_speak_for_us(sup, manager):
    """They do not inherit the socket, nor their hooks; one that is given its own has that."""
    m, address = manager()
    say = "/bin/sh -c 'env >%(here)s/{}; exec sleep 1000'"
    s = sup(conf(program("a", command=say.format("a"), hook_start=say.format("hook"), **QUIET),
                 program("own", command=say.format("own"), environment="NOTIFY_SOCKET=/mine", **QUIET)),
            env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1", "OTHER": "kept"})
    m.wait("READY")
    for name, wanted in [("a", []), ("hook", []), ("own", ["NOTIFY_SOCKET=/mine"])]:
        s.wait_file(name, r"^OTHER=kept$")
        assert re.findall(r"^(?:NOTIFY_|WATCHDOG_).*", s.read(name), re.M) == wanted


def test_a_manager_that_does_not_read(sup, manager):
    """Its queue is full: supd neither waits nor fails, and what holds is told once there is room."""
    m, address = manager()
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.setblocking(False)
    full.connect(address)
    with pytest.raises(BlockingIOError):
        while True:
            full.send(b"X=1")
    s = sup(conf(program("a", **QUIET)), env={"NOTIFY_SOCKET": address})
    s.wait_state("a", "RUNNING")
    s.wait_log("ready: all programs")
    assert m.wait("READY")["MAINPID"] == "1"
    full.close()


@pytest.mark.parametrize("address, text", [("relative", "Address family not supported"), ("/" + "x" * 200, "too long"),
                                           ("/no/such", "No such file")])
def test_an_address_that_is_none(sup, address, text):
    s = sup(conf(program("a", **QUIET)), env={"NOTIFY_SOCKET": address})
    s.wait_log(rf"WARN cannot tell the service manager at NOTIFY_SOCKET={address}: .*{text}")
    s.wait_state("a", "RUNNING")

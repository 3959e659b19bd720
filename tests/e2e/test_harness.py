"""The harness itself: a stand-in for supd misbehaves, and the harness has to notice."""
import os
import signal
import types

import pytest

from harness import supervised
from harness.sharing import LongFirst
from harness.supervised import Supd
from harness.waiting import Late, wait
from harness.wire import Refused, escape, unescape

STAND_IN = r"""#!/usr/bin/python3
import os, re, signal, socket, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
print("2026-11-23 18:06:22,542 INFO started", file=sys.stderr)
print(re.search(r"CapBnd.*", open("/proc/self/status").read()).group(0), file=sys.stderr)
print(subprocess.run(["ip", "address", "show", "lo"], capture_output=True, text=True).stdout, file=sys.stderr)
sys.stderr.flush()
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["SUPD_SOCKET"])
listener.listen()
while True:
    peer, _ = listener.accept()
    peer.sendall(b"supd 1 version=0\n")
    ident, verb = peer.recv(1000).decode().split()[:2]
    if verb == "status":
        peer.sendall(f"{ident} + name=a\tstate=RUNNING\tpid=7\twhy=a\\\\b\n".encode())
    peer.sendall(f"{ident} {'error BAD_REQUEST no' if verb == 'bad' else 'ok'}\n".encode())
    peer.close()
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A build folder whose supd and supctl are shell scripts; gives Supd objects, started."""
    real = supervised.build_dir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "init").symlink_to(os.path.join(real, "tests", "init"))
    (tmp_path / "supd").write_text(STAND_IN)
    (tmp_path / "supd").chmod(0o755)
    monkeypatch.setattr(supervised, "build_dir", lambda: str(tmp_path))
    monkeypatch.delenv("SUPD_CAPS", raising=False)
    started = []

    def start(**kw):
        started.append(Supd("", **kw))
        started[-1].start()
        started[-1].wait_ready()
        return started[-1]

    yield start
    for one in started:
        if os.path.exists(one.dir):
            one.close()


def test_state_of_agents_stays_inside(stand_in):
    """What an agent keeps in the default folder is gone with its namespace, and never the host's."""
    for _ in range(2):
        s = stand_in()
        assert s.run("ls", "-A", "/var/lib/supd").stdout == ""
        assert s.run("setpriv", "--reuid=65534", "--clear-groups", "sh", "-c",
                     "echo kept > /var/lib/supd/agent.db").returncode == 0
        assert s.run("cat", "/var/lib/supd/agent.db").stdout == "kept\n"
    assert os.stat("/var/lib/supd").st_dev == os.stat("/var/lib").st_dev


@pytest.mark.parametrize("pid1", [True, False])
def test_quiet_run(stand_in, pid1):
    s = stand_in(pid1=pid1)
    assert s.wait_state("a", "RUNNING") == {"name": "a", "state": "RUNNING", "pid": 7, "why": "a\\b"}
    with pytest.raises(Refused, match="BAD_REQUEST no"):
        s.ask("bad")
    assert (s.ns.inner(s.pid) == 1) == pid1
    assert s.ns.outer(s.ns.inner(s.pid)) == s.pid
    assert "LOWER_UP" in s.wait_log("lo:.*").group(0)
    assert s.stop() == 3
    assert s.close() == []


def test_capabilities(stand_in):
    s = stand_in(caps="docker")
    assert s.wait_log(r"CapBnd:\s+(\w+)").group(1) == "00000000a80425fb"
    assert s.close() == []


def test_processes_left(stand_in, monkeypatch):
    s = stand_in(pid1=False)
    monkeypatch.setattr(s, "LATER", 0.2)
    s.run("sh", "-c", "busybox sleep 1000 >/dev/null 2>&1 &")
    wrong = s.close()
    assert len(wrong) == 1 and "left running" in wrong[0] and "sleep 1000" in wrong[0]


def test_errors_in_the_log(stand_in):
    s = stand_in()
    s.expect_log("foreseen")
    with open(s.path("supd.log"), "a", encoding="utf-8") as f:
        f.write("2026-11-23 18:06:22,542 ERRO foreseen\n2026-11-23 18:06:22,542 CRIT a surprise\n")
    wrong = s.close()
    assert len(wrong) == 1 and "a surprise" in wrong[0]


def test_sanitizer_reports(stand_in):
    s = stand_in()
    s.write("san/report.7", "a fault\n")
    assert s.close() == ["sanitizer report:\na fault\n"]


def test_a_supd_that_does_not_stop(stand_in, monkeypatch):
    s = stand_in()
    monkeypatch.setattr(Supd, "send", lambda self, sig: None)
    monkeypatch.setattr(Supd.stop, "__defaults__", (signal.SIGTERM, 0.2))
    pid = s.pid
    wrong = s.close()
    assert len(wrong) == 1 and "did not stop" in wrong[0]
    assert pid not in s.ns.pids()


def test_waits_end():
    with pytest.raises(Late, match="a thing"):
        wait(lambda: False, 0.05, "a thing")


def test_escapes_come_back():
    text = "a\\b\n\t\x01\x7fä end"
    assert unescape(escape(text)) == text
    assert "\n" not in escape(text) and "\t" not in escape(text)


class Worker:
    """Stands in for one of xdist: it begins a test only when it knows the next, or that there is none."""

    def __init__(self):
        self.given, self.done, self.clock, self.shutting_down = [], [], 0.0, False
        self.gateway = types.SimpleNamespace(id="gw")

    def send_runtest_some(self, indices):
        self.given += indices

    def shutdown(self):
        self.shutting_down = True

    def ends(self, lengths):
        """When the test that it has begun is over; None if it has not begun any."""
        return self.clock + lengths[self.given[0]] if self.given[self.shutting_down ^ 1:] else None


def shared_out(lengths, count):
    """Plays tests of these lengths, in seconds; the workers, afterwards."""
    workers = [Worker() for _ in range(count)]
    sharing = LongFirst(types.SimpleNamespace(getvalue=lambda name: ["popen"] * count))
    for w in workers:
        sharing.add_node(w)
        sharing.add_node_collection(w, [f"test_{i}" for i in range(len(lengths))])
    sharing.schedule()
    while any(w.given for w in workers):
        w = min((w for w in workers if w.ends(lengths) is not None), key=lambda w: w.ends(lengths))
        w.clock = w.ends(lengths)
        w.done.append(w.given.pop(0))
        sharing.mark_test_complete(w, w.done[-1], lengths[w.done[-1]])
    assert sharing.tests_finished
    return workers


@pytest.mark.parametrize("lengths,idle", [
    ([60, 30, 30, 20, 10, 10] + [0.1] * 400 + [5] * 20, 10), ([3] * 24, 3), ([0.01] * 900, 0.1), ([7, 1], 7), ([], 0)])
def test_every_worker_has_work_until_the_end(lengths, idle):
    workers = shared_out(lengths, 4)
    assert sorted(i for w in workers for i in w.done) == list(range(len(lengths)))
    ends = [w.clock for w in workers]
    assert max(ends) - min(ends) <= idle, ends

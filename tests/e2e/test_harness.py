"""The harness itself: a stand-in for supd misbehaves, and the harness has to notice."""
import os
import signal

import pytest

from harness import supervised
from harness.supervised import Supd
from harness.waiting import Late, wait

STAND_IN = """#!/bin/sh
echo "2026-11-23 18:06:22,542 INFO started" >&2
grep CapBnd /proc/self/status >&2
ip address show lo | head -n 1 >&2
trap 'exit 3' TERM
: >"$SUPD_SOCKET"
while :; do busybox usleep 20000; done
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A build folder whose supd and supctl are shell scripts; gives Supd objects, started."""
    real = supervised.build_dir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "init").symlink_to(os.path.join(real, "tests", "init"))
    for name, text in (("supd", STAND_IN), ("supctl", "#!/bin/sh\necho '[{\"name\":\"a\",\"state\":\"RUNNING\"}]'\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
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


@pytest.mark.parametrize("pid1", [True, False])
def test_quiet_run(stand_in, pid1):
    s = stand_in(pid1=pid1)
    assert s.wait_state("a", "RUNNING")["name"] == "a"
    assert (s.ns.inner(s.pid) == 1) == pid1
    assert s.ns.outer(s.ns.inner(s.pid)) == s.pid
    assert "LOWER_UP" in s.wait_log("lo:.*").group(0)
    assert s.stop() == 3
    assert s.close() == []


def test_capabilities(stand_in):
    s = stand_in(caps="docker")
    assert s.wait_log(r"CapBnd:\s+(\w+)").group(1) == "00000000a80425fb"
    assert s.close() == []


def test_processes_left(stand_in):
    s = stand_in(pid1=False)
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

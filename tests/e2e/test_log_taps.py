"""Taps and capture mode in supd-log alone: what is promised of them when it is killed at any moment."""
import pytest

from harness.logdrive import check_pattern
from harness.supervised import tool
from harness.waiting import wait

TEXT, CAPTURED = 1, 2
BEGIN, END = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"

WORKER = """import os, sys, time
for i in range(int(sys.argv[1])):
    out = f"line {i}\\n"
    if i % 3 == 0:
        out += "<!--XSUPERVISOR:BEGIN-->" + f"event {i}" + "<!--XSUPERVISOR:END-->"
    if i % 7 == 0:
        out += "<!--XSUPERVISOR:\\n"
    cut = i % 50
    for part in (out[:cut], out[cut:]):
        if part:
            os.write(1, part.encode())
    if i % 2 == 0:
        time.sleep(0.001)
"""


def worker_says(n):
    log, events = "", ""
    for i in range(n):
        log += f"line {i}\n" + ("<!--XSUPERVISOR:\n" if i % 7 == 0 else "")
        events += f"event {i}|" if i % 3 == 0 else ""
    return log.encode(), events.encode()


def holes(whole, text):
    """Bytes that are missing in the text; what is there is right."""
    missing = 0
    for at in range(0, len(whole), 512):
        if whole[at:at + 512] != text[at:at + 512]:
            pairs = [(a, b) for a, b in zip(whole[at:at + 512], text[at:at + 512].ljust(512, b"\0")) if a != b]
            assert not any(b for _, b in pairs), f"wrong bytes at {at}"
            missing += len(pairs)
    return missing


@pytest.mark.parametrize("mib, rate, every_us, kills", [
    (10, 5, 40000, 10), pytest.param(20, 10, 4000, 100, marks=pytest.mark.release)])
@pytest.mark.timeout(180)
def test_killed_again_and_again_the_tap_gets_every_byte_once(drive, mib, rate, every_us, kills):
    d = drive()
    for i in range(2):
        d.add(f"w{i}", sink=d.path(f"w{i}.log"))
        d.tap(f"w{i}", TEXT)
    pids = [d.spawn(f"w{i}", f"exec {tool('pattern')} write {i} {mib << 20} {rate} 4096") for i in range(2)]
    d.chaos(every_us)
    for pid in pids:
        d.wait_exit(pid, 120)
    assert d.supd_log()[1] >= kills
    d.chaos(0)
    for i in range(2):
        d.drain(f"w{i}")
        d.wait_written(f"w{i}", mib << 20)
        wait(lambda: d.heard(f"w{i}")["upto"] == mib << 20, 20, lambda: d.heard(f"w{i}"))
        heard = d.heard(f"w{i}")
        assert check_pattern(i, [d.path(f"w{i}.log")]) == mib << 20
        # pipes that filled up in the meantime hold more than the socket takes at once
        assert heard["skipped"] < mib << 20
        assert holes(d.read(f"w{i}.log"), d.read(f"w{i}.text")) <= heard["skipped"]


def unprefixed(written, prefix):
    """Without what log_prefix puts before each line; a piece of one that was cut has no newline of its own."""
    if not prefix:
        return written
    parts = [line.split(b" ", 4) for line in written[:written.rfind(b"\n") + 1].splitlines(True)]
    return b"".join(p[4] if p[3] == b"|" else p[4][:-1] for p in parts)


@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.timeout(120)
def test_killed_in_capture_mode(drive, prefix):
    n = 4000
    d = drive()
    d.add("w", sink=d.path("w.log"), capture=1000, prefix=prefix, maxbytes=0)
    d.tap("w", TEXT | CAPTURED)
    with open(d.path("worker.py"), "w", encoding="ascii") as f:
        f.write(WORKER)
    pid = d.spawn("w", f"exec /usr/bin/python3 worker.py {n}")
    d.chaos(30000)
    d.wait_exit(pid, 100)
    assert d.supd_log()[1] > 10
    d.chaos(0)
    d.drain("w")
    log, events = worker_says(n)
    wait(lambda: len(unprefixed(d.read("w.log"), prefix)) >= len(log), 30, "all of it is in the file")
    assert unprefixed(d.read("w.log"), prefix) == log
    heard = d.heard("w")
    assert heard["upto"] == len(log) + len(events)
    if not heard["skipped"]:  # a slow machine may leave more in the pipe than the socket takes at once
        assert heard["ends"] == len(range(0, n, 3))
        assert d.read("w.text") == log
        assert d.read("w.captured") == events
    assert heard["ends"] > n / 6


def test_capture_without_a_listener_and_over_runs(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), capture=1000)
    for text in (f"a{BEGIN}x{END}b", f"c{BEGIN}never ended", f"d{BEGIN}y{END}e<!--XSUPER"):
        d.wait_exit(d.spawn("w", f"printf '%s' '{text}'"))
        d.drain("w")
    d.wait_file("w.log", b"abcde<!--XSUPER")


def test_without_capture_the_marks_are_text(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.wait_exit(d.spawn("w", f"printf '%s' 'a{BEGIN}x{END}b'"))
    d.drain("w")
    d.wait_file("w.log", f"a{BEGIN}x{END}b".encode())


def test_drained_means_that_the_text_is_there(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.tap("w", TEXT)
    for i in range(1, 30):
        d.wait_exit(d.spawn("w", "printf 0123456789"))
        d.drain("w")
        assert d.heard("w") == {"upto": 10 * i, "skipped": 0, "ends": 0}

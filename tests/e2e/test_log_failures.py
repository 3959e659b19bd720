"""supd-log when things go wrong: kills, full disks, blocked sinks, slow readers, floods."""
import gzip
import os
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from harness.logdrive import check_pattern, files_of
from harness.namespace import status_of
from harness.stall import stalled
from harness.supervised import build_dir, tool
from harness.waiting import wait


def pattern(seed, mib, rate, chunk=65536):
    return f"exec {tool('pattern')} write {seed} {mib << 20} {rate} {chunk}"


FAST = pytest.mark.release


@pytest.mark.parametrize("mib, rate, every_us, kills", [
    (10, 10, 60000, 10), pytest.param(40, 50, 6000, 100, marks=FAST), pytest.param(200, 0, 6000, 100, marks=FAST)])
@pytest.mark.timeout(180)
def test_kill_under_load_every_byte_exactly_once(drive, mib, rate, every_us, kills):
    d = drive()
    for i in range(3):
        d.add(f"w{i}", sink=d.path(f"w{i}.log"), maxbytes=4 << 20, backups=100)
    pids = [d.spawn(f"w{i}", pattern(i, mib, rate)) for i in range(3)]
    d.chaos(every_us)
    for pid in pids:
        d.wait_exit(pid, 120)
    assert d.supd_log()[1] >= kills
    d.chaos(0)
    for i in range(3):
        d.wait_written(f"w{i}", mib << 20)
    for i in range(3):
        assert check_pattern(i, files_of(d.dir, f"w{i}.log")) == mib << 20
        assert d.counters(f"w{i}")["lost"] == 0


@pytest.mark.timeout(120)
def test_kill_while_auto_files_rotate(drive):
    """A new supd-log creates missing AUTO files, but none in the middle of a rotation."""
    d = drive("childlogdir=auto", before='mkdir -p "$TEST_DIR/auto"')
    for i in range(3):
        d.add(f"w{i}", sink="auto", maxbytes=64 << 10, backups=400)
    names = [os.path.basename(d.file_of(f"w{i}")) for i in range(3)]
    pids = [d.spawn(f"w{i}", pattern(i, 10, 10)) for i in range(3)]
    # a sanitized supd-log needs most of 8 ms to begin at all
    d.chaos(8000 if os.path.basename(build_dir()) == "build" else 40000)
    for pid in pids:
        d.wait_exit(pid, 60)
    d.chaos(0)
    assert d.supd_log()[1] > 10
    for i in range(3):
        d.wait_written(f"w{i}", 10 << 20)
        assert check_pattern(i, files_of(d.path("auto"), names[i])) == 10 << 20
        assert d.counters(f"w{i}")["lost"] == 0


@pytest.mark.timeout(120)
def test_kill_with_prefixed_lines_loses_and_doubles_none(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), prefix=1, maxbytes=1 << 20, backups=100)
    d.add("j", sink=d.path("w.log"), json=1, maxbytes=1 << 20, backups=100)
    pids = [d.spawn(n, "i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i+1)); done") for n in "wj"]
    d.chaos(60000)
    for pid in pids:
        d.wait_exit(pid, 60)
    d.chaos(0)
    assert d.supd_log()[1] > 1
    for name in "wj":
        d.drain(name)
        d.wait_written(name, 1)
    text = b"".join(open(f, "rb").read() for f in files_of(d.dir, "w.log")).decode()
    assert [int(n) for n in re.findall(r"\| line (\d+)", text)] == list(range(60000))
    assert [int(n) for n in re.findall(r'"line (\d+)"', text)] == list(range(60000))


def test_full_disk_keeps_the_program_and_other_logs_going(drive):
    d = drive("memory=1048576", before='mkdir "$TEST_DIR/small"; mount -t tmpfs -o size=64k tmpfs "$TEST_DIR/small"')
    d.add("full", sink=d.path("small", "w.log"))
    d.add("good", sink=d.path("good.log"))
    pid = d.spawn("full", f"seq 1000000; echo done >{d.path('done')}")
    d.wait_exit(pid, 30)
    assert os.path.exists(d.path("done"))
    d.run("good", "echo fine")
    assert d.read("good.log") == b"fine\n"
    counters = d.counters("full")
    assert counters["lost"] > 1000000 and counters["lines"] > 100000
    d.wait_file("main.log", [b"No space left on device"])
    assert d.main_log().count("No space left") == 1
    inside = f"/proc/{d.ns.init}/root{d.path('small', 'w.log')}"
    with open(inside, "r+b") as f:
        f.truncate(0)
    wait(lambda: b" dropped]" in open(inside, "rb").read(), 10, "room again: the gap is marked")
    d.wait_file("main.log", [b"takes output again"])
    failures = counters["failures"]
    wait(lambda: d.counters("full")["failures"] > failures + 1, 10, "it is full again")
    assert d.main_log().count("No space left") == 1, "once a minute, however often it comes and goes"


def test_what_was_dropped_is_counted_exactly(drive):
    d = drive("memory=262144", before='mkfifo "$TEST_DIR/fifo"')
    d.add("w", sink=d.path("fifo"))
    d.wait_exit(d.spawn("w", "seq -f %09.0f 100000"), 30)
    reader = subprocess.Popen(["cat", d.path("fifo")], stdout=open(d.path("copy"), "wb"))
    d.wait_written("w", 1000000)
    d.finish()
    d.ns.destroy()
    assert reader.wait(10) == 0
    text = d.read("copy").decode()
    marks = re.findall(r"\[supd: (\d+) lines, (\d+) bytes of w stdout dropped\]\n", text)
    assert len(marks) == 1
    rest = re.sub(r"\[supd: .*\]\n", "", text)
    assert len(rest) + int(marks[0][1]) == 1000000
    numbers = [int(n) for n in rest.split()]
    assert len(numbers) + int(marks[0][0]) == 100000
    assert numbers[-1] == 100000 and numbers == sorted(numbers) and len(set(numbers)) == len(numbers)


def test_dev_full(drive):
    d = drive()
    d.add("w", sink="/dev/full")
    d.wait_exit(d.spawn("w", "seq 100"))
    d.wait_file("main.log", [b"cannot write to /dev/full: No space left on device"])
    assert d.counters("w")["failures"] >= 1
    d.reopen()
    failures = d.counters("w")["failures"]
    wait(lambda: d.counters("w")["failures"] > failures + 1, 10, "it was opened, and is tried again")
    assert "takes output again" not in d.main_log()


def test_file_that_cannot_be_opened_yet(drive):
    d = drive()
    d.add("w", sink=d.path("later", "w.log"))
    d.wait_exit(d.spawn("w", "echo waits"))
    d.wait_file("main.log", [b"No such file or directory"])
    assert d.tail_text("w") == b"waits\n"
    os.mkdir(d.path("later"))
    d.wait_file("later/w.log", b"waits\n")


@pytest.mark.timeout(90)
def test_blocked_pipe_stalls_nobody_else(drive):
    d = drive("memory=1048576", before='mkfifo "$TEST_DIR/fifo"; exec 7<>"$TEST_DIR/fifo"')
    d.add("stuck", sink=d.path("fifo"))
    d.add("free", sink=d.path("free.log"))
    d.wait_exit(d.spawn("stuck", "seq 1000000"), 30)  # never blocked for long
    assert d.run("free", "seq 1000") < 150
    assert d.read("free.log").splitlines()[-1] == b"1000"
    assert d.counters("stuck")["lost"] > 0
    assert 150 <= d.drain("stuck") < 1000


@pytest.mark.timeout(90)
def test_overflow_block_makes_the_program_wait_and_drops_nothing(drive):
    d = drive("memory=1048576", before='mkfifo "$TEST_DIR/fifo"; exec 7<>"$TEST_DIR/fifo"')
    d.add("w", sink=d.path("fifo"), block=1)
    pid = d.spawn("w", pattern(3, 4, 0))
    wait(lambda: d.counters("w")["waiting"] > 100000, 20, "it is stuck")
    stuck = time.monotonic()
    wait(lambda: time.monotonic() > stuck + 0.5 or pid in d.exits, 5, "half a second goes by")
    assert pid not in d.exits
    reader = subprocess.Popen(["head", "-c", str(4 << 20)], stdin=open(d.path("fifo"), "rb", buffering=0),
                              stdout=open(d.path("copy"), "wb"))
    assert reader.wait(30) == 0
    d.wait_exit(pid)
    assert check_pattern(3, [d.path("copy")]) == 4 << 20
    assert d.counters("w")["lost"] == 0


def with_disk(drive, memory=2097152):
    """A filesystem of its own in the folder m."""
    d = drive(f"memory={memory}", before="""
        truncate -s 32M "$TEST_DIR/disk" && mkfs.ext4 -q "$TEST_DIR/disk" || exit 1
        mkdir "$TEST_DIR/m"; mount -o loop "$TEST_DIR/disk" "$TEST_DIR/m" || echo nope >"$TEST_DIR/noloop" """)
    if os.path.exists(d.path("noloop")):
        pytest.skip("this machine has no loop devices")
    return d


@pytest.mark.timeout(90)
def test_disk_that_freezes_in_full_flow_does_not_hold_the_program(drive):
    """The writer, which reads a fast program's pipe itself, hangs; the reader takes over."""
    d = with_disk(drive)
    d.add("w", sink=d.path("m", "w.log"), maxbytes=4 << 20, backups=1)
    pid = d.spawn("w", "seq 10000000")
    wait(lambda: d.counters("w")["bytes"] > 1 << 20, 20, "it is in full flow")
    assert d.ns.enter(["fsfreeze", "-f", d.path("m")]).returncode == 0
    try:
        d.wait_exit(pid, 30)
    finally:
        assert d.ns.enter(["fsfreeze", "-u", d.path("m")]).returncode == 0
    d.drain("w")
    wait(lambda: d.counters("w")["waiting"] == 0, 20, "all is written")
    assert d.counters("w")["lost"] > 0
    end = d.ns.enter(["tail", "-n", "1", d.path("m", "w.log")]).stdout
    assert end == "10000000\n"


@pytest.mark.timeout(90)
def test_frozen_disk_stalls_only_its_own_streams(drive):
    d = with_disk(drive)
    d.add("cold", sink=d.path("m", "w.log"))
    d.add("good", sink=d.path("good.log"))
    d.run("cold", "echo before")
    assert d.ns.enter(["fsfreeze", "-f", d.path("m")]).returncode == 0
    try:
        d.wait_exit(d.spawn("cold", "seq 1000000"), 30)
        d.add("new", sink=d.path("new.log"))
        for name in ("good", "new"):
            assert d.run(name, "echo fine") < 150
            assert d.read(f"{name}.log") == b"fine\n"
    finally:
        assert d.ns.enter(["fsfreeze", "-u", d.path("m")]).returncode == 0
    d.wait_written("cold", 6000000)
    text = open(f"/proc/{d.ns.init}/root{d.path('m', 'w.log')}", "rb").read().decode()
    lost = sum(int(n) for n in re.findall(r"\[supd: (\d+) lines,", text))
    assert lost + len(re.findall(r"^\d+$", text, re.M)) == 1000000


HANG = """
import ctypes, os, sys
fd = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(fd, True)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"dead", sys.argv[1].encode(), b"fuse", 0, options):
    sys.exit("no fuse")
os.execvp("sleep", ["sleep", "1000"])
"""


def test_dead_mount_stalls_nobody_else(drive):
    d = drive(before='mkdir "$TEST_DIR/dead"')
    if not os.path.exists("/dev/fuse"):
        pytest.skip("this machine has no /dev/fuse")
    d.add("warm", sink=d.path("warm.log"))
    d.run("warm", "echo x")
    hang = subprocess.Popen(d.ns.enter_command(["/usr/bin/python3", "-c", HANG, d.path("dead")]),
                            stderr=subprocess.DEVNULL)
    try:
        wait(lambda: f"dead {d.path('dead')} fuse" in open(f"/proc/{d.ns.init}/mounts").read(), 10, "the mount")
        for i in range(20):
            d.add(f"cold{i}", sink=d.path("dead", f"{i}.log"))
            d.wait_exit(d.spawn(f"cold{i}", "echo never"))
        d.spawn("cold0", "while :; do echo again and again; sleep 0.02; done")
        wait(lambda: d.counters("cold0")["bytes"] > 1000, 20, "it has said much")
        for i in range(3):
            d.add(f"new{i}", sink=d.path(f"new{i}.log"))
            d.spawn(f"new{i}", "echo fine")
            d.wait_file(f"new{i}.log", b"fine\n", timeout=5)
        assert d.run("warm", "echo y") < 150
        threads = os.listdir(f"/proc/{d.ns.outer(d.supd_log()[0])}/task")
        assert len(threads) < 8, "one waits for the mount, not one for each program or line"
        d.ns.enter(["umount", "-f", d.path("dead")])

        def answered(name):
            return d.counters(name)["failures"] or not d.counters(name)["waiting"]

        wait(lambda: all(answered(f"cold{i}") for i in range(20)), 20, "all go on when it answers")
    finally:
        hang.kill()
        hang.wait(10)


def test_descriptor_number_means_what_supd_has_there(drive):
    d = drive(before='exec 9>>"$TEST_DIR/nine"')
    d.add("w", sink="/dev/fd/9")
    d.add("n", sink="/dev/fd/777")
    d.run("w", "echo x")
    assert d.read("nine") == b"x\n"
    d.wait_exit(d.spawn("n", "echo x"))
    d.wait_file("main.log", [b"/fd/777: No such file or directory"])


def test_writer_of_a_fifo_survives_its_reader(drive):
    d = drive(before='mkfifo "$TEST_DIR/fifo"')
    reader = subprocess.Popen(["head", "-n", "1", d.path("fifo")], stdout=subprocess.PIPE)
    d.add("w", sink=d.path("fifo"))
    d.run("w", "echo one")
    assert reader.communicate(timeout=10)[0] == b"one\n"
    d.wait_exit(d.spawn("w", "echo two"))
    reader = subprocess.Popen(["head", "-n", "1", d.path("fifo")], stdout=subprocess.PIPE)
    assert reader.communicate(timeout=10)[0] == b"two\n"


@pytest.mark.timeout(120)
def test_five_hundred_streams(drive):
    d = drive()
    for i in range(500):
        d.add(f"w{i}", sink=d.path(f"w{i}.log"))
    pids = [d.spawn(f"w{i}", f"echo {i}; echo again {i}") for i in range(500)]
    for pid in pids:
        d.wait_exit(pid)
    for i in range(500):
        d.drain(f"w{i}")
    for i in range(500):
        assert d.read(f"w{i}.log") == b"%d\nagain %d\n" % (i, i)


def test_streams_added_while_it_is_dead_or_starting(drive):
    d = drive()
    for i in range(60):
        if i % 3 == 0:
            d.kill()
        d.add(f"w{i}", sink=d.path(f"w{i}.log"))
        d.spawn(f"w{i}", f"echo {i}")
    for i in range(60):
        d.wait_file(f"w{i}.log", b"%d\n" % i)


def test_stopped_supd_log_holds_nobody_up(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "echo one")
    pid = d.ns.outer(d.supd_log()[0])
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    for i in range(400):
        d.add(f"x{i}", sink="none")
    assert 150 <= d.run("w", "echo two") < 1000
    assert time.monotonic() - began < 10
    os.kill(pid, signal.SIGCONT)
    d.wait_file("w.log", b"one\ntwo\n")
    d.run("x399", "echo x")
    assert d.tail_text("x399") == b"x\n"


def test_signals_meant_for_others_pass(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"))
    d.run("w", "echo it has started")
    inner = d.supd_log()[0]
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2):
        d.ns.kill(inner, sig)
    d.run("w", "echo still here")
    assert d.supd_log()[0] == inner
    assert status_of(d.ns.outer(inner), "NSsid")[-1] == str(inner)


@pytest.mark.timeout(90)
def test_supd_killed_all_output_is_written_and_supd_log_ends(drive):
    d = drive(init=True)
    d.add("w", sink=d.path("w.log"))
    d.add("stuck", sink="/dev/full")
    log = d.ns.outer(d.supd_log()[0])
    d.wait_exit(d.spawn("stuck", "echo x"))
    d.wait_exit(d.spawn("w", "seq 100000"))
    with open(f"/proc/{log}/stat", encoding="ascii") as f:
        parent = int(f.read().rsplit(")", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    wait(lambda: log not in d.ns.pids(), 20, "supd-log has ended")
    assert d.read("w.log") == b"".join(b"%d\n" % i for i in range(1, 100001))


def test_follow_over_rotations(drive):
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=1000, backups=50)
    d.run("w", "echo first")
    pid = d.tail("w", "followed", follow=1)
    wait(lambda: d.partial_records(d.read("followed"))[0] == b"first\n", 10, "the beginning")
    d.run("w", "for i in $(seq 300); do echo line $i; sleep 0.002; done")
    want = b"first\n" + b"".join(b"line %d\n" % i for i in range(1, 301))
    wait(lambda: d.partial_records(d.read("followed"))[0] == want, 10,
         lambda: d.partial_records(d.read("followed"))[0][-300:])
    d.ns.kill(pid)
    d.wait_exit(pid)


def test_follow_of_memory(drive):
    d = drive()
    d.add("w", sink="none")
    d.tail("w", "followed", follow=1)
    d.run("w", "for i in $(seq 100); do echo line $i; sleep 0.002; done")
    want = b"".join(b"line %d\n" % i for i in range(1, 101))
    wait(lambda: d.partial_records(d.read("followed"))[0] == want, 10, "all lines")


def test_follower_that_does_not_read_is_no_burden(drive):
    d = drive("memory=1048576")
    d.add("w", sink=d.path("w.log"))
    pid = d.tail("w", "followed", follow=1)
    d.run("w", "echo x")
    wait(lambda: d.read("followed"), 10, "it follows")
    d.ns.kill(pid, signal.SIGSTOP)
    assert d.run("w", "seq 300000", 30) < 250
    d.wait_written("w", 1988895)
    d.ns.kill(pid, signal.SIGCONT)
    want = b"x\n" + b"".join(b"%d\n" % i for i in range(1, 300001))
    wait(lambda: d.partial_records(d.read("followed"))[0] == want, 20, "it gets all from the file")


def test_tail_of_a_stream_that_goes_away_ends(drive):
    d = drive()
    d.add("w", sink="none")
    d.run("w", "echo x")
    pid = d.tail("w", "followed", follow=1)
    d.wait_file("followed", [b"x\n"])
    d.delete("w")
    d.wait_exit(pid)
    assert d.records(d.read("followed")) == b"x\n"


@pytest.mark.timeout(120)
def test_kills_while_output_is_dropped_leave_no_doubles_and_no_stall(drive):
    d = drive("memory=262144",
              before='mkdir "$TEST_DIR/small"; mount -t tmpfs -o size=128k tmpfs "$TEST_DIR/small"')
    d.add("w", sink=d.path("small", "w.log"))
    pid = d.spawn("w", "seq -f %09.0f 400000")
    d.chaos(40000)
    d.wait_exit(pid, 90)
    d.chaos(0)
    assert d.ns.enter(["mount", "-o", "remount,size=8m", d.path("small")]).returncode == 0
    inside = f"/proc/{d.ns.init}/root{d.path('small', 'w.log')}"
    wait(lambda: open(inside, "rb").read().endswith(b"000400000\n"), 30, lambda: d.counters("w"))
    numbers = [int(n) for n in re.findall(r"^(\d{9})$", open(inside, encoding="ascii").read(), re.M)]
    assert numbers == sorted(set(numbers)) and len(numbers) > 10000
    assert " dropped]" in open(inside, encoding="ascii").read()


def test_a_stream_that_ends_while_its_program_had_to_wait_keeps_all(drive):
    d = drive("memory=262144")
    d.add("w", sink=d.path("w.log"), block=1)
    pid = d.spawn("w", pattern(5, 8, 0))
    d.wait_exit(pid)
    d.delete("w")
    wait(lambda: os.path.getsize(d.path("w.log")) == 8 << 20, 20, lambda: os.path.getsize(d.path("w.log")))
    assert check_pattern(5, [d.path("w.log")]) == 8 << 20


@pytest.mark.timeout(90)
def test_streams_that_end_when_memory_is_full_keep_what_is_in_their_pipes(drive):
    d = with_disk(drive, 262144)
    names = [f"w{i}" for i in range(8)]
    for name in names:
        d.add(name, sink=d.path("m", f"{name}.log"), block=1)
        d.run(name, "echo before")
    assert d.ns.enter(["fsfreeze", "-f", d.path("m")]).returncode == 0
    try:
        for pid in [d.spawn(name, f"head -c 90000 /dev/zero | tr '\\0' {name[1]}") for name in names]:
            d.wait_exit(pid)
        for name in names:
            d.delete(name)
    finally:
        assert d.ns.enter(["fsfreeze", "-u", d.path("m")]).returncode == 0
    for name in names:
        path = f"/proc/{d.ns.init}/root{d.path('m', name)}.log"
        wait(lambda: os.path.getsize(path) == 90007, 20, lambda: os.path.getsize(path))  # noqa: B023
        assert open(path, "rb").read() == b"before\n" + name[1].encode() * 90000


def test_lines_stay_whole_in_a_pipe_that_is_read_by_fits_and_starts(drive):
    """A full pipe takes a part of a line: its rest comes before another program's line."""
    d = drive(before='mkfifo "$TEST_DIR/fifo"')
    for name in "ab":
        d.add(name, sink=d.path("fifo"))
    with open(os.open(d.path("fifo"), os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        pids = [d.spawn(name, f"i=0; l=$(printf '{name}%.0s' $(seq 3000)); while [ $i -lt 200 ]; do echo $l; "
                        "i=$((i+1)); done") for name in "ab"]
        text, failures = b"", 0

        def stuck():
            return sum(d.counters(name)["failures"] for name in "ab") > failures

        for _ in range(8):  # each time until the pipe has been full for a while
            wait(stuck, 20, lambda: d.counters("a"))
            failures = sum(d.counters(name)["failures"] for name in "ab")
            text += reader.read(10007)
        while text.count(b"\n") < 400:
            wait(lambda: select.select([reader], [], [], 0)[0], 20, lambda: text.count(b"\n"))
            text += reader.read(65536)
    for pid in pids:
        d.wait_exit(pid)
    lines = text.decode().splitlines()
    assert sorted(set(lines)) == ["a" * 3000, "b" * 3000], [l[:5] + l[-5:] for l in lines if len(set(l)) > 1]
    assert len(lines) == 400


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kills", [False, True])
def test_lines_stay_whole_on_a_disk_that_was_full(drive, kills):
    """What a full disk took of a line gets its rest first, when there is room again; over a kill, too."""
    d = drive(before='mkdir "$TEST_DIR/small"; mount -t tmpfs -o size=16k tmpfs "$TEST_DIR/small"')
    inside = f"/proc/{d.ns.init}/root{d.path('small', 'w.log')}"
    for name in "abc":
        d.add(name, sink=d.path("small", "w.log"))
    d.run("a", f"echo {'a' * 997}")
    for name in "bac":
        d.wait_exit(d.spawn(name, f"i=0; while [ $i -lt 100 ]; do echo {name * 997}; i=$((i+1)); done"))
        d.wait_file("main.log", [b"No space left on device"])
        assert os.path.getsize(inside) == 16384  # within a line of b
    if kills:
        d.kill()
    assert d.ns.enter(["mount", "-o", "remount,size=8m", d.path("small")]).returncode == 0
    wait(lambda: os.path.getsize(inside) == 301 * 998, 20, lambda: os.path.getsize(inside))
    with open(inside, encoding="ascii") as f:
        lines = f.read().splitlines()
    assert sorted(lines) == ["a" * 997] + [name * 997 for name in "abc" for _ in range(100)]


def test_tail_of_a_file_that_cannot_be_opened_holds_no_other_up(drive):
    d = drive()
    for name in ("cold", "warm"):
        d.add(name, sink=d.path(f"{name}.log"))
        d.run(name, f"echo {name}")
    with stalled(d.path("cold.log")):
        pid = d.tail("cold", "never")
        assert d.tail_text("warm") == b"warm\n"
        assert d.run("warm", "echo more") < 1000
        assert d.tail_text("warm") == b"warm\nmore\n"
        assert d.read("never") == b""
    d.wait_exit(pid)
    assert d.records(d.read("never")) == b"cold\n"


def test_a_folder_that_is_removed_and_comes_back(drive):
    d = drive(before='mkdir "$TEST_DIR/logs"')
    d.add("w", sink=d.path("logs", "w.log"))
    d.add("other", sink=d.path("other.log"))
    d.run("w", "echo one")
    shutil.rmtree(d.path("logs"))
    d.wait_exit(d.spawn("w", "echo two"))
    d.wait_file("main.log", [b"No such file or directory"])
    assert d.run("other", "echo fine") < 1000
    os.mkdir(d.path("logs"))
    d.wait_file("logs/w.log", b"two\n")


NUMBERS = r"i=0; while [ $i -lt 30000 ]; do printf '%09d\n' $i; i=$((i+1)); [ $((i % 200)) != 0 ] || sleep 0.01; done"


def all_rotated(d, name):
    """What is in a log and its backups, compressed or not, oldest first; a number that is there both
    ways (killed between the two steps) counts once."""
    numbers = sorted({int(m[1]) for f in os.listdir(d.dir) if (m := re.fullmatch(re.escape(name) + r"\.(\d+)(\.gz)?", f))})
    text = b""
    for n in reversed(numbers):
        try:
            text += open(d.path(f"{name}.{n}"), "rb").read()
        except FileNotFoundError:  # it may be compressed just now
            text += gzip.open(d.path(f"{name}.{n}.gz")).read()
    return (text + d.read(name)).decode()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("backups", [1, 400])
def test_kill_while_rotated_files_are_compressed(drive, backups):
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=20000, backups=backups, gzip=1)
    pid = d.spawn("w", NUMBERS)
    d.chaos(40000)
    d.wait_exit(pid, 60)
    d.chaos(0)
    assert d.supd_log()[1] > 5
    d.wait_exit(d.spawn("w", "echo 000030000"))  # the next write finds what a kill left uncompressed
    d.wait_written("w", 300010)
    numbers = [int(n) for n in all_rotated(d, "w.log").split()]
    assert numbers == list(range(0 if backups > 1 else numbers[0], 30001))
    # at idle priority: on a busy machine it takes its time
    wait(lambda: [f for f in os.listdir(d.dir) if f.endswith(".gz")], 60, lambda: os.listdir(d.dir))
    d.finish()
    assert [int(n) for n in all_rotated(d, "w.log").split()] == numbers


@pytest.mark.timeout(120)
@pytest.mark.parametrize("backups", [0, 1])
def test_kill_with_few_backups(drive, backups):
    """What is left is the end of the output, without a hole and without a double."""
    d = drive()
    d.add("w", sink=d.path("w.log"), maxbytes=5000, backups=backups)
    pid = d.spawn("w", NUMBERS)
    d.chaos(40000)
    d.wait_exit(pid, 60)
    d.chaos(0)
    assert d.supd_log()[1] > 5
    d.wait_written("w", 300000)
    assert {f for f in os.listdir(d.dir) if f.startswith("w.log")} <= {"w.log", "w.log.1"}
    numbers = [int(n) for n in all_rotated(d, "w.log").split()]
    assert numbers == list(range(numbers[0] if numbers else 30000, 30000))
    assert d.counters("w")["rotations"] > 10

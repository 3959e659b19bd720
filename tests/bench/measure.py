"""What is measured inside the namespaces: the board, processes, their memory, wake-ups and CPU."""
import contextlib
import mmap
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
import xmlrpc.client

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.web import Unix  # noqa: E402

ROW = struct.Struct("=qq")
OURS = ("beacon", "writer")  # supervised, not supervising


class Slow(Exception):
    """Something that had to happen did not happen in time."""


def poll(condition, limit, what, every=0.005):
    """The first true value of condition(); Slow after limit seconds."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Slow(f"not within {limit:g} s: {what() if callable(what) else what}")
        time.sleep(every)


class Board:
    """The file in which every program notes when it started, and with which pid."""

    def __init__(self, path, rows):
        self.rows = rows
        with open(path, "wb") as f:
            f.truncate(rows * ROW.size)
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)

    def all(self):
        """[(ns, pid)]; ns is 0 where nothing was noted yet."""
        return list(ROW.iter_unpack(self.map[:]))

    def row(self, index):
        return ROW.unpack_from(self.map, index * ROW.size)

    def wait_all(self, since_ns, limit, what):
        """Waits until every row is newer than since_ns; the newest time."""
        def there():
            times = [ns for ns, _ in self.all()]
            return max(times) if min(times) > since_ns else None
        return poll(there, limit, what, every=max(0.01, self.rows / 100000))

    def wait_row(self, index, since_ns, limit, what):
        def there():
            ns, _ = self.row(index)
            return ns if ns > since_ns else None
        return poll(there, limit, what, every=0.002)


def exe_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def supervising():
    """The pids of all that runs here beside this script and the programs."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [p for p in pids if p != os.getpid() and exe_of(p) not in OURS + ("",)]


def memory(pids):
    """KiB in all: what is proportionally theirs, resident, private; and the first by name."""
    found = {"Pss": 0, "Rss": 0, "Private_Dirty": 0}
    by_name = {}
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            rows = dict(line.split(":", 1) for line in f.readlines()[1:])
        for key in found:
            found[key] += int(rows[key].split()[0])
        by_name[exe_of(pid)] = by_name.get(exe_of(pid), 0) + int(rows["Pss"].split()[0])
    return {"pss_kib": found["Pss"], "rss_kib": found["Rss"], "dirty_kib": found["Private_Dirty"],
            "processes": len(pids), "pss_by_name": by_name}


def switches(pids):
    """{thread: how often it went to sleep so far}; one more for each wake-up."""
    found = {}
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8", errors="replace") as f:
                text = f.read()
            found[int(task)] = int(text.rsplit("\nvoluntary_ctxt_switches:", 1)[1].split()[0])
    return found


def wakeups_per_minute(window):
    """A thread that ended meanwhile was woken at least once for that."""
    pids = supervising()
    before = switches(pids)
    time.sleep(window)
    if set(pids) != set(supervising()):
        raise Slow("the supervising processes changed while they had to be idle")
    after = switches(pids)
    ended = sum(task not in after for task in before)
    return (sum(n - before.get(task, 0) for task, n in after.items()) + ended) * 60 / window


def cpu_ns(pids):
    """CPU time that the processes have used, exact; a process that is gone counts nothing."""
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | 2)  # clock_getcpuclockid(3)
        except OSError:
            pass
    return total


def run_times(stopwatch, command, count, env):
    """Milliseconds of each of count runs of a command."""
    done = subprocess.run([stopwatch, str(count)] + command, env=env, stdout=subprocess.PIPE,
                          check=True, text=True, timeout=30 + 5 * count)
    return [int(line) / 1e6 for line in done.stdout.split()]


def greeted_ns(path):
    """Nanoseconds until who connects to supd's control socket is greeted. A connection that is cut off
    is made again: an upgrade ends those that there are."""
    begin = time.monotonic_ns()
    while time.monotonic_ns() - begin < 30e9:
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
            s.connect(path)
            if s.recv(256):
                return time.monotonic_ns() - begin
    raise Slow("nobody answers")


def calls_per_second(path, seconds):
    """getAllProcessInfo over one kept connection, the answers read but not parsed."""
    body = xmlrpc.client.dumps((), "supervisor.getAllProcessInfo")
    connection, calls, begin = Unix(path), 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
        answer = connection.getresponse()
        if answer.status != 200 or b"<fault>" in answer.read():
            raise Slow(f"getAllProcessInfo: {answer.status}")
        calls += 1
    return calls / (time.monotonic() - begin)


def spread(values):
    """Median and 99th percentile."""
    values = sorted(values)
    return {"median": statistics.median(values), "p99": values[min(len(values) - 1, len(values) * 99 // 100)]}

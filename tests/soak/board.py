"""What the workers of the soak say of themselves (tests/tools/runner.c), and what of it reached the logs."""
import ctypes
import mmap
import os
import struct
from collections import defaultdict, namedtuple

ROW = struct.Struct("=iiqiiq")
Run = namedtuple("Run", "number program pid lines ended twice")
ROOM = 1 << 20      # rows
HOLE = 8 << 20      # bytes of a log that were looked at are given back when there are so many
READ = 1 << 20
KEEP, PUNCH = 1, 2  # fallocate(2)


class Board:
    """The file in which each run has its row."""

    def __init__(self, path, room=ROOM):
        with open(path, "wb") as f:
            f.truncate(room * ROW.size)
            f.write(ROW.pack(0, 0, 1, 0, 0, 0))
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)

    def count(self):
        return ROW.unpack_from(self.map, 0)[2]

    def run(self, number):
        program, pid, lines, ended, twice, _ = ROW.unpack_from(self.map, number * ROW.size)
        return Run(number, program, pid, lines, ended, twice)

    def runs(self):
        return [self.run(n) for n in range(1, self.count())]

    def by_program(self):
        found = defaultdict(list)
        for run in self.runs():
            found[run.program].append(run)
        return found


def give_back(fd, begin, end):
    """Makes a hole of what was read; the file's size and its writer's place stay."""
    libc = ctypes.CDLL(None, use_errno=True)
    offset = ctypes.c_int64
    libc.fallocate(fd, KEEP | PUNCH, offset(begin), offset(end - begin))


class Lines:
    """Looks that the lines of one program come in order, each once and whole."""

    def __init__(self, program, size):
        self.program, self.size = program, size
        self.seen = {}       # run -> the number of its last line
        self.current = None
        self.wrong = []
        self.rest = b""
        self.bytes = 0

    def feed(self, data):
        self.bytes += len(data)
        pieces = (self.rest + data).split(b"\n")
        self.rest = pieces.pop()
        for line in pieces:
            place = (self.seen.get(self.current), self.current)
            if not self.line(line) and len(self.wrong) < 20:
                self.wrong.append("program {}: {!r} after line {} of run {}".format(self.program, line[:60], *place))

    def line(self, line):
        words = line.split(b" ", 3)
        if len(words) != 4 or len(line) != self.size - 1 or words[0] != b"%d" % self.program:
            return False
        run, n = int(words[1]), int(words[2])
        fits = words[3] == b"%c" % (97 + n % 26) * len(words[3])
        if run == self.current:
            fits = fits and n == self.seen[run] + 1
        else:
            fits = fits and n == 1 and run not in self.seen
        self.current, self.seen[run] = run, n
        return fits

    def compare(self, runs):
        """What is wrong, given what the runs say they wrote. One that was killed may have written
        one line more than it could say."""
        wrong = list(self.wrong)
        if self.rest:
            wrong.append(f"program {self.program}: the log ends in the middle of a line: {self.rest[:60]!r}")
        for run in runs:
            seen = self.seen.get(run.number, 0)
            if seen != run.lines and not (seen == run.lines + 1 and not run.ended):
                wrong.append(f"program {self.program}: run {run.number} wrote {run.lines} lines, "
                             f"{seen} are in the log")
        return wrong


class Log:
    """One log file, read as it grows, and given back to the disk."""

    def __init__(self, path, program, size):
        self.path, self.lines = path, Lines(program, size)
        self.file, self.given = None, 0

    def pump(self):
        """Reads what is there now; True if that was anything."""
        if self.file is None:
            try:
                self.file = open(self.path, "r+b", buffering=0)
            except FileNotFoundError:
                return False
        data = self.file.read(READ)
        if data:
            self.lines.feed(data)
        at = self.file.tell()
        if at - self.given > HOLE:
            end = at & ~4095
            give_back(self.file.fileno(), self.given, end)
            self.given = end
        return bool(data)

    def close(self):
        while self.pump():
            pass
        if self.file:
            self.file.close()


class RotatedLog:
    """A log that is rotated, with room for all of it: read at the end, the oldest file first."""

    def __init__(self, path, program, size):
        self.path, self.lines = path, Lines(program, size)

    def pump(self):
        return False

    def close(self):
        folder, name = os.path.split(self.path)
        numbers = sorted((int(f[len(name) + 1:]) for f in os.listdir(folder)
                          if f.startswith(name + ".") and f[len(name) + 1:].isdigit()), reverse=True)
        for path in [f"{self.path}.{n}" for n in numbers] + [self.path]:
            if os.path.exists(path):
                with open(path, "rb") as f:
                    while data := f.read(READ):
                        self.lines.feed(data)


def compare_counts(name, record, runs, kills, doubts):
    """What supd has counted of a stopped program beside what its runs said. kills: how many of them we
    ended by a signal. doubts: how often somebody ended a run that may not have had the time to say that
    it lives, or that had just said that it ends by itself."""
    wrong = []
    if record["exits"] != record["starts"]:
        wrong.append(f"{name}: {record['starts']} starts, {record['exits']} exits")
    if not 0 <= record["starts"] - len(runs) <= doubts:
        wrong.append(f"{name}: supd counts {record['starts']} starts, {len(runs)} runs began, {doubts} doubts")
    good, counted = sum(run.ended == 1 for run in runs), record["exits"] - record["unexpected"]
    if not good - doubts <= counted <= good:
        wrong.append(f"{name}: supd counts {counted} exits as expected, {good} runs ended so, {doubts} doubts")
    cut = sum(run.ended == 0 for run in runs)
    if cut > kills + doubts:
        wrong.append(f"{name}: {cut} runs were ended by others; we killed {kills}, {doubts} doubts")
    if record["fatals"]:
        wrong.append(f"{name}: given up {record['fatals']} times")
    wrong += [f"{name}: run {run.number} began while another one lived" for run in runs if run.twice]
    return wrong

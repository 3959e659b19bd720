"""What a plain init costs: `supd --` and supd-init beside Debian's tini and dumb-init, in one run.

Each is PID 1 of namespaces of its own, over the same small static program. Two minutes.
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

import report

BEGIN, END = "<!-- inits: begin, written by ./dev bench -->", "<!-- inits: end -->"
LIMIT = 30  # s, for all that is waited for
TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # µs

# name, its words before the command, or None where it is not installed
INITS = {"supd --": ("supd", "--"), "supd-init": ("supd-init", "--"), "tini": ("tini", "--"),
         "dumb-init": ("dumb-init",)}
PACKAGES = {"tini": "tini", "dumb-init": "dumb-init"}

ROWS = (
    ("memory (PSS), KiB", "pss", "{:.0f}"),
    ("of it private and written to, KiB", "dirty", "{:.0f}"),
    ("resident (RSS), KiB", "rss", "{:.0f}"),
    ("processes of its own", "processes", "{:.0f}"),
    ("wake-ups a minute when idle", "wakeups", "{:.1f}"),
    ("a signal passed on, median µs", "signal_us", "{:.1f}"),
    ("the same, 99 %, µs", "signal_p99_us", "{:.1f}"),
    ("orphans reaped a second", "orphans_per_s", "{:,.0f}"),
    ("its CPU for one orphan, µs", "orphan_us", "{:.2f}"),
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def poll(condition, what):
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)
    return found


def stat_field(pid, name, file="status"):
    with open(f"/proc/{pid}/{file}", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name))


class World:
    """One init as PID 1 over one run of initload."""

    def __init__(self, words, load, row):
        self.row = row
        if os.path.exists(row):
            os.unlink(row)
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--mount-proc",
                "--kill-child", *words, *load]
        self.outside = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid = poll(self.first_child, "the init")
        self.begun = poll(self.read_row, "its command")

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    def first_child(self):
        found = self.children(self.outside.pid)
        return found[0] if found else None

    def read_row(self):
        """(ns, pid) once initload has filled it in."""
        if not os.path.exists(self.row):
            return None
        with open(self.row, "rb") as f:
            data = f.read(16)
        ns, pid = (int.from_bytes(data[i:i + 8], "little") for i in (0, 8))
        return (ns, pid) if pid else None

    def cpu_us(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1000

    def memory(self):
        return {"pss": stat_field(self.pid, "Pss:", "smaps_rollup"),
                "dirty": stat_field(self.pid, "Private_Dirty:", "smaps_rollup"),
                "rss": stat_field(self.pid, "Rss:", "smaps_rollup"),
                "processes": len(self.children(self.pid))}  # its command is one; it itself the other

    def switches(self):
        return stat_field(self.pid, "voluntary_ctxt_switches")

    def close(self):
        self.outside.kill()  # and with it, by --kill-child, the init
        self.outside.wait(LIMIT)


class Inits:
    def __init__(self, tools, place, build, quick):
        self.load = os.path.join(tools, "initload")
        self.place, self.build, self.failed = place, build, []
        self.window, self.asks, self.orphans = (5, 200, 2000) if quick else (70, 2000, 50000)

    def words(self, name):
        program, *rest = INITS[name]
        if name in PACKAGES:
            path = shutil.which(program)
        else:
            path = os.path.join(self.build, program)
        return [path, *rest] if path and os.path.exists(path) else None

    def row(self, name):
        return os.path.join(self.place, "init-" + name.replace(" ", ""))

    def idle(self, inits):
        """All of them in the same window: memory, and how often each woke."""
        worlds = {n: World(w, [self.load, "answer", self.row(n)], self.row(n)) for n, w in inits.items()}
        time.sleep(1)
        before = {n: w.switches() for n, w in worlds.items()}
        time.sleep(self.window)
        found = {n: dict(w.memory(), wakeups=(w.switches() - before[n]) * 60 / self.window)
                 for n, w in worlds.items()}
        for world in worlds.values():
            world.close()
        return found

    def signals(self, name, words):
        world = World(words, [self.load, "answer", self.row(name)], self.row(name))
        done = subprocess.run([self.load, "ask", str(world.pid), self.row(name), str(self.asks)],
                              stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT)
        world.close()
        times = sorted(int(line) / 1000 for line in done.stdout.split())
        return {"signal_us": statistics.median(times), "signal_p99_us": times[len(times) * 99 // 100]}

    def reaping(self, name, words):
        world = World(words, [self.load, "orphans", str(self.orphans), self.row(name)], self.row(name))
        ns, us = world.begun[0], world.cpu_us()
        world.close()
        return {"orphans_per_s": self.orphans * 1e9 / ns, "orphan_us": us / self.orphans}

    def everything(self):
        inits = {n: w for n in INITS if (w := self.words(n))}
        say("bench: plain inits: idle")
        found = self.idle(inits)
        for part in (self.signals, self.reaping):
            for name, words in inits.items():
                say(f"bench: {name}: {part.__name__}")
                found[name].update(part(name, words))
        return {"inits": found, "left_out": [n for n in INITS if n not in inits], "failed": self.failed,
                "orphans": self.orphans}


def version(name):
    return report.first_line(["dpkg-query", "-W", "-f", "${Version}", PACKAGES[name]])


def markdown(found):
    inits, ours = found["inits"], found["inits"].get("supd --", {})
    rows = [[what] + [report.cell(of.get(key), None if n == "supd --" else ours.get(key), form)
                      for n, of in inits.items()] for what, key, form in ROWS]
    notes = [f"- {n}: {version(n)}" for n in inits if n in PACKAGES]
    notes += [f"- left out, not installed: {n}" for n in found["left_out"]]
    machine = "; ".join(f"{k}: {v}" for k, v in report.machine().items())
    return "\n".join([report.table(["as PID 1"] + list(inits), rows), "", f"Machine: {machine}.", "", *notes])

"""What a plain init costs: `supd --` and supd-init beside Debian's tini and dumb-init, in one run.

Each is PID 1 of namespaces of its own, over the same small static program. Two minutes.
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

import measure
import report

BEGIN, END = "<!-- inits: begin, written by ./dev bench -->", "<!-- inits: end -->"
LIMIT = 30  # s, for all that is waited for
# name, its words before the command, or None where it is not installed
INITS = {"supd --": ("supd", "--"), "supd-init": ("supd-init", "--"), "tini": ("tini", "--"),
         "dumb-init": ("dumb-init",)}
PACKAGES = {"tini": "tini", "dumb-init": "dumb-init"}

ROWS = (
    ("memory (PSS), KiB", "pss_kib", "{:.0f}"),
    ("of it private and written to, KiB", "dirty_kib", "{:.0f}"),
    ("resident (RSS), KiB", "rss_kib", "{:.0f}"),
    ("processes of its own", "processes", "{:.0f}"),
    ("wake-ups a minute when idle", "wakeups", "{:.1f}"),
    ("a signal passed on, median µs", "signal_us", "{:.1f}"),
    ("the same, 99 %, µs", "signal_p99_us", "{:.1f}"),
    ("its CPU for one signal, µs", "signal_cpu_us", "{:.1f}"),
    ("orphans reaped a second", "orphans_per_s", "{:,.0f}"),
    ("its CPU for one orphan, µs", "orphan_us", "{:.2f}"),
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def pinned(*wanted):
    """Words that keep a command on these of our processors; none where there is but one."""
    ours = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", ",".join(str(ours[i]) for i in wanted)] if len(ours) > 1 else []


class World:
    """One init as PID 1 over one run of initload."""

    def __init__(self, words, load, row, prefix=()):
        self.board = measure.Board(row, 1)
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--mount-proc",
                "--kill-child", *prefix, *words, *load]
        self.outside = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid = measure.poll(self.first_child, LIMIT, "the init")
        measure.poll(lambda: self.board.row(0)[1], LIMIT, "its command")

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    def first_child(self):
        found = self.children(self.outside.pid)
        return found[0] if found else None

    def cpu_us(self):
        return measure.cpu_ns([self.pid]) / 1000

    def memory(self):
        # its command is one child; it itself makes up for it
        return dict(measure.memory([self.pid]), processes=len(self.children(self.pid)))

    def switches(self):
        return sum(measure.switches([self.pid]).values())

    def close(self):
        self.outside.kill()  # and with it, by --kill-child, the init
        self.outside.wait(LIMIT)


class Inits:
    def __init__(self, tools, place, build, quick):
        self.load = os.path.join(tools, "initload")
        self.place, self.build, self.failed = place, build, []
        self.window, self.asks, self.orphans = (5, 200, 2000) if quick else (70, 2000, 50000)
        self.rounds = 2 if quick else 5  # of signals; the inits take turns

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

    def one_round(self, name, words):
        """The nanoseconds of some signals, and the init's CPU time for all of them."""
        world = World(words, [self.load, "answer", self.row(name)], self.row(name), pinned(-1))
        before = world.cpu_us()
        done = subprocess.run([*pinned(0), self.load, "ask", str(world.pid), self.row(name),
                               str(self.asks // self.rounds)],
                              stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT)
        used = world.cpu_us() - before
        world.close()
        return [int(line) for line in done.stdout.split()], used

    def signals(self, inits):
        """They take turns, there and back, so that what else the machine does meets all of them."""
        times, used = {n: [] for n in inits}, dict.fromkeys(inits, 0)
        for i in range(self.rounds):
            for name in list(inits)[::-1 if i % 2 else 1]:
                some, us = self.one_round(name, inits[name])
                times[name] += some
                used[name] += us
        spreads = {n: measure.spread(t) for n, t in times.items()}
        return {n: {"signal_us": spreads[n]["median"] / 1000, "signal_p99_us": spreads[n]["p99"] / 1000,
                    "signal_cpu_us": used[n] / len(times[n])} for n in inits}

    def reaping(self, name, words):
        world = World(words, [self.load, "orphans", str(self.orphans), self.row(name)], self.row(name))
        ns, us = world.board.row(0)[0], world.cpu_us()
        world.close()
        return {"orphans_per_s": self.orphans * 1e9 / ns, "orphan_us": us / self.orphans}

    def everything(self):
        inits = {n: w for n in INITS if (w := self.words(n))}
        say("bench: plain inits: idle")
        found = self.idle(inits)
        say("bench: plain inits: signals")
        for name, figures in self.signals(inits).items():
            found[name].update(figures)
        for name, words in inits.items():
            say(f"bench: {name}: orphans")
            found[name].update(self.reaping(name, words))
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

"""Runs as PID 1 of namespaces of its own: starts one rival, measures it, prints the figures as JSON.

The one argument is a JSON object: rival, count, pipes, build, place, parts; kills (how many programs
are killed one by one); upgrades (how many, one after another); window and calm (seconds of the idle
window, and before it); for the part "log" size, mib and rate. When this process ends the kernel ends all that it started.
"""
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time

import measure
from rivals import ALL

SETTLE = 2.0   # s: longer than the second for which a program has to run to count as started
NOTES, NOTES_LEN = 0x100000000000, 0x100000  # as in hot.c
LIMIT = 120.0  # s: for whatever 1,000 programs have to do


def start(rival, argv, **kw):
    log = open(rival.path("output"), "ab")  # kept for the message when something goes wrong
    return subprocess.Popen(argv, env=rival.env, cwd=rival.place, stdin=kw.pop("stdin", subprocess.DEVNULL),
                            stdout=log, stderr=log, **kw)


class World:
    """One rival with its programs, started."""

    def __init__(self, rival, want):
        self.rival, self.want = rival, want
        self.limit = LIMIT + want["count"] / 50
        self.board = measure.Board(rival.board, rival.count)
        rival.configure()
        begin = time.monotonic_ns()
        self.process = start(rival, rival.command())
        last = self.board.wait_all(0, self.limit, "all programs have started")
        self.start_s = (last - begin) / 1e9
        self.start_cpu_ms = measure.cpu_ns(measure.supervising()) / 1e6

    def part_start(self):
        return {"start_s": self.start_s, "start_cpu_ms": self.start_cpu_ms}

    def part_pss(self):
        return measure.memory(measure.supervising())

    def part_idle(self):
        time.sleep(self.want["calm"])
        return {"wakeups_per_minute": measure.wakeups_per_minute(self.want["window"])}

    def part_settle(self):
        """Waits until the rival itself says that all programs run."""
        time.sleep(SETTLE)
        command = self.rival.status_command()
        if command:
            measure.poll(lambda: self.running(command) == self.rival.count, self.limit,
                         lambda: f"all programs run; {self.running(command)} do", every=0.5)
        return {}

    def running(self, command):
        done = subprocess.run(command, env=self.rival.env, stdout=subprocess.PIPE, timeout=60,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        return len(re.findall(re.escape(self.rival.running), done.stdout))

    def part_status(self):
        command = self.rival.status_command()
        if not command:
            return {}
        times = measure.run_times(self.rival.path("stopwatch"), command, 20, self.rival.env)
        return {"status_ms": measure.spread(times)["median"]}

    def part_clients(self):
        """What Supervisor's clients see: its own supervisorctl, ours, and a program that polls."""
        words = ["-c", self.rival.path("main.conf"), "status"]
        ours = [os.path.join(self.want["build"], "supctl"), "--as=supervisorctl"]
        found = {"calls_per_s": measure.calls_per_second(self.rival.path("s.sock"), self.want["window"])}
        for key, command in (("theirs_ms", ["supervisorctl"]), ("ours_ms", ours)):
            times = measure.run_times(self.rival.path("stopwatch"), command + words, 10, self.rival.env)
            found[key] = measure.spread(times)["median"]
        return found

    def kill_one(self, row):
        _, pid = self.board.row(row)
        begin = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        back = self.board.wait_row(row, begin, self.rival.restart_limit, f"program {row} is back")
        time.sleep(random.uniform(0.001, 0.005))
        return (back - begin) / 1e6

    def part_one(self):
        rows = random.sample(range(self.rival.count), min(self.want["kills"], self.rival.count))
        found = measure.spread([self.kill_one(row) for row in rows])
        return {"one_ms": found["median"], "one_p99_ms": found["p99"]}

    def part_all(self):
        time.sleep(SETTLE)
        pids = [pid for _, pid in self.board.all()]
        watched = measure.supervising()
        cpu, begin = measure.cpu_ns(watched), time.monotonic_ns()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        last = self.board.wait_all(begin, self.limit, "all programs are back")
        return {"all_s": (last - begin) / 1e9, "all_cpu_ms": (measure.cpu_ns(watched) - cpu) / 1e6}

    def part_upgrade(self):
        """How long supd answers nobody while another image takes its place."""
        command = self.rival.upgrade_command()
        if not command:
            return {}
        found = measure.spread([self.pause_of(command) for _ in range(self.want["upgrades"])])
        return {"upgrade_ms": found["median"], "upgrade_p99_ms": found["p99"]}

    def pause_of(self, command):
        slowest = 0
        with subprocess.Popen(command, env=self.rival.env, stdout=subprocess.DEVNULL) as upgrade:
            while upgrade.poll() is None:
                slowest = max(slowest, measure.greeted_ns(self.rival.socket()))
        if upgrade.returncode != 0:
            raise measure.Slow(f"an upgrade ended with {upgrade.returncode}")
        return slowest / 1e6

    def part_ask(self):
        """Somebody looks at a program, restarts it and reads what it wrote."""
        ctl = self.rival.status_command()[:-1]
        for words in (["status", "p00000"], ["status", "p0000*", "--json"], ["explain", "p00000"], ["pid", "p00000"],
                      ["restart", "p00000"], ["stop", "p00001"], ["start", "p00001"], ["tail", "p00002"]):
            subprocess.run(ctl + words, env=self.rival.env, stdout=subprocess.DEVNULL, timeout=60, check=True)
        return {}

    def part_forget(self):
        """What a supd that was built by hot.py entered so far is forgotten."""
        self.notes(bytes(NOTES_LEN))
        return {}

    def part_entered(self):
        return {"entered": [at for at, was in enumerate(self.notes()) if was]}

    def notes(self, put=None):
        with open(f"/proc/{self.process.pid}/mem", "r+b", buffering=0) as mem:
            mem.seek(NOTES)
            return mem.write(put) if put else mem.read(NOTES_LEN)

    def part_gone(self):
        """From the signal until there is nobody left here, not even a zombie: the last part."""
        begin = time.monotonic_ns()
        self.process.send_signal(self.rival.end_signal)
        last = measure.poll(nobody_left, self.limit, "all are gone", every=0.001)
        return {"gone_s": (last - begin) / 1e9}


def nobody_left():
    """The time, once no child is left; as PID 1 all that loses its parent is ours."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return time.monotonic_ns()
    return None


def written(folder):
    """Bytes of log files, not counting what the loggers keep for themselves."""
    skip = ("config", "lock", "newstate", "state")
    sizes = []
    for name in os.listdir(folder):
        try:
            sizes.append(0 if name in skip else os.stat(os.path.join(folder, name)).st_size)
        except FileNotFoundError:
            pass  # renamed by a rotation just now
    return sum(sizes)


def wait_captured(folder, total):
    """Until all is there; what is dropped never comes, so that growth has an end."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 2:
        now = written(folder)
        if now >= total:
            break
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.05)
    time.sleep(0.5)  # the last flushes belong to the work
    return written(folder)


def log_world(rival, writer):
    if not rival.log_stdin:
        start(rival, rival.log_command())
        return
    read_end, write_end = os.pipe()
    start(rival, rival.log_command(), stdin=read_end)
    subprocess.Popen(writer, stdin=subprocess.DEVNULL, stdout=write_end)
    os.close(read_end)
    os.close(write_end)


def measure_log(rival, want):
    size, mib = want["size"], want["mib"]
    total = -(-mib * 1024 * 1024 // size) * size
    gate = rival.path("gate")
    os.mkfifo(gate)
    writer = [str(w) for w in (rival.path("writer"), rival.board, gate, size, mib, want["rate"])]
    board = measure.Board(rival.board, 1)
    rival.configure_log(writer)
    log_world(rival, writer)
    time.sleep(SETTLE)  # its start is over, the writer waits at the gate
    watched = measure.supervising()
    before, begin = measure.cpu_ns(watched), time.monotonic_ns()
    os.close(measure.poll(lambda: open_gate(gate), LIMIT, "the writer waits"))
    done = board.wait_row(0, begin, LIMIT, "the writer has written all")
    captured = wait_captured(rival.path("log"), total)
    used = measure.cpu_ns(watched) - before
    return {"cpu_ms_per_mib": used / 1e6 / mib, "seconds": (done - begin) / 1e9,
            "lost": total - captured, "processes": len(watched)}


def open_gate(path):
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None  # nobody reads yet


def main():
    want = json.loads(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rival = ALL[want["rival"]](want["place"], want["count"], want["pipes"], want["build"])
    try:
        if "log" in want["parts"]:
            found = measure_log(rival, want)
        else:
            world, found = World(rival, want), {}
            for part in want["parts"]:
                found.update(getattr(world, f"part_{part}")())
    except (measure.Slow, OSError, subprocess.SubprocessError) as wrong:
        with open(rival.path("output"), encoding="utf-8", errors="replace") as f:
            sys.exit(f"{want['rival']}: {wrong}\n{f.read()[-2000:]}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

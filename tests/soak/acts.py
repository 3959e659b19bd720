"""What is done to supd in a soak: one function each, chosen at random by its weight."""
import contextlib
import os
import signal
import socket
import subprocess
import time

from harness.upgrading import version
from harness.waiting import wait
from harness.wire import Refused
from measure import greeted_ns
from world import PAGES, PARTS, POOLS

FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
FATAL = (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT)
YEAR = 365 * 86400
CRASHES, CRASH_WINDOW = 4, 10.5  # one more in so many seconds would be a crash loop


class Acts:
    """The acts on one world; each is called with a source of chance, and says in a word what it did."""

    def __init__(self, world, rng):
        self.w, self.rng, self.s = world, rng, world.s
        self.crashes, self.extra, self.number = [], [], 0
        self.upgrade_ms, self.crash_ms = [], []

    # workers

    def kill_worker(self):
        living = self.w.living()
        if not living:
            return "nobody lives"
        run, sig = self.rng.choice(living), self.rng.choice(FATAL)
        pid = self.w.pid_of(run)
        if not pid or self.w.board.run(run.number).ended:
            return "it had just ended"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)
        # one that says that it ended by itself was about to; who was faster nobody knows
        name = self.w.names[run.program]
        self.w.kills[name] += 1
        self.w.doubts[name] += self.w.board.run(run.number).ended != 0
        return f"{sig.name} to run {run.number} of w{run.program}"

    def kill_many(self):
        return ", ".join(self.kill_worker() for _ in range(self.rng.randint(2, 8)))

    def stop_and_start(self):
        name = self.rng.choice(list(self.w.names.values()))
        self.w.doubts[name] += 1
        self.w.ask("stop", name)
        self.w.ask("start", name)
        return name

    def restart(self):
        names = self.rng.sample(list(self.w.names.values()), min(3, len(self.w.names)))
        for name in names:
            self.w.doubts[name] += 1
            self.w.ask("restart", name, "wait=0")
        return " ".join(names)

    def kill_ear(self):
        return self.kill_one(POOLS)

    def kill_page(self):
        return self.kill_one(PAGES)

    def kill_one(self, groups):
        """One process of these groups."""
        pids = {name: r["pid"] for name, r in self.s.status().items() if r["group"] in groups and r["pid"]}
        name = self.rng.choice(sorted(pids) or ["nobody"])
        with contextlib.suppress(ProcessLookupError, KeyError):
            self.s.kill(pids[name])
            self.w.kills[name.split(":")[0]] += 1
        return name

    # supd and its parts

    def upgrade(self):
        before = version(self.s)["upgrades"]
        slowest = wait(self.upgraded, 30, lambda: f"an upgrade is taken; log:\n{self.s.log_text()[-3000:]}", every=0.2)
        self.upgrade_ms.append(slowest / 1e6)
        now = version(self.s)["upgrades"]
        assert now == before + 1, f"{before} upgrades, then {now}"
        return f"number {now}"

    def upgraded(self):
        """The longest that anybody waited for a greeting, or None: not while a configuration is read."""
        slowest = 0
        argv = self.s.ns.enter_command(self.s.ctl_command("upgrade"))
        with subprocess.Popen(argv, env=self.s.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
            while p.poll() is None:
                slowest = max(slowest, greeted_ns(self.s.socket))
                self.w.pump()
            said = p.stdout.read()
        assert p.returncode == 0 or "try again in a moment" in said, f"{said}\n{self.s.log_text()[-3000:]}"
        return slowest if p.returncode == 0 else None

    def crash(self):
        while len(self.crashes) >= CRASHES and time.monotonic() - self.crashes[-CRASHES] < CRASH_WINDOW:
            self.w.rest(0.2)
        sig, before = self.rng.choice(FAULTS), version(self.s)["crashes"]
        os.kill(self.s.pid, sig)
        self.crash_ms.append(greeted_ns(self.s.socket) / 1e6)
        self.crashes.append(time.monotonic())
        now = version(self.s)["crashes"]
        assert now == before + 1, f"{before} crashes, then {now}"
        return sig.name

    def kill_log(self):
        return self.kill_part("supd-log", r"supd-log")

    def kill_agent(self):
        return self.kill_part("supd-agent", r"supd-agent")

    def kill_part(self, name, words):
        self.s.expect_log(words)
        pid = self.w.part(name)
        if not pid:
            return f"{name} is not there"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return name

    def freeze(self):
        """One of the parts stands still for a moment."""
        name = self.rng.choice(PARTS)
        pid = self.w.part(name)
        if not pid:
            return f"{name} is not there"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.w.rest(self.rng.uniform(0.05, 0.6))
            os.kill(pid, signal.SIGCONT)
        return name

    def step_clock(self):
        offset = self.rng.choice((0, 1, -1, 3600, -3600, YEAR, -YEAR))
        self.s.write("clock", str(offset))
        return f"{offset} s"

    # configuration

    def write_conf(self, more=""):
        """At once: a load of before may be reading the file just now."""
        self.number += 1
        os.replace(self.s.write("new.conf", self.w.conf(self.extra, self.number, more)), self.s.path("supd.conf"))

    def update(self):
        self.extra = sorted(self.rng.sample(range(8), self.rng.randint(0, 4)))
        self.write_conf()
        self.w.ask("update")
        return f"x {self.extra}"

    def reload(self):
        self.extra = sorted(self.rng.sample(range(8), self.rng.randint(0, 4)))
        self.write_conf()
        os.kill(self.s.pid, signal.SIGHUP)
        return f"x {self.extra}"

    def bad_reload(self):
        self.s.expect_log("supd.conf", "reload", "configuration")
        self.write_conf("[program:bad]\nstartsecs=soon\n")
        self.w.ask("update")
        self.write_conf()
        return "refused"

    # floods

    def flood(self, name, seconds):
        self.w.ask("start", name, "wait=0")
        self.w.rest(seconds)
        self.w.ask("stop", name)
        return name

    def flood_of_orphans(self):
        return self.flood("orphans", 0.3)

    def flood_of_lines(self):
        return self.flood("torrent", 0.5)

    def flood_of_clients(self):
        with contextlib.ExitStack() as held:
            for i in range(self.rng.randint(20, 100)):
                client = held.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(5)
                with contextlib.suppress(OSError):
                    client.connect(self.s.socket)
                    client.sendall((b"1\tstatus\n", b"1\tsubscribe\n", b"\xff\0\n" * 50, b"half")[i % 4])
            self.w.answers()
        self.w.answers()  # whoever comes now is behind all of them, and so not one too many
        return "clients"

    def signals(self):
        for _ in range(200):
            os.kill(self.s.pid, signal.SIGUSR2)
        return "200 USR2"


# name and weight; those of the second list put another image, or another process, in the place of one
COMMON = (("kill_worker", 12), ("kill_many", 6), ("stop_and_start", 4), ("restart", 4), ("freeze", 2),
          ("kill_ear", 4), ("kill_page", 4), ("step_clock", 3), ("update", 4), ("reload", 3), ("bad_reload", 2), ("flood_of_orphans", 2),
          ("flood_of_lines", 2), ("flood_of_clients", 2), ("signals", 1))
REPLACING = (("upgrade", 6), ("crash", 5), ("kill_log", 4), ("kill_agent", 3))


def settle(acts):
    """Back to the first configuration and the right time, with all parts there."""
    w = acts.w
    acts.extra = []
    acts.write_conf()
    w.s.write("clock", "0")
    w.answers()
    # not while another one is being read: that may be one of before
    wait(lambda: not isinstance(w.ask("update"), Refused), 30, "the first configuration is taken")
    wait(lambda: not any(n.startswith("x") for n in w.s.status()), 30,
         lambda: f"what came by reloads is gone: {sorted(w.s.status())}")
    wait(w.all_there, 60, "all workers and all parts are there")

#!/usr/bin/env python3
"""A soak: supd with workers that come and go, at which everything is thrown that it has to survive.

  ./dev soak [MINUTES] [--seed N]     random kills, reloads, upgrades, crashes, floods, clock steps
  ./dev soak --load                   200 programs, 50 restarts a second, 20 MiB/s of output, over 100
                                      upgrades and 100 crash signals (seven minutes)

At the end nothing may be lost: what supd has counted of starts and ends is what the workers noted of
their own, every line that they wrote is in their logs once, event listeners got each event in order
(ears.py), nobody was refused by the HTTP servers, by supctl or by FastCGI programs (clients.py), no
descriptor is left over and no process has grown. The seed, which is printed, gives the same acts in
the same order again.
"""
import argparse
import os
import random
import statistics
import sys
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "bench")]

from acts import COMMON, REPLACING, Acts, settle  # noqa: E402
from board import compare_counts  # noqa: E402
from clients import Caller  # noqa: E402
from events import Watcher  # noqa: E402
from harness.upgrading import version  # noqa: E402
from harness.waiting import wait  # noqa: E402
from health import Health  # noqa: E402
from world import World  # noqa: E402

# the last part of a soak replaces nobody, so that growth shows; and before it is measured, some of it
CALM, WARM = 0.4, 0.3


def say(text):
    print(text, flush=True)


class Soak:
    def __init__(self, args):
        self.args = args
        self.seed = args.seed if args.seed is not None else random.randrange(1 << 32)
        self.rng = random.Random(self.seed)
        self.wrong, self.done, self.heard = [], [], []
        self.world = World(args.programs, args.life, args.rate, args.bytes)
        self.acts = Acts(self.world, self.rng)
        self.health = Health(self.world)
        self.watcher, self.clients = None, []
        self.begun = time.monotonic()

    def act(self, name):
        before = time.monotonic()
        what = getattr(self.acts, name)()
        self.done.append(name)
        if self.args.verbose:
            say(f"{before - self.begun:8.2f} {name}: {what}")
        assert self.world.s.running(), f"supd ended after {name}: {what}"

    def some(self, choices, seconds):
        """Acts at random for so long; the health is looked at each second."""
        names, weights = zip(*choices)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.act(self.rng.choices(names, weights)[0])
            self.world.rest(self.rng.uniform(0, 2 * self.args.pause))
            self.health.look()

    def each_once(self):
        names = [n for n, _ in COMMON + REPLACING]
        self.rng.shuffle(names)
        for name in names:
            self.act(name)
            self.health.look()

    def soak(self):
        seconds = self.args.minutes * 60
        self.some(COMMON + REPLACING, seconds * (1 - CALM))
        settle(self.acts)
        self.some(COMMON, seconds * CALM * WARM)
        self.health.begin_calm()
        self.some(COMMON, seconds * CALM * (1 - WARM))
        self.wrong += self.health.growth()

    def load(self):
        """Upgrades, then crash signals, under a load that goes on."""
        for name, count in (("upgrade", self.args.upgrades), ("crash", self.args.crashes)):
            for _ in range(count):
                self.act(name)
                self.world.rest(self.args.pause)

    def run(self):
        wait(self.world.all_there, 60, "every worker has begun")
        self.acts.flood_of_lines()  # whose log is open from now on, too
        self.world.rest(1)
        self.health.begin()
        self.watcher, self.clients = Watcher(self.world.s.socket), self.world.clients()
        {"soak": self.soak, "load": self.load, "smoke": self.each_once}[self.args.kind]()
        settle(self.acts)
        self.finish()

    def finish(self):
        """Stops the workers, and compares all that is known of them."""
        w, seconds = self.world, time.monotonic() - self.begun
        self.wrong += self.watcher.close()
        for client in self.clients:
            self.wrong += client.close(self.done)
        self.wrong += self.health.end()
        for name in w.names.values():
            w.doubts[name] += 1
        w.ask("stop", *w.names.values())
        records = wait(self.stopped, 60, "all workers are stopped")
        self.wrong += self.replaced()
        runs = w.board.by_program()
        for n, name in w.names.items():
            self.wrong += compare_counts(name, records[name], runs[n], w.kills[name], w.doubts[name])
        self.wrong += self.unheard(records)
        self.tell(runs, seconds)
        self.wrong += w.s.end()
        for n, log in w.logs.items():
            log.close()
            self.wrong += log.lines.compare(runs[n])

    def unheard(self, records):
        """What the event listeners did not get as it was."""
        wrong, callers = [], [c for c in self.clients if isinstance(c, Caller)]
        told, tried = set().union(*(c.sent for c in callers)), sum((c.tried for c in callers), Counter())
        for pool, (heard, row) in self.world.heard(records).items():
            wrong += heard.compare(row, self.world.kills[pool])
            wrong += heard.compare_states(self.world.names.values(), records)
            wrong += heard.compare_remotes(told, tried)
            self.heard.append(f"{pool} {row['events']}")
        return wrong

    def replaced(self):
        """supd took over from itself as often as we made it, and no oftener."""
        found, acts = version(self.world.s), self.acts
        return [f"{found[what]} {what}; {asked} were asked for" for what, asked in
                (("upgrades", len(acts.upgrade_ms)), ("crashes", len(acts.crash_ms))) if found[what] != asked]

    def stopped(self):
        records = self.world.s.status()
        self.world.pump()
        busy = [n for n in self.world.names.values() if records[n]["state"] in ("STOPPING", "STARTING", "RUNNING")]
        return None if busy else records

    def tell(self, runs, seconds):
        everyone = [run for some in runs.values() for run in some]
        size = sum(run.lines for run in everyone) * self.args.bytes / 1048576
        counts = ", ".join(f"{self.done.count(n)} {n}" for n, _ in COMMON + REPLACING if n in self.done)
        say(f"acts: {counts}")
        say(f"{len(everyone)} runs, {len(everyone) / seconds:.1f} a second; {size:.0f} MiB of output, "
            f"{size / seconds:.1f} MiB/s; {self.watcher.count} events")
        say(f"events to listeners: {', '.join(self.heard)}; {'; '.join(c.told() for c in self.clients)}")
        for what, times in (("an upgrade", self.acts.upgrade_ms), ("a crash", self.acts.crash_ms)):
            if times:
                say(f"{what}: answers again after {statistics.median(times):.0f} ms (median of {len(times)}), "
                    f"{max(times):.0f} ms at most")
        for line in self.health.told:
            say(line)


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], prog="./dev soak")
    p.add_argument("minutes", nargs="?", type=float, default=20, help="how long (default 20)")
    p.add_argument("--seed", type=int, help="the acts of an earlier run")
    p.add_argument("--load", dest="kind", action="store_const", const="load", default="soak",
                   help="the full load over upgrades and crashes, and nothing else")
    p.add_argument("--smoke", dest="kind", action="store_const", const="smoke", help="every act once")
    p.add_argument("--programs", type=int, help="how many (24, with --load 200)")
    p.add_argument("--life", type=int, help="ms that a run lives on average (2000, with --load 4000)")
    p.add_argument("--rate", type=int, help="lines a second of each (40, with --load 26)")
    p.add_argument("--bytes", type=int, help="bytes of a line (1000, with --load 4096)")
    p.add_argument("--pause", type=float, help="seconds between two acts, on average (0.3, with --load 0.5)")
    p.add_argument("--upgrades", type=int, default=100, help="with --load (default 100)")
    p.add_argument("--crashes", type=int, default=100, help="with --load (default 100)")
    p.add_argument("--verbose", action="store_true", help="print every act")
    args = p.parse_args(argv)
    usual = {"programs": (24, 200), "life": (2000, 4000), "rate": (40, 26), "bytes": (1000, 4096), "pause": (0.3, 0.5)}
    for name, (small, large) in usual.items():
        if getattr(args, name) is None:
            setattr(args, name, large if args.kind == "load" else small)
    return args


def main(argv):
    args = arguments(argv)
    if os.geteuid() != 0:
        sys.exit("soak: it makes namespaces, so run it as root")
    os.environ.setdefault("SUPD_BUILD", "build")
    soak = Soak(args)
    say(f"seed {soak.seed}")
    try:
        soak.run()
    except AssertionError as e:
        soak.wrong.append(str(e))
    finally:
        soak.world.s.remove()
    for line in soak.wrong[:50]:
        say(f"WRONG: {line}")
    if soak.wrong:
        say(f"{len(soak.wrong)} things are wrong; the last acts: {' '.join(soak.done[-12:])}")
    say("nothing is lost" if not soak.wrong else f"again: ./dev soak {args.minutes:g} --seed {soak.seed}")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

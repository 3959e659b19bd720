"""supd-agent is killed with SIGKILL at any moment, again and again, while alerts fire and resolve and a
receiver misbehaves: what the rules produced arrives, all of it, in order, each notice under one id.
SEED=n repeats the choices of one run (not its timing)."""
import contextlib
import os
import random
import re
import signal
import threading
import time

import pytest

from harness.receiver import Server, answer, hang, ok, reset_in_answer, reset_in_body, taken_but_reset
from harness.waiting import wait

WORLDS = 4   # at once, since supd waits longer each time before it starts the agent again
KILLS = 6    # in each of them
ALERTS = 5   # fewer than a storm, and each fires once: more would be flapping
BAD = [answer(500), answer(429, "", Retry_After="1"), taken_but_reset, reset_in_answer, reset_in_body, hang]
STORES = {"sqlite": "state_dir=%(here)s/agent\n", "journal": "state_dir=/proc/nowhere\n"}

ALERT = """[probe:{name}]
type=http
url={url}/p/{name}
interval=1s
timeout=1s
fall=2
rise=1
confirm=100ms
start_period=0s
[alert:{name}]
type=probe
probe={name}
for=0s
keep_firing=0s
nodata_after=0s
"""


class World:
    """One supd, its receiver, and a hand that kills."""

    def __init__(self, sup, store, seed):
        self.random, self.seed = random.Random(seed), seed
        self.names = [f"a{i}" for i in range(ALERTS)]
        self.server = Server()
        self.server.well = {n: True for n in self.names}
        self.server.hooks["hook"] = self.behaviour()
        conf = "".join(ALERT.format(name=n, url=self.server.url) for n in self.names)
        self.s = sup("[supd]\n[agent]\n" + store + f"[supervisord]\n[notify:hook]\ntype=webhook\ntimeout=3s\n"
                     f"rate=6000\nburst=1000\nurl={self.server.url}/hook\n" + conf, net=False)
        self.killed, self.holds, self.pid, self.lock = [], [], None, threading.Lock()
        self.begins = {}  # which alerts fire when
        self.server.on_told = self.seen

    def behaviour(self):
        """A third of the first requests ends badly; from then on all is well."""
        return [self.random.choice(BAD) if self.random.random() < 0.35 else ok for _ in range(40)] + [ok]

    def seen(self, told, when):
        """Some kills hit just when a notice arrives, before its answer, or just after that."""
        if len(self.killed) < KILLS and self.random.random() < 0.4:
            self.kill(self.random.random() * self.random.choice([0, 0.002, 0.02]))

    def find_agent(self):
        """Keeps a hold on the agent of now, so that killing it takes no time."""
        started = re.findall(r"agent: started pid=(\d+)", self.s.log_text())
        if started and int(started[-1]) != self.pid:
            outer = self.s.ns.outer(int(started[-1]))
            if outer:
                with contextlib.suppress(ProcessLookupError):
                    hold = os.pidfd_open(outer)
                    with self.lock:
                        self.holds.append(hold)
                        self.pid = int(started[-1])

    def kill(self, after=0.0):
        threading.Event().wait(after)  # the moment that is wanted; nothing is waited for
        with self.lock:
            if len(self.holds) > len(self.killed):
                signal.pidfd_send_signal(self.holds[-1], signal.SIGKILL)
                self.killed.append((time.monotonic(), self.pid))

    def fires(self, name):
        return re.search(rf"alert {name}: PENDING -> FIRING", self.s.log_text())

    def took(self, name, kind):
        return kind in self.server.story("hook", name)

    def play(self):
        """Alerts fire and resolve, the agent is killed. An alert is left firing until its notice has
        arrived: what the rules produced is then known."""
        self.s.wait(lambda: all(f"probe {n}: WAITING -> OK" in self.s.log_text() for n in self.names), 30)
        start = time.monotonic()
        self.begins = {n: start + self.random.random() * 4 for n in self.names}
        wait(self.step, 150, self.report)
        self.server.on_told = None

    def step(self):
        """Lets what is due fire, ends what was told, kills now and then; true when all is done."""
        self.find_agent()
        for n, at in list(self.begins.items()):
            if time.monotonic() >= at:
                self.server.well[n] = False
                if self.took(n, "firing"):
                    self.server.well[n] = True
                    del self.begins[n]
        if self.random.random() < 0.01 and len(self.killed) < KILLS:
            self.kill()
        return not self.begins and len(self.killed) >= KILLS

    def report(self):
        told = "\n".join(map(repr, self.server.told))
        return f"seed {self.seed}: killed {self.killed}\n{told}\n{self.s.log_text()[-6000:]}"

    def check(self):
        wait(lambda: all(self.took(n, "resolved") for n in self.names), 120, self.report)
        for n in self.names:
            assert self.server.story("hook", n) == ["firing", "resolved"], self.report()
        assert {t.notice["alert"] for t in self.server.told} == set(self.names), self.report()
        for t in self.server.told:
            self.check_repeated(t)
        assert len(self.killed) >= KILLS

    def check_repeated(self, told):
        """The same notice comes again only if its answer was lost: cut off, or by a kill before the
        agent could write down that it had read it."""
        before = [t for t in self.server.told if t.id == told.id and t.at < told.at and t.taken]
        for t in before:
            assert t.body == told.body, self.report()
            killed = any(t.at - 0.1 <= at <= t.at + 5 for at, _ in self.killed)
            assert not t.answered or killed, f"{t} was repeated: {told}\n" + self.report()

    def close(self):
        self.server.stop()
        for hold in self.holds:
            os.close(hold)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", STORES)
def test_nothing_is_lost_or_doubled(sup, store):
    seed = int(os.environ.get("SEED", random.randrange(10 ** 6)))
    print(f"SEED={seed}")
    worlds = [World(sup, STORES[store], seed * 100 + i) for i in range(WORLDS)]
    failed = []

    def play(w):
        try:
            w.play()
            w.check()
        except BaseException as e:  # pylint: disable=broad-except
            failed.append(f"SEED={seed} {e}")

    threads = [threading.Thread(target=play, args=(w,)) for w in worlds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kills = sum(len(w.killed) for w in worlds)
    told = [t for w in worlds for t in w.server.told]
    print(f"{kills} kills, {len(told)} requests, {len({t.id for t in told})} notices")
    for w in worlds:
        w.close()
    assert not failed, "\n".join(failed)
    assert kills >= 20
    if store == "journal":
        assert all("alerts and windows are kept in memory" in w.s.log_text() for w in worlds)

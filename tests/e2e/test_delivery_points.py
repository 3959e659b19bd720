"""supd-agent is killed at each point of a delivery, one after the other, not by chance: at the system
calls by which an alert and its notice are written down, the request is sent, its answer is read, and that
is written down. Whatever the point, the receiver has one beginning and one end, each under one id."""
import concurrent.futures
import re

import pytest

from harness.receiver import Server
from harness.supervised import Supd, program

# the first agent runs below strace, which kills it at the wanted call; those after it run alone
AGENT = """#!/bin/sh
[ $# -eq 0 ] && mkdir %(dir)s/agent/once 2>/dev/null || exec {agent} "$@"
exec strace -D -f -qq -o %(dir)s/agent/trace {options} {agent} "$@"
"""
CALLS = "pwrite64,fdatasync,connect,sendto,recvfrom,close,epoll_wait"
CONF = """[supd]
[agent]
{store}
[supervisord]
[program:w]
command=/bin/sleep 1000
startsecs=0
[notify:hook]
type=webhook
rate=6000
burst=1000
url={url}/hook
[alert:w]
type=program
program=w
state=STOPPED
for=0s
keep_firing=0s
nodata_after=0s
notify=hook
"""
STORES = {"sqlite": "state_dir=%(here)s/state", "journal": "state_dir=/proc/nowhere"}
AT_ONCE = 3


class World:
    """One supd with one alert, and its receiver."""

    def __init__(self, store, options):
        self.server = Server()
        agent = AGENT.replace("{options}", options).replace("{agent}", program("supd-agent"))
        self.s = Supd(CONF.format(store=STORES[store], url=self.server.url), net=False, agent=agent)

    def __enter__(self):
        self.s.start()
        self.s.wait_ready()
        self.s.wait(lambda: "OK" in self.s.ctl("alerts").stdout or self.starts() > 1, 30)
        return self

    def __exit__(self, *why):
        wrong = self.s.close()
        self.server.stop()
        assert why[0] or not wrong, wrong

    def starts(self):
        return len(re.findall(r"agent: started pid=", self.s.log_text()))

    def trace(self):
        return self.s.read("agent/trace").splitlines()

    def tell(self, command, kinds):
        self.s.ok(command, "w")
        self.s.wait(lambda: self.server.story("hook") == kinds, 40, self.report)

    def report(self):
        return "\n".join(map(repr, self.server.told)) + "\n" + self.s.log_text() + "\n".join(self.trace()[-30:])

    def settled(self):
        """Nothing waits, and what was killed has a successor."""
        done = self.s.ctl("explain", "hook")
        return done.returncode == 0 and re.search(r"\b0 wait", done.stdout)

    def check(self):
        assert self.server.story("hook") == ["firing", "resolved"], self.report()
        told = self.server.at("hook")
        assert len(told) <= 3, self.report()  # one kill: one repetition at most
        for t in told:
            assert {x.body for x in told if x.id == t.id} == {t.body}, self.report()


def calls_of(lines):
    """[(thread, call, how often that thread had made it)] of a trace, in its order."""
    seen, found = {}, []
    for line in lines:
        m = re.match(r"(\d+) +(\w+)\(", line)
        if m:
            seen[m.groups()] = seen.get(m.groups(), 0) + 1
            found.append((*m.groups(), seen[m.groups()]))
    return found


def rehearse(store):
    """The calls of one delivery of a beginning and an end, without a kill."""
    with World(store, f"-e trace={CALLS}") as w:
        before = len(calls_of(w.trace()))
        w.tell("stop", ["firing"])
        w.s.wait(w.settled)
        w.tell("start", ["firing", "resolved"])
        w.s.wait(w.settled)
        w.check()
        return calls_of(w.trace())[before:]


def points_of(calls):
    """Those at which a kill makes a difference: every one of the network and of a commit, and of the
    others the first after one of those."""
    points, last = [], None
    for _, call, nth in calls:
        main = call in ("connect", "sendto", "recvfrom", "fdatasync")
        if main or call != last:
            points.append((call, nth))
        last = call
    return list(dict.fromkeys(points))


def play(store, call, nth):
    """Kills it at that call; what it was doing then: how many notices had arrived, and whether one
    had but was not written down as delivered."""
    with World(store, f"-e trace={call} -e inject={call}:signal=KILL:when={nth}") as w:
        w.tell("stop", ["firing"])
        w.tell("start", ["firing", "resolved"])
        w.s.wait(w.settled, 40, w.report)
        w.check()
        told = w.server.at("hook")
        return w.starts() > 1, len(told) > 2


@pytest.mark.release
@pytest.mark.timeout(400)
@pytest.mark.parametrize("store", STORES)
def test_killed_at_every_point_of_a_delivery(store):
    calls = rehearse(store)
    points = points_of(calls)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda p: play(store, *p), points))
    killed = [p for p, (k, _) in zip(points, done) if k]
    again = [p for p, (_, a) in zip(points, done) if a]
    print(f"{store}: killed at {len(killed)} of {len(points)} points; told again after {again}")
    assert len(killed) >= len(points) / 2, (points, killed)  # how often it waits and reads varies
    needed = {"connect", "sendto", "recvfrom", "pwrite64"} | ({"fdatasync"} if store == "sqlite" else set())
    assert needed <= {c for c, _ in killed}, killed
    # what had arrived was repeated where it was not written down yet, and nowhere else
    assert "pwrite64" in {c for c, _ in again}, (points, done)
    assert "connect" not in {c for c, _ in again}, (points, done)

"""The process machine beside Supervisor's own process class: the same random scripts, tick by tick the
same state, retry counter, number of starts and number of KILLs.
"""
import glob
import os
import random
import subprocess

import pytest

from supervisor_process import Player

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS, TICKS = 60, 1500


@pytest.fixture(scope="module")
def procplay(tmp_path_factory):
    target = str(tmp_path_factory.mktemp("tools") / "procplay")
    sources = [os.path.join(ROOT, "tests/tools/procplay.c")]
    sources += glob.glob(os.path.join(ROOT, "supervisor/core/proc*.c"))
    sources += glob.glob(os.path.join(ROOT, "supervisor/base/*.c"))
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-I" + ROOT, "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=undefined", "-o", target] + sources, check=True, timeout=120)
    return target


def settings(rng):
    """Times end between two ticks, so that no order of things within one tick decides."""
    startsecs = rng.choice([0, 1050, 1050, 2050, 450])
    return (startsecs, rng.randrange(5), rng.randrange(3), rng.choice([450, 1050, 3050]),
            sorted(rng.sample(range(4), rng.randrange(3))))


def lines(rng):
    """Commands and deaths, dense or sparse."""
    pause = rng.choice([2, 8, 30])
    for _ in range(TICKS):
        if rng.randrange(pause):
            yield "-"
            continue
        what = rng.random()
        if what < 0.45:
            yield "exit %d" % rng.randrange(4) if rng.random() < 0.8 else "sig %d" % rng.choice([9, 11, 15])
        elif what < 0.75:
            yield "start"
        elif what < 0.92:
            yield "stop"
        elif what < 0.94:
            yield "shutdown"
        else:
            yield rng.choice(["fail", "heal", "heal"])


class Refusals:
    """Start while stopping is the one command where the machine does more (it starts afterwards)."""

    def __init__(self, player):
        self.player = player

    def filter(self, line):
        return "-" if line == "start" and self.player.proc.state == 40 else line


@pytest.mark.parametrize("seed", range(1, 7))
def test_random_scripts(procplay, seed):
    for number in range(SCRIPTS // 6):
        rng = random.Random("%d/%d" % (seed, number))
        conf = settings(rng)
        player = Player(*conf)
        refusals = Refusals(player)
        script, expected = [], []
        for line in lines(rng):
            line = refusals.filter(line)
            script.append(line)
            expected.append("%d %d %d %d" % player.tick(line))
        head = "new %d %d %d %d %s" % (*conf[:4], ",".join(map(str, conf[4])))
        done = subprocess.run([procplay], input="\n".join([head] + script) + "\n", stdout=subprocess.PIPE,
                              text=True, check=True, timeout=60)
        got = done.stdout.splitlines()
        for at, (line, theirs, ours) in enumerate(zip(script, expected, got)):
            assert ours == theirs, "seed %d script %d (%s) tick %d '%s': %s, Supervisor %s; before: %s" % (
                seed, number, head, at, line, ours, theirs, list(zip(script, expected))[max(0, at - 4):at])
        assert len(got) == len(expected)


def test_the_comparison_sees_what_it_compares(procplay):
    """A plain life, written down: what both players give is what is meant."""
    script = ["start"] + ["-"] * 11 + ["exit 1", "-", "stop", "sig 15"]
    player = Player(1050, 3, 2, 10050, [0])
    theirs = [player.tick(line)[:3] for line in script]
    assert theirs[0] == (10, 0, 1) and theirs[10] == (10, 0, 1) and theirs[11] == (20, 0, 1)
    assert theirs[12] == (10, 0, 2) and theirs[14] == (40, 0, 2) and theirs[15] == (0, 0, 2)

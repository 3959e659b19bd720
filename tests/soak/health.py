"""Descriptors and memory of supd, supd-log and supd-agent, before and after."""
import os
import statistics
import time

from harness.namespace import status_of
from harness.waiting import Late, wait
from world import PARTS

# KiB by which the least that a process has may have grown in the calm part of a soak: what holes in its
# heap may cost until they are filled, and no more
GROWTH = {"supd": 128, "supd-log": 256, "supd-agent": 1024}
JUDGED = 60  # s that the calm part has to last: what is borrowed for a moment hides the rest before
SPARE = {"supd": 0, "supd-log": 0, "supd-agent": 4}  # descriptors; the agent's depend on its probes


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def private_kib(pid):
    """What is the process's own, the memory that it shares with the others not included."""
    return int((status_of(pid, "RssAnon") or ["0"])[0])


def floors(values):
    """The least of the first third and of the last: between them lies what was only borrowed."""
    n = max(1, len(values) // 3)
    return min(values[:n]), min(values[-n:])


class Health:
    def __init__(self, world):
        self.world, self.told = world, []
        self.first, self.samples, self.since, self.next = {}, {}, 0, 0

    def counts(self):
        """Descriptors of each part, or {} while one is being replaced."""
        try:
            return {p: descriptors(self.world.part(p)) for p in PARTS}
        except (OSError, TypeError):
            return {}

    def usual(self, seconds):
        """How many each usually has within some time: not while a worker is dead, or a client is there."""
        seen = []

        def look():
            seen.append(self.counts())
            self.world.pump()
        try:
            wait(look, seconds, every=0.05)
        except Late:
            pass
        return {p: statistics.median_low([s[p] for s in seen if s]) for p in PARTS}

    def begin(self):
        self.first = self.usual(1)

    def begin_calm(self):
        self.samples = {p: [] for p in PARTS}
        self.since = time.monotonic()

    def look(self):
        if self.samples and time.monotonic() >= self.next:
            self.next = time.monotonic() + 1
            for part in PARTS:
                pid = self.world.part(part)
                if pid:
                    self.samples[part].append((pid, private_kib(pid)))

    def growth(self):
        """What is wrong with how the memory went; nobody may have been replaced meanwhile."""
        wrong, hours = [], (time.monotonic() - self.since) / 3600
        for part, samples in self.samples.items():
            if len({pid for pid, _ in samples}) != 1:
                wrong.append(f"{part} was replaced in the calm part: {sorted({p for p, _ in samples})}")
                continue
            before, after = floors([kib for _, kib in samples])
            self.told.append(f"{part}: {before:.0f} KiB of its own, {after - before:+.0f} in {hours * 60:.1f} minutes")
            if after - before > GROWTH[part] and hours * 3600 >= JUDGED:
                wrong.append(f"{part} grew by {after - before:.0f} KiB in {hours * 60:.1f} minutes")
        return wrong

    def end(self):
        last = self.usual(1)
        self.told.append("descriptors: " + ", ".join(f"{p} {self.first[p]} -> {last[p]}" for p in PARTS))
        return [f"{p} has {last[p]} descriptors; at the start it had {self.first[p]}"
                for p in PARTS if last[p] > self.first[p] + SPARE[p]]

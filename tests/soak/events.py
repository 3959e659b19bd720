"""Someone who follows supd's events all the time: their numbers have no gap, and never go back."""
import re
import threading

from harness.wire import Refused, Wire


class Watcher:
    def __init__(self, path):
        self.path, self.wrong, self.count, self.last = path, [], 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        """A connection ends with the supd that it was to; then there is another one."""
        while not self.over.is_set():
            try:
                with Wire(self.path, timeout=2) as wire:
                    self.follow(wire)
            except (OSError, Refused):
                self.over.wait(0.02)

    def follow(self, wire):
        seq = wire.request("subscribe")[1]["seq"]
        if seq < self.last:
            self.wrong.append(f"events were numbered up to {self.last}, then {seq}")
        self.last = seq
        while not self.over.is_set():
            found = re.search(r"\bseq=(\d+)", wire.line())
            if found:
                self.take(int(found[1]))

    def take(self, seq):
        if seq != self.last + 1:
            self.wrong.append(f"event {seq} came after event {self.last}")
        self.last = seq
        self.count += 1

    def close(self):
        self.over.set()
        self.thread.join(10)
        return self.wrong[:10] + ["no event was seen"] * (not self.count)

"""The machine that the tests run on, which no program can help."""
import threading
import time


class Machine(threading.Thread):
    """How late this machine wakes somebody who only sleeps."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.over = 0.0, threading.Event()

    def run(self):
        while not self.over.is_set():
            begun = time.monotonic()
            self.over.wait(0.01)
            self.late = max(self.late, time.monotonic() - begun - 0.01)

    def end(self):
        self.over.set()
        self.join()

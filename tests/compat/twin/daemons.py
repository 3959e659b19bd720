"""The twins as processes: Debian's supervisord or ours, each in namespaces of its own.

Both find their world in /run/w, whatever the folder is called outside, so that neither paths nor
ports differ between them.
"""
import contextlib
import os

from harness.supervised import Supd
from harness.waiting import Late, wait

FOLDER = "/run/w"
DEBIAN = "/usr/bin/supervisord"
LIMIT = 60  # seconds for one thing that has to come true: more than any machine needs
INSIDE = f'mkdir {FOLDER} && mount --bind "$TEST_DIR/w" {FOLDER} && cd {FOLDER} && unset OLDPWD'


class Twin(Supd):
    """One of the two on the configuration of a house."""

    def __init__(self, house, real):
        self.house, self.real = house, real
        super().__init__("", pid1=house.pid1, args=house.args, name="supervisord", before=self._before(house),
                         env={"TMPDIR": FOLDER, **house.env})
        os.mkdir(self.path("w"))
        os.chmod(self.path("w"), 0o755)
        for name, text in house.files.items():
            self._lay(name, text)

    @staticmethod
    def _before(house):
        return INSIDE + (f" && {house.before}" if house.before else "")

    def _lay(self, name, text):
        path = self.path("w", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, 0o755 if text[:2] in ("#!", b"#!") else 0o644)

    def command(self):
        """What starts this twin's supervisord, without arguments."""
        return [DEBIAN] if self.real else [self.path("supervisord")]

    def _argv(self, name, args):
        if not self.real:
            self._alias("supervisord")
        if self.house.idle:
            return ["sh", "-c", 'touch "$TEST_DIR/idle"; exec sleep 1000']
        return self.command() + list(args)

    @property
    def up(self):
        return os.path.exists(self.path("idle")) if self.house.idle else \
            "supervisord started with pid" in self.read("w/main.log")

    def wait_up(self, timeout=LIMIT):
        """A house may end by itself soon after."""
        self.wait(lambda: self.up or not self.running(), timeout)
        assert self.up, f"it ended with {self.exit_status()}:\n{self.said()}"

    def said(self):
        """What it has written anywhere, for people."""
        names = ("supd.log", "stdout", "w/main.log")
        return "\n".join(f"{name}:\n{self.read(name)}" for name in names if self.read(name))

    def left(self):
        """supd-log may have something to write still when supd has gone."""
        with contextlib.suppress(Late):
            wait(lambda: not super(Twin, self).left(), 5)
        return super().left()

    def unexpected_log(self):
        return []

    def finish(self):
        """Ends it at once, or tidily where that is to be seen; what is wrong with ours, as sentences."""
        try:
            if self.real:
                return []
            return self.sanitizer_reports() if self.house.idle else self.end()
        finally:
            self.remove()

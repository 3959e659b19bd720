"""A supervisord, Debian's or ours, in namespaces of its own, on a configuration in /run/w."""
import contextlib
import json
import os

from harness.supervised import Supd, program
from harness.waiting import Late, wait

FOLDER = "/run/w"
URL = f"unix://{FOLDER}/sock"
DEBIAN = "/usr/bin/supervisord"
THEIRS = "/usr/bin/supervisorctl"
PLAYER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "player.py")
INSIDE = f'mkdir {FOLDER} && mount --bind "$TEST_DIR/w" {FOLDER} && cd {FOLDER}'


class Server(Supd):
    """real: Debian's supervisord. files: {name: text} beside supervisord.conf."""

    def __init__(self, files, real=True):
        self.real = real
        super().__init__("", name="supervisord", pid1=False, before=INSIDE, env={"TMPDIR": FOLDER})
        os.symlink(program("supctl"), self.path("supervisorctl"))
        os.mkdir(self.path("w"))
        os.chmod(self.path("w"), 0o755)
        for name, text in files.items():
            self.write(os.path.join("w", name), text)

    def _argv(self, name, args):
        own = DEBIAN if self.real else self._alias("supervisord")
        return [own, "-n", "-c", f"{FOLDER}/supervisord.conf"]

    def client(self, theirs):
        return THEIRS if theirs else self.path("supervisorctl")

    def wait_up(self, timeout=20):
        """Until its log says so."""
        self.wait(lambda: "supervisord started with pid" in self.read("w/main.log"), timeout,
                  lambda: f"it is up: {self.read('supd.log')} {self.read('stdout')} {self.read('w/main.log')}")

    def play(self, script, theirs, timeout=50):
        """Has a script of ctl/scripts.py played inside; [[words, exit status, stdout, stderr], ...]."""
        done = self.run("/usr/bin/python3", PLAYER, script, "theirs" if theirs else "ours", self.client(theirs),
                        FOLDER, env=self.env, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr + self.read("w/main.log")
        return json.loads(done.stdout)

    def unexpected_log(self):
        return [] if self.real else super().unexpected_log()

    def end(self):
        """Debian's is not worth the wait for its end, a second for each group."""
        return self.sanitizer_reports() if self.real else super().end()

    def left(self):
        """supd-log, which writes what was left to write, may end a moment after supd."""
        with contextlib.suppress(Late):
            wait(lambda: not super(Server, self).left(), 10)
        return super().left()

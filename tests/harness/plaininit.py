"""A plain init in namespaces, with a program under it that tells what it gets."""
import ctypes
import os
import re
import signal
import subprocess
import tempfile

from .namespace import Namespace, status_of
from .supervised import program, tool
from .waiting import wait


LIBC = ctypes.CDLL(None)


def own():
    return [program("supd"), "--"]


def as_tini():
    return [program("supd"), "--as=tini"]


def as_dumb_init():
    return [program("supd"), "--as=dumb-init"]


class Init:
    """argv: the init with its options and its command; what it writes goes to files."""

    def __init__(self, argv, *, env=None, cwd="/", prefix=(), pid1=True, stdin=subprocess.DEVNULL,
                 caps=None, before="", pass_fds=()):
        self.dir = tempfile.mkdtemp(prefix="supd-test-init-")
        self.files = [open(os.path.join(self.dir, name), "wb") for name in ("out", "err")]
        argv = list(prefix) + list(argv)
        if not pid1:
            argv = [tool("init"), os.path.join(self.dir, "status")] + argv
            stdin = subprocess.PIPE
        self.pid1 = pid1
        os.chmod(self.dir, 0o755)
        env = {**os.environ, "TEST_DIR": self.dir, **(env or {})}
        self.ns = Namespace(argv, env=env, cwd=cwd, net=False, before=before, stdin=stdin, pass_fds=pass_fds,
                            stdout=self.files[0], stderr=self.files[1],
                            caps=caps or os.environ.get("SUPD_CAPS") or None)

    def text(self, name="out"):
        with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_line(self, pattern, timeout=10, name="out"):
        return wait(lambda: re.search(pattern, self.text(name), re.M), timeout,
                    lambda: f"{pattern!r} in {self.text('out')!r} {self.text('err')!r}")

    def lines(self, start):
        return [line for line in self.text().splitlines() if line.startswith(start)]

    @property
    def pid(self):
        """The init's pid, outside."""
        if self.pid1:
            return self.ns.init
        with open(f"/proc/{self.ns.init}/task/{self.ns.init}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def send(self, sig, value=None):
        if value is None:
            os.kill(self.pid, sig)
            return
        assert LIBC.sigqueue(self.pid, int(sig), ctypes.c_void_p(value & 0xFFFFFFFF)) == 0

    def status(self, timeout=15):
        """The exit status of the init."""
        if not self.pid1:
            wait(lambda: os.path.exists(os.path.join(self.dir, "status")) and self.text("status"), timeout,
                 lambda: self.text("err"))
            return int(self.text("status"))
        wait(lambda: not self.ns.running(), timeout, lambda: f"the end; {self.text('err')}")
        return self.ns.proc.returncode

    def switches(self):
        return int(status_of(self.pid, "voluntary_ctxt_switches")[0])

    def close(self):
        self.ns.destroy()
        for f in self.files:
            f.close()
        subprocess.run(["rm", "-rf", self.dir], check=True)


def signals_of(text, who="start"):
    """[(signal, code, value), ...] in the order in which they came."""
    return [tuple(int(n) for n in m) for m in
            re.findall(rf"^{who}-signal (\d+) code=(-?\d+) value=(-?\d+)", text, re.M)]


FORWARDED = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33)]

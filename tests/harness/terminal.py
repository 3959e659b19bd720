"""A program on a terminal of its own: what a person types, and what they see."""
import os
import pty
import re
import select
import subprocess
import termios
import struct
import fcntl

from .waiting import wait


# what shells say around each line so that a paste can be told from typing
PASTE = re.compile(r"\x1b\[\?2004[hl]\r?")


class Terminal:
    """argv on a new pseudo-terminal. seen holds everything that was printed so far."""

    def __init__(self, argv, *, env, columns=100, rows=40):
        self.fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.proc = subprocess.Popen(argv, stdin=inner, stdout=inner, stderr=inner, env=env,
                                     start_new_session=True, preexec_fn=self._take_terminal)
        os.close(inner)
        self.seen = ""

    @staticmethod
    def _take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data.decode(errors="replace")

    def type(self, text):
        """Types text; what is expected next is looked for from here on."""
        self._read()
        self.seen = ""
        os.write(self.fd, text.encode())

    def expect(self, pattern, timeout=10):
        """Waits until pattern was printed; the match."""
        def look():
            self._read()
            return re.search(pattern, PASTE.sub("", self.seen), re.M)
        return wait(look, timeout, lambda: f"{pattern!r} on the terminal: {self.seen!r}")

    def ended(self, timeout=10):
        """Waits for the end of the program; its exit status."""
        def gone():
            self._read()
            return self.proc.poll() is not None
        wait(gone, timeout, lambda: f"the program ends; on the terminal: {self.seen!r}")
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait(10)
        os.close(self.fd)

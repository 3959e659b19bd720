"""A supd-agent for tests: asks for the text of programs, notes every message that it gets.

SCRIPT is what runs in supd-agent's place, and is written apart from the C reader on purpose. It asks
for what stands in the file `asks` of the private folder (a line each, without the id) whenever that
grows, does not read while there is a file `halt`, and appends what it got to `agent/got`:
    channel LINE             what supd said over the channel
    text KEY SLOT FLAGS CHANNEL RUN PID AT HEX
"""
import os
import re

NAMES, TORN, CAPTURED, BEGIN, END = 1, 2, 4, 8, 16

SCRIPT = r'''#!/usr/bin/python3
import os, select, socket, struct, sys
HEAD = struct.Struct("=HBBIIIiIQ")
folder = "%(dir)s"
channel, hand, text = socket.socket(fileno=3), socket.socket(fileno=4), None
hand.setblocking(True)
while not text:
    what, fds = socket.recv_fds(hand, 128, 1)[:2]
    if what == b"text\0":
        text = socket.socket(fileno=fds[0])
    else:
        os.close(fds[0])
out = open(folder + "/agent/got", "a")
out.write(f"start {os.getpid()}\n")
channel.setblocking(True)
channel.sendall(b"s subscribe\n")
asked, half = 0, b""
while True:
    halted = os.path.exists(folder + "/halt")
    ready = select.select([channel] + ([] if halted else [text]), [], [], 0.02)[0]
    if channel in ready:
        data = channel.recv(65536)
        if not data:
            sys.exit(0)
        *lines, half = (half + data).split(b"\n")
        for line in lines:
            out.write("channel " + line.decode("utf-8", "replace") + "\n")
    for _ in range(200 if text in ready else 0):
        try:
            message = text.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        if not message:
            break
        size, flags, stream, slot, key, run, pid, length, at = HEAD.unpack_from(message)
        assert size == HEAD.size and len(message) == size + length, message[:64]
        out.write(f"text {key} {slot} {flags} {stream} {run} {pid} {at} {message[size:].hex()}\n")
    with open(folder + "/asks") as f:
        lines = f.read().splitlines()
    for line in lines[asked:]:
        channel.sendall(f"q{asked} {line}\n".encode())
        asked += 1
    out.flush()
'''


class Stream:
    """What came of one tap."""

    def __init__(self, program, process):
        self.program, self.process = program, process
        self.pieces = []  # (at, bytes, run, pid, flags)
        self.end = 0      # where the text would be by now, lost bytes included

    def take(self, at, data, run, pid, flags):
        """As the C reader does: what is known already is cut off."""
        if at + len(data) < self.end or (at + len(data) == self.end and not data):
            return
        data = data[max(self.end - at, 0):] if at < self.end else data
        self.pieces.append((max(at, self.end), data, run, pid, flags))
        self.end = max(at, self.end) + len(data)

    @property
    def text(self):
        return b"".join(p[1] for p in self.pieces)

    @property
    def skipped(self):
        return self.end - len(self.text)


class TextAgent:
    """What the script of one supd noted."""

    def __init__(self, s):
        self.s = s

    def ask(self, *lines):
        with open(self.s.path("asks"), "a", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))

    def halt(self, on):
        if on:
            self.s.write("halt", "")
        else:
            os.unlink(self.s.path("halt"))

    def lines(self):
        return self.s.read("agent/got").rpartition("\n")[0].splitlines()  # the last may be half written

    def channel(self, pattern):
        """The match in what supd said, or None."""
        said = [line for line in self.lines() if line.startswith("channel ")]
        return next((m for m in (re.search(pattern, line) for line in said) if m), None)

    def pid(self):
        started = [int(line.split()[1]) for line in self.lines() if line.startswith("start ")]
        return started[-1] if started else None

    def streams(self):
        """{key: Stream}, also of agents before."""
        found = {}
        for line in self.lines():
            words = line.split(" ")
            if words[0] != "text" or len(words) != 9:
                continue
            key, _, flags, channel, run, pid, at = map(int, words[1:8])
            data = bytes.fromhex(words[8])
            if flags & NAMES:
                program, process = data.decode().split("\0")[:2]
                found.setdefault(key, Stream(program, (process, channel)))
            else:
                found[key].take(at, data, run, pid, flags)
        return found

    def stream(self, process, channel=0):
        """The newest tap of a process."""
        named = [(k, x) for k, x in self.streams().items() if x.process == (process, channel)]
        return max(named)[1] if named else None

"""The control protocol (docs/control-protocol.md) from a test, without supctl between."""
import re
import socket

ESCAPES = {"\\": "\\", "n": "\n", "t": "\t"}


def unescape(text):
    return re.sub(r"\\(?:x([0-9a-f]{2})|(.))",
                  lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text)


def escape(text):
    out = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}", out)


def record(text):
    """A line's TAB-separated key=value pairs; whole numbers become int."""
    found = {}
    for pair in filter(None, text.split("\t")):
        key, _, value = pair.partition("=")
        found[key] = int(value) if re.fullmatch(r"-?\d{1,18}", value) else unescape(value)
    return found


class Refused(Exception):
    """An error reply: .code and the text."""

    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


class Wire:
    """One connection. request() sends one line and waits for its answer; lines() reads on."""

    def __init__(self, path, timeout=15):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(path)
            self.file = self.sock.makefile("rb")
            self.hello = self.line()
        except OSError:
            self.sock.close()
            raise
        self.serial = 0

    def line(self):
        text = self.file.readline()
        if not text.endswith(b"\n"):
            raise ConnectionError(f"the connection ended: {text!r}")
        return text[:-1].decode("utf-8", "surrogateescape")

    def request(self, *words):
        """(records, the last line's record); raises Refused for an error reply."""
        self.serial += 1
        ident = str(self.serial)
        line = "\t".join([ident] + [escape(w) for w in words]) + "\n"
        self.sock.sendall(line.encode("utf-8", "surrogateescape"))
        records = []
        while True:
            got, _, rest = self.line().partition(" ")
            if got != ident:
                continue
            word, _, rest = rest.partition(" ")
            if word == "+":
                records.append(record(rest))
            elif word == "bytes":
                records.append({"bytes": self.file.read(int(rest) + 1)[:-1]})
            elif word == "ok":
                return records, record(rest)
            else:
                code, _, text = rest.partition(" ")
                raise Refused(code, unescape(text))

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(path, *words, timeout=15):
    """One request on a connection of its own."""
    with Wire(path, timeout) as wire:
        return wire.request(*words)

"""Log capture without supd: tests/tools/logdrive in namespaces of its own, obeying lines."""
import os
import re
import shutil
import subprocess
import tempfile
import threading

from .namespace import Namespace
from .supervised import program, tool
from .waiting import wait


class Drive:
    """One logdrive with its supd-log.

    args     key=value words for logdrive
    before   shell text that runs inside before it (mounts); $TEST_DIR is the private folder
    init     True: logdrive is not PID 1, so that supd-log outlives it
    """

    def __init__(self, *args, before="", init=False, env=None):
        self.dir = tempfile.mkdtemp(prefix="supd-log-test-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("auto"))
        os.mkdir(self.path("san"))
        options = f"log_path={self.path('san')}/report:detect_leaks=0"
        inside = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "TEST_DIR": self.dir,
                  "ASAN_OPTIONS": options, "UBSAN_OPTIONS": options, **(env or {})}
        words = ["backoff_us=200", f"mainlog={self.path('main.log')}", *args]
        argv = [tool("logdrive"), program("supd-log"), *words]
        argv = ["sh", "-c", before + '\nexec "$@"', "sh"] + argv
        if init:  # the small init keeps stdin to itself
            os.mkfifo(self.path("input"))
            argv = argv + [f"input={self.path('input')}"]
            argv = [tool("init"), self.path("status")] + argv
        self.lines, self.exits, self.lock = [], {}, threading.Condition()
        given, self.input = os.pipe()
        told, answers = os.pipe()
        with open(self.path("stderr"), "wb") as err:
            self.ns = Namespace(argv, env=inside, cwd=self.dir, stderr=err, stdout=answers, stdin=given)
        os.close(given)
        os.close(answers)
        self.hold = None
        if init:
            self.hold = self.input  # the small init ends with its stdin
            self.input = os.open(self.path("input"), os.O_RDWR)
        self.reader = threading.Thread(target=self._read, args=(told,), daemon=True)
        self.reader.start()
        self.expect("ready", None)

    def _read(self, fd):
        with os.fdopen(fd, encoding="utf-8", errors="replace") as f:
            for line in f:
                with self.lock:
                    words = line.split()
                    if words and words[0] == "exit":
                        self.exits[int(words[1])] = int(words[2])
                    else:
                        self.lines.append(line.rstrip("\n"))
                    self.lock.notify_all()

    # files

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def read(self, name):
        try:
            with open(self.path(name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def main_log(self):
        return self.read("main.log").decode()

    # commands

    def expect(self, word, command, timeout=20):
        """Gives the command and waits for the answer that starts with the word."""
        with self.lock:
            if command is not None:
                os.write(self.input, ("\t".join(command) + "\n").encode())

            def found():
                return next((l for l in self.lines if l.split(" ", 1)[0] in (word, "error")), None)

            assert self.lock.wait_for(found, timeout), \
                f"no answer {word} to {command}\n{self.read('stderr').decode()}\n{self.main_log()}"
            line = found()
            self.lines.remove(line)
        assert not line.startswith("error"), line
        return line

    @staticmethod
    def _words(options):
        return [f"{k}={v}" for k, v in options.items()]

    def add(self, name, **options):
        self.expect("added", ["add", name] + self._words(options))

    def update(self, name, **options):
        self.expect("updated", ["update", name] + self._words(options))

    def delete(self, name, **options):
        self.expect("deleted", ["del", name] + self._words(options))

    def spawn(self, name, shell):
        return int(self.expect("spawned", ["spawn", name, shell]).split()[1])

    def wait_exit(self, pid, timeout=30):
        with self.lock:
            assert self.lock.wait_for(lambda: pid in self.exits, timeout), f"pid {pid} does not end"
            return self.exits[pid]

    def run(self, name, shell, timeout=30):
        """Runs a shell to its end and returns the milliseconds until its output was written."""
        self.wait_exit(self.spawn(name, shell), timeout)
        return self.drain(name)

    def drain(self, name):
        return int(self.expect("drained", ["drain", name]).split()[2])

    def clear(self, name):
        self.expect("cleared", ["clear", name])

    def reopen(self):
        self.expect("reopened", ["reopen"])

    def say(self, text):
        self.expect("logged", ["main", text])

    def file_of(self, name, **options):
        return self.expect("path", ["path", name] + self._words(options))[5:]

    def counters(self, name, **options):
        line = self.expect("counters", ["counters", name] + self._words(options))
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}

    def tap(self, name, wants=1):
        """From now on the text goes to the files NAME.text and, captured, NAME.captured (each capture
        ended by a |). Without capture, skipped bytes are a hole in the file."""
        self.expect("tapped", ["tap", name] + self._words({
            "wants": wants, "text": self.path(f"{name}.text"), "captured": self.path(f"{name}.captured")}))

    def heard(self, name):
        """What came of the tap: bytes upto (lost ones included), skipped, ends of captures."""
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self.expect("heard", ["heard", name]))}

    def supd_log(self):
        """(pid inside, kills by chaos so far)"""
        found = re.match(r"pid (\d+) kills=(\d+)", self.expect("pid", ["pid"]))
        return int(found[1]), int(found[2])

    def kill(self):
        self.expect("killed", ["kill"])

    def chaos(self, microseconds):
        self.expect("chaos", ["chaos", str(microseconds)])

    def tail(self, name, to, **options):
        """Starts a tail whose raw answer goes to the file `to`; returns its pid."""
        words = ["tail", name, f"to={self.path(to)}"] + self._words(options)
        return int(self.expect("tailing", words).split()[1])

    def tail_text(self, name, **options):
        """What a tail without following gives."""
        pid = self.tail(name, "tail-once", **options)
        self.wait_exit(pid)
        return self.records(self.read("tail-once"))

    @staticmethod
    def records(raw):
        """The bytes of the records; the answer must end with ok."""
        data, ended = Drive.partial_records(raw)
        assert ended, raw[-200:]
        return data

    @staticmethod
    def partial_records(raw):
        out, at = b"", 0
        while at < len(raw):
            head = re.compile(rb"t1 (?:bytes (\d+)|ok)\n").match(raw, at)
            if not head:
                break
            if head[1] is None:
                assert head.end() == len(raw)
                return out, True
            size = int(head[1])
            if len(raw) < head.end() + size + 1:
                break
            assert raw[head.end() + size:head.end() + size + 1] == b"\n"
            out += raw[head.end():head.end() + size]
            at = head.end() + size + 1
        return out, False

    def wait_file(self, name, content, timeout=10):
        """Waits until a file holds exactly, or contains (given in a list), the bytes."""
        def there():
            have = self.read(name)
            return content[0] in have if isinstance(content, list) else have == content

        wait(there, timeout, lambda: f"{content!r} in {name}: {self.read(name)[-500:]!r}\n{self.main_log()}")

    def wait_written(self, name, total, timeout=30):
        """Waits until so many bytes of a stream were read and nothing waits any more."""
        def there():
            c = self.counters(name)
            return c["bytes"] >= total and c["waiting"] == 0

        wait(there, timeout, lambda: f"{self.counters(name)}\n{self.main_log()[-1000:]}")

    def finish(self):
        self.expect("finished", ["finish"])

    def close(self):
        """Ends all; returns what was wrong."""
        self.ns.destroy()
        for fd in (self.input, self.hold):
            if fd is not None:
                os.close(fd)
        self.reader.join(10)
        wrong = [self.read(os.path.join("san", f)).decode() for f in os.listdir(self.path("san"))]
        shutil.rmtree(self.dir)
        return wrong


def files_of(folder, name):
    """A log's files, oldest first, by full path."""
    found = [f for f in os.listdir(folder) if f == name or re.fullmatch(re.escape(name) + r"\.\d+", f)]
    found.sort(key=lambda f: -int(f[len(name) + 1:] or 0))
    return [os.path.join(folder, f) for f in found]


def check_pattern(seed, files):
    """Bytes of the files together, all of them as `pattern write SEED` made them."""
    done = subprocess.run([tool("pattern"), "check", str(seed)] + files, stdout=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, f"{done.stdout} in {files}"
    return int(done.stdout.split()[1])

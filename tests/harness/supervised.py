"""The real supd in namespaces of its own, with what tests ask of it."""
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile

from .namespace import Namespace, command_of
from .waiting import Late, wait
from .wire import Refused, Wire, ask

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZER = re.compile(r"^.*(?:Sanitizer: |: runtime error: )[\s\S]{0,4000}", re.M)
UNEXPECTED = re.compile(r"^\S+ \S+ (?:ERRO|CRIT) |\"level\":\"(?:error|critical)\"", re.M)


def build_dir():
    return os.path.join(ROOT, os.environ.get("SUPD_BUILD", "build-dev"))


def program(name):
    """The path of a built program: supd, supctl, ..."""
    path = os.path.join(build_dir(), name)
    assert os.access(path, os.X_OK), f"{path} is not built; run ./dev test, or set SUPD_BUILD"
    return path


def tool(name):
    """The path of a small program of tests/tools."""
    return program(os.path.join("tests", name))


class Supd:
    """One supd on one configuration.

    pid1      True: supd is PID 1 of its namespace; False: a child of a small init (tests/tools/init)
    args      more arguments for supd
    name      argv[0] of supd: "supervisord" gives Supervisor's behaviour
    env       more environment; None as a value removes
    net       False: the machine's network
    caps      "docker": under docker's fourteen capabilities
    prefix    what stands before supd: ["nice"], ["env", "-i"], ...
    agent     text of a script that stands for supd-agent; %(dir)s in it is the private folder,
              where it may write in agent/
    before    shell text that runs inside first, with all capabilities; $TEST_DIR is the private folder
    """

    LATER = 10  # seconds: until then supd-log has ended, where supd is no PID 1

    def __init__(self, conf, *, pid1=True, args=(), name="supd", env=None, net=True, caps=None,
                 prefix=(), agent=None, before=""):
        self.dir = tempfile.mkdtemp(prefix="supd-test-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("san"))
        os.chmod(self.path("san"), 0o1777)
        self.socket = self.path("supd.sock")
        self.write("supd.conf", conf)
        self.expected, self.ns, self.pid1, self.hold, self.net = [], None, pid1, (), net
        self.caps, self.before = caps or os.environ.get("SUPD_CAPS") or None, before
        self.env = self._env(env)
        self.argv = list(prefix) + self._argv(name, args)
        if agent:
            self.argv[len(prefix)] = self._with_agent(agent)
        if not pid1:
            self.argv = [tool("init"), self.path("status")] + self.argv

    def start(self):
        """Starts supd; its stderr goes to supd.log, its stdout to stdout."""
        self.hold = () if self.pid1 else os.pipe()
        with open(self.path("supd.log"), "ab") as log, open(self.path("stdout"), "ab") as out:
            self.ns = Namespace(self.argv, env=self.env, cwd=self.dir, stderr=log, stdout=out,
                                net=self.net, caps=self.caps, before=self.before,
                                stdin=subprocess.DEVNULL if self.pid1 else self.hold[0])

    def _argv(self, name, args):
        argv = [program("supd")] if name == "supd" else ["sh", "-c", 'exec "$0" "$@"', self._alias(name)]
        return argv + ["-c", self.path("supd.conf")] + list(args)

    def _alias(self, name):
        link = self.path(name)
        os.symlink(program("supd"), link)
        for helper in ("supd-log", "supd-agent"):
            os.symlink(program(helper), self.path(helper))
        return link

    def _with_agent(self, text):
        os.mkdir(self.path("bin"))
        os.mkdir(self.path("agent"))
        os.chmod(self.path("agent"), 0o1777)
        for name in ("supd", "supd-log"):
            shutil.copy(program(name), self.path("bin", name))
        path = self.write("bin/supd-agent", text.replace("%(dir)s", self.dir))
        os.chmod(path, 0o755)
        return self.path("bin", "supd")

    def _env(self, more):
        options = f"log_path={self.path('san')}/report:print_stacktrace=1:detect_leaks=1"
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "TMPDIR": self.dir,
               "SUPD_SOCKET": self.socket, "ASAN_OPTIONS": options, "UBSAN_OPTIONS": options,
               "LSAN_OPTIONS": f"suppressions={ROOT}/tests/harness/lsan.supp:print_suppressions=0",
               "TEST_DIR": self.dir}
        env.update(more or {})
        return {k: v for k, v in env.items() if v is not None}

    # files

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        """Writes a file of the private folder; %(here)s style text is left to supd."""
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def read(self, name):
        """A file of the private folder as text, "" while it is not there."""
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def log_text(self):
        """What supd has written to stderr, which is its log unless logfile= says otherwise."""
        return self.read("supd.log")

    def expect_log(self, *patterns):
        """Errors in the log that this test causes on purpose (regular expressions)."""
        self.expected += patterns

    def unexpected_log(self):
        """Lines at ERRO or CRIT that nobody declared."""
        lines = [line for line in self.log_text().splitlines() if UNEXPECTED.search(line)]
        return [line for line in lines if not any(re.search(p, line) for p in self.expected)]

    # processes

    @property
    def pid(self):
        """supd's pid, outside."""
        if self.pid1:
            return self.ns.init
        with open(f"/proc/{self.ns.init}/task/{self.ns.init}/children", encoding="ascii") as f:
            pids = f.read().split()
        named = [int(p) for p in pids if program("supd") in command_of(p) or "supervisord" in command_of(p)]
        return named[0] if named else None

    @property
    def pids(self):
        """Everything that runs inside, supd included; pids outside."""
        return self.ns.pids()

    def kill(self, inner, sig=signal.SIGKILL):
        """Signals a program by the pid that supctl shows."""
        return self.ns.kill(inner, sig)

    def send(self, sig):
        """Signals supd."""
        os.kill(self.pid, sig)

    def run(self, *argv, **kw):
        """Runs a command inside."""
        return self.ns.enter(argv, **kw)

    # control

    def ctl(self, *args, **kw):
        """Runs supctl inside; a CompletedProcess."""
        kw.setdefault("env", self.env)
        return self.ns.enter(self.ctl_command(*args), **kw)

    def ctl_command(self, *args):
        """supctl's command line, to be run inside."""
        return [program("supctl"), "-s", self.socket, *args]

    def ok(self, *args, **kw):
        """The output of a supctl that has to succeed."""
        done = self.ctl(*args, **kw)
        assert done.returncode == 0, f"supctl {' '.join(args)}: exit {done.returncode}\n" \
            f"{done.stdout}{done.stderr}\nlog:\n{self.log_text()}"
        return done.stdout

    def ask(self, *words):
        """One request on the control socket: (records, last record)."""
        return ask(self.socket, *words)

    def wire(self):
        """A connection to the control socket, to close or to use in a with statement."""
        return Wire(self.socket)

    def status(self, *names):
        """{name: record} as the control protocol tells it."""
        return {r["name"]: r for r in self.ask("status", *names)[0]}

    def state(self, name):
        return self.status().get(name, {}).get("state")

    def wait(self, condition, timeout=10, what=None):
        return wait(condition, timeout, what or (lambda: f"the condition; log:\n{self.log_text()}"))

    def wait_state(self, name, *states, timeout=10):
        """Waits until the program is in one of the states; returns its record."""
        seen = {}

        def there():
            seen.update(self.status())
            record = seen.get(name, {})
            return record if record.get("state") in states else None

        return wait(there, timeout, lambda: f"{name} is {states}; it is {seen.get(name)}; "
                    f"log:\n{self.log_text()}", every=0.05)

    def wait_log(self, pattern, timeout=10):
        """Waits until the log matches; returns the match."""
        return wait(lambda: re.search(pattern, self.log_text(), re.M), timeout,
                    lambda: f"{pattern!r} in the log:\n{self.log_text()}")

    def wait_file(self, name, pattern=r"[\s\S]", timeout=10):
        """Waits until a file of the private folder matches; returns the match."""
        return wait(lambda: re.search(pattern, self.read(name), re.M), timeout,
                    lambda: f"{pattern!r} in {name}: {self.read(name)[-2000:]!r}; log:\n{self.log_text()}")

    def wait_ready(self, timeout=15):
        """Waits until the control socket answers."""
        def answers():
            assert self.running(), f"supd ended with {self.exit_status()}:\n{self.log_text()}"
            try:
                return self.ask("ping")
            except (OSError, Refused):
                return False
        wait(answers, timeout, lambda: f"the control socket answers; log:\n{self.log_text()}")

    # the end

    def running(self):
        return self.exit_status() is None

    def exit_status(self):
        """supd's exit status as a shell shows it (128 + signal), or None while it runs."""
        if self.pid1:
            code = self.ns.proc.poll()
            return code if code is None or code >= 0 else 128 - code
        return int(self.read("status")) if self.read("status").endswith("\n") else None

    def wait_exit(self, timeout=20):
        """Waits until supd has ended; its exit status."""
        wait(lambda: not self.running(), timeout, lambda: f"supd ends; log:\n{self.log_text()}")
        return self.exit_status()

    def stop(self, sig=signal.SIGTERM, timeout=20):
        """Ends supd with a signal; its exit status."""
        with contextlib.suppress(ProcessLookupError):  # it may be about to end by itself
            if self.running() and self.pid:
                self.send(sig)
        return self.wait_exit(timeout)

    def hasten(self, sig=signal.SIGTERM):
        """A second signal, which kills what is left; one right behind the first is none."""
        def again():
            pid = self.pid
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)
            return not self.running() or "again: killing what is left" in self.log_text()
        wait(again, 20, lambda: f"the second signal hastens; log:\n{self.log_text()}")

    def left(self):
        """What still runs inside after supd has ended."""
        return [f"{p} {command_of(p)}" for p in self.ns.pids() if p != self.ns.init]

    def sanitizer_reports(self):
        found = []
        for path in sorted(glob.glob(self.path("san", "*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                found.append(f.read())
        # supd-agent does not get our environment: its reports come to its standard error
        return found + SANITIZER.findall(self.log_text())

    def close(self):
        """Ends it if need be; returns what is wrong with how it ended, as sentences."""
        try:
            return self.end()
        finally:
            self.remove()

    def end(self):
        """The first half of close(): its files are there still."""
        wrong = self._end() if self.ns else []
        wrong += [f"sanitizer report:\n{r}" for r in self.sanitizer_reports()]
        wrong += [f"unexpected in the log: {line}" for line in self.unexpected_log()]
        if wrong:
            print(f"supd's log:\n{self.log_text()}")
        return wrong

    def remove(self):
        if self.ns:
            self.ns.destroy()
        for fd in self.hold:
            os.close(fd)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _end(self):
        try:
            self.stop()
        except (AssertionError, OSError) as e:
            return [f"supd did not stop: {e}"]
        # where supd is no PID 1, supd-log ends after it, and a sanitizer looks for leaks first
        with contextlib.suppress(Late):
            wait(lambda: not self.left(), 0 if self.pid1 else self.LATER)
        left = self.left()
        return [f"left running: {', '.join(left)}"] if left else []

"""What a scenario has to do with one of the twins: files, processes, log, clients."""
import contextlib
import http.client
import io
import itertools
import os
import re
import signal
import subprocess
import tempfile
import time
import traceback
import xmlrpc.client

from supervisor import supervisorctl
from supervisor.options import ClientOptions
from supervisor.xmlrpc import SupervisorTransport

from harness.waiting import Late, wait

from .daemons import FOLDER, LIMIT
from .house import plain, spoken

SOCKETS = itertools.count()
URL = f"unix://{FOLDER}/sock"


class Side:
    """One twin, from inside its namespaces."""

    folder = FOLDER

    def __init__(self, house, twin):
        self.house, self.real = house, twin.real
        self.command, self.env, self.dir = twin.command(), twin.env, twin.dir

    # files

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, name):
        """A file as text, "" while it is not there."""
        try:
            with open(self.path(name), encoding="utf-8", errors="surrogateescape") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait(self, condition, what=None, timeout=LIMIT):
        return wait(condition, timeout, what or (lambda: f"the condition; main.log:\n{self.read('main.log')}"))

    def wait_file(self, name, pattern=r"[\s\S]"):
        return self.wait(lambda: re.search(pattern, self.read(name), re.M),
                         lambda: f"{pattern!r} in {name}: {self.read(name)!r}; main.log:\n{self.read('main.log')}")

    # the main log

    def lines(self, pattern=""):
        """Lines of the main log without their times, process ids as N, that match."""
        return [line for line in spoken(self.read("main.log")) if re.search(pattern, line)]

    def life(self, name):
        """What the main log says about a process, line by line."""
        return self.lines(rf"(?<![\w:-]){re.escape(name)}(?![\w-])")

    def wait_log(self, pattern, count=1):
        self.wait(lambda: len(self.lines(pattern)) >= count,
                  lambda: f"{count} x {pattern!r} in main.log:\n{self.read('main.log')}")

    # processes

    @property
    def pid(self):
        """supervisord's own."""
        if self.house.pid1:
            return 1
        with open("/proc/1/task/1/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def send(self, sig):
        os.kill(self.pid, sig)

    def pid_of(self, name, log="main.log"):
        """The process id of the program's last start, as the main log has it."""
        found = re.findall(rf"spawned: '{re.escape(name)}' with pid (\d+)", self.read(log))
        return int(found[-1]) if found else None

    def executed(self, name, log="main.log"):
        """True once it runs what it is for: before, a signal may find what supervisord itself does with it."""
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.pid_of(name, log)}/comm", encoding="ascii") as f:
                return f.read().strip() not in ("supervisord", "supd", "")
        return False

    def wait_executed(self, *names):
        self.wait(lambda: all(map(self.executed, names)), lambda: f"{names} run; main.log:\n{self.read('main.log')}")

    def wait_all_executed(self):
        infos = self.call("supervisor.getAllProcessInfo")
        self.wait_executed(*[one["name"] for one in infos if one["statename"] == "RUNNING"])

    @property
    def status(self):
        """supervisord's exit status, None while it runs."""
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(self.dir, "status"), encoding="ascii") as f:
                return int(f.read())
        return None

    def run(self, *argv, **kw):
        """A command, in the world of this twin; its output is text."""
        kw = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": self.env, **kw}
        if "input" in kw:
            del kw["stdin"]
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=LIMIT, **kw)

    def supervisord(self, *args, **kw):
        """Another supervisord of this kind, until it ends or has gone to the background."""
        return self.run(*self.command, *args, **{"env": self.env_of_its_own(), **kw})

    def env_of_its_own(self, **more):
        """The environment of one more supervisord in here; supd's control socket is its own."""
        return {**self.env, "SUPD_SOCKET": self.path(f"supd.{next(SOCKETS)}.sock"), **more}

    def session(self, *args, until, sig=signal.SIGTERM, cwd=FOLDER):
        """A supervisord that is ended by a signal once until(what it wrote) holds: [status, stdout, stderr]."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with subprocess.Popen([*self.command, *args], cwd=cwd, env=self.env_of_its_own(),
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=err) as running:
                def written(file):
                    return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")
                try:
                    self.wait(lambda: until(written(out)) or running.poll() is not None,
                              lambda: f"{args}: {written(out)}{written(err)}")
                finally:
                    running.send_signal(sig)
                return [running.wait(LIMIT), written(out), written(err)]

    # clients

    def rpc(self, url=URL, user=None, password=None):
        """Python's XML-RPC client, as Supervisor's own clients use it; a connection of its own."""
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(user, password, url))

    def call(self, method, *args, url=URL):
        """What a method answers, or its fault as (code, text)."""
        node = self.rpc(url)
        for part in method.split("."):
            node = getattr(node, part)
        try:
            return node(*args)
        except xmlrpc.client.Fault as fault:
            return {"fault": fault.faultCode, "text": plain(fault.faultString)}
        except xmlrpc.client.ProtocolError as error:
            return {"http": error.errcode}
        except (OSError, http.client.HTTPException) as error:
            return {"connection": type(error).__name__}

    def state(self, name):
        info = self.call("supervisor.getProcessInfo", name)
        return info.get("statename", info)

    def wait_state(self, name, *states):
        self.wait(lambda: self.state(name) in states,
                  lambda: f"{name} is {states}: {self.state(name)}; main.log:\n{self.read('main.log')}")

    def ctl(self, *words, url=URL):
        """Debian's supervisorctl: (exit status, what it prints)."""
        out = io.StringIO()
        options = ClientOptions()
        options.stdout = options.stderr = out
        try:
            options.realize(["-c", self.path("supervisord.conf"), "-s", url, *words], doc=supervisorctl.__doc__)
            controller = supervisorctl.Controller(options, stdout=out)
            controller.onecmd(" ".join(options.args))
            status = controller.exitstatus
        except SystemExit as end:
            status = end.code
        return [status, plain(out.getvalue())]

    def close(self):
        """Nothing is held."""


class Scene:
    """One scenario on one twin: what it saw, by names."""

    def __init__(self, side, fn):
        self.side, self.fn, self.name, self.seen, self.took = side, fn, fn.__name__, {}, 0

    def __getattr__(self, name):
        return getattr(self.side, name)

    def see(self, key, value):
        """Notes what has to be equal on both."""
        assert key not in self.seen, f"{key} is noted twice"
        self.seen[key] = value

    def begins(self, row, key, text):
        """Notes a text that ours may go on where Supervisor's ends: a row of the table, too."""
        assert row
        self.see(key, {"begins": text})

    def differs(self, row, key, value, theirs, ours):
        """Notes a difference that we want: a row of the table in docs/supervisor.md, by its name."""
        want = theirs if self.side.real else ours
        holds = want(value) if callable(want) else value == want
        if not holds:
            self.seen["wrong"] = self.seen.get("wrong", "") + f"{row}: {key} is {value!r}, not {want!r}\n"

    def play(self):
        begin = time.monotonic()
        try:
            self.fn(self)
        except Late as late:
            self.seen["lost"] = str(late)
        except BaseException:  # what a scenario runs into is a result, too
            self.seen["lost"] = traceback.format_exc()
        self.took = time.monotonic() - begin

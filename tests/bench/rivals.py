"""The supervisors that are compared: how each is configured, started and asked for its status."""
import os
import shutil
import signal
import subprocess

SIZE, BACKUPS = 50 * 1024 * 1024, 10  # of the log files; Supervisor's defaults


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


class Rival:
    """One way to keep the programs alive.

    place    a private folder on a tmpfs, with the programs beacon, writer, floor in it
    count    how many programs
    pipes    False: no output is captured and stdin is /dev/null, where the rival can do that
    build    the folder of our own programs
    """
    name = title = ""
    commands = ()   # what must be installed
    package = ""
    running = ""    # stands once in the status for each program that runs
    restart_limit = 10
    end_signal = signal.SIGTERM  # ends it and all its programs

    def __init__(self, place, count, pipes=True, build=""):
        self.place, self.count, self.pipes, self.build = place, count, pipes, build
        self.board = os.path.join(place, "board")
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

    def path(self, *names):
        return os.path.join(self.place, *names)

    def beacon(self, row):
        return f"{self.path('beacon')} {self.board} {row}"

    @classmethod
    def missing(cls, _build):
        """Why it cannot be measured here, or ""."""
        lost = [c for c in cls.commands if not shutil.which(c, path="/usr/sbin:/usr/bin:/sbin:/bin")]
        return f"{', '.join(lost)} not installed" if lost else ""

    @classmethod
    def version(cls, _build):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", cls.package], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout or "version unknown"

    def configure(self):
        """Writes what it needs; not part of any measured time."""

    def command(self):
        raise NotImplementedError

    def status_command(self):
        """What shows the state of all programs, or None."""
        return None

    def upgrade_command(self):
        """What puts another image of the supervisor in its place, or None."""
        return None

    def configure_log(self, writer):
        """For the log measurement: one program, the words of writer, into the folder log."""
        raise NotImplementedError

    def log_command(self):
        """What captures the output; with log_stdin it reads a pipe that the writer writes."""
        return self.command()

    log_stdin = False


class IniRival(Rival):
    """supd and supervisord: nearly the same file."""
    restart_limit = 30
    head = ""

    def program(self, name, command, log, more=""):
        quiet = "" if self.pipes else "stdout_logfile=NONE\nstderr_logfile=NONE\n"
        return f"[program:{name}]\ncommand={command}\nautorestart=true\n{log or quiet}{more}\n"

    def configure(self):
        os.mkdir(self.path("log"))
        log = ""
        if self.pipes:
            log = f"stdout_logfile={self.path('log')}/%(program_name)s.out\n" \
                  f"stderr_logfile={self.path('log')}/%(program_name)s.err\n"
        parts = [self.program(f"p{i:05}", self.beacon(i), log, self.extra()) for i in range(self.count)]
        write(self.path("main.conf"), self.head.format(place=self.place) + "".join(parts))

    def extra(self):
        return ""

    def configure_log(self, writer):
        os.mkdir(self.path("log"))
        log = f"stdout_logfile={self.path('log', 'w')}\nstdout_logfile_maxbytes={SIZE}\n" \
              f"stdout_logfile_backups={BACKUPS}\nredirect_stderr=true\n"
        write(self.path("main.conf"), self.head.format(place=self.place)
              + self.program("w", " ".join(writer), log))


class Supd(IniRival):
    name, title, running = "supd", "supd", "RUNNING"
    head = "[supervisord]\nlogfile={place}/main.log\npidfile={place}/main.pid\n\n" \
           "[supd]\nsocket={place}/supd.sock\n\n"

    @classmethod
    def missing(cls, build):
        lost = [p for p in ("supd", "supd-log", "supctl") if not os.access(os.path.join(build, p), os.X_OK)]
        return f"not built: {', '.join(lost)} in {build}" if lost else ""

    @classmethod
    def version(cls, build):
        return subprocess.run([os.path.join(build, "supd"), "--version"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def extra(self):
        return "" if self.pipes else "stdin=null\n"

    def command(self):
        return [os.path.join(self.build, "supd"), "-c", self.path("main.conf")]

    def status_command(self):
        return [os.path.join(self.build, "supctl"), "-s", self.socket(), "status"]

    def upgrade_command(self):
        return [os.path.join(self.build, "supctl"), "-s", self.socket(), "upgrade"]

    def socket(self):
        return self.path("supd.sock")


class SupdAgent(Supd):
    """With the agent: measured for its memory and its wake-ups only."""
    name, title = "supd-agent", "supd with its agent"
    head = Supd.head + "[agent]\n\n"


SERVED = "[unix_http_server]\nfile={place}/s.sock\n\n" \
         "[rpcinterface:supervisor]\n" \
         "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n" \
         "[supervisorctl]\nserverurl=unix://{place}/s.sock\n\n"


class SupdServed(Supd):
    """With a server for Supervisor's clients, so with the agent, too."""
    name, title = "supd-served", "supd with a server"
    head = Supd.head + SERVED


class Supervisord(IniRival):
    name = title = package = "supervisor"
    commands = ("supervisord", "supervisorctl")
    running = "RUNNING"
    head = "[supervisord]\nnodaemon=true\nlogfile={place}/main.log\npidfile={place}/main.pid\n\n" + SERVED

    def command(self):
        return ["supervisord", "-c", self.path("main.conf")]

    def status_command(self):
        return ["supervisorctl", "-c", self.path("main.conf"), "status"]


class ScanRival(Rival):
    """runit and s6: one folder with a run script for each program."""

    def configure(self):
        os.mkdir(self.path("scan"))
        for i in range(self.count):
            os.mkdir(self.path("scan", f"p{i:05}"))
            write(self.path("scan", f"p{i:05}", "run"), f"#!/bin/sh\nexec {self.beacon(i)}\n", 0o755)

    def folders(self):
        return [self.path("scan", f"p{i:05}") for i in range(self.count)]

    log_stdin = True

    def configure_log(self, writer):
        os.mkdir(self.path("log"))


class Runit(ScanRival):
    name = title = package = "runit"
    commands = ("runsvdir", "runsv", "sv", "svlogd")
    running = "run: "
    end_signal = signal.SIGHUP  # by TERM runsvdir alone ends

    def command(self):
        return ["runsvdir", self.path("scan")]

    def status_command(self):
        return ["sv", "status"] + self.folders()

    def configure_log(self, writer):
        super().configure_log(writer)
        write(self.path("log", "config"), f"s{SIZE}\nn{BACKUPS + 1}\n")

    def log_command(self):
        return ["svlogd", self.path("log")]


class S6(ScanRival):
    name = title = package = "s6"
    commands = ("s6-svscan", "s6-supervise", "s6-svstat", "s6-log")
    running = "up (pid"

    def command(self):
        return ["s6-svscan", "-c", str(self.count + 10), self.path("scan")]

    def status_command(self):
        return ["sh", "-c", f'for d in {self.path("scan")}/*; do s6-svstat "$d" || exit 1; done']

    def log_command(self):
        return ["s6-log", f"n{BACKUPS}", f"s{SIZE}", self.path("log")]


class Floor(Rival):
    """vfork, exec, waitpid, and nothing else: what the machine can do."""
    name, title, workers = "floor-1", "floor, one spawner", 1
    log_stdin = True

    @classmethod
    def version(cls, _build):
        return ""

    def command(self):
        return [self.path("floor"), "spawn", str(self.workers), str(self.count), self.path("beacon"),
                self.board]

    def configure_log(self, writer):
        os.mkdir(self.path("log"))

    def log_command(self):
        return [self.path("floor"), "copy", self.path("log", "w"), str(SIZE)]


class Floor2(Floor):
    name, title, workers = "floor-2", "floor, two spawners", 2


RIVALS = {r.name: r for r in (Supervisord, S6, Runit, Floor, Floor2, Supd)}
ALL = dict(RIVALS, **{r.name: r for r in (SupdAgent, SupdServed)})

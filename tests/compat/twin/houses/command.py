"""supervisord on the command line: options, what is wrong with them or with the file, background."""
import os
import re
import signal
import socket

from ..house import FOLDER, HEAD, SERVER, House, program, spoken

QUIET = HEAD.replace(f"{FOLDER}/main.log", "/dev/null").replace(f"{FOLDER}/pid", f"{FOLDER}/none.pid")
SLEEPS = program("p", "sleep 1000", startsecs=0)
SHARED = HEAD.replace("main.log", "srv.log").replace("/pid", "/srv.pid") + "[unix_http_server]\nfile=/run/w/srv.sock\n" + SLEEPS

RUNNING = {"statecode": 1, "statename": "RUNNING"}

# each is refused; the words of the message up to what only one of the two can say
BAD = {
    "no section": "",
    "no command": "[supervisord]\n[program:x]\n",
    "loglevel": "[supervisord]\nloglevel=warning\n",
    "percent": "[supervisord]\n[program:x]\ncommand=date +%Y\n",
    "credentials": "[supervisord]\n[unix_http_server]\nfile=/run/w/s\nusername=u\n",
    "key without value": "[supervisord]\nnonsense\n",
}
USAGE = {"positional": ["x"], "after the options": ["--", "true"], "unknown": ["--nope"], "unknown letter": ["-Z"], "no argument": ["-c"],
         "log folder": ["-l", "/no/such/x.log"], "no file": ["-c", "/no/such.conf"], "level": ["-e", "warning"],
         "twice": ["-e", "info", "-e", "debug"], "letter of two bytes": ["-\u00e9"], "letter of four": ["-n\U0001f600"],
         "long name": ["--" + "\u00e9" * 50]}
OPTIONS = set(("--configuration --nodaemon --silent --help --version --user --umask --directory --logfile --logfile_maxbytes "
               "--logfile_backups --loglevel --pidfile --identifier --childlogdir --nocleanup --minfds --strip_ansi "
               "--minprocs").split())

house = House("command", idle=True, files={
    **{f"bad/{name}.conf": text for name, text in BAD.items()},
    "server.conf": SHARED, "second.conf": SHARED.replace("/srv.log", "/second.log").replace("/srv.pid", "/second.pid"),
    "quiet.conf": QUIET + SLEEPS, "ok.conf": HEAD + SLEEPS,
    "search/supervisord.conf": QUIET.replace("none.pid", "search.pid") + "[program:found]\ncommand=touch /run/w/found\n",
    "back.conf": "[supervisord]\nlogfile=/run/w/back.log\npidfile=/run/w/back.pid\ndirectory=/run/w/place\numask=027\n"
                 "identifier=mine\nchildlogdir=/run/w/logs\n[program:q]\nstartsecs=0\nstdout_logfile=AUTO\n"
                 "command=sh -c 'pwd > /run/w/q.out; umask >> /run/w/q.out; exec sleep 1000'\n"
                 "[program:r]\nstartsecs=0\nstdout_logfile=place.log\nstderr_logfile=/run/w/r.err\ndirectory=/usr/lib\n"
                 "command=sh -c 'echo text; echo text >&2; exec sleep 1000'\n",
    "place/empty": "", "logs/old-stdout---mine-abcdefgh.logrotate": "", "logs/old-stdout---mine-abcdefgh.log.12345": "",
    "logs/old-stdout---mine-abcdefgh.log": "", "logs/old-stdout---mine-abcdefgh.log.1": "",
    "logs/old-stdout---other-abcdefgh.log": "", "logs/plain.log": "",
    "options.conf": "[supervisord]\nlogfile=/run/w/wrong.log\nloglevel=critical\n" + SLEEPS,
    "main.conf": HEAD.replace("main.log", "inc.log").replace("/pid", "/inc.pid") +
                 "[include]\nfiles = conf.d/*.conf more/[ab].ini none/*.conf\n",
    "conf.d/b.conf": "[program:b]\ncommand=/bin/echo %(here)s\nstdout_logfile=%(here)s/b.out\nstartsecs=0\nautorestart=false\n",
    "conf.d/a.conf": "[program:a]\ncommand=/bin/echo a\nstartsecs=0\nautorestart=false\n[include]\nfiles=/run/w/ok.conf\n",
    "conf.d/.hidden.conf": "[program:hidden]\n", "conf.d/c.txt": "[program:c]\n", "more/a.ini": "[program:b]\npriority=1\n",
    "more/c.ini": "[program:c]\n"},
              before="mkdir -p /etc/supervisor && mount -t tmpfs tmpfs /etc/supervisor")


def message(text):
    """What stderr says, without Python's warnings and the lines that only ours has."""
    return [line for line in text.splitlines() if not line or line.startswith(("Error", "For help"))]


def ends(t, log):
    return [line for line in spoken(t.read(log)) if "stopped" in line or "received" in line]


@house.scenario
def what_is_wrong_with_a_file(t):
    for name in BAD:
        done = t.supervisord("-n", "-c", f"bad/{name}.conf")
        said = message(done.stderr.replace(t.command[0], "PROGRAM"))
        t.see(name, [done.returncode, done.stdout, [line.split(":")[0] for line in said]])


@house.scenario
def usage(t):
    for name, args in USAGE.items():
        done = t.supervisord(*args)
        said = message(done.stderr.replace(t.command[0], "PROGRAM"))
        t.see(name, [done.returncode, done.stdout, said[1:]])
        t.begins("more words", f"{name} says", "".join(said[:1]))


@house.scenario
def variables_that_are_not_set(t):
    t.write("unset.conf", "[supervisord]\n[program:x]\ncommand=x %(ENV_NOPE)s\n")
    done = t.supervisord("-n", "-c", "unset.conf", env=t.env_of_its_own(SECRET="x"))
    t.see("status", done.returncode)
    t.see("names it", "contains names ('ENV_NOPE') which cannot be expanded" in done.stderr)
    t.differs("`%(ENV_X)s` of a variable", "all of them", "SECRET" in done.stderr, True, False)


@house.scenario
def usr1(t):
    t.write("usr1.conf", HEAD.replace("main.log", "usr1.log").replace("/pid", "/usr1.pid") + "loglevel=debug\n" + SLEEPS)
    sent = []

    def up(_):
        if not sent and t.executed("p", "usr1.log"):
            sent.append(os.kill(int(t.read("usr1.pid")), signal.SIGUSR1))
        return "received SIGUSR1" in t.read("usr1.log")
    status, _, _ = t.session("-n", "-c", "usr1.conf", until=up)
    t.differs("dies of USR1", "status", status, -signal.SIGUSR1, 0)
    if t.real:
        os.kill(t.pid_of("p", "usr1.log"), signal.SIGKILL)


@house.scenario
def help_and_version(t):
    for flag in ("-v", "--vers"):
        done = t.supervisord(flag)
        t.see(flag, [done.returncode, done.stdout, done.stderr])
    for flag in ("-h", "-?"):
        done = t.supervisord(flag)
        text = done.stdout.replace(t.command[0], "PROGRAM")
        t.see(f"{flag} names", [text.split(" -- ")[0], re.findall("^Usage.*", text, re.M), re.findall(r"\bsupd -", text)])
        t.see(flag, [done.returncode, done.stderr])
        t.differs("`--profile_options`", flag, "--profile_options" in done.stdout, True, False)
        t.see(f"{flag} has no word of", sorted(OPTIONS - set(re.findall(r"--\w+", done.stdout))))


@house.scenario
def no_file_anywhere(t):
    os.makedirs(t.path("empty"))
    done = t.supervisord("-n", cwd=t.path("empty"))
    paths = re.sub(r"\(.*?, supervisord.conf", "(supervisord.conf", done.stderr.replace("/run/w/empty/", ""))
    t.see("said", [done.returncode, done.stdout, message(paths.replace(t.command[0], "PROGRAM"))])


@house.scenario
def the_file_is_searched(t):
    status, _, _ = t.session("-n", cwd=t.path("search"), until=lambda _: os.path.exists(t.path("found")))
    t.see("status", status)
    t.see("found", os.path.exists(t.path("found")))


@house.scenario
def to_the_background(t):
    done = t.supervisord("-c", "back.conf")
    t.see("command", [done.returncode, done.stdout, message(done.stderr)])
    pid = int(t.wait_file("back.pid", r"^(\d+)\n").group(1))
    t.wait_file("q.out", "^00")
    t.see("program", t.read("q.out"))
    t.see("descriptors", [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)])
    t.see("folder", os.readlink(f"/proc/{pid}/cwd"))
    t.see("session", os.getsid(pid) == pid)
    t.see("parent", t.run("ps", "-o", "ppid=", "-p", str(pid)).stdout.strip())
    logs = sorted(re.sub(r"-\w{8}\.log", "-R.log", n) for n in os.listdir(t.path("logs")))
    begin = [name for name in logs if name.endswith((".logrotate", ".12345"))]
    t.see("old logs are cleared", [name for name in logs if name not in begin])
    t.differs("only begins like", "not all of them", len(begin), 0, 2)
    place = t.wait(lambda: [name for name in ("place/place.log", "place.log") if "text" in t.read(name)])
    t.differs("without a folder", "lies", place, ["place/place.log"], ["place.log"])
    t.wait_file("r.err", "text")
    t.see("modes", [oct(os.stat(t.path(name)).st_mode) for name in ("back.pid", place[0], "r.err")])
    t.differs("does not count for the main log", "mode", oct(os.stat(t.path("back.log")).st_mode), "0o100644", "0o100640")
    os.kill(pid, signal.SIGTERM)
    t.wait(lambda: not os.path.exists(t.path("back.pid")) and not os.path.exists(f"/proc/{pid}"))
    t.see("log", sorted(ends(t, "back.log")))


@house.scenario
def a_second_one_on_the_same_socket(t):
    seen = {}

    def up(_):
        if not seen and t.executed("p", "srv.log"):
            seen["second"] = t.supervisord("-n", "-s", "-c", "second.conf")
        return seen
    status, _, _ = t.session("-n", "-c", "server.conf", until=up)
    t.see("status", status)
    t.see("second", [seen["second"].returncode, seen["second"].stdout, message(seen["second"].stderr.replace(t.command[0], "PROGRAM"))])
    t.see("left", sorted(name for name in os.listdir(FOLDER) if name.startswith("srv.")))
    with socket.socket(socket.AF_UNIX) as s:  # one that nobody listens on any more
        s.bind(t.path("srv.sock"))
    status, _, said = t.session("-n", "-c", "server.conf", until=lambda _: t.read("srv.log").count("spawned: 'p'") == 2 and t.executed("p", "srv.log"))
    t.see("a stale socket", status)
    said = re.search("^(.*)(Unlinking stale socket .*)", said, re.M)
    t.see("is told", said.group(2))
    t.differs("as a line of the main log", "a stale socket", bool(said.group(1)), False, True)


@house.scenario
def options_beat_the_file(t):
    seen = {}

    def up(_):
        seen["files"] = [os.path.exists(t.path(n)) for n in ("wrong.log", "right.log", "opt.pid")]
        return seen["files"][2] and t.executed("p", "right.log")
    status, _, _ = t.session("-nc", "options.conf", "-l", "/run/w/right.log", "-e", "info", "--pidfile=/run/w/opt.pid",
                             "-i", "me", "-q", "/run/w", "-a", "500", "--minp", "100", until=up, sig=signal.SIGINT)
    t.see("status", status)
    t.see("files", seen["files"])
    t.see("log", ends(t, "right.log"))


@house.scenario
def silent(t):
    for name, flags in (("loud", ["-n"]), ("silent", ["-n", "-s"])):
        conf = HEAD.replace("main.log", f"{name}.log").replace("/pid", f"/{name}.pid") + SERVER.replace("/sock", f"/{name}.sock") + \
            SLEEPS
        t.write(f"{name}.conf", conf)
        status, out, err = t.session(*flags, "-c", f"{name}.conf",
                                     until=lambda _, name=name: t.executed("p", f"{name}.log") and
                                     t.call("supervisor.getState", url=f"unix://{FOLDER}/{name}.sock") == RUNNING)
        t.see(f"{name}: on standard error", err)
        t.see(name, [status, out.count("spawned: 'p'"), t.read(f"{name}.log").count("spawned: 'p'")])
        t.see(f"{name}: the same lines", out == (t.read(f"{name}.log") if name == "loud" else ""))


@house.scenario
def includes(t):
    t.session("-n", "-c", "main.conf", until=lambda _: t.read("conf.d/b.out"))
    lines = spoken(t.read("inc.log"))
    t.see("said", [line for line in lines if "nclude" in line])
    t.see("started", [line.split("'")[1] for line in lines if "spawned" in line])
    t.see("here", t.read("conf.d/b.out"))

"""What a program finds: environment, descriptors, identity, arguments; and where its output goes."""
import os
import re
import signal

from ..house import FOLDER, HEAD, House, program

FACTS = r"""#!/usr/bin/python3
import json, os, resource, stat, sys
kinds = {stat.S_IFIFO: "pipe", stat.S_IFCHR: "device", stat.S_IFREG: "file", stat.S_IFSOCK: "socket"}
with open("/proc/self/status") as f:
    status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
fds = {}
for fd in range(0, 64):
    try:
        fds[fd] = kinds.get(stat.S_IFMT(os.fstat(fd).st_mode), "other")
    except OSError:
        pass
wanted = "Umask Uid Gid Groups SigBlk SigIgn CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp".split()
facts = {k: status.get(k) for k in wanted}
facts.update(argv=sys.argv[1:], cwd=os.getcwd(), fds=fds, group=os.getpgid(0) == os.getpid(),
             session=os.getsid(0) == os.getsid(os.getppid()), nice=os.nice(0),
             joined=os.fstat(1).st_ino == os.fstat(2).st_ino, blocking=[os.get_blocking(fd) for fd in (0, 1, 2)],
             limits={n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")})
with open("/run/w/facts." + sys.argv[1] + ".new", "w") as f:
    json.dump(facts, f, indent=1, sort_keys=True)
os.rename("/run/w/facts." + sys.argv[1] + ".new", "/run/w/facts." + sys.argv[1])
"""
WRITER = """#!/bin/sh
# a line at a time: the next one when this one is in a file, or was cut away with a whole file
i=0
size() { stat -c %s /run/w/$1.log 2>/dev/null || echo 0; }
while [ $i -lt $2 ]; do
    i=$((i + 1)) before=$(size $1)
    printf '%s line %03d %080d\\n' $1 $i 0
    until grep -qs "line $(printf %03d $i) " /run/w/$1.log /run/w/$1.log.1 ||
        [ $1$(($(size $1) < before)) = cuts1 ]; do sleep 0.01; done
done
touch /run/w/$1.done
exec sleep 1000
"""
SPEAK = "#!/bin/sh\nprintf 'out 1\\n'\nprintf 'err 1\\n' >&2\nprintf 'out 2 no newline'\nexec sleep 1000\n"
once = {"startsecs": 0, "autorestart": "false", "startretries": 0}

house = House("child", HEAD + """minfds=777
environment=FROM_MAIN="main",BOTH="main",SUPERVISOR_PROCESS_NAME="lost"
strip_ansi=true
[inet_http_server]
port=127.0.0.1:9111
username=u
password=p
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
""" + "".join([
    program("env", "/usr/bin/env", stdout_logfile="/run/w/env.log", environment="BOTH=\"program\",OWN='a,b; c',N=1", **once),
    program("envurl", "/usr/bin/env", stdout_logfile="/run/w/envurl.log", serverurl="unix:///elsewhere",
            environment='SUPERVISOR_ENABLED="no"', user="nobody", **once),
    program("envpath", "tool", environment='PATH="/run/w/bin:/bin"', stdout_logfile="/run/w/envpath.log", **once),
    program("facts", "/run/w/facts.py facts", **once),
    program("elsewhere", "/run/w/facts.py elsewhere", directory="/usr/lib", umask="077", redirect_stderr="true",
            stdout_logfile="/run/w/elsewhere.log", stderr_logfile=None, **once),
    program("nobody", "/run/w/facts.py nobody", user="nobody", **once),
    program("daemon", "/run/w/facts.py daemon", user="1", **once),
    program("words", "/run/w/words.py a \"b c\" d\\ e 'f\"g' \"h\\\"i\\$j\" k'l'm \"\" %%x", stdout_logfile="/run/w/words.log", **once),
    program("many", "/bin/echo %(process_num)d %(numprocs)d %(group_name)s %(program_name)s %(host_node_name)s %(here)s %(ENV_LANG)s",
            numprocs=3, numprocs_start=9, process_name="%(program_name)s_%(process_num)03d",
            stdout_logfile="/run/w/many.%(process_num)d.log", environment="X=%(process_num)d", **once),
    program("in1", "/usr/bin/env", stdout_logfile="/run/w/in1.log", **once),
    "[group:team]\nprograms=in1\n",
    program("two", "/run/w/speak.sh", stdout_logfile="/run/w/two.out", stderr_logfile="/run/w/two.err"),
    program("one", "/run/w/speak.sh", stdout_logfile="/run/w/one.out", stderr_logfile=None, redirect_stderr="true"),
    program("null", "/run/w/speak.sh", stdout_logfile="/dev/null", stderr_logfile=""),
    program("auto", "/run/w/speak.sh", stdout_logfile="AUTO", stderr_logfile=None),
    program("append", "/run/w/speak.sh", stdout_logfile="/run/w/append.out"),
    program("rotates", "/run/w/writer.sh rotates 40", stdout_logfile="/run/w/rotates.log", stdout_logfile_maxbytes=1000,
            stdout_logfile_backups=3),
    program("cuts", "/run/w/writer.sh cuts 24", stdout_logfile="/run/w/cuts.log", stdout_logfile_maxbytes=1000,
            stdout_logfile_backups=0),
    program("silent", "sleep 1000", stdout_logfile="/run/w/silent.out", stderr_logfile="/run/w/silent.err",
            stderr_logfile_maxbytes=0),
    program("hushed", "sleep 1000", stdout_logfile="/run/w/link"),
    program("shared", "sleep 1000", numprocs=2, process_name="shared_%(process_num)d", stdout_logfile="/run/w/shared.out"),
    program("mute", "sleep 1000", stdout_logfile="AUTO", stderr_logfile="AUTO"),
    program("waits", "sleep 1000", autostart="false", stdout_logfile="/run/w/waits.out"),
    program("moved", "sleep 1000", startsecs=0, stdout_logfile="/run/w/moved.out", stderr_logfile="/run/w/gone.err"),
    program("spoke", "/run/w/speak.sh", startsecs=0, stdout_logfile="/run/w/spoke.out", stderr_logfile="/run/w/spoke.err"),
    program("colour", "/run/w/colour.sh", stdout_logfile="/run/w/colour.log", **once),
    program("lastwords", "/run/w/lastwords.sh", stdout_logfile="/run/w/lastwords.log", **once),
    program("binary", "/run/w/binary.sh", stdout_logfile="/run/w/binary.log", **once),
]), files={
    "facts.py": FACTS, "writer.sh": WRITER, "speak.sh": SPEAK,
    "words.py": "#!/usr/bin/python3\nimport sys\nprint(sys.argv[1:])\n",
    "bin/tool": "#!/bin/sh\necho tool of mine, PATH=$PATH\n", "append.out": "it was here\n",
    "colour.sh": "#!/bin/sh\nprintf 'a\\033[1;31mred\\033[0mb\\033[Kc\\n'\n",
    "lastwords.sh": "#!/bin/sh\nseq 1 20000\nprintf end\n",
    "binary.sh": "#!/bin/sh\nprintf '\\000\\001\\377\\303\\244\\r\\n'\n"},
    before="chmod 777 /run/w && ln -s target.out /run/w/link", env={"FROM_OUTSIDE": "1", "BOTH": "outside"})
UNLIKE = re.compile(r"^(SUPD_|TEST_|\w+SAN_OPTIONS=)")


def variables(t, name):
    t.wait_log(f"exited: {name}")
    return sorted(line for line in t.read(f"{name}.log").splitlines() if not UNLIKE.match(line))


@house.scenario
def environment(t):
    t.see("env", variables(t, "env"))
    t.see("of a group", variables(t, "in1"))
    t.see("own server url, other user", variables(t, "envurl"))


@house.scenario
def environment_marks(t):
    t.wait_log("exited: env")
    more = [line.split("=")[0] for line in t.read("env.log").splitlines() if line.startswith("SUPD_MARK")]
    t.differs("`SUPD_MARK`", "env", more, [], ["SUPD_MARK"])


@house.scenario
def path_of_the_program(t):
    t.wait_log("exited: envpath")
    t.see("said", t.read("envpath.log"))
    t.see("life", [line for line in t.life("envpath") if "success" not in line])


@house.scenario
def facts(t):
    for name in ("facts", "elsewhere", "nobody", "daemon"):
        t.wait_file(f"facts.{name}")
        t.see(name, t.read(f"facts.{name}").splitlines())


@house.scenario
def arguments(t):
    t.wait_log("exited: words")
    t.see("argv", t.read("words.log"))


@house.scenario
def numprocs(t):
    for n in (9, 10, 11):
        t.wait_log(f"exited: many_0{n:02}")
        t.see(f"said {n}", t.read(f"many.{n}.log"))
    t.see("lives", sorted(t.lines("exited: many")))


@house.scenario
def both_streams(t):
    t.wait_file("two.out", "no newline")
    t.wait_file("two.err", "err 1\n")
    t.see("two", [t.read("two.out"), t.read("two.err")])
    t.wait_file("one.out", "no newline")
    t.see("one", t.read("one.out"))
    t.wait_file("append.out", "no newline")
    t.see("append", t.read("append.out"))


@house.scenario
def automatic_names(t):
    pattern = re.compile(r"^auto-(stdout|stderr)---supervisor-[a-z0-9_]{8}\.log$")

    def there():
        found = [n for n in os.listdir(FOLDER) if n.startswith("auto-")]
        text = "".join(t.read(n) for n in found)
        return found if "no newline" in text and "err 1\n" in text else None
    names = t.wait(there)
    t.see("names", sorted(n[:len("auto-stdout---supervisor-")] for n in names))
    t.see("pattern", [n for n in names if not pattern.match(n)])
    t.see("mode", [oct(os.stat(t.path(n)).st_mode) for n in names])
    t.see("text", sorted(t.read(n) for n in names))


@house.scenario
def file_modes(t):
    t.wait_file("two.out", "no newline")
    t.wait_file("two.err", "err 1\n")
    t.see("mode", [oct(os.stat(t.path(n)).st_mode) for n in ("two.out", "two.err", "main.log", "pid")])


def facts_of(t, *names):
    """Type and mode, size of files; None where there is none."""
    found = {}
    for name in names:
        at = os.stat(t.path(name)) if os.path.exists(t.path(name)) else None
        found[name] = [oct(at.st_mode), at.st_size] if at else None
    return found


@house.scenario
def files_of_programs_that_say_nothing(t):
    names = ["silent.out", "silent.err", "target.out", "shared.out"]
    t.wait(lambda: all(os.path.exists(t.path(name)) for name in names))
    t.see("files", facts_of(t, *names, "waits.out"))
    autos = t.wait(lambda: sorted(n for n in os.listdir(FOLDER) if re.match("mute-std(out|err)---", n)))
    t.see("autos", [facts_of(t, *autos)[name] for name in autos])
    t.see("a link stays one", os.readlink(t.path("link")))


@house.scenario
def files_are_opened_anew_for_each_run(t):
    t.wait_file("spoke.out", "no newline")
    t.wait_file("spoke.err", "err 1\n")
    t.wait(lambda: os.path.exists(t.path("moved.out")) and os.path.exists(t.path("gone.err")))
    os.rename(t.path("moved.out"), t.path("moved.old"))
    os.rename(t.path("spoke.out"), t.path("spoke.old"))
    os.unlink(t.path("gone.err"))
    for name in ("moved", "spoke"):
        os.kill(t.pid_of(name), signal.SIGKILL)
    t.wait(lambda: os.path.exists(t.path("moved.out")) and os.path.exists(t.path("gone.err")))
    t.wait_file("spoke.out", "no newline")
    t.wait_file("spoke.err", "err 1\nerr 1\n")
    t.see("moved", facts_of(t, "moved.old", "moved.out", "gone.err"))
    t.see("spoke", [t.read(name) for name in ("spoke.old", "spoke.out", "spoke.err")])


@house.then
def files_are_made_anew_on_usr2(t):
    for name in ("silent.out", "silent.err"):
        os.unlink(t.path(name))
    t.send(signal.SIGUSR2)
    t.wait(lambda: os.path.exists(t.path("silent.out")) and os.path.exists(t.path("silent.err")))
    t.wait_log("logreopen")
    t.see("there", facts_of(t, "silent.out", "silent.err", "waits.out"))


@house.scenario
def rotation(t):
    t.wait(lambda: os.path.exists(t.path("rotates.done")))
    names = sorted(n for n in os.listdir(FOLDER) if n.startswith("rotates.log"))
    t.see("files", names)
    t.see("sizes", [os.path.getsize(t.path(n)) for n in names])
    t.see("text", "".join(t.read(n) for n in names[1:][::-1] + names[:1]))


@house.scenario
def cut_without_backups(t):
    t.wait(lambda: os.path.exists(t.path("cuts.done")))
    t.see("files", sorted(n for n in os.listdir(FOLDER) if n.startswith("cuts.log")))
    t.see("text", t.read("cuts.log"))


@house.scenario
def ansi_sequences_are_stripped(t):
    t.wait_log("exited: colour")
    t.see("text", t.read("colour.log"))


@house.scenario
def last_words_come_before_the_exit(t):
    t.wait_log("exited: lastwords")
    t.see("end", t.read("lastwords.log")[-20:])
    t.see("length", len(t.read("lastwords.log")))


@house.scenario
def bytes_stay_as_they_are(t):
    t.wait_log("exited: binary")
    t.see("bytes", t.read("binary.log").encode("utf-8", "surrogateescape").hex())


@house.then
def head_of_the_main_log(t):
    head = [line for line in t.lines() if not line.startswith(("INFO spawned", "INFO exited", "WARN exited", "INFO success"))]
    t.see("head", head[:6])

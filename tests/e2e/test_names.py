"""supd by the names of Supervisor's programs: the command line of supervisord and what it logs of its
own life, beside Debian's where that can be asked; echo_supervisord_conf; pidproxy; the links."""
import json
import os
import re
import signal
import subprocess

import pytest

from harness.beacon import conf, program
from harness.supervised import build_dir
from harness.supervised import program as built
from harness.waiting import wait

# Supervisor's own reader of command lines, asked for many of them at once
ORACLE = """
import io, json, sys
from supervisor.options import ServerOptions
from supervisor import supervisord
NAMES = 'logfile logfile_maxbytes logfile_backups loglevel pidfile identifier childlogdir minfds ' \\
    'minprocs umask directory user nodaemon silent nocleanup strip_ansi'.split()
def one(args):
    o = ServerOptions()
    o.stdout, o.stderr = io.StringIO(), io.StringIO()
    try:
        o.realize(args, doc=supervisord.__doc__, progname='supervisord')
    except SystemExit as e:
        return {'code': e.code or 0, 'out': o.stdout.getvalue(), 'err': o.stderr.getvalue()}
    return {name: getattr(o, name) for name in NAMES}
json.dump([one(args) for args in json.load(sys.stdin)], sys.stdout)
"""


def real(lines, cwd):
    done = subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c", ORACLE], input=json.dumps(lines), cwd=cwd,
                          capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def called(tmp_path):
    """called(NAME, ARG...) runs supd by that name, in a folder of its own."""
    def run(name, *args, **kw):
        link = tmp_path / name
        if not link.is_symlink():
            link.symlink_to(built("supd"))
        return subprocess.run([str(link), *args], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, **kw)
    return run


WRONG = [
    ["--foo"], ["--log=x"], ["--nodaemon=1"], ["-c"], ["--pidfile"], ["a", "b"], ["-c", "wrong.conf", "it's"],
    ["-c", "wrong.conf", "-n", "--nodaemon"], ["-hx"], ["-h", "a"],
    *(["-c", "wrong.conf", *words] for words in (
        ["-l", "/nope/x"], ["--logf=/nope/x"], ["-d", "/nope"], ["-m", "9"], ["-y", "10k"], ["-z", "1.5"],
        ["-e", "warning"], ["--minp", "x"])),
]


def test_wrong_usage_is_said_as_supervisor_says_it(called, tmp_path):
    (tmp_path / "wrong.conf").write_text("[supervisord]\nminfds=soon\n")
    for args, theirs in zip(WRONG, real(WRONG, tmp_path)):
        ours = called("supervisord", *args)
        assert (ours.returncode, ours.stdout) == (theirs["code"], "") == (2, ""), args
        said = ours.stderr.splitlines()
        assert said[0].startswith(theirs["err"].splitlines()[0]), f"{args}: {ours.stderr} for {theirs}"
        assert said[-1] == f"For help, use {tmp_path}/supervisord -h"


RIGHT = [
    ["-nc", "x.conf"], ["-c", "x.conf", "-n"], ["--conf=x.conf", "--nod"], ["-cx.conf", "-nkts"],
    ["-c", "x.conf", "-l", "other.log", "-y", "3MB", "-z", "4", "-e", "DEBUG", "-j", "other.pid", "-i", "me", "-q", "/var"],
    ["-c", "x.conf", "-m", "027", "-d", "/usr", "-u", "daemon", "-a", "77", "--minprocs", "78"],
    ["-c", "x.conf", "-l", "/tmp/100%.log", "--profile_options=calls"],
]
FILE = "[supervisord]\nlogfile=x.log\nloglevel=warn\nidentifier=file\numask=077\ndirectory=/etc\nstrip_ansi=false\n"


def test_the_command_line_comes_before_the_file(called, tmp_path):
    (tmp_path / "x.conf").write_text(FILE)
    for args, theirs in zip(RIGHT, real(RIGHT, tmp_path)):
        for name in ("supervisord", "supd"):
            ours = called(name, *args, "--dump-config=json")
            assert ours.returncode == 0, f"{args}: {ours.stderr}"
            shown = json.loads(ours.stdout)["supervisord"]
            named = {k: shown[k] for k in ("logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile",
                                           "identifier", "childlogdir", "minfds", "minprocs", "directory")}
            if "-q" not in args:  # the one for temporary files
                theirs["childlogdir"] = named["childlogdir"]
            assert named == {k: theirs[k] for k in named}, f"{name} {args}"
            for flag in ("nodaemon", "silent", "nocleanup", "strip_ansi"):
                assert bool(shown[flag]) is bool(theirs[flag]), f"{name} {args}: {flag}"


def test_help_and_version(called):
    for option in ("-h", "--help", "-?"):
        done = called("supervisord", option)
        assert done.returncode == 0 and done.stdout.startswith("supervisord -- ") and "-q, --childlogdir VALUE" in done.stdout
    for option in ("-v", "--version", "--vers"):
        assert called("supervisord", option).stdout == "4.2.5\n"
    assert called("supd", "-v", "--as=supervisord").stdout == "4.2.5\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", own := called("supd", "-v").stdout) and own != "4.2.5\n"


def test_where_it_looks(called, tmp_path):
    """Beside the program, also where PATH finds it; and root is warned of the working folder."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "supervisord").symlink_to(built("supd"))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "supervisord.conf").write_text("[supervisord]\nidentifier=found\n")
    done = subprocess.run(["supervisord", "--dump-config=json"], cwd="/", capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "PATH": f"/nosuch:{tmp_path}/bin:{os.environ['PATH']}"},
                          executable=str(tmp_path / "bin" / "supervisord"))
    assert json.loads(done.stdout)["supervisord"]["identifier"] == "found"
    here = called("supd", "--check")
    assert f"warning: running as root, and the configuration was found in the working folder ({tmp_path}/etc/" in here.stdout


def log_of(s):
    return s.read("main.log")


def wait_log(s, pattern):
    return s.wait_file("main.log", pattern)


def test_options_stay_over_reload_and_upgrade(sup):
    """They stand for the file's values as long as supd lives."""
    s = sup("[supervisord]\nnodaemon=true\nloglevel=critical\nlogfile=%(here)s/file.log\n" +
            program("p", command="sleep 1000", startsecs=0, stdout_logfile="AUTO"), name="supervisord",
            args=["-l", "main.log", "--loglevel=debug", "-imine", "-j", "own.pid", "-q", "."])
    first = wait_log(s, r"INFO spawned: 'p' with pid (\d+)").group(1)
    assert s.wait_file("own.pid", r"^1\n")
    assert [f for f in os.listdir(s.dir) if f.startswith("p-stdout---mine-")]
    s.send(signal.SIGHUP)
    wait_log(s, rf"WARN stopped: p \(terminated by SIGTERM\)[\s\S]*INFO spawned: 'p' with pid (?!{first})")
    assert "DEBG received SIGCHLD indicating a child quit" in log_of(s)
    s.ok("upgrade")
    s.send(signal.SIGHUP)
    wait(lambda: log_of(s).count("INFO spawned: 'p'") == 3, 10, lambda: log_of(s))
    assert s.stop() == 0 and s.read("file.log") == ""


ROOT = "CRIT Supervisor is running as root.  Privileges were not dropped because no user is specified"


@pytest.mark.parametrize("user", ["", "user=root\n"])
def test_who_it_runs_as(sup, user):
    s = sup("[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\n" + user +
            "[unix_http_server]\nfile=%(here)s/http\n", name="supervisord")
    wait_log(s, r"INFO RPC interface 'supervisor' initialized\n.* CRIT Server 'unix_http_server' running without any "
             r"HTTP authentication checking\n[\s\S]* INFO supervisord started with pid 1")
    assert (ROOT in log_of(s)) is not bool(user)
    assert ("INFO Set uid to user 0 succeeded" in log_of(s)) is bool(user)


def test_another_user_and_raised_limits(sup):
    """What happened before there was a main log stands in it, too, and in Supervisor's words."""
    s = sup("[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\nuser=nobody\nminfds=600\nminprocs=700\n", name="supervisord", pid1=False,
            before="chmod 777 $TEST_DIR && prlimit --pid $$ --nofile=500: --nproc=500:")
    text = wait_log(s, r"supervisord started with pid").string
    at = [text.index(line) for line in (f"INFO Set uid to user {os.stat(s.path('main.log')).st_uid} succeeded",
                                        "INFO Increased RLIMIT_NOFILE limit to 600",
                                        "INFO Increased RLIMIT_NPROC limit to 700", "INFO supervisord started with pid")]
    assert at == sorted(at) and "CRIT" not in text


@pytest.mark.parametrize("key,what", [("minfds", "file descriptors"), ("minprocs", "available processes")])
def test_limits_that_cannot_be_raised(sup, key, what):
    s = sup(f"[supervisord]\nnodaemon=true\nuser=nobody\nminfds=0\nminprocs=0\n{key}=70000\n", name="supervisord", pid1=False, ready=False,
            caps="docker", before="prlimit --pid $$ --nofile=600 --nproc=600")
    assert s.wait_exit() == 2
    assert f"Error: The minimum number of {what} required to run this " in s.log_text()
    assert f"70000 as per the {key} setting" in s.log_text() and "For help, use" in s.log_text()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_output_in_the_main_log(sup, level):
    """At debug, with its name and stream; in the log of its own in any case."""
    s = sup(f"[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\nloglevel={level}\n" + program(
        "p", command="sh -c 'echo one; echo two; echo three >&2; head -c 5000 /dev/zero | tr \\\\000 x; exec sleep 1000'",
        stdout_logfile="%(here)s/out", stderr_logfile="%(here)s/err", startsecs=0), name="supervisord")
    s.wait_file("out", r"\Aone\ntwo\nx{5000}\Z")
    s.wait_file("err", r"\Athree\n\Z")
    s.ok("restart", "p")
    if level == "info":
        assert " output:" not in log_of(s)
        return
    wait_log(s, r"DEBG 'p' stderr output:\nthree\n\n")
    wait(lambda: "".join(re.findall(r"DEBG 'p' stdout output:\n([^\0]*?)\n(?=20\d\d-)", log_of(s) + "2026-")).count("x")
         >= 5000, 10, lambda: log_of(s))
    assert re.search(r"DEBG 'p' stdout output:\none\n", log_of(s))


def test_reopen_and_the_way_down(sup):
    s = sup("[supervisord]\nnodaemon=true\nlogfile=%(here)s/main.log\n" +
            program("deaf", "ignore=TERM", stopwaitsecs=60, startsecs=0), name="supervisord")
    wait_log(s, "spawned: 'deaf'")
    os.rename(s.path("main.log"), s.path("old.log"))
    s.send(signal.SIGUSR2)
    for line in ("received SIGUSR2 indicating log reopen request", "supervisord logreopen"):
        wait(lambda: f" INFO {line}\n" in s.read("old.log") + log_of(s), 10, lambda: log_of(s))
    s.wait_file("record", "deaf start")
    s.send(signal.SIGTERM)
    wait_log(s, r"WARN received SIGTERM indicating exit request\n[\s\S]*INFO waiting for deaf to die\n")
    s.send(signal.SIGHUP)
    wait_log(s, r"WARN ignored SIGHUP indicating restart request \(shutdown in progress\)\n")
    wait(lambda: log_of(s).count("waiting for deaf to die") == 2, 20, lambda: log_of(s))
    assert s.stop() == 0  # the second TERM kills


def test_the_background(sup):
    """Paths of the command line are seen from where it was started, also after it went to directory=."""
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)))
    s.write("second.conf", "[supervisord]\nlogfile=%(here)s/file.log\ndirectory=/etc\n[supd]\n"
            "socket=%(here)s/second.sock\n" + program("q", command="sleep 1000", startsecs=0))
    done = s.run("sh", "-c", 'cd "$TEST_DIR" && exec "$@"', "sh", built("supd"), "--as=supervisord", "-c", "second.conf",
                 "-l", "main.log", "-j", "second.pid", "-d", "/usr", "-m", "027", env=s.env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wait_log(s, r"INFO daemonizing the supervisord process\n.* INFO set current directory: '/usr'\n"
             r".* INFO supervisord started with pid \d+\n")
    pid = int(s.wait_file("second.pid", r"^(\d+)\n").group(1))
    there = [built("supctl"), "-s", s.path("second.sock")]
    assert s.run(*there, "reread").stdout == "No config updates to processes\n"
    s.run(*there, "reload")
    wait(lambda: log_of(s).count("INFO spawned: 'q'") == 2, 10, lambda: log_of(s))
    s.run(*there, "shutdown")
    wait(lambda: s.run("kill", "-0", str(pid)).returncode != 0, 10, "it is gone")
    assert not os.path.exists(s.path("second.pid")) and s.read("file.log") == ""


@pytest.mark.parametrize("name", ["supervisord", "supd"])
def test_a_second_one(sup, name):
    """Supervisor lets two run beside each other; supd by its own name has one socket and one place."""
    s = sup(conf(program("host", command="sleep 1000", startsecs=0)), env={"SUPD_SOCKET": None}, ready=False)
    wait(lambda: s.run(built("supctl"), "pid", env=s.env).stdout == "1\n", 15, lambda: s.log_text())
    s.write("second.conf", "[supervisord]\nlogfile=%(here)s/main.log\npidfile=%(here)s/second.pid\n" + program(
        "q", command="sh -c 'echo $SUPD_SOCKET; exec sleep 1000'", startsecs=0, stdout_logfile="%(here)s/q"))
    command = [built("supd"), f"--as={name}", "-c", s.path("second.conf")]
    done = s.run("timeout", "20", *command, env=s.env)
    if name == "supd":
        assert done.returncode == 2 and "socket /run/supd.sock is in use" in done.stderr
        return
    assert (done.returncode, done.stderr) == (0, "")
    pid = s.wait_file("second.pid", r"^(\d+)\n").group(1)
    own = s.wait_file("q", r"^(.+)\n").group(1)
    assert own == f"/run/supd-{pid}.sock" and f"listening on {own} instead" in log_of(s)
    assert s.run(built("supctl"), "-s", own, "upgrade").returncode == 0
    s.run(built("supctl"), "-s", own, "restart", "q")
    wait(lambda: s.read("q") == f"{own}\n" * 2, 10, lambda: s.read("q"))
    s.run(built("supctl"), "-s", own, "shutdown")
    wait(lambda: s.run("test", "-e", own).returncode != 0, 10, "its socket is gone")
    assert s.run(built("supctl"), "pid", env=s.env).stdout == "1\n"


# ---- the other names ----

def settings(text, folder):
    """What Supervisor's parser finds in a configuration."""
    (folder / "sample.conf").write_text(text)
    script = ("import json, sys\nfrom supervisor.options import UnhosedConfigParser\np = UnhosedConfigParser()\n"
              "p.read('sample.conf')\njson.dump({s: dict(p.items(s)) for s in p.sections()}, sys.stdout)")
    done = subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c", script], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=True)
    return json.loads(done.stdout)


def test_echo_supervisord_conf(called, tmp_path):
    """It means the same as Supervisor's own sample, and as many things can be made of it."""
    ours = called("echo_supervisord_conf")
    theirs = subprocess.run(["echo_supervisord_conf"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert ours.returncode == 0 and settings(ours.stdout, tmp_path) == settings(theirs, tmp_path)
    commented = r"^;(\[[a-z:-]+\]|[a-z_]+ ?=)"
    wanted, there = (set(re.findall(commented, text, re.M)) for text in (theirs, ours.stdout))
    assert wanted <= there, wanted - there
    # all of it at once is a configuration, too
    whole = re.sub(r"^;(?=\[|[a-z_]+ ?=)", "", ours.stdout, flags=re.M)
    (tmp_path / "whole.conf").write_text(re.sub(r"^(user|socket_owner|chown|programs)=.*", "", whole, flags=re.M))
    checked = called("supd", "--check", "-c", "whole.conf")
    assert checked.returncode == 0, checked.stderr


class Proxy:
    def __init__(self, folder, script):
        link = folder / "pidproxy"
        if not link.is_symlink():
            link.symlink_to(built("supd"))
        self.out = folder / "out"
        self.proc = subprocess.Popen([str(link), "x.pid", "/bin/sh", "-c", script], cwd=folder, stdin=subprocess.DEVNULL,
                                     stdout=open(self.out, "wb"), stderr=subprocess.STDOUT)

    def wait_text(self, text):
        wait(lambda: text in self.out.read_text(), 10, lambda: f"{text!r} in {self.out.read_text()!r}")

    def end(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait(10)


# a daemon beside the command, whose pid the file holds; it tells what it gets, and ends when it is told
DAEMON = """
import os, signal, time
for s in 'HUP INT USR1 USR2 QUIT TERM'.split():
    signal.signal(signal.Signals['SIG' + s], lambda n, frame, s=s: print('got', s, flush=True))
print(os.getpid(), file=open('x.pid', 'w'), flush=True)
print('up', flush=True)
while os.path.exists('go'):
    time.sleep(0.05)
"""


@pytest.fixture
def proxy(tmp_path):
    made = []

    def start(script):
        (tmp_path / "go").touch()
        (tmp_path / "daemon.py").write_text(DAEMON)
        made.append(Proxy(tmp_path, script))
        return made[-1]

    yield start
    (tmp_path / "go").unlink(missing_ok=True)
    for one in made:
        one.end()


@pytest.mark.parametrize("last", ["TERM", "INT", "QUIT"])
def test_pidproxy_passes_signals_on(proxy, last):
    p = proxy("/usr/bin/python3 daemon.py & wait")
    p.wait_text("up")
    for name in ("HUP", "USR1", "USR2", last):
        p.proc.send_signal(signal.Signals["SIG" + name])
        p.wait_text("got " + name)
    assert p.proc.wait(10) == 0


def test_pidproxy_ends_with_the_command(proxy, tmp_path):
    p = proxy("/usr/bin/python3 daemon.py & wait; exit 3")
    p.wait_text("up")
    (tmp_path / "go").unlink()
    assert p.proc.wait(10) == 0


@pytest.mark.parametrize("text", [None, "", "x\n", "0\n", "-1\n", "1\n", "99999999999\n"])
def test_pidproxy_without_a_pid(proxy, tmp_path, text):
    """It signals nobody else, and goes on."""
    p = proxy("echo up; while [ -e go ]; do sleep 0.05; done")
    p.wait_text("up")
    if text is not None:
        (tmp_path / "x.pid").write_text(text)
    p.proc.send_signal(signal.SIGTERM)
    p.wait_text("Can't read child pidfile x.pid!\n")
    assert p.proc.poll() is None
    (tmp_path / "go").unlink()
    assert p.proc.wait(10) == 0


def test_pidproxy_usage(called):
    for args in ((), ("x.pid",)):
        done = called("pidproxy", *args)
        assert done.returncode == 1 and "Usage: pidproxy PIDFILE COMMAND" in done.stdout
    done = called("pidproxy", "x.pid", "no-such-command")
    assert done.returncode == 127 and "cannot execute no-such-command: No such file" in done.stderr


def test_the_links(tmp_path):
    """They lead to the programs that are installed, and nothing that is there already is replaced."""
    def lay():
        return subprocess.run(["cmake", "--install", build_dir(), "--component", "supervisor", "--prefix", str(tmp_path)],
                              capture_output=True, text=True, timeout=60, check=False)
    assert lay().returncode == 0 and lay().returncode == 0
    links = {name: os.path.basename(os.readlink(tmp_path / "bin" / name)) for name in os.listdir(tmp_path / "bin")}
    assert links == {"supervisord": "supd", "supervisorctl": "supctl", "pidproxy": "supd", "echo_supervisord_conf": "supd"}
    (tmp_path / "bin" / "pidproxy").unlink()
    (tmp_path / "bin" / "pidproxy").write_text("another\n")
    done = lay()
    assert done.returncode != 0 and "is there, and is no link" in " ".join(done.stderr.split())


# ---- lint ----

LINT = """[supervisord]
nodaemon=true
[program:x]
command=sh -c 'a ; b'
[program:y]
command=cd /x && y
autostrat=false
environment=A=a@b
"""


def test_lint(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text(LINT)
    run = subprocess.run([built("supctl"), "lint", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1 and run.stderr == ""
    found = re.findall(r"^\S+/x\.conf:(\d+): (.*)\n    Supervisor: (.*)\n    supd: (.*)$", run.stdout, re.M)
    assert [int(line) for line, *_ in found] == [4, 6, 7, 8]
    assert "stands in quotes" in found[0][1] and "'&&'" in found[1][1] and "autostart?" in found[2][1]
    assert found[3][2:] == ("refuses the whole configuration", "takes it")
    path.write_text("[supervisord]\nnodaemon=true\n[program:x]\ncommand=/bin/x\n")
    run = subprocess.run([built("supctl"), "lint", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (0, "nothing is surprising\n")
    path.write_text("[supervisord]\n[program:x]\n")
    run = subprocess.run([built("supctl"), "lint", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2 and "does not specify a command" in run.stderr

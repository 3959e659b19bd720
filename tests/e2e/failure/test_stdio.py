"""Files, folders and descriptors that are missing, full, closed or of an odd kind."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from harness.beacon import conf, program, wait_record
from harness.failing import busy_share, piped, shell
from harness.plaininit import as_dumb_init, as_tini, own
from harness.supervised import program as built
from harness.supervised import tool
from harness.waiting import wait

pytestmark = [pytest.mark.release, pytest.mark.caps]

ALL = {"own": own, "tini": as_tini, "dumb-init": as_dumb_init}


# D1: no /proc; test_boot.test_without_proc has supd

@pytest.mark.parametrize("name", ALL)
def test_plain_init_without_proc(plain, name):
    one = plain(ALL[name]() + ["sh", "-c", "(busybox sleep 0.1 &); busybox sleep 0.3; exit 4"],
                before="mount -t tmpfs none /proc")
    assert one.status() == 4
    assert one.text("err") == ""


# D2, D3: a folder with the programs and nothing else, and one that is read-only on top

def libraries(path):
    out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


@pytest.fixture(scope="module")
def scratch(open_dir):
    """A root with supd, supd-log, supctl, a busybox and the libraries of these: no /proc, /dev, /tmp, /run, /etc."""
    root = str(open_dir())
    for folder in ("bin", "work"):
        os.mkdir(os.path.join(root, folder))
    names = [built(n) for n in ("supd", "supd-log", "supctl", "supd-init")]
    for path in names + ["/bin/busybox"]:
        shutil.copy(path, os.path.join(root, "bin"))
    for path in {lib for name in names[:3] for lib in libraries(name)}:
        target = root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    with open(os.path.join(root, "supd.conf"), "w", encoding="utf-8") as f:
        f.write("[supervisord]\n[program:a]\ncommand=/bin/busybox sh -c 'echo $SUPD_SOCKET at work; exec busybox sleep 1000'\n"
                "startsecs=0\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n"
                "[program:b]\ncommand=/bin/busybox sleep 1000\nuser=12345\nstartsecs=0\n")
    return root


# as chroot(1) does, without needing anything inside; "ro": nothing can be written there
ENTER = """
import os, sys
os.chroot(sys.argv[1])
os.chdir("/")
os.environ["PATH"] = "/bin"
os.execv(sys.argv[2], sys.argv[2:])
"""


def entering(root):
    return ["/usr/bin/python3", "-c", ENTER, root]


def sealed(root, how):
    more = f" && mount -o remount,ro,bind {root}" if how == "ro" else ""
    return f"mount --bind {root} {root}{more}"


@pytest.mark.parametrize("how", ["rw", "ro"])
def test_nothing_but_the_programs(plain, scratch, how):
    """supd in a scratch image without a single folder of the system."""
    one = plain(entering(scratch) + ["/bin/supd", "-c", "/supd.conf"], before=sealed(scratch, how),
                env={"SUPD_SOCKET": ""})
    name = one.wait_line(r"^(\S+) at work").group(1)
    assert name.startswith("@supd-")

    def ask(*args):
        return one.ns.enter(["/bin/supctl", "-s", name, *args])

    wait(lambda: ask("status").stdout.count("RUNNING") == 2, 10, lambda: (ask("status"), one.text("err")))
    pid = int(ask("pid", "b").stdout)
    one.ns.kill(pid)
    wait(lambda: ask("pid", "b").stdout.strip() not in ("", "0", str(pid)), 10, lambda: ask("status"))
    one.send(signal.SIGTERM)
    assert one.status() == 0
    assert not re.search("ERRO|CRIT", one.text("err")), one.text("err")


@pytest.mark.parametrize("how", ["rw", "ro"])
@pytest.mark.parametrize("persona", [[], ["--as=tini", "-s"], ["--as=dumb-init"]])
def test_plain_init_from_nothing(plain, scratch, persona, how):
    """supd-init and one static program, as uid 12345."""
    script = ENTER.replace("os.execv", "os.setgroups([]); os.setgid(12345); os.setuid(12345); os.execv")
    argv = ["/usr/bin/python3", "-c", script, scratch, "/bin/supd-init", *persona, "--", "/bin/busybox", "sh", "-c",
            "busybox sleep 0.1; exit 4"]
    one = plain(argv, before=sealed(scratch, how))
    assert one.status() == 4
    assert one.text("err") == ""


# D5: our output is a socket

class Reading(threading.Thread):
    """Reads a socket to its end."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.got = sock, b""
        self.start()

    def run(self):
        while data := self.sock.recv(65536):
            self.got += data


def test_output_to_a_socket(plain, tmp_path):
    """As under a service manager that gives one: /dev/stdout could not be opened there."""
    ours, theirs = socket.socketpair()
    conf_file = tmp_path / "conf"
    conf_file.write_text(conf(program("a", command="/bin/sh -c 'echo words; exec busybox sleep 1000'", startsecs=0,
                                      stdout_logfile="/dev/stdout", stdout_logfile_maxbytes=0)))
    reading = Reading(ours)
    wrapper = ("import os, sys; fd = int(sys.argv[1]); os.dup2(fd, 1); os.dup2(fd, 2); os.close(fd);"
               "os.execv(sys.argv[2], sys.argv[2:])")
    theirs.set_inheritable(True)
    one = plain(["/usr/bin/python3", "-c", wrapper, str(theirs.fileno()), built("supd"), "-c", str(conf_file)],
                env={"SUPD_SOCKET": str(tmp_path / "sock")}, pass_fds=(theirs.fileno(),))
    theirs.close()
    wait(lambda: re.search(rb"^words$", reading.got, re.M) and b"spawned: 'a'" in reading.got, 10, lambda: reading.got)
    one.send(signal.SIGTERM)
    assert one.status() == 0
    reading.join(10)
    assert b"supd ends" in reading.got and b"ERRO" not in reading.got


# D6: a program of another user opens /dev/stdout

def test_dev_stdout_of_another_user(sup):
    s = sup(conf(program("a", command="/bin/sh -c 'echo out >/dev/stdout; echo err >/dev/stderr; exec busybox sleep 1000'",
                         user="nobody", startsecs=0, stdout_logfile="%(here)s/out", stderr_logfile="%(here)s/err")))
    s.wait_file("out", r"\Aout\n\Z")
    s.wait_file("err", r"\Aerr\n\Z")


# D7: nobody reads our output, or the reader is gone

@pytest.mark.parametrize("pid1", [True, False])
@pytest.mark.parametrize("how", ["full", "closed"])
def test_output_that_nobody_reads(sup, how, pid1):
    """Programs that write there and supd's own log: all of it is dropped, and nobody waits for it."""
    talk = "/bin/sh -c 'while echo line; do busybox sleep 0.01; done'"
    s = sup(conf(program("talk", command=talk, stdout_logfile="/dev/stdout", stdout_logfile_maxbytes=0, startsecs=0),
                 program("a", startsecs=0),
                 program("wild", command="/bin/sh -c 'setsid busybox sleep 1000 & exec busybox sleep 2000'", startsecs=0)),
            prefix=piped(how, "both"), pid1=pid1)
    pids = [wait_record(s, "a", "start")[0].pid]
    for n in range(2, 40):  # each start and death is a line of the log
        s.kill(pids[-1])
        pids.append(wait_record(s, "a", "start", n)[-1].pid)
    got = s.status()
    assert got["talk"]["state"] == "RUNNING" and got["a"]["restarts"] == 38 and got["talk"]["restarts"] == 0
    assert s.stop() == 0
    wait(lambda: not s.left(), 10, s.left)


# D8: our input is a file

@pytest.mark.parametrize("pid1", [True, False])
def test_input_from_a_file(sup, pid1):
    """epoll takes no files, and a loop that asks for them anyway never sleeps."""
    s = sup(conf(program("a", startsecs=0)), prefix=shell("exec </etc/passwd"), pid1=pid1)
    wait_record(s, "a", "start")
    assert busy_share(s.pid) < 0.05


@pytest.mark.parametrize("name", ALL)
def test_input_from_a_file_for_plain_init(plain, name):
    one = plain(ALL[name]() + [tool("sigtale")], prefix=shell("exec </etc/passwd"))
    one.wait_line("^start")
    seen = [None]
    wait(lambda: seen.append(one.switches()) or seen[-1] == seen[-2], 10, every=0.3)  # its start is over
    assert busy_share(one.pid, 0.5) < 0.05 and one.switches() == seen[-1]
    one.send(signal.SIGUSR2)
    assert one.status() == 9


# D10: names and owners of the control socket; test_control.test_the_socket_comes_back has a lost one

def test_a_long_name_of_the_socket(sup, tmp_path):
    deep = "/".join(["d" * 60] * 3)
    s = sup(conf(program("a", startsecs=0), supd=f"socket=%(here)s/{deep}/s"),
            before=f'mkdir -p -m 755 "$TEST_DIR/{deep}"', ready=False)
    wait_record(s, "a", "start")
    done = s.ns.enter([built("supctl"), "-s", s.path(deep, "s"), "status"], env=s.env)
    assert done.returncode == 0 and "RUNNING" in done.stdout, done.stderr


def test_the_socket_of_a_killed_supd(sup):
    """A stale socket is replaced; one that somebody answers on is not."""
    s = sup(conf(program("a", startsecs=0)), pid1=False, prefix=("sh", "-c", '"$@"; exec "$@"', "sh"))
    wait_record(s, "a", "start")
    second = s.run(built("supd"), "-c", s.path("supd.conf"), env=s.env)
    assert second.returncode == 2
    assert "is in use: another process answers on it" in second.stdout + second.stderr
    assert len(s.status()) == 1
    s.kill(int(s.ok("pid").split()[0]))
    wait_record(s, "a", "start", 2, timeout=20)
    s.wait_ready()

"""What the README promises: the demo, the example, the links."""
import fcntl
import glob
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

import pytest

from harness.namespace import Namespace, command_of, status_of
from harness.supervised import ROOT, build_dir
from harness.waiting import wait

SEEN = "seen: the status table, a crashed worker started again, the retry limit"
ALERTS_SEEN = "the alerts of the error rate (fired, resolved), of the website's probe and of the certificate"
LIMIT = 45


def session_of(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


class Demo:
    """demo/run in namespaces of its own, below a shell that stays to show what was left."""

    def __init__(self, folder, *args, user=None, before=":", tty=False, term="xterm", cwd=ROOT, size=(40, 400)):
        self.folder = str(folder)
        os.chmod(self.folder, 0o1777)
        as_user = f"setpriv --reuid {user} --regid {user} --clear-groups " if user else ""
        script = f'{before}; cd {cwd}; {as_user}{ROOT}/demo/run {" ".join(args)}; echo "status $?"; read wait_here'
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TMPDIR": self.folder, "TERM": term}
        self.terminal, out = pty.openpty() if tty else os.pipe()
        if tty:
            fcntl.ioctl(out, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.stdin = os.pipe()
        self.text = b""
        self.ns = Namespace(["sh", "-c", script], env=env, cwd=ROOT, stdout=out, stderr=out,
                            stdin=self.stdin[0])
        os.close(out)

    def read(self):
        """What it printed so far."""
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                more = os.read(self.terminal, 65536)
            except OSError:  # a terminal that nobody holds any more
                break
            if not more:
                break
            self.text += more
        return self.text.decode(errors="replace")

    def frame(self):
        """The last whole screen, without colours."""
        frames = self.read().split("\x1b[H")[1:-1]
        return re.sub(r"\x1b\[\d*[a-zA-Z]", "", frames[-1]).replace("\r", "") if frames else ""

    def wait_text(self, pattern, timeout):
        return wait(lambda: re.search(pattern, self.read()), timeout,
                    lambda: f"{pattern!r} in:\n{self.read()}")

    def status(self, timeout=LIMIT + 15):
        return int(self.wait_text(r"(?m)^status (\d+)", timeout).group(1))

    def foreground(self):
        """The demo's own script and screen, and what else the script waits for: who is in its
        session, for supd has one of its own."""
        return [p for p in self.ns.pids() if p != self.ns.init
                and session_of(p) == session_of(self.ns.init)]

    def interrupt(self):
        """As a terminal does it with Ctrl-C."""
        for pid in self.foreground():
            try:
                os.kill(pid, signal.SIGINT)
            except ProcessLookupError:  # a short one that just ended
                pass

    def left(self):
        """What it left running or lying about."""
        return [p for p in self.ns.pids() if p != self.ns.init] + os.listdir(self.folder)

    def close(self):
        self.ns.destroy()
        for fd in (self.terminal, *self.stdin):
            os.close(fd)


@pytest.fixture
def demo():
    folder = tempfile.mkdtemp(prefix="demo-test-")
    assert os.path.basename(build_dir()) == "build", "the demo runs the release programs"
    begun = []

    def start(*args, **kw):
        begun.append(Demo(folder, *args, **kw))
        return begun[-1]

    yield start
    for one in begun:
        one.close()
    shutil.rmtree(folder)


@pytest.mark.release
@pytest.mark.parametrize("user", [None, 61235])
@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.timeout(90)
def test_once(demo, user, tty):
    d = demo("--once", user=user, tty=tty)
    begun = time.monotonic()
    assert d.status() == 0, d.read()
    assert time.monotonic() - begun < LIMIT
    text = d.read()
    assert SEEN in text and ALERTS_SEEN in text
    for pattern in (r"worker:worker-\d \(pid \d+\) terminated by SIGABRT; started again as pid \d+",
                    r"mailer is FATAL: too many start retries", r"\d+ jobs/s, \d+ done",
                    r"producer +\S*RUNNING", "attempt 4: cannot execute /opt/mailer",
                    r"alert error-rate firing \(page\): \S+% of the jobs fail .*"
                    r"runbook: https://runbooks.example/jobs-fail",
                    r"alert error-rate resolved \(page\).* runbook: https://",
                    r"alert site-down firing \(critical\): the probe site has failed .*status 503"
                    r".* runbook: https://runbooks.example/site-down",
                    r"alert certificate firing \(warning\): the certificate shop.example "
                    r"expires in 10d, on .* runbook: https://runbooks.example/certificate"):
        assert re.search(pattern, text), pattern
    assert ("\033[" in text) == tty
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(90)
def test_until_it_is_interrupted(demo):
    d = demo()
    d.wait_text("Now try, in another terminal", LIMIT)
    socket = re.search(r"export SUPD_SOCKET=(\S+)", d.read()).group(1)
    status = subprocess.run([os.path.join(ROOT, "build", "supctl"), "-s", socket, "status"],
                            stdout=subprocess.PIPE, text=True, timeout=10, check=False)
    assert status.returncode == 3 and "FATAL" in status.stdout  # 3: one of them is down
    d.interrupt()
    assert d.status() == 0
    assert d.left() == []


@pytest.mark.release
@pytest.mark.parametrize("moment", ["folder", "supd.sock", "agent", "agent/notices"])
def test_interrupted_at_any_time(demo, moment):
    """Wherever it is: it ends soon and leaves nothing."""
    d = demo()
    wait(lambda: glob.glob(os.path.join(d.folder, "supd-demo.*", moment if moment != "folder" else "")),
         LIMIT, d.read)
    d.interrupt()
    d.status(20)
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(90)
def test_a_small_terminal_shows_all_of_it(demo):
    """80 x 24, from another folder: nothing scrolls away, and what to try next is there, whole."""
    d = demo(tty=True, cwd="/", size=(24, 80))
    wait(lambda: "Now try" in d.frame(), LIMIT, d.frame)
    lines = d.frame().split("\n")
    assert len(lines) <= 24 and max(len(line) for line in lines) < 80, d.frame()
    for word in ("supd keeps queue workers alive", "mailer +FATAL", "worker:worker-3", "certificate +FIRING +warning "
                 "+https://runbooks.example/certificate", r"\d+ jobs/s", f"cd {ROOT}", "export SUPD_SOCKET=.*supd.sock",
                 "build/supctl status --watch", "explain mailer", "explain error-rate", "alerts ack site-down",
                 "tail -f worker:worker-0", r"restart 'worker:\*'", "events"):
        assert re.search(word, d.frame()), f"{word!r} in:\n{d.frame()}"
    d.interrupt()
    assert d.status() == 0
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(90)
def test_a_terminal_that_can_nothing(demo):
    d = demo(tty=True, term="dumb")
    d.wait_text("Now try, in another terminal", LIMIT)
    assert "\x1b" not in d.read()
    # the shell has its signal, and is slow: when it looks again the screen has ended
    script, = (p for p in d.foreground() if "demo/run" in command_of(p))
    with subprocess.Popen(["strace", "-p", str(script), "-o", "/dev/null", "-e", "trace=wait4",
                           "-e", "inject=wait4:delay_enter=500000"], stderr=subprocess.DEVNULL):
        wait(lambda: status_of(script, "TracerPid") not in ([], ["0"]), 20, "strace is there")
        d.interrupt()
        assert d.status() == 0
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(120)
def test_it_fails_when_nothing_is_worked_on(demo):
    """Workers that only sleep: none dies, nothing gets done, and nothing fails."""
    idle = "printf '#!/bin/sh\\nexec sleep 1000\\n' >$TMPDIR/idle && chmod 755 $TMPDIR/idle && " \
           "mount --bind $TMPDIR/idle build/demo/worker; rm $TMPDIR/idle"
    d = demo("--once", before=idle)
    assert d.status() == 1
    assert f"not seen within {LIMIT} s: [crashed worker back] [throughput] [error rate fired, resolved]\n" in d.read()
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(120)
def test_it_fails_when_nothing_is_wrong_outside(demo):
    """A certificate that has all its days left, and workers that do not stay up: each part is missed
    by name."""
    good = "printf '#!/bin/sh\\nexec sleep 0.3\\n' >$TMPDIR/short && chmod 755 $TMPDIR/short && " \
           "mount --bind $TMPDIR/short build/demo/worker; rm $TMPDIR/short; cp demo/demo.conf $TMPDIR/c && " \
           "sed -i 's/^stages=.*/stages=1d/; s/^fall=.*/fall=1000/' $TMPDIR/c && mount --bind $TMPDIR/c demo/demo.conf; rm $TMPDIR/c"
    d = demo("--once", before=good)
    assert d.status() == 1
    assert f"not seen within {LIMIT} s: [table] [crashed worker back] [throughput] [error rate fired, resolved] " \
           "[probe's alert] [certificate's alert]\n" in d.read(), d.read()[-2000:]
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(120)
def test_it_fails_when_the_limit_is_not_reached(demo):
    """A mailer that starts: then the demo has not shown what it says, and tells so."""
    mailer = "mount -t tmpfs tmpfs /opt && printf '#!/bin/sh\\nexec sleep 1000\\n' >/opt/mailer && " \
             "chmod 755 /opt/mailer"
    d = demo("--once", before=mailer)
    assert d.status() == 1
    assert f"not seen within {LIMIT} s: [retry limit reached]\n" in d.read()
    assert d.left() == []


@pytest.mark.release
@pytest.mark.timeout(120)
def test_it_fails_when_nobody_is_told(demo):
    """A notifier that always fails: alerts fire, but nothing of them has been delivered."""
    d = demo("--once", before="mount --bind /bin/false /usr/bin/tee")
    assert d.status() == 1
    assert f"not seen within {LIMIT} s: [error rate fired, resolved] [probe's alert] " \
           "[certificate's alert]\n" in d.read()
    assert re.search(r"error-rate +(FIRING|RECOVERING)", d.read())
    assert d.left() == []


@pytest.mark.release
def test_it_fails_when_supd_cannot_start(demo):
    d = demo("--once", before="mount --bind /bin/false build/supd")
    assert d.status() == 1
    assert d.left() == []


def test_wrong_usage():
    done = subprocess.run([os.path.join(ROOT, "demo", "run"), "--twice"], stderr=subprocess.PIPE,
                          text=True, timeout=10, check=False)
    assert done.returncode == 2 and "usage" in done.stderr


def documents():
    return [os.path.join(ROOT, "README.md")] + sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")))


@pytest.mark.parametrize("path", documents(), ids=os.path.basename)
def test_examples_and_links(path, tmp_path):
    """Every ini block passes --check; every link to a file leads to one."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for i, block in enumerate(re.findall(r"^```ini\n(.*?)^```", text, re.S | re.M)):
        example = tmp_path / f"{i}.conf"
        example.write_text(block)
        done = subprocess.run([os.path.join(build_dir(), "supd"), "--check", "-c", str(example)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
                              check=False)
        assert done.returncode == 0 and "error" not in done.stdout, done.stdout
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert os.path.exists(os.path.join(os.path.dirname(path), target)), target

"""[fcgi-program:x]: sockets that supd makes and its processes share, as their descriptor 0."""
import os
import pwd
import re
import socket
import stat

import pytest

from harness.stall import stalled
from harness.upgrading import crash, life, upgrade
from harness.waiting import wait

WORKER = """import os, socket
s = socket.socket(fileno=0)
while True:
    c = s.accept()[0]
    c.sendall(b"%d\\n" % os.getpid())
    c.recv(1)
    c.close()
"""
HEAD = "[supervisord]\n"
LATE = "Could not create FastCGI socket "


def section(name="f", socket="unix://%(here)s/f.sock", kind="fcgi-program", command=None, **keys):
    keys = {"socket": socket, "stdout_logfile": "NONE", "stderr_logfile": "NONE", "startsecs": 0, **keys}
    lines = [f"[{kind}:{name}]", f"command={command or '/usr/bin/python3 -S %(here)s/worker.py'}"]
    return "\n".join(lines + [f"{k}={v}" for k, v in keys.items()]) + "\n"


@pytest.fixture
def fcgi(sup):
    """sup, with the worker in its private folder."""
    return lambda conf, **kw: sup(
        HEAD + conf, before=f"cat >$TEST_DIR/worker.py <<'.'\n{WORKER}.\n" + kw.pop("before", ""), **kw)


def dial(s, name="f.sock"):
    """A connection; nobody may have taken it yet."""
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(10)
    try:
        c.connect(s.path(name))
    except OSError:
        c.close()
        raise
    return c


def answer(c):
    """Who took it: a pid inside."""
    return int(c.makefile("rb").readline())


def asked(s, name="f.sock"):
    with dial(s, name) as c:
        return answer(c)


def refused(s, name="f.sock"):
    try:
        dial(s, name).close()
    except ConnectionRefusedError:
        return True
    return False


def tcp(s, port, host="127.0.0.1"):
    """What a client inside gets from there; None while nobody listens."""
    done = s.run("/usr/bin/python3", "-S", "-c",
                 "import socket, sys; c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); "
                 "print(c.makefile().readline())", host, str(port))
    return int(done.stdout) if done.returncode == 0 else None


def input_of(s, pid):
    """Of one that has answered: before its exec it still has supd's."""
    return os.readlink(f"/proc/{s.ns.outer(pid)}/fd/0")


def listening(s):
    """What the kernel says of the tcp socket: its queue, and at the end its inode."""
    return re.search(r".*:9000 .*(ino:\d+)", s.run("ss", "-Hltne").stdout)[0].split("ino:")[0] + \
        re.search(r"ino:\d+", s.run("ss", "-Hltne").stdout)[0]


@pytest.mark.caps
def test_processes_share_it(fcgi):
    """One socket for all of them, with owner and mode; it is there until the last one is stopped."""
    s = fcgi(section(numprocs=2, process_name="%(program_name)s_%(process_num)d", socket_mode="0640",
                     socket_owner="nobody:nogroup"))
    pids = {s.wait_state(f"f:f_{i}", "RUNNING")["pid"] for i in (0, 1)}
    st = os.stat(s.path("f.sock"))
    nobody = pwd.getpwnam("nobody")
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, nobody.pw_uid, nobody.pw_gid)
    with dial(s) as one, dial(s) as other:
        assert {answer(one), answer(other)} == pids
    ends = {input_of(s, pid) for pid in pids}
    assert len(ends) == 1 and ends.pop().startswith("socket:[")
    s.ok("stop", "f:f_0")
    assert asked(s) in pids
    s.ok("stop", "f:f_1")
    wait(lambda: refused(s), 10, "nobody listens")
    s.wait_log(r"INFO Closing socket unix://.*/f\.sock$")
    assert os.path.exists(s.path("f.sock"))
    s.ok("start", "f:*")
    assert asked(s) in {r["pid"] for r in s.status().values()}
    assert len(re.findall(r"Creating socket", s.log_text())) == 2


def test_its_user_owns_it(fcgi):
    """Nobody listens for a program that does not start by itself, once its socket was tried."""
    s = fcgi(section(user="nobody") + section("g", "unix://%(here)s/g.sock", autostart="false"))
    s.wait_state("f", "RUNNING")
    s.wait_log(r"Closing socket unix://.*/g\.sock$")
    assert refused(s, "g.sock")
    assert asked(s) == s.status()["f"]["pid"]
    st = os.stat(s.path("f.sock"))
    assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o700, pwd.getpwnam("nobody").pw_uid)


def test_tcp_in_a_group_and_by_two_groups(fcgi):
    """A member of a group has its socket, too; one that two groups name has one socket in both."""
    s = fcgi(section("a", "tcp://localhost:9000", priority=1) + section("b", "tcp://[::1]:9001") +
             section("p", kind="program", socket="x", command="/bin/sleep 1000") +
             "[group:g]\nprograms=a,p\n[group:h]\nprograms=a,b\n")
    pids = {s.wait_state(n, "RUNNING")["pid"] for n in ("g:a", "h:a")}
    assert tcp(s, 9000) in pids
    assert tcp(s, 9001, "::1") == s.wait_state("h:b", "RUNNING")["pid"]
    s.wait(lambda: input_of(s, s.status()["g:p"]["pid"]).startswith("pipe:["))
    s.ok("stop", "g:a")
    assert tcp(s, 9000) == s.status()["h:a"]["pid"]
    s.ok("stop", "h:a")
    s.wait(lambda: tcp(s, 9000) is None)


def test_backlog(fcgi):
    """The listen queue is as long as the file says; a tcp socket is the same one after an update."""
    conf = section(command="/bin/sleep 1000", socket_backlog=1)
    tcp_section = section("t", "tcp://127.0.0.1:9000", command="/bin/sleep 1000", socket_backlog=7)
    s = fcgi(conf + tcp_section)
    s.wait_state("f", "RUNNING")
    s.wait_state("t", "RUNNING")
    waiting = []
    with pytest.raises(BlockingIOError):
        while len(waiting) < 5:
            c = socket.socket(socket.AF_UNIX)
            waiting.append(c)
            c.setblocking(False)
            c.connect(s.path("f.sock"))
    assert len(waiting) == 3  # one more than it says, and the one that found no room
    for c in waiting:
        c.close()
    before = listening(s)
    assert "7" in before.split()
    s.write("supd.conf", HEAD + conf + tcp_section.replace("=7", "=9"))
    s.ok("update")
    s.wait_state("t", "RUNNING")
    assert "9" in listening(s).split() and before.split()[-1] == listening(s).split()[-1]


def test_a_restart_closes_nothing(fcgi):
    """Who connects while its program waits for its next start is answered by that."""
    s = fcgi(section(command="/bin/sh -c '[ -e go ] && exec /usr/bin/python3 -S worker.py; exit 1'",
                     directory="%(here)s", startsecs=1, backoff="1s", startretries=100, backoff_max="1s"))
    s.wait_state("f", "BACKOFF")
    with dial(s) as c:
        s.write("go", "")
        assert answer(c) == s.wait_state("f", "STARTING", "RUNNING")["pid"]
    first = os.stat(s.path("f.sock")).st_ino
    with dial(s):
        s.ok("restart", "f")
    assert asked(s) == s.status()["f"]["pid"] and os.stat(s.path("f.sock")).st_ino == first
    assert "Closing" not in s.log_text()


@pytest.mark.caps
@pytest.mark.parametrize("how", ["upgrade", pytest.param("crash", marks=pytest.mark.release)])
def test_another_supd_has_it(fcgi, how):
    """The socket, its queue and those who share it go on; what starts later is given the same one."""
    s = fcgi(section())
    before = s.wait_state("f", "RUNNING")
    with dial(s) as one, dial(s) as two:
        assert answer(one) == before["pid"]
        end = input_of(s, before["pid"])
        upgrade(s) if how == "upgrade" else crash(s)
        assert life(s.status()["f"]) == life(before)
        s.kill(before["pid"])
        after = wait(lambda: s.status()["f"]["pid"] not in (0, before["pid"]) and s.status()["f"]["pid"])
        assert answer(two) == after and input_of(s, after) == end
    upgrade(s)
    s.ok("stop", "f")
    wait(lambda: refused(s), 10, "nobody listens")


@pytest.mark.parametrize("what, why", [
    ("unix://%(here)s/none/f.sock", "cannot make it: No such file or directory"),
    ("unix://%(here)s/worker.py", "something that is no socket lies there"),
    ("tcp://192.0.2.1:9000", "cannot make it: Cannot assign requested address"),
    ("tcp://no.such.host.invalid:9000", "cannot find the host no.such.host.invalid: "),
])
def test_no_start_without_it(fcgi, what, why):
    """Before anything is started, with Supervisor's first words and its exit status."""
    s = fcgi(section(socket=what, autostart="false") +
             section("p", kind="program", command="/bin/touch %(here)s/started"), ready=False)
    assert s.wait_exit() == 2
    url = what.replace("%(here)s", s.dir)
    assert f"Error: {LATE}{url}: {why}" in s.log_text()
    assert not os.path.exists(s.path("started"))


def test_errors_later(fcgi):
    """A socket that cannot be made fails `update`, `add` and `start`, in words; then it is made."""
    s = fcgi("")
    s.expect_log(LATE, "group f: ")
    conf = HEAD + section(socket="unix://%(here)s/new/f.sock", backoff="30s", autostart="false")
    s.write("supd.conf", conf)
    why = f"{LATE}unix://{s.path('new/f.sock')}: cannot make it: No such file or directory"
    assert f"[fcgi-program:f] socket: the folder {s.path('new')} cannot be used: " in s.ok("check")
    done = s.ctl("update")
    assert done.returncode == 1 and why in done.stdout + done.stderr
    done = s.ctl("start", "f")
    assert done.returncode != 0 and why in done.stdout + done.stderr
    assert s.wait_state("f", "BACKOFF")["spawnerr"] == why
    assert why in s.ok("explain", "f")
    s.ok("stop", "f")
    s.ok("remove", "f")
    done = s.ctl("add", "f")
    assert done.returncode == 1 and why in done.stdout + done.stderr
    os.mkdir(s.path("new"))
    s.ok("start", "f")
    assert asked(s, "new/f.sock") == s.status()["f"]["pid"]


def test_update(fcgi):
    """Another path, mode or length of the queue is a change; the old socket goes with its processes."""
    s = fcgi(section())
    s.wait_state("f", "RUNNING")
    s.write("supd.conf", HEAD + section(socket_mode="0600"))
    assert "f: changed" in s.ok("reread")
    s.ok("update")
    assert asked(s) == s.status()["f"]["pid"]
    assert stat.S_IMODE(os.stat(s.path("f.sock")).st_mode) == 0o600
    s.write("supd.conf", HEAD + section(socket="unix://%(here)s/g.sock"))
    s.ok("update")
    assert asked(s, "g.sock") == s.status()["f"]["pid"]
    wait(lambda: refused(s), 10, "nobody listens")
    s.write("supd.conf", HEAD)
    s.ok("update")
    wait(lambda: refused(s, "g.sock"), 10, "nobody listens")


def test_a_lookup_that_hangs(fcgi):
    """Only what needs the socket waits: supd answers, others start, and the wait can be ended."""
    s = fcgi("", before="cp /etc/hosts $TEST_DIR/hosts; mount --bind $TEST_DIR/hosts /etc/hosts")
    conf = HEAD + section(socket="tcp://localhost:9000") + section("p", kind="program")
    s.write("supd.conf", conf)
    with stalled(s.path("hosts")):
        s.ok("reread")
        s.ask("add", "p")
        s.ask("update", "wait=0")
        s.wait_state("p", "RUNNING", "EXITED", "BACKOFF")
        s.wait_log(r"Creating socket tcp://localhost:9000")
        assert s.state("f") == "STARTING"
        s.ok("stop", "f")
        assert s.state("f") == "STOPPED"
        s.ask("start", "f", "wait=0")
    assert tcp(s, 9000) == s.wait_state("f", "RUNNING")["pid"]
    with stalled(s.path("hosts")):
        s.ok("stop", "f")
        s.wait(lambda: "Closing" in s.log_text())
        s.ask("start", "f", "wait=0")
        s.wait(lambda: s.log_text().count("Creating") == 2)
        assert s.stop() == 0


def test_check(fcgi, sup):
    """What can be said without making it; --check changes nothing."""
    s = sup(HEAD)
    s.write("supd.conf", HEAD + section() + section("g") + section("h", "unix:///" + "x" * 120) +
            section("i", f"unix://{s.path('supd.conf')}"))
    done = s.run(s.argv[0], "--check", "-c", s.path("supd.conf"))
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"[fcgi-program:g] socket: unix://{s.path('f.sock')} is that of [fcgi-program:f], too" in text
    assert "is longer than 107 bytes in [fcgi-program:h] socket" in text
    assert "supd.conf is there and no socket; it will not be replaced" in text
    assert not os.path.exists(s.path("f.sock"))

"""The sockets of [unix_http_server] and [inet_http_server]: made as the configuration says, and there
whatever happens to supd and supd-agent."""
import contextlib
import http.client
import os
import pwd
import signal
import socket
import stat
import threading
import xmlrpc.client

import pytest

from harness.agents import again, ping
from harness.supervised import tool
from harness.upgrading import crash, upgrade
from harness.web import Unix, answers, get, raw

TAKEN = "Error: Another program is already listening on a port that one of our HTTP servers is configured " \
        "to use.  Shut this program down first before starting supervisord.\n"
PROGRAM = "[program:w]\ncommand=sleep 1000\nstdin=null\n"
HEAD = "[supervisord]\n" + PROGRAM
ONE = HEAD + "[unix_http_server]\nfile=%(here)s/a.sock\n"
TWO = ONE + "chmod=0666\nchown=nobody\nusername=u\npassword={SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d\n" \
    "[unix_http_server:b]\nfile=%(here)s/b.sock\nusername=x\npassword=a:b\n"


def test_made_as_configured(sup):
    s = sup(TWO)
    a, b = s.path("a.sock"), s.path("b.sock")
    s.wait(lambda: answers(a))
    st = os.stat(a)
    assert stat.S_IMODE(st.st_mode) == 0o666 and st.st_uid == pwd.getpwnam("nobody").pw_uid
    assert stat.S_IMODE(os.stat(b).st_mode) == 0o700
    assert get(a)[0] == 401 and get(a, auth=("u", "thepassword")) == (200, "OK")
    assert get(b, auth=("u", "thepassword"))[0] == 401 and get(b, auth=("x", "a:b")) == (200, "OK")
    assert s.stop() == 0
    assert not os.path.exists(a) and not os.path.exists(b)


def test_tcp(sup):
    s = sup(HEAD + "[inet_http_server]\nport=127.0.0.1:800\n[inet_http_server:six]\nport=[::1]:800\n"
            "[inet_http_server:open]\nport=*:801\nallow_unauthenticated=true\n"
            "[inet_http_server:closed]\nport=802\nusername=u\npassword=p\n")
    s.wait(lambda: ping(s))
    for url in ("127.0.0.1:800", "[::1]:800", "127.0.0.2:801", "u:p@127.0.0.3:802"):
        done = s.run("curl", "-sgm", "20", "--retry", "3", "--retry-all-errors", f"http://{url}/ok.html")
        assert done.stdout == "OK", url


def test_names_of_others(sup):
    """A web page whose own name leads to 127.0.0.1 gets nothing from a server without a password."""
    s = sup(HEAD + "[inet_http_server]\nport=127.0.0.1:800\n[inet_http_server:b]\nport=localhost:801\n"
            "allowed_hosts=proxy.example\n[inet_http_server:c]\nport=127.0.0.1:802\nusername=u\npassword=p\n"
            "[inet_http_server:d]\nport=127.0.0.1:803\nallowed_hosts=*\n")
    s.wait(lambda: ping(s))

    def status(port, host, *more):
        return s.run("curl", "-sm", "20", "--retry", "3", "--retry-all-errors", "-o", s.path("said"), "-w",
                     "%{http_code}", "-H", f"Host: {host}", *more, f"http://127.0.0.1:{port}/RPC2").stdout

    post = ("--data", xmlrpc.client.dumps((), "supervisor.getState"))
    for port in (800, 801, 802, 803):
        for host in ("127.0.0.1:800", "localhost", "[::1]:800", "192.0.2.1"):
            assert status(port, host, *post, "-u", "u:p") == "200", (port, host)
    for more in ((), post, (*post, "-H", "Origin: http://evil.example:800", "-H", "Sec-Fetch-Site: same-origin")):
        assert status(800, "evil.example:800", *more) == "403"
        assert status(801, "evil.example:800", *more) == "403"
    assert "[inet_http_server:b]" in s.read("said") and "allowed_hosts=" in s.read("said")
    assert status(801, "proxy.example", *post) == "200" == status(803, "evil.example", *post)
    assert status(802, "evil.example", *post, "-u", "u:p") == "200"  # no page knows the password
    s.write("supd.conf", s.read("supd.conf").replace("allowed_hosts=proxy.example", "allowed_hosts=*"))
    s.ok("reload")
    s.wait(lambda: status(801, "evil.example", *post) == "200")


@pytest.mark.parametrize("lines,said", [
    ("port=*:900", "section [inet_http_server]: port=*:900 serves other machines"),
    ("port=900", "port=127.0.0.1:900, or say allow_unauthenticated=true"),
    ("port=[::]:900", "serves other machines"),
    ("port=nosuchhost.invalid:900", "section [inet_http_server]: port=nosuchhost.invalid:900: "),
    ("port=192.0.2.1:900\nusername=u\npassword=p",
     "Cannot open an HTTP server: socket.error reported errno.EADDRNOTAVAIL (99)"),
])
def test_refused(sup, lines, said):
    s = sup(HEAD + "[inet_http_server]\n" + lines + "\n", ready=False)
    assert s.wait_exit() == 2
    assert said in s.log_text() and "spawned" not in s.log_text()


def test_what_is_in_its_place(sup, tmp_path):
    """A socket without a listener is replaced; one that somebody listens on, or a file, is not."""
    path = str(tmp_path / "s")
    conf = HEAD + f"[unix_http_server]\nfile={path}\n"
    with socket.socket(socket.AF_UNIX) as c:
        c.bind(path)
        c.listen(1)
        s = sup(conf, ready=False)
        assert s.wait_exit() == 2 and TAKEN in s.log_text() and "spawned" not in s.log_text()
    s = sup(conf)
    s.wait(lambda: answers(path))
    assert f"Unlinking stale socket {path}" in s.log_text()
    assert s.stop() == 0 and not os.path.exists(path)
    with open(path, "w", encoding="ascii") as f:
        f.write("mine")
    s = sup(conf, ready=False)
    assert s.wait_exit() == 2 and f"unix://{path}: something that is no socket lies there" in s.log_text()
    with open(path, encoding="ascii") as f:
        assert f.read() == "mine"


def test_two_instances(sup):
    """The second one of the same file ends at once, and takes nothing from the first."""
    s = sup(ONE)
    s.wait(lambda: answers(s.path("a.sock")))
    done = s.run(*s.argv, env={**s.env, "SUPD_SOCKET": s.path("other.sock")}, timeout=60)
    assert done.returncode == 2 and TAKEN in done.stderr
    assert get(s.path("a.sock")) == (200, "OK")


def test_the_agent_is_away(sup):
    """Who connects while supd-agent is being started again waits, and is answered."""
    s = sup(ONE)
    path = s.path("a.sock")
    s.wait(lambda: answers(path))
    again(s, wait=False)
    with contextlib.closing(Unix(path, timeout=60)) as c:
        assert c.ask("GET", "/ok.html")[0] == 200
    again(s, wait=False)
    assert raw(path, b"GET /ok.html HTTP/1.0\r\n\r\n", 60).endswith(b"OK")


@pytest.mark.parametrize("how", [upgrade, pytest.param(crash, marks=pytest.mark.release)])
def test_another_supd(sup, how):
    """It is the same socket after an upgrade or a fault: nobody was refused in between."""
    s = sup(TWO)
    a, b = s.path("a.sock"), s.path("b.sock")
    s.wait(lambda: answers(a))
    before = os.stat(a).st_ino, os.stat(b).st_ino
    how(s)
    assert get(b, auth=("x", "a:b")) == (200, "OK")
    assert get(a, auth=("u", "thepassword")) == (200, "OK")
    assert (os.stat(a).st_ino, os.stat(b).st_ino) == before
    assert s.stop() == 0
    assert not os.path.exists(a) and not os.path.exists(b)


def test_nobody_is_cut_off(sup):
    """Who connects while supd is replaced is answered, by the old agent or by the new one."""
    s = sup(ONE)
    path = s.path("a.sock")
    s.wait(lambda: answers(path))
    wrong, over = [], threading.Event()

    def go_on():
        while not over.is_set():
            try:
                assert get(path) == (200, "OK")
            except (OSError, http.client.HTTPException, AssertionError) as e:
                wrong.append(e)

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for _ in range(4):
            upgrade(s)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert not wrong, wrong


def test_another_owner(sup):
    """The path gets the mode and the owner that the file says at a reload; the socket stays the same."""
    s = sup(TWO)
    a = s.path("a.sock")
    s.wait(lambda: answers(a))
    inode = os.stat(a).st_ino

    def is_now(mode, uid):
        st = os.stat(a)
        return (stat.S_IMODE(st.st_mode), st.st_uid, st.st_ino) == (mode, uid, inode)

    s.write("supd.conf", TWO.replace("0666", "0640").replace("chown=nobody\n", ""))
    s.ok("update")
    s.wait(lambda: is_now(0o640, os.geteuid()))
    s.write("supd.conf", TWO)
    s.send(signal.SIGHUP)
    s.wait(lambda: is_now(0o666, pwd.getpwnam("nobody").pw_uid))
    s.write("supd.conf", TWO.replace("0666", "0600"))
    upgrade(s)
    s.ok("update")
    s.wait(lambda: is_now(0o600, pwd.getpwnam("nobody").pw_uid))
    assert get(a, auth=("u", "thepassword")) == (200, "OK")


@pytest.mark.release
def test_a_fault_in_a_reload(sup, tmp_path):
    """A server that the new file does not have, and that was not closed before the fault, is closed after it."""
    disk, flag = tmp_path / "disk", tmp_path / "stalled"
    s = sup(TWO, env={"LD_PRELOAD": tool("stall.so"), "STALL_DIR": str(disk), "STALL_FLAG": str(flag)})
    a, b = s.path("a.sock"), s.path("b.sock")
    s.wait(lambda: answers(a))
    disk.mkdir()
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(disk / "c.sock"))
    flag.touch()
    s.write("supd.conf", TWO + f"[unix_http_server:c]\nfile={disk}/c.sock\n")
    s.ok("update")  # the old c.sock is to be removed, which takes its time
    s.write("supd.conf", ONE)
    s.ok("update")
    crash(s)
    flag.unlink()
    s.wait(lambda: not os.path.exists(b))
    s.wait(lambda: answers(a) == 200)
    s.wait(lambda: "b.sock" not in s.run("cat", "/proc/net/unix").stdout)


def test_reload(sup):
    """What the file says at a reload counts: a password, a server more, one less."""
    s = sup(TWO)
    a, b, c = s.path("a.sock"), s.path("b.sock"), s.path("c.sock")
    s.wait(lambda: answers(a))
    inode = os.stat(a).st_ino
    s.write("supd.conf", ONE + "chmod=0666\nusername=u\npassword=new\n[unix_http_server:c]\nfile=%(here)s/c.sock\n")
    s.ok("update")
    s.wait(lambda: answers(c) == 200)
    s.wait(lambda: answers(a, auth=("u", "new")) == 200)
    assert get(a, auth=("u", "thepassword"))[0] == 401 and os.stat(a).st_ino == inode
    s.wait(lambda: not os.path.exists(b))
    s.write("supd.conf", HEAD)
    s.send(signal.SIGHUP)
    s.wait(lambda: not os.path.exists(a) and not os.path.exists(c))
    s.wait(lambda: ping(s) is None)
    s.write("supd.conf", ONE)
    s.ok("update")
    s.wait(lambda: answers(a) == 200)

"""What a program finds: user, groups, environment, folder, mask, limits, descriptors, signals."""
import os
import re
import stat

import pytest

from harness.beacon import conf, program
from harness.namespace import command_of, status_of
from harness.waiting import wait

# writes down what it has, then stays
LOOK = """#!/bin/sh
out=$1
{ cat /proc/self/status; echo "umask=$(umask)"; echo "pwd=$(pwd)"; echo "files=$(ulimit -n)"
  echo "fds=$(ls /proc/$$/fd | tr '\\n' ' ')"; env; echo ready; } >"$out.new"
mv "$out.new" "$out"
exec busybox sleep 1000
"""


def look(s, name, timeout=10):
    return s.wait_file(f"out/{name}", r"[\s\S]*^ready$", timeout).group(0)


def field(text, name):
    return re.search(rf"^{name}:\s*(.*)$", text, re.M).group(1).split()


def value(text, name):
    found = re.search(rf"^{name}=(.*)$", text, re.M)
    return found.group(1) if found else None


@pytest.fixture
def looking(sup):
    """Starts supd with programs that look around; they write to a folder that all may write to."""
    def start(*programs, **kw):
        s = sup(conf(*programs), **kw)
        os.mkdir(s.path("out"))
        os.chmod(s.path("out"), 0o1777)
        os.chmod(s.write("look", LOOK), 0o755)
        s.ok("start", "all")
        return s

    return start


def looker(name, **keys):
    return program(name, command="%(here)s/look %(here)s/out/" + name, autostart="false", startsecs=0,
                   **keys)


@pytest.mark.caps
def test_user_and_groups(looking):
    s = looking(looker("root"), looker("nobody", user="nobody"), looker("numeric", user="65534"),
                looker("many", user="www-data"))
    assert field(look(s, "root"), "Uid") == ["0"] * 4
    for name in ("nobody", "numeric"):
        text = look(s, name)
        assert field(text, "Uid") == ["65534"] * 4 and field(text, "Gid") == ["65534"] * 4
        assert field(text, "Groups") == ["65534"]
    assert field(look(s, "many"), "Uid") == ["33"] * 4
    # as with Supervisor: HOME and USER are not touched
    assert value(look(s, "nobody"), "HOME") is None


@pytest.mark.caps
def test_supplementary_groups(looking):
    """Those that the group file gives the user, and what belongs to them can be read."""
    s = looking(looker("member", user="nobody"),
                program("reader", command="/bin/sh -c 'cat %(here)s/secret'", user="nobody", autostart="false",
                        startsecs=0, stdout_logfile="%(here)s/read"),
                before="sed -E 's/^(audio|video):.*:/&nobody/' /etc/group >$TEST_DIR/group; mount --bind $TEST_DIR/group /etc/group; "
                       "echo words >$TEST_DIR/secret; chgrp video $TEST_DIR/secret; chmod 640 $TEST_DIR/secret")
    assert field(look(s, "member"), "Groups") == ["29", "44", "65534"]
    s.wait_file("read", "^words$")


def test_folder_mask_and_environment(looking):
    env = {"TEST_A": "from outside", "TEST_B": "outside"}
    s = looking(looker("plain"),
                looker("set", directory="/usr", umask="027",
                       environment='TEST_B="in, the file",TEST_C=c'), env=env)
    plain, text = look(s, "plain"), look(s, "set")
    assert value(plain, "pwd") == s.dir and value(text, "pwd") == "/usr"
    assert value(text, "umask") == "0027"
    assert value(plain, "TEST_A") == "from outside" and value(plain, "TEST_B") == "outside"
    assert value(text, "TEST_B") == "in, the file" and value(text, "TEST_C") == "c"
    assert value(text, "SUPERVISOR_ENABLED") == "1"
    assert value(text, "SUPERVISOR_PROCESS_NAME") == "set"
    assert value(text, "SUPERVISOR_GROUP_NAME") == "set"


def test_folder_of_a_relative_command(looking):
    s = looking(looker("a"))
    os.mkdir(s.path("sub"))
    os.symlink(s.path("look"), s.path("sub", "near"))
    s.write("supd.conf", conf(program("near", command=f"./near {s.dir}/out/near", directory=s.path("sub"),
                                      startsecs=0)))
    s.ok("update")
    assert value(look(s, "near"), "pwd") == s.path("sub")


@pytest.mark.parametrize("pid1", [True, False])
def test_group_descriptors_and_limits(looking, pid1):
    prefix = ["prlimit", "--nofile=1024:4096"]
    s = looking(looker("pipe"), looker("null", stdin="null"), pid1=pid1, prefix=prefix)
    for name in ("pipe", "null"):
        text = look(s, name)
        outer = s.ns.outer(s.status()[name]["pid"])
        assert os.getpgid(outer) == outer
        # nothing of supd's is left open, and its own raised limit is not passed on
        assert value(text, "files") == "1024"
        wait(lambda o=outer: command_of(o).startswith("busybox"), 10, "the script is over")
        assert sorted(os.listdir(f"/proc/{outer}/fd")) == ["0", "1", "2"]
    inputs = {n: os.stat(f"/proc/{s.ns.outer(s.status()[n]['pid'])}/fd/0") for n in ("pipe", "null")}
    assert stat.S_ISFIFO(inputs["pipe"].st_mode) and inputs["null"].st_rdev == os.stat("/dev/null").st_rdev


WILD = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("pid1", [True, False])
def test_signals_are_reset(looking, pid1):
    """Whatever supd was started with, programs begin with nothing blocked and nothing ignored."""
    s = looking(looker("a"), looker("b", sigpipe="ignore"), pid1=pid1,
                prefix=["/usr/bin/python3", "-c", WILD])
    masks = {}
    for name in ("a", "b"):
        pid = s.ns.outer(s.status()[name]["pid"])
        look(s, name)
        # a shell blocks everything while it starts a child, until it runs again
        wait(lambda p=pid: command_of(p).startswith("busybox"), 10, "the script is over")
        masks[name] = [int(status_of(pid, f)[0], 16) for f in ("SigBlk", "SigIgn")]
    assert masks == {"a": [0, 0], "b": [0, 0x1001000]}
    pid = s.status()["a"]["pid"]
    s.kill(pid)
    wait(lambda: s.status()["a"]["restarts"] == 1, 10, "it was started again")


@pytest.mark.parametrize("pid1", [True, False])
def test_closed_descriptors_at_entry(looking, pid1):
    s = looking(looker("a"), pid1=pid1, prefix=["sh", "-c", 'exec "$@" <&- >&-', "sh"])
    assert field(look(s, "a"), "Uid") == ["0"] * 4
    outer = s.ns.outer(s.status()["a"]["pid"])
    assert set(os.listdir(f"/proc/{outer}/fd")) >= {"0", "1", "2"}


def test_supd_itself_as_a_user(sup):
    chown = 'chown 65534 "$TEST_DIR" && exec "$@"'
    s = sup("[supervisord]\nuser=nobody\n" + program("a", startsecs=0), prefix=["sh", "-c", chown, "sh"])
    got = s.wait_state("a", "RUNNING")
    assert status_of(s.pid, "Uid") == ["65534"] * 4
    assert status_of(s.ns.outer(got["pid"]), "Uid") == ["65534"] * 4


def test_not_root_and_another_user(sup):
    chown = 'chown 65534 "$TEST_DIR" && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    s = sup("[supervisord]\nuser=root\n" + program("a"), prefix=["sh", "-c", chown, "sh"], ready=False)
    assert s.wait_exit() == 2
    assert "Can't drop privilege as nonroot user" in s.log_text()

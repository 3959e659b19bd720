"""What a program is confined by: paths that it cannot write to, folders for temporary files of its own."""
import os
import re
import stat

import pytest

from harness.beacon import conf, program
from harness.upgrading import upgrade

# what stands before supd where mounts are not allowed
WITHOUT = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
REFUSED = "Operation not permitted (CAP_SYS_ADMIN is missing, or a security module denies mounts)"


def shell(name, text, **keys):
    """A program that runs a line of shell in the file NAME.sh, its output in NAME.log."""
    keys = {"stdout_logfile": f"%(here)s/{name}.log", "redirect_stderr": "true", "startsecs": 0, "autorestart": "false", **keys}
    return program(name, command=f"/bin/sh -c \"{text}\"", **keys)


def said(s, name):
    s.wait_state(name, "EXITED")
    s.wait_file(f"{name}.log", r"^end$")
    return s.read(f"{name}.log").splitlines()


def writes(path):
    return f"if (: >>{path}) 2>/dev/null; then echo {path} yes; else echo {path} no; fi; "


def test_read_only_paths(sup):
    s = sup(conf(
        shell("all", writes("/etc/x") + writes("/proc/self/comm") + writes("$TEST_DIR/w/x") + writes("$TEST_DIR/x") +
              writes("/mnt/x") + writes("/mnt/deep/x") + "cat /proc/self/mountinfo; echo end",
              read_only_paths="/,-/nosuch", read_write_paths="%(here)s/w,-/nosuch"),
        shell("one", writes("/mnt/x") + writes("/mnt/deep/x") + writes("$TEST_DIR/y") + "echo end",
              read_only_paths="/mnt"),
        shell("here", writes("relative") + writes("/mnt/x") + "echo end", read_only_paths="%(here)s"),
        shell("file", writes("$TEST_DIR/file") + writes("$TEST_DIR/z") + "echo end", read_only_paths="%(here)s/file", user="nobody"),
        shell("none", writes("/mnt/x") + writes("/mnt/deep/x") + "echo end")),
        before="mkdir $TEST_DIR/w; : >$TEST_DIR/file; chmod 777 $TEST_DIR $TEST_DIR/file; mount -t tmpfs -o nosuid,noexec none /mnt; "
               "mkdir /mnt/deep; mount -t tmpfs -o nodev none /mnt/deep")
    lines = said(s, "all")
    assert lines[:6] == ["/etc/x no", "/proc/self/comm yes", f"{s.dir}/w/x yes", f"{s.dir}/x no", "/mnt/x no", "/mnt/deep/x no"]
    mounts = {m[4]: m[5].split(",") for m in map(str.split, lines) if len(m) > 6}
    assert {"ro", "nosuid", "noexec"} <= set(mounts["/mnt"]) and {"ro", "nodev"} <= set(mounts["/mnt/deep"])
    assert said(s, "one") == ["/mnt/x no", "/mnt/deep/x no", f"{s.dir}/y yes", "end"]
    assert said(s, "here") == ["relative no", "/mnt/x yes", "end"]
    assert said(s, "file") == [f"{s.dir}/file no", f"{s.dir}/z yes", "end"]
    assert said(s, "none") == ["/mnt/x yes", "/mnt/deep/x yes", "end"]
    assert not os.path.exists("/etc/x")


def test_what_was_read_only_stays_so(sup):
    """What read_write_paths names is left alone, not opened."""
    s = sup(conf(shell("a", writes("/mnt/x") + writes("/mnt/w/x") + "echo end",
                       read_only_paths="/", read_write_paths="/mnt")),
            before="mount -t tmpfs none /mnt; mkdir /mnt/w; mount -t tmpfs none /mnt/w; mount -o remount,bind,ro /mnt/w")
    assert said(s, "a") == ["/mnt/x yes", "/mnt/w/x no", "end"]


def test_private_tmp(sup):
    text = "pwd; ls -A /tmp /var/tmp; stat -c %%a%%U /tmp /var/tmp; : >/tmp/mine; : >/var/tmp/mine; echo end"
    s = sup(conf(shell("own", text, private_tmp="true", user="nobody"),
                 shell("both", "echo hi >/tmp/mine && cat /tmp/mine; (: >/etc/x) 2>/dev/null || echo closed; echo end",
                       private_tmp="true", read_only_paths="/", directory="/etc"),
                 shell("other", "ls /tmp /var/tmp | grep -cx mine; echo end", autostart="false")),
            before="mount --make-rshared /")
    assert said(s, "own") == ["/", "/tmp:", "", "/var/tmp:", "1777root", "1777root", "end"], "and not in a folder that is hidden"
    assert said(s, "both") == ["hi", "closed", "end"]
    s.ok("start", "other")
    assert said(s, "other") == ["0", "end"], "what was mounted for the others is theirs alone"
    assert stat.S_IMODE(os.stat("/tmp").st_mode) == 0o1777 and not os.path.exists("/tmp/mine")


@pytest.mark.caps
def test_where_mounts_are_refused(sup):
    s = sup(conf(program("ro", read_only_paths="/etc", startretries=0),
                 program("tmp", private_tmp="true", read_only_paths="/etc optional", startretries=0),
                 program("fine", private_tmp="true optional", read_only_paths="/etc optional")),
            prefix=WITHOUT)
    for name, option in (("ro", "read_only_paths"), ("tmp", "private_tmp")):
        s.wait_state(name, "FATAL")
        assert s.status()[name]["spawnerr"] == f"cannot set {option}: {REFUSED}"
    s.wait_state("fine", "RUNNING")
    s.wait_log("fine: started without what the kernel refused and its options call optional: "
               "read_only_paths, private_tmp")


def test_a_path_that_is_not_there(sup):
    s = sup(conf(program("ro", read_only_paths="/etc,/nosuch/a", startretries=0),
                 program("rw", read_only_paths="/", read_write_paths="-/nosuch,/nosuch/b", startretries=0),
                 shell("fine", writes("/etc/x") + "echo end", read_only_paths="/nosuch/a,/etc optional")))
    for name, text in (("ro", "cannot make /nosuch/a read-only"), ("rw", "cannot keep /nosuch/b writable")):
        s.wait_state(name, "FATAL")
        assert s.status()[name]["spawnerr"] == f"{text}: No such file or directory"
    assert said(s, "fine") == ["/etc/x no", "end"]
    s.wait_log(re.escape("fine: started without what the kernel refused and its options call optional: read_only_paths"))


LATE = """import os, time
while not os.path.exists("go"):
    time.sleep(0.02)
os.unlink("go")
kept = b"x" * (60 << 20)
time.sleep(1000)
"""


def test_an_upgrade_keeps_all_of_it(sup):
    text = writes("/etc/x") + "ls -A /tmp; grep Seccomp: /proc/self/status; echo end; exec busybox sleep 1000"
    s = sup(conf())
    s.write("late.py", LATE)
    s.write("p.json", '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "mount", "action": "SCMP_ACT_KILL"}]}')
    s.write("supd.conf", conf(
        shell("a", text, private_tmp="true", read_only_paths="/", seccomp="p.json", no_new_privileges="true", autorestart="true"),
        program("late", command="/usr/bin/python3 late.py", memory_high="40MB", startsecs=0)))
    s.ok("update")
    confined = ["/etc/x no", "Seccomp:\t2", "end"]
    s.wait(lambda: s.read("a.log").splitlines() == confined, 10, lambda: s.read("a.log"))
    upgrade(s)
    s.kill(s.status()["a"]["pid"])
    s.wait(lambda: s.read("a.log").splitlines() == confined * 2, 10, lambda: s.read("a.log"))
    s.write("go", "")
    row = s.wait(lambda: (r := s.status()["late"])["restarts"] and r, 20, "it is above memory_high")
    assert row["exit"] == "terminated by SIGTERM (above memory_high)"

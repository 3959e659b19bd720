"""seccomp=: a profile in docker's form, compiled at the load, in force from the exec on."""
import json
import re

import pytest

from harness.beacon import conf, program
from harness.namespace import status_of
from harness.supervised import program as built

EPERM, EACCES = 1, 13


def rule(*names, action="SCMP_ACT_ERRNO", **more):
    return {"names": list(names), "action": action, **more}


def profile(*rules, default="SCMP_ACT_ALLOW", **more):
    return json.dumps({"defaultAction": default, "syscalls": list(rules), **more}, indent=1)


def trier(name, what="mkdir mkdir", **keys):
    """A program that tries each word in a way of its own and writes down how it went."""
    keys = {"stdout_logfile": f"%(here)s/{name}.log", "redirect_stderr": "true", "startsecs": 0,
            "autorestart": "false", **keys}
    return program(name, command=f"/usr/bin/python3 %(here)s/try.py {what}", **keys)


TRY = """import os, signal, socket, sys, time
def mkdir():
    os.mkdir("/nosuch/a")
def unix():
    socket.socket(socket.AF_UNIX).close()
def packet():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
for what in sys.argv[1:]:
    try:
        globals()[what]()
        print(what, 0, flush=True)
    except OSError as e:
        print(what, e.errno, flush=True)
print("end", flush=True)
"""
BOTH = {"no_new_privileges": "true"}


@pytest.fixture
def seccomp(sup):
    """Starts supd with profiles, by their names, and programs."""
    def start(profiles, *programs, **kw):
        s = sup(conf(), **kw)
        s.write("try.py", TRY)
        for name, text in profiles.items():
            s.write(name, text)
        s.write("supd.conf", conf(*programs))
        s.ok("update")
        return s
    return start


def tried(s, name):
    s.wait_state(name, "EXITED")
    s.wait_file(f"{name}.log", r"^end$")
    return s.read(f"{name}.log").splitlines()[:-1]


@pytest.mark.caps
def test_what_a_profile_forbids(seccomp):
    s = seccomp(
        {"plain.json": profile(rule("mkdir", "mkdirat", errnoRet=EACCES)),
         # two comparisons of one argument are alternatives; of two, both have to hold
         "args.json": profile(rule("socket", args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                                                   {"index": 0, "value": 99, "op": "SCMP_CMP_EQ"}]),
                              rule("socket", errnoRet=EACCES, args=[
                                  {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
                                  {"index": 1, "value": 0xf, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}])),
         "kill.json": profile(rule("mkdir", "mkdirat", action="SCMP_ACT_KILL_PROCESS"))},
        trier("plain", seccomp="%(here)s/plain.json", user="nobody", **BOTH),
        trier("args", "unix packet", seccomp="args.json", **BOTH),
        trier("kill", seccomp="%(here)s/kill.json optional", **BOTH),
        trier("none"))
    assert tried(s, "plain") == [f"mkdir {EACCES}"] * 2
    assert tried(s, "args") == [f"unix {EPERM}", f"packet {EACCES}"]
    assert tried(s, "none") == ["mkdir 2"] * 2
    assert s.wait_state("kill", "EXITED")["exit"].startswith("terminated by SIGSYS")


def test_what_is_for_some_only(seccomp):
    """Rules that depend on capabilities, the machine and the kernel; an architecture beside ours."""
    deny = ("mkdir", "mkdirat")
    text = {name: profile(rule(*deny, **{k: v})) for name, k, v in (
        ("with", "includes", {"caps": ["CAP_SYS_TIME"]}), ("without", "excludes", {"caps": ["CAP_SYS_TIME"]}),
        ("arch", "includes", {"arches": ["s390x"]}), ("kernel", "includes", {"minKernel": "4.8"}),
        ("newer", "includes", {"minKernel": "99.0"}))}
    text["more"] = profile(rule(*deny), archMap=[
        {"architecture": f"SCMP_ARCH_{a}", "subArchitectures": [f"SCMP_ARCH_{b}"]}
        for a, b in (("X86_64", "X86"), ("AARCH64", "ARM"), ("S390X", "S390"))])
    s = seccomp(text, *(trier(name, seccomp=name, **BOTH) for name in text),
                trier("few", seccomp="with", capabilities="chown", **BOTH))
    got = {name: tried(s, name)[0].split()[1] for name in list(text) + ["few"]}
    assert got == {"with": "1", "without": "2", "arch": "2", "kernel": "1", "newer": "2", "more": "1", "few": "2"}


def test_only_what_is_allowed(seccomp):
    """All but a list of calls refused: this process's own calls, and what a shell needs beside them."""
    names = """access arch_prctl brk clone clone3 close close_range dup dup2 dup3 execve exit exit_group faccessat
        faccessat2 fcntl fstat getcwd getegid geteuid getgid getpgrp getpid getppid getrandom getuid ioctl lseek
        mmap mprotect munmap newfstatat openat pipe2 poll pread64 prctl prlimit64 read readlink rseq rt_sigaction
        rt_sigprocmask rt_sigreturn set_robust_list set_tid_address sigaltstack stat statx sysinfo uname wait4 write
        writev futex madvise sched_getaffinity readlinkat vfork setpgid chdir getpgid""".split()
    s = seccomp({"allow.json": profile(rule(*names, "no_such_call", action="SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO",
                                       defaultErrnoRet=EACCES)},
                program("sh", command="/bin/sh -c 'echo in; mkdir /nosuch/a; kill -9 $$; echo end'", seccomp="allow.json",
                        startsecs=0, autorestart="false", stdout_logfile="%(here)s/sh.log", redirect_stderr="true", **BOTH))
    s.wait_state("sh", "EXITED")
    text = s.wait_file("sh.log", r"in\n[\s\S]*end\n").string
    assert "mkdir: cannot create directory '/nosuch/a': Permission denied" in text.replace("\u2018", "'").replace("\u2019", "'")
    assert "Permission denied" in text.split("mkdir:")[1].split("\n", 1)[1]
    assert "allow.json names system calls that libseccomp does not know: no_such_call" in \
        (r := s.run(built("supd"), "--check", "-c", s.path("supd.conf"))).stdout + r.stderr


@pytest.mark.caps
def test_what_it_needs(seccomp):
    text = {"p.json": profile(rule("mkdir", "mkdirat", errnoRet=EACCES))}
    s = seccomp(text,
                trier("nobody", seccomp="p.json", user="nobody", startretries=0),
                trier("fine", seccomp="p.json optional", user="nobody"),
                trier("no_new", seccomp="p.json", user="nobody", **BOTH),
                prefix=["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"])
    s.wait_state("nobody", "FATAL")
    assert s.status()["nobody"]["spawnerr"] == (
        "cannot set seccomp: Permission denied (no_new_privileges=true or CAP_SYS_ADMIN is missing)")
    assert tried(s, "fine") == ["mkdir 2"] * 2
    assert tried(s, "no_new") == [f"mkdir {EACCES}"] * 2
    s.wait_log(re.escape("fine: started without what the kernel refused and its options call optional: seccomp"))


def test_a_changed_profile_restarts_the_program(seccomp):
    first = {"a.json": profile(rule("mkdir")), "b.json": profile(rule("mkdir"))}
    both = [program(n, seccomp=f"{n}.json", command="busybox sleep 1000", startsecs=0, **BOTH) for n in "ab"]
    s = seccomp(first, *both)
    pids = {n: s.status()[n]["pid"] for n in "ab"}
    assert status_of(s.ns.outer(pids["a"]), "Seccomp_filters") != status_of(s.pid, "Seccomp_filters")
    s.write("a.json", profile(rule("mkdirat")))
    s.ok("update")
    assert s.status()["a"]["pid"] != pids["a"] and s.status()["b"]["pid"] == pids["b"]
    s.write("b.json", profile(rule("mkdir", action="SCMP_ACT_NOTIFY")))
    r = s.ctl("update")
    assert r.returncode and "program:b.seccomp" in r.stdout + r.stderr
    assert "b.json:8: SCMP_ACT_NOTIFY: nobody is there to be notified" in r.stdout + r.stderr

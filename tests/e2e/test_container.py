"""docs/container.md: its Dockerfile, carried out by hand with the installed tree, works."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from harness.namespace import Namespace
from harness.supervised import ROOT, build_dir
from harness.waiting import wait

pytestmark = pytest.mark.release

CONF = """
[supervisord]
user=root
[program:worker]
command=/bin/sh -c 'while :; do echo tick; sleep 1; done'
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
log_prefix=true
"""
# what a container engine gives: fresh /proc and /dev, a writable /run
ENGINE = """
mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/run" || exit 125
root=$0
exec chroot "$root" "$@"
"""


def dockerfile():
    with open(os.path.join(ROOT, "docs/container.md"), encoding="utf-8") as f:
        return re.search(r"```Dockerfile\n(.*?)```", f.read(), re.S).group(1).splitlines()


def run(*argv, **kw):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)
    assert done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}"
    return done.stdout


def libraries(program):
    """The shared libraries of a program, its loader included: {name: path}."""
    found = re.findall(r"^\s*(\S+) => (/\S+)|^\s*(/\S+) \(", run("ldd", program), re.M)
    return {os.path.basename(name or loader): path or loader for name, path, loader in found}


def programs(root):
    return [os.path.join(root, p) for p in ("usr/bin/supd", "usr/bin/supctl", "usr/libexec/supd/supd-log",
                                            "usr/libexec/supd/supd-agent")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What `COPY out/ /` brings, in an empty folder."""
    root = str(tmp_path_factory.mktemp("out"))
    run("cmake", "--install", build_dir(), "--prefix", "/usr", "--strip", env={**os.environ, "DESTDIR": root})
    return root


@pytest.fixture
def image(tree, tmp_path):
    """The image: the installed tree, the libraries that apt would bring, a busybox for a shell."""
    root = str(tmp_path / "root")
    shutil.copytree(tree, root, symlinks=True)
    for folder in ("proc", "dev", "run", "etc", "bin", "tmp", "root"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    wanted = {}
    for program in programs(root):
        wanted.update(libraries(program))
    for path in wanted.values():
        target = root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)
    shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
    for name in ("sh", "sleep"):
        os.symlink("busybox", os.path.join(root, "bin", name))
    with open(os.path.join(root, "etc/passwd"), "w", encoding="utf-8") as f:
        f.write("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    with open(os.path.join(root, "etc/supd.conf"), "w", encoding="utf-8") as f:
        f.write(CONF)
    return root


@pytest.fixture
def container(image, tmp_path):
    """Starts the image as an engine would; container(caps) gives its Namespace."""
    lines = dockerfile()
    entry, command = (json.loads(next(x for x in lines if x.startswith(w))[len(w):])
                      for w in ("ENTRYPOINT", "CMD"))
    started = []

    def start(caps):
        argv = ["sh", "-c", ENGINE, image] + entry + command
        with open(tmp_path / "output", "wb") as out:
            # the engine mounts before it drops what mounting takes
            ns = Namespace(argv if caps is None else insert_caps(argv, caps), env={"PATH": os.environ["PATH"]},
                           cwd="/", stderr=out, stdout=out)
        started.append(ns)
        return ns

    yield start
    for ns in started:
        ns.destroy()


def insert_caps(argv, caps):
    from harness.namespace import capability_prefix
    script = argv[2].replace("exec chroot", "exec " + " ".join(capability_prefix(caps)) + " chroot")
    return argv[:2] + [script] + argv[3:]


def test_six_lines():
    lines = dockerfile()
    assert len(lines) == 6
    assert lines[0].startswith("FROM debian:12")


def closure(names):
    """The packages and all that they depend on."""
    known, todo = set(), set(names)
    while todo:
        known |= todo
        depends = run("dpkg-query", "-W", "-f", "${Depends}, ${Pre-Depends}, ", *todo)
        todo = set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", depends)) - known
    return known


def owners(names):
    """{file name: packages that have a file of that name}, asked once: it reads the lists of all packages."""
    found = {name: set() for name in names}
    for line in run("dpkg", "-S", *(f"*/{name}" for name in names)).splitlines():
        packages, _, path = line.rpartition(": ")
        found[os.path.basename(path)] |= {p.split(":")[0] for p in packages.split(", ")}
    return found


def test_packages_cover_the_libraries(tree):
    """Each shared library comes from a package of the RUN line, of one that it needs, or of the base."""
    named = re.search(r"--no-install-recommends ([^&]*)", "\n".join(dockerfile())).group(1).split()
    covered = closure(named + ["libc6", "zlib1g"])
    assert "libz.so.1" in libraries(programs(tree)[2])
    wanted = {program: {os.path.basename(p) for p in libraries(program).values()} for program in programs(tree)}
    known = owners(set().union(*wanted.values()))
    for program, names in wanted.items():
        for name in names:
            assert known[name] & covered, f"{program} needs {name} of {known[name]}"


def test_the_installed_tree(tree):
    for path in ("usr/share/man/man8/supd.8", "usr/share/man/man5/supd.conf.5", "usr/share/man/man1/supctl.1",
                 "usr/share/bash-completion/completions/supctl", "usr/share/zsh/site-functions/_supctl",
                 "usr/share/doc/supd/examples/minimal.conf", "usr/share/doc/supd/LICENSE"):
        assert os.path.getsize(os.path.join(tree, path)) > 0, path
    for program in programs(tree):
        assert os.access(program, os.X_OK)


@pytest.mark.parametrize("caps", [None, "docker"])
def test_it_runs(container, tmp_path, caps):
    ns = container(caps)

    def output():
        return (tmp_path / "output").read_text(errors="replace")

    def supctl(*args):
        assert ns.running(), f"the container ended with {ns.proc.returncode}:\n{output()}"
        return subprocess.run(["nsenter", "-t", str(ns.init), "--pid", "--mount", "--root", "--wd",
                               "/usr/bin/supctl", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=20)

    wait(lambda: "RUNNING" in supctl("status").stdout, 15, lambda: f"RUNNING: {supctl('status').stdout}\n{output()}")
    assert supctl("status", "worker").returncode == 0
    wait(lambda: re.search(r"worker.*tick$", output(), re.M), 10, output)
    os.kill(ns.init, signal.SIGTERM)
    wait(lambda: not ns.running(), 15, lambda: f"the container ends:\n{output()}")
    assert ns.proc.returncode == 0, output()
    assert ns.pids() == []


# the worker of the second Dockerfile: leaves a daemon behind, and ends with 3 when it gets TERM
WORKER = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void on_term(int sig) { (void)sig; write(1, "term\\n", 5); _exit(3); }
int main(void)
{
    signal(SIGTERM, on_term);
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            for (signal(SIGTERM, SIG_IGN);;)
                pause();
        _exit(0);
    }
    wait(NULL);
    write(1, "at work\\n", 8);
    for (;;)
        pause();
}
"""


def scratch_lines():
    with open(os.path.join(ROOT, "docs/container.md"), encoding="utf-8") as f:
        return re.search(r"```Dockerfile\n(FROM scratch\n.*?)```", f.read(), re.S).group(1).splitlines()


@pytest.mark.parametrize("user", ["0", "12345"])
def test_an_image_of_two_files(tree, tmp_path, user):
    """Made as its Dockerfile says, and run read-only, by root and by anybody."""
    (tmp_path / "worker.c").write_text(WORKER)
    run("cc", "-O1", "-static", "-o", str(tmp_path / "worker"), str(tmp_path / "worker.c"))
    root = tmp_path / "root"
    root.mkdir()
    lines = scratch_lines()
    for words in (x.split() for x in lines if x.startswith("COPY ")):
        source = os.path.join(tree, words[1].removeprefix("out/")) if words[1].startswith("out/") \
            else str(tmp_path / words[1])
        shutil.copy(source, str(root) + words[2])
    assert sorted(os.listdir(root)) == ["init", "worker"]
    entry, command = (json.loads(next(x for x in lines if x.startswith(w))[len(w):]) for w in ("ENTRYPOINT", "CMD"))
    # the image has nothing that could change the user: that is done on the way in
    script = ('mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec python3 -c '
              '"import os, sys; os.chroot(sys.argv[1]); os.chdir(chr(47)); os.setgroups([]); '
              f'os.setgid({user}); os.setuid({user}); os.execv(sys.argv[2], sys.argv[2:])" "$0" "$@"')
    with open(tmp_path / "output", "wb") as out:
        ns = Namespace(["sh", "-c", script, str(root)] + entry + command, env={"PATH": os.environ["PATH"]}, cwd="/",
                       stderr=out, stdout=out)
    try:
        wait(lambda: "at work\n" in (tmp_path / "output").read_text() and len(ns.pids()) == 3, 10,
             lambda: (tmp_path / "output").read_text())
        os.kill(ns.init, signal.SIGTERM)
        wait(lambda: not ns.running(), 15, "the container ends")
        assert ns.proc.returncode == 3
        assert (tmp_path / "output").read_text() == "at work\nterm\n"
        assert ns.pids() == []
    finally:
        ns.destroy()

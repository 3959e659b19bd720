"""./dev installs only what is missing, and never lets a package start a server."""
import ast
import glob
import os
import re
import shutil
import subprocess

import pytest

from run import ROOT

POLICY = "/usr/sbin/policy-rc.d"
STUBS = {
    # the packages in $MISSING are not there; asked as: dpkg-query -W -f=FORMAT NAME
    "dpkg-query": 'case " $MISSING " in *" $3 "*) exit 1 ;; esac\nprintf installed\n',
    "apt-get": 'echo "apt-get $* [$DEBIAN_FRONTEND]" >>"$LOG"\n'
               f'case $* in *install*) {POLICY} >>"$LOG"; echo "policy $?" >>"$LOG"; exit "$APT" ;; esac\n',
    "id": 'echo "$FAKE_UID"\n',
    "cmake": 'echo "cmake $*" >>"$LOG"\n',
    "nproc": "echo 2\n",
    "sudo": 'echo "sudo $*" >>"$LOG"\nexec "$@"\n',
}
PLAIN = ("sh", "cat", "dirname", "env", "mktemp", "rm", "tail", "tee", "chmod")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="hides /usr/sbin in a mount namespace")


@pytest.fixture
def dev(tmp_path):
    """dev(ARGS, missing=, uid=, apt=, sudo=, before=) runs ./dev beside stubs; (exit, output, log)."""
    shutil.copy(os.path.join(ROOT, "dev"), tmp_path / "dev")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in PLAIN:
        (bin_ / name).symlink_to(shutil.which(name))
    for name, text in STUBS.items():
        (bin_ / name).write_text("#!/bin/sh\n" + text)
        (bin_ / name).chmod(0o755)
    mount, umount = shutil.which("mount"), shutil.which("cat")

    def run(*args, missing="", uid=0, apt=0, sudo=True, before=":"):
        if not sudo:
            (bin_ / "sudo").unlink()
        log = tmp_path / "log"
        log.write_text("")
        script = f'{mount} -t tmpfs tmpfs /usr/sbin; {before}; PATH={bin_} "$0" "$@"; code=$?\n' \
                 f'{umount} {POLICY} 2>/dev/null >{tmp_path}/policy; exit $code'
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, str(tmp_path / "dev"), *args],
                              env={"PATH": os.environ["PATH"], "MISSING": missing, "FAKE_UID": str(uid),
                                   "APT": str(apt), "LOG": str(log)},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=30)
        return done.returncode, done.stdout, log.read_text().splitlines()

    run.policy_left = lambda: (tmp_path / "policy").read_text()
    return run


def test_nothing_missing(dev):
    code, _, log = dev("build")
    assert code == 0
    assert log == ["cmake --preset release", "cmake --build --preset release -j2"]


def test_only_what_is_missing(dev):
    code, out, log = dev("build", missing="libev-dev cmake")
    assert code == 0, out
    assert log[0].startswith("apt-get -q update")
    assert log[1].endswith("install --no-install-recommends cmake libev-dev [noninteractive]")
    assert log[2] == "policy 101"
    assert not any("sudo" in line for line in log)
    assert dev.policy_left() == ""


def test_policy_is_removed_after_a_failure(dev):
    code, _, log = dev("build", missing="cmake", apt=100)
    assert code == 100
    assert "policy 101" in log and not any(line.startswith("cmake") for line in log)
    assert dev.policy_left() == ""


def test_a_policy_of_the_machine_is_kept(dev):
    own = f"printf '#!/bin/sh\\nexit 7\\n' >{POLICY}; chmod 755 {POLICY}"
    code, _, log = dev("build", missing="cmake", before=own)
    assert code == 0
    assert "policy 7" in log
    assert dev.policy_left() == "#!/bin/sh\nexit 7\n"


def test_through_sudo(dev):
    code, out, log = dev("build", missing="cmake", uid=1000)
    assert code == 0, out
    assert any(line.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get") for line in log)
    assert any(line.endswith("[noninteractive]") for line in log)
    assert dev.policy_left() == ""


def test_neither_root_nor_sudo(dev):
    code, out, log = dev("build", missing="cmake", uid=1000, sudo=False)
    assert code == 1
    assert "neither root nor sudo" in out and "cmake" in out
    assert log == []


def test_help_names_every_verb(dev):
    code, out, _ = dev("help")
    assert code == 0
    for verb in ("demo", "test", "build", "bench", "fuzz", "lint", "soak", "help"):
        assert f"\n  {verb}" in out
    code, out, _ = dev("nonsense")
    assert code == 1 and "no such verb: nonsense" in out


RUNNERS = ("run", "_do", "enter", "Popen")
NAMES = {"tini"}  # that supd goes by


def named(text):
    """Words of Python that may be commands: the first of a list, or of what is run."""
    for node in ast.walk(ast.parse(text)):
        runs = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in RUNNERS
        first = (node.elts if isinstance(node, ast.List) else node.args if runs else [])[:1]
        if first and isinstance(first[0], ast.Constant) and re.fullmatch(r"[a-z][\w.+-]+", str(first[0].value)):
            yield first[0].value


def query(fields, packages):
    return subprocess.run(["dpkg-query", "-W", "-f", fields, *packages], stdout=subprocess.PIPE, text=True, check=False,
                          stderr=subprocess.DEVNULL).stdout


def closure(packages):
    known, todo = set(), set(packages)
    while todo:
        known |= todo
        todo = set(re.findall(r"(?:^|[,|] )([a-z0-9.+-]+)", query("${Depends}, ${Pre-Depends}, ", todo))) - known
    return known


def test_what_tests_run_is_installed():
    """A command of a package that ./dev does not name is there on one machine and not on the next."""
    with open(os.path.join(ROOT, "dev"), encoding="utf-8") as f:
        lists = re.findall(r"^(?:build|lint|test)_packages=['\"]([^'\"]*)", f.read(), re.M)
    essential = re.findall(r"^(\S+) (?:yes .*|.* required)$", query("${Package} ${Essential} ${Priority}\n", []), re.M)
    installed = closure([p for text in lists for p in text.split() if p[0] != "$"] + essential)
    words = {w for folder in ("compat", "e2e", "harness") for path in glob.glob(os.path.join(ROOT, "tests", folder, "*.py"))
             for w in named(open(path, encoding="utf-8").read())} - NAMES
    paths = {os.path.realpath(found): w for w in words if (found := shutil.which(w, path="/usr/sbin:/usr/bin"))}
    owned = subprocess.run(["dpkg", "-S", *paths, *(p.removeprefix("/usr") for p in paths)], stdout=subprocess.PIPE, text=True,
                           check=False, stderr=subprocess.DEVNULL).stdout
    owners = {path: package.split(":")[0] for package, path in re.findall(r"^(\S+): (\S+)$", owned, re.M)}
    assert len(owners) > 10
    assert {p: owner for p, owner in owners.items() if owner not in installed} == {}

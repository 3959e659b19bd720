"""./dev installs only what is missing, and never lets a package start a server."""
import os
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
    for verb in ("demo", "test", "build", "bench", "fuzz", "lint", "help"):
        assert f"\n  {verb}" in out
    code, out, _ = dev("nonsense")
    assert code == 1 and "no such verb: nonsense" in out

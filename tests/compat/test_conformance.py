"""All conformance folders through `supd --dump-config=json` (or, before supd is built, through the
test program confdump): ok, groups, servers and supervisord must agree."""
import glob
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from confdump import COMPARED, ENVIRON, ROOT, build_tool

SETS = [os.path.join(ROOT, "tests/golden"), os.path.join(ROOT, "../shared/conformance")]
FOLDERS = sorted({os.path.basename(f): f for s in reversed(SETS)
                  for f in glob.glob(os.path.join(s, "supervisor-config/*"))}.values())
NODE = "vm"


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """supd of the newest build, in a namespace whose host is called as the expectations say."""
    folders = [os.environ["SUPD_BUILD"]] if "SUPD_BUILD" in os.environ else ["build", "build-dev", "build-cov"]
    built = [os.path.join(ROOT, d, "supd") for d in folders]
    built = sorted(filter(os.path.exists, built), key=os.path.getmtime)
    tool = None if built else build_tool("confdump", tmp_path_factory.mktemp("tool"))

    def program(form):
        return [built[-1], {"json": "--dump-config=json", "text": "--dump-config"}[form], "-c"] if built else [tool, form]
    if os.uname().nodename == NODE:
        return program
    if subprocess.run(["unshare", "-u", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs the right to make a UTS namespace")
    return lambda form: ["unshare", "-u", "sh", "-c", 'hostname %s && exec "$@"' % NODE, "sh"] + program(form)


def run(argv, folder):
    return subprocess.run(argv, cwd=folder, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)


@pytest.mark.parametrize("folder", FOLDERS, ids=[os.path.basename(f) for f in FOLDERS])
def test_folder(command, folder, tmp_path):
    folder = os.path.abspath(folder)
    with open(os.path.join(folder, "expect.json")) as f:
        expected = json.loads(f.read().replace("$D", folder))
    done = run(command("json") + ["supervisord.conf"], folder)
    shown = json.loads(done.stdout)
    for key in COMPARED:
        assert shown[key] == expected[key], "%s: %s" % (open(os.path.join(folder, "name.txt")).read(), done.stderr)
    assert done.returncode == (0 if expected["ok"] else 2)
    assert done.stderr.startswith(b"Error: ") or expected["ok"]
    if expected["ok"]:
        reads_back(command, folder, tmp_path, expected)


def reads_back(command, folder, tmp_path, expected):
    """The canonical text is a configuration, means the same, and prints itself."""
    text = run(command("text") + ["supervisord.conf"], folder)
    if b"a conversion without a (name)" in text.stderr:  # it would put the whole environment into a value
        return
    (tmp_path / "again.conf").write_bytes(text.stdout)
    again = run(command("text") + [str(tmp_path / "again.conf")], folder)
    shown = json.loads(run(command("json") + [str(tmp_path / "again.conf")], folder).stdout)
    assert text.returncode == again.returncode == 0, text.stderr + again.stderr
    assert text.stdout == again.stdout
    for key in COMPARED:
        assert shown[key] == expected[key], text.stdout.decode(errors="replace")


def test_there_are_folders():
    assert len(FOLDERS) >= 187

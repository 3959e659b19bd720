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
    program = ([built[-1], "--dump-config=json", "-c"] if built else
               [build_tool("confdump", tmp_path_factory.mktemp("tool")), "json"])
    if os.uname().nodename == NODE:
        return program
    if subprocess.run(["unshare", "-u", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs the right to make a UTS namespace")
    return ["unshare", "-u", "sh", "-c", 'hostname %s && exec "$@"' % NODE, "sh"] + program


@pytest.mark.parametrize("folder", FOLDERS, ids=[os.path.basename(f) for f in FOLDERS])
def test_folder(command, folder):
    folder = os.path.abspath(folder)
    with open(os.path.join(folder, "expect.json")) as f:
        expected = json.loads(f.read().replace("$D", folder))
    done = subprocess.run(command + ["supervisord.conf"], cwd=folder, env=ENVIRON, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20)
    shown = json.loads(done.stdout)
    for key in COMPARED:
        assert shown[key] == expected[key], "%s: %s" % (open(os.path.join(folder, "name.txt")).read(), done.stderr)
    assert done.returncode == (0 if expected["ok"] else 2)
    assert done.stderr.startswith(b"Error: ") or expected["ok"]


def test_there_are_folders():
    assert len(FOLDERS) >= 187

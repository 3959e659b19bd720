"""Our reading of a configuration against the reading of Debian's Supervisor, on thousands of
configurations: every rule one by one, then random mixtures."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import configs
from confdump import COMPARED, build_tool, run_batch, write_files

HERE = os.path.dirname(os.path.abspath(__file__))
RANDOM = int(os.environ.get("SUPD_TEST_RANDOM", "3000"))
SEED = int(os.environ.get("SUPD_TEST_SEED", "1"))

pytest.importorskip("supervisor.options")
pytestmark = pytest.mark.timeout(600)


def compare(tmp_path, named):
    names, folders = [], []
    for i, (name, files) in enumerate(named):
        folder = str(tmp_path / ("%05d" % i))
        os.mkdir(folder)
        write_files(folder, files)
        names.append(name)
        folders.append(folder)
    theirs = run_batch(["/usr/bin/python3", "-W", "ignore", os.path.join(HERE, "supervisor_view.py")], folders)
    ours = run_batch([build_tool("confdump", tmp_path), "batch"], folders)
    differences = []
    for name, folder, a, b in zip(names, folders, theirs, ours):
        a, b = json.loads(a), json.loads(b)
        for key in COMPARED:
            if a[key] != b[key]:
                differences.append("%s (%s): %s\n  Supervisor: %.600s\n  ours:       %.600s" % (
                    name, folder, key, (a["error"], a[key]), (b["error"], b[key])))
                break
    assert not differences, "%d of %d differ:\n%s" % (len(differences), len(names), "\n".join(differences[:60]))


def test_every_rule(tmp_path):
    compare(tmp_path, list(configs.systematic()))


def test_random_mixtures(tmp_path):
    compare(tmp_path, [("seed %d" % s, configs.random_config(s)) for s in range(SEED, SEED + RANDOM)])

"""The canonical text of a configuration reads back to the same configuration, for all the
configurations of the comparison with Supervisor that load."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import configs
from confdump import build_tool, run_batch, write_files

pytestmark = pytest.mark.timeout(600)
RANDOM = int(os.environ.get("SUPD_TEST_RANDOM", "3000"))


def test_dump_reads_back(tmp_path):
    named = list(configs.systematic()) + [("seed %d" % s, configs.random_config(s)) for s in range(RANDOM)]
    folders = []
    for i, (name, files) in enumerate(named):
        folder = str(tmp_path / ("%05d" % i))
        os.mkdir(folder)
        write_files(folder, files)
        folders.append(folder)
    answers = run_batch([build_tool("confdump", tmp_path), "batch-roundtrip"], folders)
    wrong = ["%s (%s): %s" % (n, f, a) for (n, _), f, a in zip(named, folders, answers) if a not in ("same", "error")]
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(named), "\n".join(wrong[:50]))
    assert answers.count("same") > len(answers) / 3

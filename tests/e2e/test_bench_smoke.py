"""The benchmark still works: a few programs, ours and the floor, and no time is judged."""
import json
import os
import shutil
import subprocess
import tempfile

import pytest
from harness.supervised import ROOT, build_dir

BENCH = os.path.join(ROOT, "tests", "bench", "run.py")
# what the agent costs, in its shortest form; the rivals are left out
WATCH = """
import json, os, sys
sys.path.insert(0, os.path.join(sys.argv[1], "tests", "bench"))
import run, watch
os.chmod(sys.argv[3], 0o755)
tools, place = (os.path.join(sys.argv[3], name) for name in ("tools", "place"))
os.mkdir(tools)
os.mkdir(place)
run.compile_tools(tools)
w = watch.Watching(tools, place, sys.argv[2], quick=True)
found = {part: {"supd": w.run("supd", part)} for part in ("tcp", "many", "lines", "statsd-unix", "memory")}
json.dump(found, open(os.path.join(sys.argv[3], "found.json"), "w"))
print(watch.comparison({"parts": {**dict.fromkeys(watch.SIZES, {}), **found}, "left_out": {}}))
"""
# what Supervisor's clients get from ours
SERVE = """
import argparse, json, os, sys
sys.path.insert(0, os.path.join(sys.argv[1], "tests", "bench"))
import clients, run
os.chmod(sys.argv[3], 0o755)
clients.DAEMONS = ("supd-served",)
bench = run.Bench(argparse.Namespace(programs=20, build=sys.argv[2], window=0.2, kills=0, upgrades=0, calm=0),
                  sys.argv[3])
found = clients.measured(bench)
json.dump(found, open(os.path.join(sys.argv[3], "found.json"), "w"))
print(clients.markdown(found))
"""


@pytest.mark.timeout(150)
def test_the_benchmark_measures_every_figure(tmp_path):
    out = tmp_path / "figures.json"
    done = subprocess.run(["/usr/bin/python3", BENCH, "--quick", "--only", "supd", "--only", "floor-2",
                           "--programs", "20", "--build", build_dir(), "--json", str(out)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    ours, floor = found["rivals"]["supd"], found["rivals"]["floor-2"]
    for figure in ("start_s", "one_ms", "all_s", "pss_kib", "status_ms", "upgrade_ms", "gone_s"):
        assert ours[figure] > 0, (figure, ours)
    assert ours["wakeups_per_minute"] >= 0
    assert floor["start_s"] > 0 and floor["one_ms"] > 0 and floor["all_s"] > 0 and "gone_s" not in floor
    for kind in ("lines", "blocks"):
        assert ours["logs"][kind]["cpu_ms_per_mib"] > 0
        assert ours["logs"][kind]["lost"] == 0
    table = done.stdout.splitlines()
    assert table[0].startswith("| 20 programs | supd | floor, 2 spawners |"), table[0]
    assert [row for row in table if row.startswith("| all started, s |")]


@pytest.mark.timeout(240)
def test_what_watching_costs_is_measured(tmp_path):
    folder = tempfile.mkdtemp(prefix="supd-bench-")  # the agent is nobody there: not below tmp_path
    try:
        done = subprocess.run(["/usr/bin/python3", "-c", WATCH, ROOT, build_dir(), folder],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with open(os.path.join(folder, "found.json"), encoding="utf-8") as f:
            found = {part: of["supd"] for part, of in json.load(f).items()}
    finally:
        shutil.rmtree(folder)
    assert all(found.values()), done.stderr
    assert found["tcp"]["us"] > 0 and found["tcp"]["attempts"] > 100
    assert found["many"]["ok"] == 500 and found["many"]["kept"] > 0.5
    assert found["lines"]["cpu_ms_per_mib"] > 0 and found["lines"]["lost_percent"] < 50
    assert found["statsd-unix"]["lost_percent"] == 0
    assert found["memory"]["processes"] == 3
    rows = done.stdout.splitlines()
    assert rows[0] == "|  | supd | blackbox_exporter | monit | floor | promised |"
    assert len(rows) == 17 and rows[2].endswith(" | - | - | - |  |")


@pytest.mark.timeout(150)
def test_what_clients_get_is_measured():
    folder = tempfile.mkdtemp(prefix="supd-bench-")
    try:
        done = subprocess.run(["/usr/bin/python3", "-c", SERVE, ROOT, build_dir(), folder],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with open(os.path.join(folder, "found.json"), encoding="utf-8") as f:
            found = json.load(f)["clients"]["supd-served"]
    finally:
        shutil.rmtree(folder)
    assert found["processes"] == 3
    for figure in ("calls_per_s", "theirs_ms", "ours_ms", "pss_kib"):
        assert found[figure] > 0, (figure, found)
    assert done.stdout.startswith("| 20 programs | supd |"), done.stdout


@pytest.mark.release
@pytest.mark.timeout(150)
def test_plain_inits_are_measured(tmp_path):
    out = tmp_path / "figures.json"
    done = subprocess.run(["/usr/bin/python3", BENCH, "--quick", "--only", "inits", "--build", build_dir(),
                           "--json", str(out)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ours = json.loads(out.read_text())["inits"]
    for name in ("supd --", "supd-init"):
        one = ours[name]
        assert one["processes"] == 1 and one["wakeups"] == 0
        # what was promised of its memory, which no load of the machine changes
        assert one["dirty_kib"] <= 160 and (name == "supd --" or one["rss_kib"] <= 900), one
        assert one["signal_us"] > 0 and one["signal_cpu_us"] > 0 and one["orphans_per_s"] > 0 and one["orphan_us"] > 0
    assert done.stdout.startswith("| as PID 1 | supd -- | supd-init |")

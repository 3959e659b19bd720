"""The benchmark still works: a few programs, ours and the floor, and no time is judged."""
import json
import os
import subprocess

from harness.supervised import ROOT, build_dir

BENCH = os.path.join(ROOT, "tests", "bench", "run.py")


def test_the_benchmark_measures_every_figure(tmp_path):
    out = tmp_path / "figures.json"
    done = subprocess.run(["/usr/bin/python3", BENCH, "--quick", "--only", "supd", "--only", "floor-2",
                           "--programs", "20", "--build", build_dir(), "--json", str(out)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    ours, floor = found["rivals"]["supd"], found["rivals"]["floor-2"]
    for figure in ("start_s", "one_ms", "all_s", "pss_kib", "status_ms"):
        assert ours[figure] > 0, (figure, ours)
    assert ours["wakeups_per_minute"] >= 0
    assert floor["start_s"] > 0 and floor["one_ms"] > 0 and floor["all_s"] > 0
    for kind in ("lines", "blocks"):
        assert ours["logs"][kind]["cpu_ms_per_mib"] > 0
        assert ours["logs"][kind]["lost"] == 0
    table = done.stdout.splitlines()
    assert table[0].startswith("| 20 programs | supd | floor, 2 spawners |"), table[0]
    assert [row for row in table if row.startswith("| all started, s |")]

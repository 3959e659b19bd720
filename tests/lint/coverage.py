#!/usr/bin/env python3
"""Prints the lines that the unit and simulation tests reach, folder by folder, and fails below the
floors of docs/architecture.md.  usage: coverage.py BUILD-FOLDER"""
import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tree import Tree, table  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measured(build):
    """{folder: (lines covered, lines)} from gcov's data in the build folder."""
    out = subprocess.run(["gcovr", "--root", ROOT, "--filter", "supervisor/", "--filter", "probes/",
                          "--filter", "alerts/", "--json-summary", "--exclude-unreachable-branches", build],
                         cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    sums = collections.defaultdict(lambda: [0, 0])
    for f in json.loads(out)["files"]:
        folder = os.path.dirname(f["filename"])
        sums[folder][0] += f["line_covered"]
        sums[folder][1] += f["line_total"]
    return sums


def floors(tree):
    rows = table(tree.read("docs/architecture.md"), "covered folder")
    return {r["covered folder"]: float(r["floor, %"]) for r in rows}


def judge(sums, floor):
    """The lines to print, and the folders below their floor."""
    lines, below = [], []
    for folder in sorted(set(sums) | set(floor)):
        covered, total = sums.get(folder, (0, 0))
        percent = 100 * covered / total if total else 0
        least = floor.get(folder)
        lines.append(f"{folder:24} {covered:6} of {total:6} lines  {percent:6.1f} %"
                     + (f"  (floor {least:g} %)" if least is not None else ""))
        if least is not None and percent < least:
            below.append(folder)
    return lines, below


def main(build):
    lines, below = judge(measured(build), floors(Tree(ROOT)))
    print("\n".join(lines))
    if below:
        print(f"below the floor: {' '.join(below)}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""tidy: clang-tidy finds nothing (its checks stand in .clang-tidy)."""
import concurrent.futures
import json
import os
import re
import subprocess

FINDING = re.compile(r"^(\S+?:\d+):\d+: (?:error|warning): (.*)$", re.M)


def one(root, build, path):
    # -w: the compiler's own warnings are gcc's business
    done = subprocess.run(["clang-tidy", "--quiet", "--extra-arg=-w", "-p", build, path], cwd=root, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = [f"{os.path.relpath(m.group(1), root)}: {m.group(2)}" for m in FINDING.finditer(done.stdout)]
    return found or ([f"{path}: clang-tidy failed"] if done.returncode else [])


def check(tree, build="build"):
    commands = tree.path(f"{build}/compile_commands.json")
    if not os.path.exists(commands):
        return [f"{build}/compile_commands.json: not there; run ./dev build"]
    with open(commands, encoding="utf-8") as f:
        known = {os.path.relpath(c["file"], tree.root) for c in json.load(f)}
    paths = [p for p in tree.sources() if p in known]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda p: one(tree.root, tree.path(build), p), paths)
    return sorted({line for lines in found for line in lines})

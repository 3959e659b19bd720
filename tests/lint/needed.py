"""needed: each program links what docs/architecture.md says, and is a hardened PIE."""
import re
import subprocess

from tree import table

STATIC = "static"  # in the table: no shared library, not even the loader


def readelf(path, *flags):
    return subprocess.run(["readelf", "-W", *flags, path], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout


def check_program(path, allowed):
    dynamic = readelf(path, "-d")
    needed = set(re.findall(r"\(NEEDED\).*\[(\S+)\]", dynamic))
    found = [f"{path}: links {so}, which docs/architecture.md does not give it"
             for so in sorted(needed - allowed)]
    found += [f"{path}: docs/architecture.md gives it {so}, which it does not link"
              for so in sorted(allowed - needed) if needed and so != STATIC]
    if STATIC in allowed and ("INTERP" in readelf(path, "-l") or needed):
        found.append(f"{path}: is not static")
    if STATIC not in allowed and not needed:
        found.append(f"{path}: is not dynamically linked")
    if "(FLAGS_1)" not in dynamic or "NOW" not in dynamic:
        found.append(f"{path}: lacks full RELRO (BIND_NOW)")
    if "PIE" not in dynamic:
        found.append(f"{path}: is not a PIE")
    segments = readelf(path, "-l")
    if not re.search(r"GNU_STACK\s.*RW ", segments):
        found.append(f"{path}: has an executable stack")
    if "GNU_RELRO" not in segments:
        found.append(f"{path}: lacks RELRO")
    symbols = readelf(path, "-s")
    if not re.search(r"\b__\w+_chk(@|$)", symbols, re.M):
        found.append(f"{path}: is not fortified (no function of _FORTIFY_SOURCE in it)")
    if "__stack_chk_fail" not in symbols:
        found.append(f"{path}: lacks the stack protector")
    return found


def check(tree, build="build"):
    rows = table(tree.read("docs/architecture.md"), "program")
    if not rows:
        return ["docs/architecture.md: no table of programs"]
    found = []
    for row in rows:
        path = f"{build}/{row['program']}"
        if not tree.exists(path):
            found.append(f"{path}: not built; run ./dev build")
            continue
        found += check_program(tree.path(path), set(row["shared libraries"].split()))
    return found

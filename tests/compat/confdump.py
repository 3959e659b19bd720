"""Helpers for the tests that compare this program's reading of a configuration with another's."""
import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENVIRON = {"TESTV": "tv", "PCT": "a%sb%%c", "HOME": "/root", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
           "QUEUE_WORKERS": "4", "QUEUE_TIMEOUT": "60", "DEBUG": "True", "QUEUE_SLEEP": "3"}
COMPARED = ("ok", "groups", "servers", "supervisord")
SOURCES = ("supervisor/conf", "supervisor/base")


def build_tool(name, folder):
    """The test program tests/tools/NAME.c, from a build folder if one is newer, else compiled."""
    source = os.path.join(ROOT, "tests/tools", name + ".c")
    sources = [source] + [f for d in SOURCES for f in sorted(glob.glob(os.path.join(ROOT, d, "*.c")))]
    sources.append(os.path.join(ROOT, "supervisor/core/eventtype.c"))
    newest = max(os.path.getmtime(f) for f in sources)
    for built in glob.glob(os.path.join(ROOT, "build*", "tests", "**", name), recursive=True):
        if os.path.isfile(built) and os.path.getmtime(built) > newest:
            return built
    target = os.path.join(str(folder), name)
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE", "-I" + ROOT, "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=undefined", "-o", target] + sources + ["-l:libinih.a"],
                   check=True, timeout=300)
    return target


def write_files(folder, files):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(text)


def run_batch(command, folders):
    """One line of output for each folder, from a program that reads folder names."""
    done = subprocess.run(command, input="".join(f + "\n" for f in folders).encode(), env=ENVIRON,
                          stdout=subprocess.PIPE, timeout=1200, check=True)
    lines = done.stdout.decode().split("\n")[:-1]
    assert len(lines) == len(folders), "%d answers for %d configurations" % (len(lines), len(folders))
    return lines

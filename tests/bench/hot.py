"""Writes supervisor/main/hot.list: what PID 1 runs day by day, for the linker to put side by side.

Builds the programs once more, so that each function notes that it was entered, and has supd do in
namespaces of its own what it does on most days: nothing, a status, the death of one program, of all,
a restart that somebody asks for, an end. Then come the constants that these functions refer to, by
the objects' relocations. To be run when much has changed; a lint finds names that are no more.
"""
import os
import re
import subprocess
import sys
import tempfile

import run

TARGET = os.path.join(run.ROOT, "supervisor", "main", "hot.list")
FOLDERS = ("base", "core", "conf", "io", "run", "init", "supd")  # what supd is made of, as CMake names it
CONSTANTS = (".rodata", ".data.rel.ro")
PARTS = ["start", "forget", "settle", "idle", "status", "one", "all", "ask", "entered"]
# What nobody sees entered: a function that never returns, and strings that are reached by pointers
FUNCTIONS, FILES = {"loop_run", "make_ctl"}, {"verbs.c"}
HEAD = """\
# Written by tests/bench/hot.py: the functions that PID 1 enters when programs live, die and are asked
# for, the constants that they refer to, and the files whose other strings they need.
"""


def build(folder):
    """The programs, noting what they enter."""
    notes, out = os.path.join(folder, "hot.o"), os.path.join(folder, "build")
    subprocess.run(["cc", "-c", "-O2", "-fPIC", "-o", notes, os.path.join(run.HERE, "hot.c")], check=True)
    subprocess.run(["cmake", "-S", run.ROOT, "-B", out, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                    "-DCMAKE_C_FLAGS=-finstrument-functions -fno-inline",
                    f"-DCMAKE_EXE_LINKER_FLAGS={notes}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", out, "supd", "supd-log", "supctl"], check=True, stdout=sys.stderr)
    return out


def of_child():
    """What runs in a child that shares our memory, and must not note anything."""
    folder, text = os.path.join(run.ROOT, "supervisor", "io"), ""
    for name in os.listdir(folder):
        if name.startswith("spawn") and name.endswith(".c"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text += f.read().replace("__attribute__((noreturn)) ", "")
    return set(re.findall(r"^RAW_CHILD [\w *]*?(\w+)\(", text, re.M))


def plain(symbol):
    """Without what the compiler adds to a part or a copy of a function."""
    return symbol.split(".", 1)[0]


def entered(out, folder):
    args = run.arguments(["--quick", "--build", out])
    args.calm = 0
    offsets = set(run.Bench(args, folder).run("supd", PARTS)["entered"])
    listed = subprocess.run(["nm", os.path.join(out, "supd")], check=True, stdout=subprocess.PIPE, text=True)
    rows = (line.split() for line in listed.stdout.splitlines())
    return {plain(row[2]) for row in rows if len(row) == 3 and row[1] in "tT" and int(row[0], 16) in offsets}


def objects(out):
    for name in FOLDERS:
        for folder, _, files in os.walk(os.path.join(out, "CMakeFiles", name + ".dir")):
            yield from (os.path.join(folder, f) for f in files if f.endswith(".o"))


def references(path):
    """{section of an object: the sections and symbols that its relocations name}"""
    listed = subprocess.run(["objdump", "-r", "-w", path], check=True, stdout=subprocess.PIPE, text=True)
    found, inside = {}, None
    for line in listed.stdout.splitlines():
        begin = re.match(r"RELOCATION RECORDS FOR \[(.*)\]", line)
        if begin:
            inside = found.setdefault(begin.group(1), set())
        elif inside is not None and len(line.split()) == 3:
            inside.add(re.sub(r"[-+]0x[0-9a-f]+$", "", line.split()[2]))
    return found


def constants(path, functions):
    """The sections of constants that an object's hot functions refer to, directly or through tables."""
    refers = references(path)
    todo = [s for s in refers if s.startswith(".text.") and plain(s[len(".text."):]) in functions]
    seen = set()
    while todo:
        section = todo.pop()
        for name in refers.get(section, ()):
            if name.startswith(CONSTANTS) and name not in seen:
                seen.add(name)
                todo.append(name)
    return {name for name in seen if name.startswith(".rodata")}


def rodata(out, functions):
    """(names behind .rodata., objects whose unnamed strings belong here)"""
    names, files = set(functions), set()
    for path in objects(out):
        for section in constants(path, functions):
            if re.match(r"\.rodata\.(str|cst)\d", section):
                files.add(os.path.basename(path)[:-len(".o")])
            else:
                names.add(plain(section[len(".rodata."):]))
    return names, files


def main():
    with tempfile.TemporaryDirectory() as folder:
        out = build(folder)
        functions = entered(out, folder) | of_child() | FUNCTIONS
        names, files = rodata(out, functions)
    with open(TARGET, "w", encoding="ascii") as f:
        f.write(HEAD + "".join(name + "\n" for name in sorted(names) + sorted(files | FILES)))
    print(f"{TARGET}: {len(functions)} functions, {len(names) - len(functions)} constants, {len(files)} files")


if __name__ == "__main__":
    main()

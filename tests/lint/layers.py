"""layers: includes go down only, and a foreign header stays in the folder that names it."""
import functools
import re
import subprocess

from tree import line_of, strip_comments, table

COMPILER = {"stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h",
            "stdnoreturn.h", "float.h", "limits.h", "iso646.h"}


@functools.lru_cache(None)
def c_library():
    """Headers of the C library and the kernel, as Debian's packages list them."""
    out = subprocess.run(["dpkg", "-L", "libc6-dev", "linux-libc-dev"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    names = re.findall(r"^/usr/include/(?:[^/\n]+-linux-gnu/)?(\S+\.h)$", out, flags=re.M)
    return COMPILER | set(names)


def includes(text):
    bare = strip_comments(text, strings=False)
    for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', bare, flags=re.M):
        yield line_of(bare, m.start()), m.group(1), m.group(2)


def check_own(row, rows, header):
    folder = header.rpartition("/")[0]
    if folder == row["folder"] or folder in row["also"].split():
        return None
    target = rows.get(folder)
    if target is None:
        return f"{header}: its folder has no row in the layer table"
    if int(target["level"]) < int(row["level"]):
        return None
    return f"{header}: {row['folder']} (level {row['level']}) may not include level {target['level']}"


def check_one(row, rows, kind, header):
    for never in row["never"].split():
        if header == never or header == "supervisor/" + never:
            return f"{header} is never included in {row['folder']}"
    if kind == '"':
        return check_own(row, rows, header)
    if header in c_library() or header in row["foreign headers"].split():
        return None
    return f"<{header}>: {row['folder']} does not name this foreign header"


def check(tree):
    rows = {r["folder"]: r for r in table(tree.read("docs/architecture.md"), "level")}
    if not rows:
        return ["docs/architecture.md: no layer table"]
    found = []
    for path in tree.sources():
        row = rows.get(path.rpartition("/")[0])
        if row is None:
            found.append(f"{path}: its folder has no row in the layer table of docs/architecture.md")
            continue
        for line, kind, header in includes(tree.read(path)):
            wrong = check_one(row, rows, kind, header)
            if wrong:
                found.append(f"{path}:{line}: {wrong}")
    return found

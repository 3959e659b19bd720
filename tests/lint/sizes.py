"""sizes: functions and files stay small; the budgets stand in docs/architecture.md."""
import subprocess

from tree import table


def functions(tree, paths):
    """(lines, path, name) of every function, by universal-ctags."""
    if not paths:
        return []
    out = subprocess.run(["ctags", "--fields=+ne", "-o", "-", "--kinds-C=f", "--languages=C"] + paths,
                         cwd=tree.root, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = []
    for row in out.splitlines():
        cells = row.split("\t")
        at = dict(c.split(":", 1) for c in cells[3:] if ":" in c)
        if "line" in at and "end" in at:
            found.append((int(at["end"]) - int(at["line"]) + 1, cells[1], cells[0]))
    return sorted(found)


def check_functions(sizes, budget):
    n = len(sizes)
    if not n:
        return ["no functions found"]
    median, p90 = sizes[n // 2][0], sizes[min(n - 1, n * 9 // 10)][0]
    long = [s for s in sizes if s[0] > 60]
    found = []
    if median > budget["lines of a function, median"]:
        found.append(f"functions: median is {median} lines")
    if p90 > budget["lines of a function, 90 %"]:
        near = ", ".join(f"{name} {lines}" for lines, _, name in sizes[n * 9 // 10:][:10])
        found.append(f"functions: 90 % reach {p90} lines; from there on: {near}")
    if len(long) * 100 > n * budget["functions over 60 lines, %"]:
        found.append(f"functions: {len(long)} of {n} have more than 60 lines")
        found += [f"{path}: {name} has {lines} lines" for lines, path, name in long]
    return found


def check(tree):
    rows = table(tree.read("docs/architecture.md"), "what")
    budget = {r["what"]: int(r["budget"]) for r in rows if "budget" in r}
    if not budget:
        return ["docs/architecture.md: no table of budgets"]
    found = check_functions(functions(tree, [f for f in tree.sources() if f.endswith(".c")]), budget)
    for path in tree.files(".c", ".h", ".py"):
        lines = tree.read(path).count("\n")
        if lines > budget["lines of a file"]:
            found.append(f"{path}: {lines} lines")
    return found


def summary(tree):
    sizes = functions(tree, [f for f in tree.sources() if f.endswith(".c")])
    n = len(sizes)
    return f"{n} functions: median {sizes[n // 2][0]}, 90 % {sizes[n * 9 // 10][0]}, " \
           f"longest {sizes[-1][0]} ({sizes[-1][2]})"

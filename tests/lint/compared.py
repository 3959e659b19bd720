"""compared: each cell of ours in docs/compare-inits.md names tests that exist, and no cell is empty."""
import failures

PAGE = "docs/compare-inits.md"


def cells_of(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


def is_rule(cells):
    return set("".join(cells)) <= set("-: ")


def check_row(tree, where, cells, width):
    """A row is a feature, our word for it, the tests that hold that, and the others."""
    if len(cells) != width:
        return [f"{where}: {len(cells)} cells, not {width}"]
    if cells[0].startswith("**"):
        return []  # a heading within the table
    ours, tests = cells[1], cells[2]
    found = [f"{where}: an empty cell"] * (not all(cells[:2] + cells[3:]))
    names = failures.named(tests)
    if not names and ours.split(",")[0] != "no":
        found.append(f"{where}: no test for what we can: {cells[0]}")
    if names and ours.split(",")[0] == "no":
        found.append(f"{where}: a test of what we cannot: {cells[0]}")
    return found + failures.missing(tree, where, names)


def check(tree):
    if not tree.exists(PAGE):
        return []
    found, width, rows = [], 0, 0
    for number, line in enumerate(tree.read(PAGE).splitlines(), 1):
        cells = cells_of(line) if line.startswith("|") else []
        if not cells:
            width = 0
        elif not width:
            width = len(cells)
        elif not is_rule(cells):
            rows += 1
            found += check_row(tree, f"{PAGE}:{number}", cells, width)
    return found if rows else [f"{PAGE}: it has no rows"]

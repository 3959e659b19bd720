#!/usr/bin/env python3
"""Runs the house rules on this tree: all of them, or those named on the command line."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import banned  # noqa: E402
import compared  # noqa: E402
import confd   # noqa: E402
import failures  # noqa: E402
import form    # noqa: E402
import hot     # noqa: E402
import layers  # noqa: E402
import needed  # noqa: E402
import pages   # noqa: E402
import sizes   # noqa: E402
import tidy    # noqa: E402
import words   # noqa: E402
from tree import Tree  # noqa: E402

RULES = {m.__name__: m for m in (layers, sizes, needed, banned, words, form, confd, pages, failures, compared,
                              tidy, hot)}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(names):
    unknown = [n for n in names if n not in RULES]
    if unknown:
        print(f"lint: no such rule: {' '.join(unknown)} (there are: {' '.join(RULES)})", file=sys.stderr)
        return 2
    tree, bad = Tree(ROOT), 0
    for name in names or RULES:
        found = RULES[name].check(tree)
        bad += len(found)
        head = RULES[name].__doc__.strip()
        print(f"{'ok  ' if not found else 'FAIL'} {head}")
        for line in found:
            print(f"     {line}")
    print(sizes.summary(tree))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

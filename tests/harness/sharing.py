"""Which worker of pytest-xdist runs which test: the long ones first, each to whoever is free, so that
at the end nobody has long ones left while the others have nothing."""
from collections import Counter

from xdist.scheduler.load import LoadScheduling

USUAL = 60  # seconds: the limit of a test that states none, as in pytest.ini
AT_ONCE = 3  # short tests given at once; neighbours often share what their file prepares


def limit(item):
    """How long a test may take: those with a limit above the usual one are the long ones."""
    mark = item.get_closest_marker("timeout")
    return max(USUAL, mark.args[0]) if mark else USUAL


def long_first(items):
    """These, the longest first; variants of one long test, which load the machine alike, lie apart."""
    variants = Counter()

    def place(item):
        if limit(item) == USUAL:
            return (len(items), 0)
        name = item.nodeid.split("[")[0]
        variants[name] += 1
        return (variants[name], -limit(item))

    return sorted(items, key=place)


def share(last, left, workers):
    """How many tests a worker is given whose last one took so long: about a second's worth, and
    never so many that it is the only one with work."""
    return max(1, min(AT_ONCE, int(1 / max(last, 0.01)), left // workers // 2))


class LongFirst(LoadScheduling):
    """xdist's own scheduling gives a quarter of all tests away at the start, in runs of neighbours."""

    def schedule(self):
        super().schedule()
        for node in self.nodes:
            self.check_schedule(node, USUAL)

    def _send_tests(self, node, num):
        first = not self.node2pending[node]
        super()._send_tests(node, 1 if first else num)

    def check_schedule(self, node, duration=0):
        if node.shutting_down:
            return
        if not self.pending:
            node.shutdown()
        elif len(self.node2pending[node]) < 2:  # one runs, and xdist wants to know the next
            self._send_tests(node, share(duration, len(self.pending), len(self.nodes)))

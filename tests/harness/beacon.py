"""Programs that keep a record of their own life (tests/tools/beacon.c), and how to read it."""
import os
from collections import namedtuple

from .supervised import tool
from .waiting import wait

Entry = namedtuple("Entry", "name what pid ms")


def beacon(name, words="", record=None):
    """The command line of a beacon; the record is in supd's private folder."""
    return f"{tool('beacon')} {record or '%(here)s/record'} {name} {words}".strip()


def program(name, words="", command=None, **keys):
    """A [program:NAME] section that runs a beacon, quiet and without logs unless keys say more."""
    keys = {"stdout_logfile": "NONE", "stderr_logfile": "NONE", **keys}
    lines = [f"[program:{name}]", f"command={command or beacon(name, words)}"]
    return "\n".join(lines + [f"{k}={v}" for k, v in keys.items()]) + "\n"


def conf(*programs, supd=""):
    """A whole configuration of programs; supd: lines of the [supd] section."""
    return "[supervisord]\n[supd]\n" + supd + "\n" + "\n".join(programs)


def record(s, name=None, what=None):
    """The entries of the record so far, of one program or one kind if asked."""
    entries = []
    for line in s.read("record").splitlines():
        words = line.split(" ")
        entries.append(Entry(words[0], words[1], int(words[2]), int(words[3])))
    return [e for e in entries if name in (None, e.name) and what in (None, e.what)]


def starts(s, name):
    return record(s, name, "start")


def gaps(entries):
    """Milliseconds between one entry and the next."""
    return [b.ms - a.ms for a, b in zip(entries, entries[1:])]


def late():
    """Milliseconds that a machine as busy as this one is now may add to a wait."""
    return 400 * max(1, 2 * os.getloadavg()[0] / os.cpu_count())


def near(measured, wanted):
    """Waits that are as long as wanted: never shorter, and not much longer."""
    return len(measured) == len(wanted) and all(
        w - 5 <= m <= w + late() for m, w in zip(measured, wanted))


def wait_record(s, name, what, count=1, timeout=10):
    """Waits for so many entries; returns them."""
    def there():
        found = record(s, name, what)
        return found if len(found) >= count else None
    return wait(there, timeout, lambda: f"{count} x {name} {what}; there is {record(s, name)}; "
                f"log:\n{s.log_text()}")

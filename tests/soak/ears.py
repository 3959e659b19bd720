"""What the event listeners of the soak noted (ear.py): each event came to each pool, in order, and again only
where the one that had it did not answer."""
from collections import Counter, namedtuple

Note = namedtuple("Note", "who serial what event payload")
STARTS, ENDS = ("PROCESS_STATE_STARTING",), ("PROCESS_STATE_EXITED", "PROCESS_STATE_STOPPED")
REMOTE = "REMOTE_COMMUNICATION"


def notes_of(text):
    """A line that is being written is left out."""
    for line in text[:text.rfind("\n") + 1].splitlines():
        who, serial, what, event, payload = line.split(" ", 4)
        yield Note(who, int(serial), what, event, payload.strip())


class Heard:
    """The notes of one pool; size: how many listeners share it."""

    def __init__(self, pool, size, notes):
        self.pool, self.size = pool, size
        self.last = {}         # serial -> what was last done with it
        self.first = []        # (who, serial) in the order in which they came for the first time
        self.events = {}       # serial -> its note
        self.cut = 0           # so many were not answered by one that did not say why
        self.wrong = []
        for note in notes:
            self.take(note)

    def take(self, note):
        n, before = note.serial, self.last.get(note.serial)
        if note.what == "got":
            if before is None:
                self.first.append((note.who, n))
            if before == "done":
                self.wrong.append(f"{self.pool}: event {n} came again after it was done")
            if self.events.setdefault(n, note)[3:] != note[3:]:
                self.wrong.append(f"{self.pool}: event {n} was {self.events[n][3:]}, then {note[3:]}")
            self.cut += before == "got"
        elif before != "got":
            self.wrong.append(f"{self.pool}: event {n} is {note.what} after {before}")
        self.last[n] = note.what

    def settled(self, count):
        """All of so many events came, and the last word about each is known."""
        return len(self.last) >= count and not self.open(("died", "gave")) and self.last.get(count - 1) == "done"

    def open(self, words):
        return [n for n, what in self.last.items() if what in words]

    def counts(self, kinds):
        """How often each process was in an event of these kinds."""
        return Counter(note.payload.split(" ")[0].partition(":")[2] for note in self.events.values()
                       if note.event in kinds)

    def remotes(self):
        """How often each text came as an event from outside."""
        return Counter(note.payload.rpartition(" ")[2] for note in self.events.values() if note.event == REMOTE)

    def compare(self, row, kills):
        """What is wrong, given supd's record of the pool, and how many of its listeners we killed."""
        wrong, count = list(self.wrong), row["events"]
        missing = [n for n in range(count) if n not in self.last]
        if missing or len(self.last) != count or row["discarded"]:
            wrong.append(f"{self.pool}: of {count} events {len(self.last)} came, {missing[:5]} did not; "
                         f"{row['discarded']} were discarded")
        if self.open(("died", "gave")):
            wrong.append(f"{self.pool}: never sent again: {self.open(('died', 'gave'))[:5]}")
        cut = self.cut + len(self.open(("got",)))
        if cut > kills:
            wrong.append(f"{self.pool}: {cut} events were not answered; {kills} listeners were killed")
        return wrong + self.out_of_order(kills)

    def out_of_order(self, kills):
        """One listener alone gets all in order. Where several share, one that is killed before it has noted what it
        has gives it to another one, which may have got later ones."""
        newest, late = {}, []
        for who, n in self.first:
            key = who if self.size > 1 else None
            if n < newest.get(key, -1):
                late.append(n)
            newest[key] = max(n, newest.get(key, -1))
        allowed = kills if self.size > 1 else 0
        return [f"{self.pool}: {len(late)} events came after later ones: {late[:5]}"] if len(late) > allowed else []

    def compare_states(self, names, records):
        """Each start and each end that supd has counted of these programs was an event."""
        starts, ends = self.counts(STARTS), self.counts(ENDS)
        return [f"{self.pool}: {name}: {records[name][what]} {what}, {told[name]} events"
                for what, told in (("starts", starts), ("exits", ends))
                for name in names if told[name] != records[name][what]]

    def compare_remotes(self, told, tried):
        """told: what supd has taken; tried: how often each was sent, with those of which nobody knows."""
        seen = self.remotes()
        wrong = [t for t in told if not seen[t]] + [t for t in seen if seen[t] > tried[t]]
        return [f"{self.pool}: events from outside that were lost, or came too often: {wrong[:5]}"] if wrong else []

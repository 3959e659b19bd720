"""A house: one configuration and the scenarios that are played on it, for both twins at once."""
import re

from .daemons import FOLDER

HEAD = f"""[supervisord]
logfile={FOLDER}/main.log
pidfile={FOLDER}/pid
childlogdir={FOLDER}
nodaemon=true
"""
SERVER = f"""[unix_http_server]
file={FOLDER}/sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{FOLDER}/sock
"""
HOUSES = {}


class House:
    """conf      text of supervisord.conf; files: {name: text} beside it, "#!" makes it a program
    args      arguments of supervisord
    pid1      True: it is PID 1 of its namespace, False: a child of a small init
    idle      True: no supervisord is started; scenarios start what they want
    limit     seconds that all scenarios together may take
    """

    def __init__(self, name, conf="", *, files=(), args=("-n", "-c", f"{FOLDER}/supervisord.conf"), pid1=False,
                 idle=False, env=(), before="", limit=120):
        self.name, self.args, self.pid1, self.idle = name, args, pid1, idle
        self.files = {"supervisord.conf": conf, **dict(files)}
        self.env, self.before, self.limit = dict(env), before, limit
        self.beside, self.after = [], []
        HOUSES[name] = self

    def scenario(self, scene):
        """A scenario that may run beside others: it has programs of its own."""
        self.beside.append(scene)
        return scene

    def then(self, scene):
        """A scenario that has the house to itself; they run in the order in which they stand."""
        self.after.append(scene)
        return scene

    def scenarios(self):
        return [scene.__name__ for scene in self.beside + self.after]


def program(name, command, kind="program", **keys):
    """A section of a program, quiet unless its keys say more."""
    keys = {"stdout_logfile": "NONE", "stderr_logfile": "NONE", **keys}
    lines = [f"[{kind}:{name}]", f"command={command}"]
    return "\n".join(lines + [f"{k}={v}" for k, v in keys.items() if v is not None]) + "\n"


def plain(text):
    """Text without what differs from run to run: process ids, times, random parts of names."""
    text = re.sub(r"\bpid:? ?\d+", lambda m: re.sub(r"\d+", "N", m.group(0)), text)
    text = re.sub(r"(killing '[^']*' )\(\d+\)", r"\1(N)", text)
    text = re.sub(r"\d+:\d\d:\d\d", "H:MM:SS", text)
    return re.sub(r"(---\w+)-\w{8}\.log", r"\1-RANDOM.log", text)


# what only ours says in its main log, beside what Supervisor says
MORE = re.compile(r"SIG\w+ comes from pid|stopping the programs of priority|\w+ supd ends$|(INFO|DEBG) (agent|http): |WARN [\w-]+:\S+?\.\w+[:,]")
PLACE = re.compile(r"^WARN \S+\.(?:conf|ini):\d+: ")


WAITS = re.compile(r"^INFO waiting for .* to die$")


def spoken(text):
    """The lines of a main log without their times, without what only ours says, and without what is
    said again every three seconds of a stop."""
    lines = [PLACE.sub("WARN ", plain(line)) for line in re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (.*)$", text, re.M)]
    found, waits = [], False
    for line in lines:
        again = waits and WAITS.match(line)
        waits = bool(WAITS.match(line)) or (waits and "received SIG" not in line)
        if not again and not MORE.search(line):
            found.append(line)
    return found


def same(theirs, ours):
    if isinstance(theirs, dict) and isinstance(ours, dict) and set(theirs) == set(ours) == {"begins"}:
        return ours["begins"].startswith(theirs["begins"])
    return theirs == ours


def compare(house, theirs, ours):
    """What of two plays is not the same, as sentences."""
    found = []
    for scene in house.scenarios():
        a, b = theirs.get(scene, {"lost": "not played"}), ours.get(scene, {"lost": "not played"})
        for who, seen in (("Supervisor", a), ("ours", b)):
            found += [f"{scene}: {who}: {text}" for key, text in seen.items() if key in ("lost", "wrong")]
        for key in sorted((set(a) | set(b)) - {"lost", "wrong"}):
            if not same(a.get(key), b.get(key)):
                found.append(f"{scene}: {key}:\n  Supervisor: {a.get(key)!r}\n  ours:       {b.get(key)!r}")
    return found

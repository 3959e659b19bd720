"""What watching costs: supd's agent beside Debian's blackbox_exporter and monit, in one run.

Every measurement has namespaces of its own, with its own loopback and server. The parts of the
watchers take turns, so that what disturbs the machine disturbs all of them. Nine minutes.
"""
import json
import os
import statistics
import subprocess
import sys

import report
from watchers import WATCHERS

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = 150  # s: more than the slowest part takes
BEGIN, END = "<!-- watching: begin, written by ./dev bench -->", "<!-- watching: end -->"
INSIDE = """
mount -t tmpfs -o mode=755 tmpfs "$PLACE" && ip link set lo up && cp "$TOOLS"/* "$PLACE" || exit 125
exec /usr/bin/python3 "$DRIVER" "$WANT"
"""
# a part: how its sizes are in a long run, and in a quick one; how often it is repeated
SIZES = {
    "tcp": ({"probes": 1000, "interval": 1, "window": 4}, {"probes": 200, "interval": 1, "window": 2}, 3),
    "many": ({"probes": 10000, "interval": 10, "window": 20}, {"probes": 500, "interval": 2, "window": 3}, 1),
    "lines": ({"mib": 200, "rate": 40}, {"mib": 20, "rate": 20}, 2),
    "statsd-udp": ({"datagrams": 1000000, "datagram_rate": 100000},
                   {"datagrams": 50000, "datagram_rate": 50000}, 1),
    "memory": ({"programs": 1000, "probes": 100}, {"programs": 50, "probes": 20}, 1),
}
SIZES.update(http=SIZES["tcp"], https=SIZES["tcp"], capture=SIZES["lines"])
SIZES["statsd-unix"] = SIZES["statsd-udp"]

# what, part, figure, how it is shown, what we promise
ROWS = (
    ("TCP probe, connect and close, CPU µs", "tcp", "us", "{:.0f}", None),
    ("HTTP probe, fresh connection, CPU µs", "http", "us", "{:.0f}", "<= 100"),
    ("HTTPS probe, whole handshake, CPU µs", "https", "us", "{:.0f}", None),
    ("10,000 HTTP probes each 10 s, an alert on each: % of one core", "many", "cpu_percent", "{:.1f}",
     "< 15"),
    ("the same: probes made, of those due", "many", "kept", "{:.2f}", None),
    ("the same: latest start, ms", "many", "late_ms", "{:.0f}", "<= 100"),
    ("output captured, CPU ms per MiB", "capture", "cpu_ms_per_mib", "{:.2f}", "<= 0.75"),
    ("a pattern counted in it, all CPU ms per MiB", "lines", "cpu_ms_per_mib", "{:.2f}", "<= 1.5"),
    ("the same: lines per CPU second", "lines", "lines_per_cpu_s", "{:,.0f}", None),
    ("the same: lines lost, %", "lines", "lost_percent", "{:.2f}", None),
    ("StatsD over UDP, samples per CPU second", "statsd-udp", "per_cpu_s", "{:,.0f}", None),
    ("the same: lost, %", "statsd-udp", "lost_percent", "{:.2f}", None),
    ("StatsD over a unix socket, samples per CPU second", "statsd-unix", "per_cpu_s", "{:,.0f}", None),
    ("the same: lost, %", "statsd-unix", "lost_percent", "{:.2f}", None),
    ("memory (PSS) with 100 probes, MiB; supd with 1,000 programs, too", "memory", "pss_mib", "{:.1f}",
     "<= 20"),
)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Watching:
    def __init__(self, tools, place, build, quick):
        self.tools, self.place, self.build, self.quick = tools, place, build, quick
        self.failed = []

    def run(self, watcher, part):
        """The figures of one part, {} and a note when it went wrong."""
        want = dict(SIZES[part][self.quick], watcher=watcher, part=part, place=self.place, build=self.build)
        say(f"bench: {watcher}: {part}")
        env = dict(os.environ, PLACE=self.place, TOOLS=self.tools, WANT=json.dumps(want),
                   DRIVER=os.path.join(HERE, "watch_inside.py"))
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--mount-proc", "--net",
                "--kill-child", "--mount", "sh", "-c", INSIDE]
        with subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True) as process:
            try:
                out = process.communicate(timeout=LONG)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                out = ""
        if process.returncode == 0:
            return json.loads(out)
        self.failed.append(f"{watcher}: {part}")
        say(f"bench: {watcher}: {part}: exit {process.returncode}")
        return {}

    def wanted(self):
        found, left_out = {}, {}
        for name, kind in WATCHERS.items():
            why = kind.missing(self.build)
            if why:
                say(f"bench: {name} is left out: {why}")
                left_out[name] = why
            else:
                found[name] = kind
        return found, left_out

    def part(self, kinds, part):
        """{watcher: its figures}, medians of the repetitions."""
        runs = {name: [] for name, kind in kinds.items() if part in kind.parts}
        for _ in range(1 if self.quick else SIZES[part][2]):
            for name, done in runs.items():
                done.append(self.run(name, part))
        return {name: middle(done) for name, done in runs.items()}

    def everything(self):
        kinds, left_out = self.wanted()
        found = {part: self.part(kinds, part) for part in SIZES}
        return {"parts": found, "left_out": left_out, "failed": self.failed, "simulation": self.simulation(),
                "versions": {n: k.version(self.build) for n, k in kinds.items()}}

    def simulation(self):
        say("bench: simulated traffic")
        argv = [os.path.join(self.build, "tests", "bench-simulation")] + (["2", "20"] if self.quick else [])
        done = subprocess.run(argv, check=False, text=True, stdout=subprocess.PIPE, timeout=2 * LONG)
        if done.returncode:
            self.failed.append("simulation")
        return done.stdout.strip()


def middle(runs):
    """The median of each figure."""
    keys = {key for run in runs for key, value in run.items() if isinstance(value, (int, float))}
    return {key: statistics.median(run[key] for run in runs if key in run) for key in keys}


def comparison(found):
    names = [n for n in WATCHERS if n not in found["left_out"]]
    rows = []
    for what, part, figure, form, promise in ROWS:
        of = {n: report.pick(found["parts"][part].get(n, {}), (figure,)) for n in names}
        cells = [report.cell(of[n], None if n == "supd" else of.get("supd"), form) for n in names]
        rows.append([what] + cells + [promise or ""])
    return report.table([""] + [WATCHERS[n].title for n in names] + ["promised"], rows)


def markdown(found):
    notes = [f"- {WATCHERS[n].title}: {v}" for n, v in found["versions"].items() if v]
    notes += [f"- left out: {WATCHERS[n].title}: {why}" for n, why in found["left_out"].items()]
    notes += [f"- went wrong: {what}" for what in found["failed"]]
    machine = "; ".join(f"{k}: {v}" for k, v in report.machine().items())
    return "\n".join([comparison(found), "", f"Machine: {machine}.", "", *notes, "",
                      "### False pages and the time to see an incident, simulated", "",
                      found["simulation"]])

"""Measures supd beside the supervisors of Debian, in one run, and writes docs/benchmarks.md.

  run.py [--quick] [--only NAME]... [--programs N] [--build DIR]

Each rival runs in namespaces of its own and is gone afterwards; one that is not installed is left
out with a note. A whole run takes about half an hour and wants a quiet machine. --only probes
measures what watching costs, and writes its table (nine minutes); --only inits a plain init (two);
--only clients what Supervisor's clients get (two).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import clients
import inits
import report
import watch
from rivals import ALL, RIVALS, SupdAgent

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOOLS = ("beacon", "datagrams", "floor", "initload", "writer", "stopwatch")
LOGS = {"lines": {"size": 100, "rate": 20}, "blocks": {"size": 4096, "rate": 0}}
LONG = 1200  # s: more than the slowest rival needs for all of its parts

# the private folder is on a tmpfs that only these namespaces see
INSIDE = """
mount -t tmpfs -o mode=755 tmpfs "$PLACE" || exit 125
mkdir -p /var/lib/supd && mount -t tmpfs -o mode=1777 tmpfs /var/lib/supd || exit 125
cp "$TOOLS"/* "$PLACE" || exit 125
exec /usr/bin/python3 "$DRIVER" "$WANT"
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def compile_tools(folder):
    for tool in TOOLS:
        subprocess.run(["cc", "-std=gnu11", "-O2", "-static", "-o", os.path.join(folder, tool),
                        os.path.join(HERE, tool + ".c")], check=True)


class Bench:
    def __init__(self, args, folder):
        self.args, self.failed = args, []
        self.tools, self.place = os.path.join(folder, "tools"), os.path.join(folder, "place")
        for path in (self.tools, self.place):
            os.mkdir(path)
        compile_tools(self.tools)

    def run(self, rival, parts, count=None, **more):
        """One world: the figures as a dict, or {} and a note when it went wrong."""
        want = {"rival": rival, "parts": parts, "count": count or self.args.programs, "pipes": True,
                "build": self.args.build, "place": self.place, "window": self.args.window,
                "kills": self.args.kills, "upgrades": self.args.upgrades, "calm": self.args.calm, **more}
        say(f"bench: {rival}: {want['count']} programs: {', '.join(parts)}")
        env = dict(os.environ, PLACE=self.place, TOOLS=self.tools, WANT=json.dumps(want),
                   DRIVER=os.path.join(HERE, "inside.py"))
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--mount-proc",
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
        self.failed.append(f"{rival}: {', '.join(parts)}")
        say(f"bench: {rival}: exit {process.returncode}")
        return {}

    def wanted(self):
        return self.wanted_of([n for n in RIVALS if not self.args.only or n in self.args.only])

    def wanted_of(self, names):
        """Those that can be measured here, and why the others cannot."""
        found, left_out = {}, {}
        for name in names:
            kind = ALL[name]
            why = kind.missing(self.args.build)
            if why:
                say(f"bench: {name} is left out: {why}")
                left_out[name] = why
            else:
                found[name] = kind
        return found, left_out

    def programs(self, name):
        """A rival with all the programs; what varies most is measured several times."""
        floor = name.startswith("floor")
        parts = ["start", "settle", "one", "all"] if floor else \
            ["start", "settle", "pss", "idle", "status", "one", "all", "upgrade", "gone"]
        found = self.run(name, parts)
        brief = ["start", "settle", "all"] + ["gone"] * (not floor)
        again = [self.run(name, brief) for _ in range(self.args.repeats - 1)]
        for key in ("start_s", "all_s", "gone_s", "start_cpu_ms", "all_cpu_ms"):
            values = [f[key] for f in [found] + again if key in f]
            if values:
                found[key] = statistics.median(values)
        return found

    def logs(self, name):
        return {kind: self.run(name, ["log"], count=1, mib=self.args.mib, **how)
                for kind, how in LOGS.items()}

    def growth(self):
        """Ours with ten times as many programs each time: (count, pipes) -> figures."""
        parts = ["start", "settle", "pss", "status", "one", "all"]
        return [dict(self.run("supd", parts, count=count, pipes=pipes), count=count, pipes=pipes)
                for pipes in (True, False) for count in self.args.growth
                if not pipes or count <= 1000]

    def everything(self):
        kinds, left_out = self.wanted()
        found = {"rivals": {n: dict(self.programs(n), version=kind.version(self.args.build))
                            for n, kind in kinds.items()}}
        for name in kinds:
            if name != "floor-2":
                found["rivals"][name]["logs"] = self.logs(name)
        if "supd" in kinds and not self.args.quick:
            found["agent"] = self.run(SupdAgent.name, ["start", "settle", "pss", "idle"])
            found["growth"] = self.growth()
        found.update(programs=self.args.programs, left_out=left_out, failed=self.failed,
                     machine=report.machine())
        return found


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], prog="./dev bench")
    p.add_argument("--quick", action="store_true", help="fewer and shorter measurements; no growth")
    p.add_argument("--only", action="append", choices=sorted([*RIVALS, *TABLES]),
                   help="this one; may be repeated; inits: plain inits; probes: what watching costs; "
                        "clients: what Supervisor's clients get")
    p.add_argument("--programs", type=int, default=1000, help="how many programs (default 1000)")
    p.add_argument("--build", default=os.path.join(ROOT, "build"), help="the folder of our programs")
    p.add_argument("--json", metavar="FILE", help="write every figure there, too")
    args = p.parse_args(argv)
    args.build = os.path.abspath(args.build)
    args.window, args.calm, args.kills = (5, 0, 10) if args.quick else (70, 10, 100)
    args.repeats, args.mib, args.upgrades = (1, 40, 3) if args.quick else (3, 400, 100)
    args.growth = (10, 100, 1000, 10000)
    return args


def supervising(bench, args):
    """The supervisors; their text, and where it belongs if it is to be kept."""
    found = bench.everything()
    whole = not args.quick and not args.only and args.programs == 1000
    return found, report.markdown(found), (report.BEGIN, report.END) if whole else None


def watching(bench, args):
    found = watch.Watching(bench.tools, bench.place, args.build, args.quick).everything()
    return found, watch.markdown(found), None if args.quick else (watch.BEGIN, watch.END)


def plain_inits(bench, args):
    found = inits.Inits(bench.tools, bench.place, args.build, args.quick).everything()
    return found, inits.markdown(found), None if args.quick else (inits.BEGIN, inits.END)


def serving(bench, args):
    found = clients.measured(bench)
    whole = not args.quick and args.programs == 1000
    return found, clients.markdown(found), (clients.BEGIN, clients.END) if whole else None


TABLES = {"inits": plain_inits, "clients": serving, "probes": watching}


def measure_all(args, folder):
    bench = Bench(args, folder)
    only = args.only or ["all", *TABLES]
    if set(only) - set(TABLES):
        yield supervising(bench, args)
    for name, table in TABLES.items():
        if name in only:
            yield table(bench, args)


def main(argv):
    args = arguments(argv)
    if os.geteuid() != 0:
        sys.exit("bench: it makes namespaces, so run it as root")
    folder = tempfile.mkdtemp(prefix="supd-bench-")
    os.chmod(folder, 0o755)  # the agent is nobody there
    everything, failed = {}, []
    try:
        for found, text, marks in measure_all(args, folder):
            print(text)
            everything.update(found)
            failed += found["failed"]
            if marks:
                report.put(os.path.join(ROOT, "docs", "benchmarks.md"), text, marks)
    finally:
        shutil.rmtree(folder)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(everything, f, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Figures to Markdown: the tables of docs/benchmarks.md and the facts of the machine."""
import os
import platform
import subprocess

BEGIN, END = "<!-- figures: begin, written by ./dev bench -->", "<!-- figures: end -->"
ORDER = ("supd", "supervisor", "runit", "s6", "floor-1", "floor-2")
TITLES = {"supd": "supd", "supervisor": "supervisor", "runit": "runit", "s6": "s6",
          "floor-1": "floor, 1 spawner", "floor-2": "floor, 2 spawners"}

# what, where it is found, how it is shown, and what we promise
ROWS = (
    ("all started, s", ("start_s",), "{:.2f}", 0.30),
    ("one killed to running again, median ms", ("one_ms",), "{:.2f}", 0.8),
    ("the same, 99 % of the kills, ms", ("one_p99_ms",), "{:.2f}", None),
    ("all killed at once, all back, s", ("all_s",), "{:.2f}", 0.32),
    ("TERM to all gone, s", ("gone_s",), "{:.2f}", None),
    ("an upgrade: nobody is answered for, median ms", ("upgrade_ms",), "{:.1f}", None),
    ("the same, 99 % of the upgrades, ms", ("upgrade_p99_ms",), "{:.1f}", None),
    ("CPU of the supervising processes to start all, ms", ("start_cpu_ms",), "{:.0f}", None),
    ("CPU of the supervising processes to bring all back, ms", ("all_cpu_ms",), "{:.0f}", None),
    ("memory (PSS) of the supervising processes, MiB", ("pss_mib",), "{:.1f}", 2.0),
    ("supervising processes", ("processes",), "{:d}", None),
    ("`status` of all, ms", ("status_ms",), "{:.1f}", 4.0),
    ("wake-ups per minute when idle", ("wakeups_per_minute",), "{:.0f}", 0.0),
    ("logs, 4 KiB writes, CPU ms per MiB", ("logs", "blocks", "cpu_ms_per_mib"), "{:.2f}", 0.75),
    ("logs, 100-byte lines at 20 MiB/s, CPU ms per MiB", ("logs", "lines", "cpu_ms_per_mib"), "{:.2f}",
     None),
)
GROWTH = (("all started, s", "start_s", "{:.3f}"), ("one killed to running, ms", "one_ms", "{:.2f}"),
          ("all killed, all back, s", "all_s", "{:.3f}"), ("PSS, MiB", "pss_mib", "{:.2f}"),
          ("`status`, ms", "status_ms", "{:.1f}"), ("CPU of the start, ms", "start_cpu_ms", "{:.0f}"),
          ("CPU to bring all back, ms", "all_cpu_ms", "{:.0f}"))


def first_line(argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]


def field(path, name):
    try:
        with open(path, encoding="utf-8") as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(name)), "unknown")
    except OSError:
        return "unknown"


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown"


def machine():
    memory = field("/proc/meminfo", "MemTotal").split()[0]
    return {
        "date": first_line(["date", "-u", "+%Y-%m-%d"]),
        "kernel": platform.release().split("-")[0] + " " + platform.machine(),
        "cores": f"{os.cpu_count()} x {field('/proc/cpuinfo', 'model name')}",
        "memory": f"{int(memory) // 1048576} GiB" if memory.isdigit() else memory,
        "system": distribution(),
        "compiler": first_line(["cc", "--version"]),
        "load before": "{:.2f}".format(os.getloadavg()[2]),
    }


def pick(figures, path):
    if path == ("pss_mib",) and "pss_kib" in figures:
        return figures["pss_kib"] / 1024
    for key in path:
        figures = figures.get(key, {})
    return figures if isinstance(figures, (int, float)) else None


def cell(value, ours, form):
    """The figure and, beside a figure of ours, how many times that it is."""
    if value is None:
        return "-"
    text = form.format(value)
    if not ours or ours <= 0:
        return text
    ratio = value / ours
    return f"{text} ({ratio:.0f}x)" if ratio >= 10 else f"{text} ({ratio:.2g}x)"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def comparison(found):
    names = [n for n in ORDER if n in found["rivals"]]
    ours = found["rivals"].get("supd", {})
    rows = []
    for what, path, form, budget in ROWS:
        mine = pick(ours, path)
        cells = [cell(pick(found["rivals"][n], path), None if n == "supd" else mine, form)
                 for n in names]
        if set(cells) != {"-"}:
            rows.append([what] + cells + ["" if budget is None else f"<= {budget:g}"])
    return table([f"{found['programs']:,} programs"] + [TITLES[n] for n in names] + ["promised"], rows)


def growth(found):
    runs = [r for r in found.get("growth", []) if "start_s" in r]
    if not runs:
        return ""
    head = ["supd with"] + [f"{r['count']:,}" + (", logged" if r["pipes"] else "") for r in runs]
    rows = []
    for what, key, form in GROWTH:
        rows.append([what] + [cell(pick(r, (key,)), None, form) for r in runs])
    each = [f"{pick(r, ('pss_mib',)) * 1024 / r['count']:.1f}" for r in runs]
    return "### Growth\n\n" + table(head, rows + [["PSS per program, KiB"] + each])


def notes(found):
    said = [f"- {n}: {r['version']}" for n, r in found["rivals"].items() if r.get("version")]
    by_name = found["rivals"].get("supd", {}).get("pss_by_name", {})
    if by_name:
        parts = ", ".join(f"{name} {kib} KiB" for name, kib in sorted(by_name.items()))
        said.append(f"- memory of ours, PSS: {parts}")
    agent = found.get("agent", {})
    if "pss_kib" in agent:
        said.append(f"- with the agent: {agent['pss_kib'] / 1024:.1f} MiB, "
                    f"{agent['wakeups_per_minute']:.0f} wake-ups a minute")
    for name, rival in found["rivals"].items():
        for kind, log in rival.get("logs", {}).items():
            if log.get("lost"):
                said.append(f"- {name} lost {log['lost']:,} bytes of the log ({kind})")
    said += [f"- {n} was left out: {why}" for n, why in found["left_out"].items()]
    said += [f"- failed: {what}" for what in found["failed"]]
    facts = "; ".join(f"{key}: {value}" for key, value in found["machine"].items())
    return f"Machine: {facts}.\n\n" + "\n".join(said)


def markdown(found):
    return "\n\n".join(t for t in (comparison(found), growth(found), notes(found)) if t)


def put(path, text, marks=(BEGIN, END)):
    """Puts text between the marks of a document."""
    begin, end = marks
    with open(path, encoding="utf-8") as f:
        old = f.read()
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{before}{begin}\n\n{text}\n\n{end}{after}")

"""What Supervisor's own clients get from supd, beside supervisord: `./dev bench --only clients`."""
import report

BEGIN, END = "<!-- clients: begin, written by ./dev bench -->", "<!-- clients: end -->"
DAEMONS = ("supd-served", "supervisor")
TITLES = {"supd-served": "supd", "supervisor": "supervisord"}
ROWS = (
    ("`supervisorctl status` (Debian's), ms", "theirs_ms", "{:.0f}"),
    ("`supctl` as supervisorctl, `status`, ms", "ours_ms", "{:.1f}"),
    ("getAllProcessInfo, calls a second", "calls_per_s", "{:.1f}"),
    ("memory (PSS) of the daemon's processes, MiB", "pss_mib", "{:.1f}"),
)


def measured(bench):
    """One run of each daemon with a server, all of its programs up."""
    kinds, left_out = bench.wanted_of(DAEMONS)
    found = {name: dict(bench.run(name, ["start", "settle", "pss", "clients"]),
                        version=kind.version(bench.args.build)) for name, kind in kinds.items()}
    return {"clients": found, "left_out": left_out, "failed": bench.failed,
            "programs": bench.args.programs, "machine": report.machine()}


def markdown(found):
    names = [n for n in DAEMONS if n in found["clients"]]
    ours = found["clients"].get("supd-served", {})
    rows = []
    for what, key, form in ROWS:
        cells = [report.cell(report.pick(found["clients"][n], (key,)),
                             None if n == "supd-served" else report.pick(ours, (key,)), form)
                 for n in names]
        rows.append([what] + cells)
    head = [f"{found['programs']:,} programs"] + [TITLES[n] for n in names]
    said = [f"- {TITLES[n]}: {found['clients'][n]['version']}" for n in names]
    by_name = ours.get("pss_by_name", {})
    if by_name:
        said.append("- memory of ours, PSS: "
                    + ", ".join(f"{name} {kib} KiB" for name, kib in sorted(by_name.items())))
    said += [f"- {n} was left out: {why}" for n, why in found["left_out"].items()]
    facts = "; ".join(f"{key}: {value}" for key, value in found["machine"].items())
    return report.table(head, rows) + f"\n\nMachine: {facts}.\n\n" + "\n".join(said)

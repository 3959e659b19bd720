"""Runs as PID 1 of namespaces of its own, loopback included: one watcher, one part, its figures as JSON.

The one argument is a JSON object: watcher, part, build, place, and the sizes of the part: probes,
interval and window (s), mib, rate (MiB/s), datagrams, programs.
"""
import http.client
import json
import os
import resource
import subprocess
import sys
import time

import measure
from watchers import HTTP, HTTPS, STATUS, WATCHERS, url_of, write

LIMIT = 60.0
LINE = "2026-11-23T18:{:02}:{:02}.{:03}Z {} api method=GET path=/v1/users/{} status={} took={}ms\n"

NGINX = """daemon off; master_process off; worker_processes 1; error_log stderr crit;
pid {place}/nginx.pid; worker_rlimit_nofile 60000; user root;
events {{ worker_connections 20000; multi_accept on; }}
http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p;
  fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
  server {{ listen 127.0.0.1:{HTTP} backlog=4096; return 200 "ok\\n"; }}
  server {{ listen 127.0.0.1:{HTTPS} ssl backlog=4096; ssl_certificate {place}/cert.pem;
           ssl_certificate_key {place}/key.pem; return 200 "ok\\n"; }}
  server {{ listen 127.0.0.1:{STATUS}; stub_status; }} }}
"""


class World:
    """The one that watches, and what there is to be watched."""

    def __init__(self, watcher, want):
        self.w, self.want = watcher, want
        self.log = open(watcher.path("output"), "ab")
        self.children = []

    def start(self, argv, **kw):
        kw.setdefault("stdout", self.log)
        process = subprocess.Popen(argv, env=self.w.env, cwd=self.w.place, stdin=subprocess.DEVNULL,
                                   stderr=self.log, **kw)
        self.children.append(process)
        return process

    def start_server(self):
        place = self.w.place
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=bench", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", f"{place}/key.pem", "-out",
                        f"{place}/cert.pem"], check=True, stderr=self.log)
        write(f"{place}/nginx.conf", NGINX.format(place=place, HTTP=HTTP, HTTPS=HTTPS, STATUS=STATUS))
        self.start(["nginx", "-p", place, "-c", f"{place}/nginx.conf"])
        measure.poll(self.accepted, LIMIT, "the server answers", every=0.05)

    @staticmethod
    def accepted():
        """Connections that the server has accepted so far, but for those of this question."""
        c = http.client.HTTPConnection("127.0.0.1", STATUS, timeout=5)
        try:
            c.request("GET", "/")
            World.asked += 1
            return int(c.getresponse().read().split()[7]) - World.asked + 1
        except OSError:
            return 0
        finally:
            c.close()

    asked = 0

    def pids(self):
        mine = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [p for p in mine if measure.exe_of(p) in self.w.processes]

    def cpu(self):
        return measure.cpu_ns(self.pids()) / 1e9


# ---- probes ----

def probes(world, kind):
    w, want = world.w, world.want
    world.start_server()
    w.configure(kind, want["probes"], want["interval"])
    world.start(w.command())
    stop = w.drive(kind)
    measure.poll(lambda: world.accepted() > min(want["probes"] / 4, 20), LIMIT, "probes are made", every=0.2)
    time.sleep(want["interval"])
    count, cpu, began = world.accepted(), world.cpu(), time.monotonic()
    time.sleep(want["window"])
    count, cpu, took = world.accepted() - count, world.cpu() - cpu, time.monotonic() - began
    stop()
    return {"us": cpu * 1e6 / max(count, 1), "attempts": count, "per_second": count / took,
            "cpu_percent": 100 * cpu / took}


def floor(world, kind):
    world.start_server()
    n = world.want["probes"] * 2
    ca = [world.w.path("cert.pem")] if kind == "https" else []
    url = f"tcp://127.0.0.1:{HTTP}" if kind == "tcp" else url_of(kind)
    out = subprocess.run(world.w.tool("floor", url, n, *ca), stdout=subprocess.PIPE, text=True,
                         check=True, timeout=LIMIT).stdout
    return {"us": float(out.split()[1]), "attempts": n}


def many(world):
    """All of them each so many seconds: CPU, and the latest start."""
    w, want = world.w, world.want
    if hasattr(w, "configure_alerted"):
        w.configure = w.configure_alerted
    found = probes(world, "http")
    due = want["probes"] / want["interval"]
    found["kept"] = found["per_second"] / due
    if w.name == "supd":
        found["ok"] = sum(w.metrics("probe_success"))
        time.sleep(1)  # a scrape must not make others late either
        found["late_ms"] = max(w.metrics("probe_late_max_seconds")) * 1000
    return found


# ---- lines ----

def make_text(path):
    """1 MiB of an access log, 1 % of it errors, the same each time; how many lines."""
    text, lines = "", 0
    while len(text) < 1024 * 1024:
        bad = lines % 100 == 0
        text += LINE.format(lines % 60, lines * 7 % 60, lines % 1000, "ERROR" if bad else "INFO",
                            lines * 7919 % 100000, 503 if bad else 200, lines * 31 % 900)
        lines += 1
    write(path, text)
    return len(text), lines


def writer(world, size, path):
    w, want = world.w, world.want
    gate = w.path("gate")
    os.mkfifo(gate)
    mib = -(-size * want["mib"] // (1024 * 1024))
    return gate, [str(x) for x in (w.path("writer"), w.path("board"), gate, 4096, mib, want["rate"], path)]


def open_gate(path):
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def settled(world):
    """Until the CPU time stands still."""
    last = [-1.0]

    def still():
        now, before = world.cpu(), last[0]
        last[0] = now
        return now - before < 0.002
    measure.poll(still, LIMIT, "all is read", every=1.2)


def lines(world, metric=True):
    w, want = world.w, world.want
    size, count = make_text(w.path("text"))
    gate, command = writer(world, size, w.path("text"))
    board = measure.Board(w.path("board"), 1)
    own = hasattr(w, "metrics")
    if own:
        w.configure_lines(command, metric)
    else:
        write(w.path("log.txt"), "begin\n")
        w.configure_lines(w.path("log.txt"))
        with open(w.path("log.txt"), "ab") as f:
            world.start(command, stdout=f)
    world.start(w.command())
    time.sleep(3)
    cpu, began = world.cpu(), time.monotonic_ns()
    os.close(measure.poll(lambda: open_gate(gate), LIMIT, "the writer waits"))
    board.wait_row(0, began, LIMIT, "the writer has written all")
    settled(world)
    cpu = world.cpu() - cpu
    mib = int(command[4])
    total = mib * 1024 * 1024 * count // size
    found = {"cpu_ms_per_mib": cpu * 1000 / mib, "lines_per_cpu_s": total / cpu}
    if own and metric:
        seen = w.metrics("supd_metric_ok_total")[0] + w.metrics("supd_metric_errors_total")[0]
        found["lost_percent"] = max(0.0, 100 * (1 - seen / total))
    return found


# ---- StatsD ----

def statsd(world, kind):
    w, want = world.w, world.want
    os.makedirs(w.path("state"), exist_ok=True)
    os.chmod(w.path("state"), 0o777)
    w.configure_statsd()
    world.start(w.command())
    to = "udp:8125" if kind == "udp" else w.path("state", "statsd.sock")
    time.sleep(3)
    cpu, n = world.cpu(), want["datagrams"]
    out = subprocess.run([w.path("datagrams"), to, str(n), str(want["datagram_rate"])], check=True,
                         stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    settled(world)
    cpu = world.cpu() - cpu
    seen = sum(w.metrics("supd_metric_ok_total") + w.metrics("supd_metric_errors_total"))
    return {"per_cpu_s": seen / cpu, "lost_percent": 100 * (1 - seen / n), "sent_per_s": float(out.stdout)}


# ---- memory ----

def memory(world):
    w, want = world.w, world.want
    world.start_server()
    if hasattr(w, "configure_memory"):
        board = measure.Board(w.path("board"), want["programs"])
        w.configure_memory(want["programs"], want["probes"])
    else:
        w.configure("http", want["probes"], 5)
    world.start(w.command())
    if hasattr(w, "configure_memory"):
        board.wait_all(0, LIMIT, "all programs have started")
    stop = w.drive("http")
    measure.poll(lambda: world.accepted() > 2 * want["probes"], LIMIT, "probes are made", every=0.2)
    stop()
    time.sleep(5)
    return measure.memory(world.pids())


PARTS = {"many": many, "lines": lines, "memory": memory,
         "capture": lambda world: lines(world, metric=False),
         "statsd-udp": lambda world: statsd(world, "udp"),
         "statsd-unix": lambda world: statsd(world, "unix")}


def main():
    want = json.loads(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    world = World(WATCHERS[want["watcher"]](want["place"], want["build"]), want)
    part = want["part"]
    try:
        if part in PARTS:
            found = PARTS[part](world)
        else:
            found = (floor if want["watcher"] == "floor" else probes)(world, part)
    except (measure.Slow, OSError, subprocess.SubprocessError, ValueError) as wrong:
        with open(world.w.path("output"), encoding="utf-8", errors="replace") as f:
            sys.exit(f"{want['watcher']}: {part}: {wrong}\n{f.read()[-2000:]}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What probes cost: CPU per attempt with a fresh connection, and 10,000 probes each 10 s.

Usage: probes.py [SECONDS [WORDS OF A CASE]]. Needs `./dev build`; every run has a server of its own on loopback."""
import os
import socket
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.environ.get("SUPD_BUILD", "build"), "tests", "probes")
CASES = (
    # name, probes, interval, the lines of one probe
    ("tcp, fresh, 1,000 a second", 1000, "1s", "type=tcp\naddress=127.0.0.1:{port}\n"),
    ("tcp with send and expect", 1000, "1s",
     "type=tcp\naddress=127.0.0.1:{port}\nsend=GET / HTTP/1.0\\r\\n\\r\\n\nexpect=200 OK\n"),
    ("http, fresh, 1,000 a second", 1000, "1s", "type=http\nurl=http://127.0.0.1:{port}/\n"),
    ("http, fresh, by name", 1000, "1s", "type=http\nurl=http://localhost:{port}/\n"),
    ("http, fresh, with body_regex", 1000, "1s",
     "type=http\nurl=http://127.0.0.1:{port}/\nbody_regex=^ok$\n"),
    ("http, reuse, 1,000 a second", 1000, "1s",
     "type=http\nurl=http://127.0.0.1:{port}/\nconnection=reuse\n"),
    ("10,000 http probes each 10 s, fresh", 10000, "10s",
     "type=http\nurl=http://127.0.0.1:{port}/\n"),
    ("the same, every second one of a name of its own at a dead DNS server", 10000, "10s",
     "type=http\nurl=http://{host}:{port}/\nstart_period=0\n"),
)


def configuration(path, port, count, interval, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("[supervisord]\n")
        for i in range(count):
            host = f"h{i}.example" if i % 2 else "127.0.0.1"
            f.write(f"[probe:p{i}]\ninterval={interval}\n" + lines.format(port=port, host=host))


def show_floor(seconds):
    server = subprocess.Popen([TOOL, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
    print("== floor: bare libcurl, fresh connections, one each millisecond", flush=True)
    subprocess.run([TOOL, "floor", url, str(int(seconds * 500))], check=True, timeout=seconds + 60)
    server.stdin.close()
    server.wait(timeout=10)


def measure(case, seconds):
    name, count, interval, lines = case
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([TOOL, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        path = os.path.join(folder, "probes.conf")
        configuration(path, server.stdout.readline().strip(), count, interval, lines)
        dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        dead.bind(("127.0.0.1", 0))
        dns = [f"127.0.0.1:{dead.getsockname()[1]}"] if "{host}" in lines else []
        out = subprocess.run([TOOL, "run", path, str(seconds), *dns], stdout=subprocess.PIPE, text=True,
                             timeout=seconds + 60, check=True).stdout
        dead.close()
        server.stdin.close()
        server.wait(timeout=10)
    print(f"== {name}")
    print("\n".join("   " + line for line in out.splitlines()[-3:]), flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    show_floor(seconds)
    for case in CASES:
        if len(sys.argv) > 2 and sys.argv[2] not in case[0]:
            continue
        measure(case, max(seconds, 40) if case[1] > 1000 else seconds)


if __name__ == "__main__":
    main()

"""PostgreSQL as a program of supd, watched: what an alert says, when, and how often, when the server is
stopped, lets nobody in, or is no longer reached."""
import collections
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from harness.beacon import late
from harness.namespace import command_of
from harness.postgres import Postgres, bin_dir
from harness.waiting import wait

pytestmark = pytest.mark.skipif(not bin_dir(), reason="no PostgreSQL server is installed (postgresql)")
PLACES = 5  # max_connections

CONF = """[supd]
[supervisord]
[program:db]
command=BIN/postgres -D DATA -c listen_addresses=HOST
user=nobody
startsecs=0
stopsignal=INT
redirect_stderr=true
stdout_logfile=%(here)s/db.log

[agent]
listen=9190
state_dir=%(here)s/agent

[probe:pg]
type=postgres
program=db
host=HOST
port=PORT
user=boss
dbname=postgres
password=pass word
interval=1s
timeout=600ms
confirm=200ms
fall=3
rise=2
start_period=10s
fresh_every=3

; beside it, to see that it starts in time whatever that one meets
[probe:beside]
type=http
url=http://127.0.0.1:9190/-/healthy
interval=1s

[alert:pg-down]
type=probe
probe=pg
for=1s
keep_firing=1s
severity=page
runbook=https://runbooks.example/db
description={{text}}

[notify:file]
type=command
command=tee -a %(here)s/agent/notices
"""
# the first attempt that fails, its two confirmations, for=, and the timeouts of the attempts
FIRES_WITHIN = 1 + 2 * 0.2 + 1 + 3 * 0.6


@pytest.fixture(scope="module")
def cluster():
    """A data folder on a file system in memory, without a server."""
    folder = tempfile.mkdtemp(prefix="supd-test-pg-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    os.chmod(folder, 0o755)
    pg = Postgres(os.path.join(folder, "server"), start=False,
                  settings=[f"max_connections={PLACES}", "superuser_reserved_connections=0", "max_wal_senders=0"])
    with open(os.path.join(pg.data, "pg_hba.conf"), "a", encoding="utf-8") as f:
        f.write("host all all 10.77.0.0/24 scram-sha-256\n")
    yield pg
    shutil.rmtree(folder)


def conf_of(cluster, host="127.0.0.1"):
    return CONF.replace("BIN", bin_dir()).replace("DATA", cluster.data).replace("HOST", host).replace(
        "PORT", str(cluster.port))


class Watched:
    """The server under supd, and what was told of it."""

    def __init__(self, s, cluster):
        self.s, self.pg = s, cluster
        self.s.wait(lambda: self.probe("pg").get("state") == "OK", 30)
        self.s.wait(lambda: int(self.probe("pg")["runs"]) > 3)

    def records(self, *words):
        done = self.s.ctl("--json", *words)
        return {r["name"]: r for r in json.loads(done.stdout)} if done.returncode in (0, 3) else {}

    def probe(self, name):
        return self.records("probes").get(name, {})

    def alert(self):
        return self.records("alerts").get("pg-down", {})

    def notices(self):
        return [json.loads(line) for line in self.s.read("agent/notices").splitlines(keepends=True)
                if line.endswith("\n")]

    def reasons(self):
        """Counter {reason: failures} of the probe, as /metrics has them."""
        text = self.s.run("curl", "-sS", "http://127.0.0.1:9190/metrics").stdout
        return collections.Counter({m[1]: int(m[2]) for m in re.finditer(
            r'^probe_failures_total\{probe="pg",.*reason="(\w+)"\} (\d+)$', text, re.M)})

    def psql(self):
        """A session that holds one of the server's places."""
        argv = [os.path.join(bin_dir(), "psql"), "-h", self.pg.dir, "-p", str(self.pg.port), "-U", "boss",
                "-d", "postgres", "-AtqX"]
        return subprocess.Popen(self.s.ns.enter_command(argv), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def wait_fires(self, since, reason, text):
        """One notice, in time, with these words; returns it."""
        told = self.s.wait(self.notices, 30)
        took = time.monotonic() - since
        assert took < FIRES_WITHIN + 4 * late() / 1000, took
        assert len(told) == 1 and told[0]["status"] == "firing", told
        text = rf"the probe pg has failed since \d\d:\d\d UTC: {text}"
        assert re.match(text, told[0]["description"]), told[0]["description"]
        assert self.probe("pg")["reason"] == reason
        assert told[0]["runbook"] == "https://runbooks.example/db" and told[0]["severity"] == "page"
        assert self.alert()["state"] == "FIRING"
        return told[0]

    def wait_resolves(self, fired):
        """The second and last notice is its end."""
        self.s.wait(lambda: len(self.notices()) > 1, 30)
        self.s.wait(lambda: self.alert()["state"] == "OK")
        told = self.notices()
        assert [n["status"] for n in told] == ["firing", "resolved"], told
        assert told[1]["key"] == fired["key"]
        before = int(self.probe("pg")["runs"])
        self.s.wait(lambda: int(self.probe("pg")["runs"]) > before + 3)
        assert self.notices() == told

    def assert_in_time(self):
        """No attempt began late, as far as this machine could help it."""
        for name in ("pg", "beside"):
            assert int(self.probe(name)["late_max_ms"]) < 100 + late(), self.probe(name)
        assert int(self.probe("beside")["failures"]) == 0


def test_the_server_is_stopped_and_started(sup, cluster):
    w = Watched(sup(conf_of(cluster)), cluster)
    assert w.s.status()["db"]["health"] == "OK"
    since = time.monotonic()
    w.s.ok("stop", "db")
    fired = w.wait_fires(since, "connect_refused", r"connection to server at "
                                r"\"127\.0\.0\.1\", port \d+ failed: Connection refused")
    assert re.match("(?s)alert pg-down .* is FIRING; .*Connection refused.*file: was told", w.s.ok("explain", "pg-down"))
    w.s.ok("start", "db")
    w.wait_resolves(fired)
    w.assert_in_time()


@contextlib.contextmanager
def a_full_house(w):
    """As many sessions as the server lets in, beside the one that the probe holds."""
    held = []
    try:
        while len(held) < PLACES - 1:
            held.append(w.psql())
            held[-1].stdin.write("select 1;\n")
            held[-1].stdin.flush()
            assert held[-1].stdout.readline() == "1\n"
        yield held
    finally:
        for one in held:
            one.kill()
            one.communicate(timeout=10)


@pytest.mark.timeout(90)
def test_all_connections_are_taken(sup, cluster):
    """The held connection would not notice: the fresh one does, and goes on being tried."""
    w = Watched(sup(conf_of(cluster)), cluster)
    since = time.monotonic()
    with a_full_house(w) as held:
        # two attempts of three use the connection that is there
        fired = w.wait_fires(since - 2, "sql", r"connection .*: FATAL: +sorry, too many clients already")
        held[0].stdin.write("select count(*) from pg_stat_activity where application_name='supd';\n")
        held[0].stdin.flush()
        assert held[0].stdout.readline() == "1\n"  # nobody took its place, and it was not given up
        before = int(w.probe("pg")["runs"])
        w.s.wait(lambda: int(w.probe("pg")["runs"]) > before + 3)
        assert w.probe("pg")["state"] == "FAILED"
    w.wait_resolves(fired)
    w.assert_in_time()


class Apart:
    """A network namespace of the server's own, at the other end of a cable."""

    def __init__(self, s):
        self.s = s
        self.holder = subprocess.Popen(s.ns.enter_command(["unshare", "--net", "sleep", "1000"]),
                                       stdin=subprocess.DEVNULL)
        self.pid = wait(self._there, 10)
        inner = s.ns.inner(self.pid)
        self._do("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(inner))
        self._do("ip", "address", "add", "10.77.0.1/24", "dev", "near")
        self._do("ip", "link", "set", "near", "up")
        self.inside("address", "add", "10.77.0.2/24", "dev", "far")
        self.inside("link", "set", "lo", "up")
        self.inside("link", "set", "far", "up")
        s.write("net", "")  # what the program's command enters
        self._do("mount", "--bind", f"/proc/{inner}/ns/net", s.path("net"))

    def _there(self):
        """The holder, once it has left the namespace that it began in."""
        outside = os.readlink(f"/proc/{self.s.ns.init}/ns/net")
        for pid in self.s.pids:
            with contextlib.suppress(OSError):
                if "sleep 1000" in command_of(pid) and os.readlink(f"/proc/{pid}/ns/net") != outside:
                    return pid
        return None

    def _do(self, *argv):
        done = self.s.run(*argv)
        assert done.returncode == 0, done.stderr

    def inside(self, *words):
        self._do("nsenter", f"--net=/proc/{self.s.ns.inner(self.pid)}/ns/net", "ip", *words)

    def close(self):
        self.holder.kill()
        self.holder.wait(10)


def test_the_network_to_it_is_gone(sup, cluster):
    """Nothing is refused: packets vanish, first under the held connection, then under fresh ones."""
    conf = conf_of(cluster, "10.77.0.2").replace(
        "user=nobody\n", "autostart=false\n").replace(
        "[program:db]\ncommand=", "[program:db]\ncommand=nsenter --net=%(here)s/net setpriv --reuid=nobody "
        "--regid=nogroup --clear-groups ")
    s = sup(conf)
    apart = Apart(s)
    try:
        s.ok("start", "db")
        w = Watched(s, cluster)
        before, since = w.reasons(), time.monotonic()
        apart.inside("route", "add", "blackhole", "10.77.0.1/32")
        fired = w.wait_fires(since, "connect_timeout", r"10\.77\.0\.2:\d+ cannot be "
                                    r"connected to in time$")
        new = w.reasons() - before
        assert set(new) == {"read_timeout", "connect_timeout"} and new["read_timeout"] == 1
        apart.inside("route", "del", "blackhole", "10.77.0.1/32")
        w.wait_resolves(fired)
        w.assert_in_time()
    finally:
        apart.close()

"""StatsD from its senders to an alert: over UDP and a unix socket, well-formed and not."""
import json
import re

import pytest

CONF = """[supd]
[supervisord]
[program:a]
command=/bin/sleep 1000
startsecs=0
[agent]
listen=9190
statsd_listen=8125
statsd_socket=/run/statsd/sock
[metric:jobs]
type=counter
ok=jobs.ok
errors=jobs.err
cell=1s
[metric:lat]
type=timer
timer=lat
over=300ms
cell=1s
[notify:all]
type=log
[alert:errors]
type=ratio
metric=jobs
over=5%%
window=1m
severity=critical
for=0
keep_firing=0
notify=all
[alert:slow]
type=percentile
metric=lat
percentile=95
over=300ms
window=1m
severity=warning
for=0
keep_firing=0
notify=all
"""

SEND = """
import socket, sys
way, n, *texts = sys.argv[1:]
if way == "udp":
    s, to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), ("127.0.0.1", 8125)
else:
    s, to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), "/run/statsd/sock"
for _ in range(int(n)):
    for text in texts:
        s.sendto(text.encode("latin-1").decode("unicode_escape").encode("latin-1"), to)
"""


@pytest.fixture
def world(sup):
    s = sup(CONF, ready=False, prefix=["sh", "-c", 'mkdir -m 777 /run/statsd; exec "$@"', "sh"])
    s.expect_log("alert errors: firing")
    s.wait_ready()
    s.wait(lambda: s.run("test", "-S", "/run/statsd/sock").returncode == 0)
    s.wait(lambda: counts(s))
    return s


def send(s, way, *texts, times=1, uid="65533"):
    """Sends datagrams as some user inside."""
    done = s.run("setpriv", "--reuid", uid, "--clear-groups", "/usr/bin/python3", "-c", SEND, way, str(times), *texts)
    assert done.returncode == 0, done.stderr


def get(s):
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9190/metrics', timeout=5).read().decode())"
    return s.run("/usr/bin/python3", "-c", code).stdout


def counts(s):
    """{samples, ignored, refused, lost} so far."""
    return {name: int(n) for name, n in re.findall(r"^supd_statsd_(\w+)_total (\d+)$", get(s), re.M)}


def window(s, name):
    done = s.ctl("--json", "metrics", name)
    rows = json.loads(done.stdout) if done.returncode == 0 else []
    return next(((int(m["total"]), int(m["errors"])) for m in rows if m["window"] == "1m"), None)


@pytest.mark.parametrize("way", ["udp", "unix"])
def test_counters_to_an_alert(world, way):
    s = world
    send(s, way, "jobs.ok:1|c", "jobs.err:0|c\\njobs.ok:9|c|#env:prod", times=10)
    s.wait(lambda: window(s, "jobs") == (100, 0))
    assert "OK" in s.ctl("alerts").stdout and "firing" not in s.log_text()
    send(s, way, "jobs.err:5|c", times=10)
    s.wait(lambda: window(s, "jobs") == (150, 50))
    s.wait_log(r"alert errors: firing severity=critical .*33")
    send(s, way, "jobs.ok:1000|c|@0.1")  # a sampled counter stands for ten times as many
    s.wait(lambda: window(s, "jobs") == (10150, 50))
    s.wait_log(r"alert errors: resolved", 15)
    assert s.log_text().count("alert errors: firing") == 1


@pytest.mark.parametrize("way", ["udp", "unix"])
def test_timers_to_an_alert(world, way):
    s = world
    send(s, way, "lat:20|ms", times=300)
    s.wait(lambda: window(s, "lat") == (300, 0))
    send(s, way, "lat:800:900:1000|ms", times=40)
    s.wait(lambda: window(s, "lat") == (420, 120))
    s.wait_log(r"alert slow: firing severity=warning")


def test_malformed_datagrams_are_counted(world):
    s = world
    bad = ["nonsense", "jobs.ok:|c", "jobs.ok:x|c", "jobs.ok:nan|c", "jobs.ok:1|q", "jobs.ok:1|c|@7", ":1|c",
           "jobs.ok:1|c|@", "\\x00\\xff\\xfe", "jobs.ok:1e999|c"]
    before = counts(s)
    send(s, "udp", *bad)
    s.wait(lambda: counts(s)["refused"] == before["refused"] + len(bad), what=lambda: str(counts(s)))
    send(s, "unix", "_e{5,4}:title|text", "_sc|name|0", "jobs.ok:1|c\\nbad\\njobs.ok:1|c")
    s.wait(lambda: counts(s)["ignored"] == before["ignored"] + 2, what=lambda: str(counts(s)))
    after = counts(s)
    assert after["refused"] == before["refused"] + len(bad) + 1
    assert after["samples"] == before["samples"] + 2
    s.wait(lambda: window(s, "jobs") == (2, 0))  # what stood beside them counts


def test_a_datagram_that_is_too_long_makes_the_window_unknown(world):
    s = world
    send(s, "unix", "jobs.ok:1|c")
    s.wait(lambda: window(s, "jobs") == (1, 0))
    send(s, "unix", "jobs.ok:1|c\\n" * 900)
    s.wait(lambda: counts(s)["lost"] == 1)
    rows = {m["window"]: m["known"] for m in json.loads(s.ctl("--json", "metrics", "jobs").stdout)}
    assert rows["1m"] != "100%", rows


def test_the_socket_follows_agent_and_configuration(world):
    s = world
    old = json.loads(s.ctl("--json", "agent", "ping").stdout)["pid"]
    s.kill(old)  # it leaves its socket behind
    s.wait(lambda: s.ctl("agent", "ping").returncode == 0
           and json.loads(s.ctl("--json", "agent", "ping").stdout)["pid"] != old)
    s.wait(lambda: counts(s))
    send(s, "unix", "jobs.ok:1|c")
    send(s, "udp", "jobs.ok:1|c")
    s.wait(lambda: counts(s)["samples"] == 2)
    s.write("supd.conf", s.read("supd.conf").replace("/run/statsd/sock", "/run/statsd/other").replace("8125", "8126"))
    s.ok("update")
    s.wait(lambda: s.run("test", "-S", "/run/statsd/other").returncode == 0)
    s.wait(lambda: s.run("test", "-e", "/run/statsd/sock").returncode == 1)
    s.run("/usr/bin/python3", "-c", SEND.replace("8125", "8126"), "udp", "1", "jobs.ok:1|c")
    s.wait(lambda: counts(s)["samples"] == 3)

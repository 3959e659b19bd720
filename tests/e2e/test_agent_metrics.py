"""/metrics with what could break it: hostile names, alerts that went, a port that is taken, many scrapers."""
import json
import os
import subprocess
import sys

BASE = """[supd]
[supervisord]
childlogdir=%(here)s
[agent]
listen=9190
state_dir=%(here)s/state
[program:web]
command=/bin/sleep 1000
startsecs=0
"""

GET = r"""
import socket, sys
times, slow = int(sys.argv[1]), int(sys.argv[2])
def opened():
    return socket.create_connection(("127.0.0.1", 9190), 5)
held = [opened() for _ in range(slow)]
for s in held:
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
for _ in range(times):
    with opened() as s:
        s.settimeout(20)
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"200 OK" in head and b"Content-Length: %d" % len(body) in head, head
sys.stdout.buffer.write(body)
"""


def metrics(s, times=1, slow=0):
    """The text of the last of so many scrapes, while others do not come to an end; None: nobody answers."""
    done = s.run(sys.executable, "-c", GET, str(times), str(slow), timeout=60)
    assert done.returncode == 0 or "Refused" in done.stderr, done.stderr
    return done.stdout if done.returncode == 0 else None


def samples(text):
    """{name and labels: value}; fails when promtool complains, or what it does not see is wrong."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found, families = {}, []
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            families.append(line.split()[2])
        elif not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            assert key not in found, f"twice: {line}"
            assert key.startswith(families[-1]), f"outside of its family: {line}"
            found[key] = float(value)
    assert len(families) == len(set(families))
    return found


def test_hostile_names(sup):
    names = ['quo"te', "bäck\\slash", "sp ace", "emoji🔥", "a{b}c=d,e", "x'y"]
    conf = BASE + "".join(
        f"[probe:{n}]\ntype=tcp\nhost=127.0.0.1\nport=1\ninterval=500ms\n[metric:{n}]\ntype=probe\nprobe={n}\n"
        f"[alert:{n}]\ntype=program\nprogram=web\nstate=RUNNING\nfor=0s\n"
        f"[notify:{n}]\ntype=command\ncommand=/bin/true\n" for n in names)
    s = sup(conf)
    s.wait(lambda: s.ctl("alerts").stdout.count("FIRING") == len(names))
    s.wait(lambda: s.ok("notify").count(" ok ") == len(names))
    s.wait(lambda: s.ok("probes").count("connect_refused") == len(names))
    found = samples(metrics(s))
    for name in ('quo\\"te', "bäck\\\\slash", "sp ace", "emoji🔥", "a{b}c=d,e", "x'y"):
        assert found[f'supd_alert_firing{{alert="{name}",kind="alert",severity="warning"}}'] == 1
        assert found[f'supd_notices_delivered_total{{notifier="{name}"}}'] >= len(names)
        assert f'probe_success{{probe="{name}",type="tcp"}}' in found
        assert f'supd_metric_errors_total{{metric="{name}"}}' in found
    for name in names:
        assert s.ctl("explain", f"alert:{name}").returncode == 0
        s.ok("alerts", "ack", name)
    samples(metrics(s))


def test_an_alert_that_went_leaves_no_second_sample(sup):
    conf = (BASE + "[notify:dead]\ntype=webhook\nurl=http://127.0.0.1:1/t0ps3cret\n"
            "[alert:up]\ntype=program\nprogram=web\nstate=RUNNING\nfor=0s\n")
    s = sup(conf)
    s.wait(lambda: "failing" in s.ctl("notify").stdout)
    s.write("supd.conf", conf + "labels=team=x\n")  # another alert of the same name
    s.ok("update")
    out = s.wait(lambda: s.ctl("alerts", "up").stdout.count("warning") == 2 and s.ctl("alerts", "up").stdout)
    assert "it is not in the configuration any more" in out
    assert samples(metrics(s))['supd_alert_firing{alert="up",kind="alert",severity="warning"}'] == 1
    said = s.ctl("notify", "test", "dead")
    assert said.returncode == 1 and "connection refused by 127.0.0.1:1" in said.stderr
    told = said.stderr + s.ok("explain", "dead", "up") + s.ctl("notify").stdout + s.ok("config") + s.log_text()
    assert "t0ps3cret" not in told


def test_a_port_that_is_taken_is_tried_again_at_a_reload(sup):
    hold = "import socket,time; s=socket.create_server(('127.0.0.1',9190)); time.sleep(1000)"
    s = sup(BASE.replace("listen=9190\n", "") +
            f"[program:holder]\ncommand={sys.executable} -c \"{hold}\"\nstartsecs=0\n")
    s.expect_log("cannot listen on 127.0.0.1:9190 for .agent.: Address already in use")
    s.wait(lambda: s.run("ss", "-ltnH").stdout)
    s.write("supd.conf", s.read("supd.conf").replace("[agent]\n", "[agent]\nlisten=9190\n"))
    s.ok("update")
    s.wait_log("cannot listen on 127.0.0.1:9190")
    s.ok("stop", "holder")
    s.ok("update")
    assert samples(s.wait(lambda: metrics(s)))


def test_a_thousand_scrapes_beside_slow_ones(sup):
    s = sup(BASE + "".join(f"[probe:p{i}]\ntype=tcp\nhost=127.0.0.1\nport=1\ninterval=1s\n" for i in range(20)))
    s.wait(lambda: metrics(s))
    pid = s.ns.outer(json.loads(s.ok("--json", "agent", "ping"))["pid"])

    def open_files():
        return len(os.listdir(f"/proc/{pid}/fd"))

    before = open_files()
    samples(metrics(s, times=1000, slow=40))
    s.wait(lambda: open_files() <= before, 20)

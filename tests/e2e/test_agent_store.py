"""Where the agent keeps what must survive it: state_dir=, and memory that supd holds where that cannot be used."""
import json
import os
import shutil
import stat
import subprocess

import pytest

from harness.agents import again, ping
from harness.pki import Pki
from harness.stall import stalled

CONF = """[supd]
[supervisord]
[program:a]
command=/bin/sleep 1000
startsecs=0
[agent]
%s
[probe:dead]
type=tcp
address=127.0.0.1:1
interval=300ms
confirm=50ms
start_period=0
[notify:all]
type=log
[alert:down]
type=probe
probe=dead
severity=critical
for=0
keep_firing=0
notify=all
"""


def firing(s):
    return s.log_text().count("alert down: firing")


def start(sup, agent, **kw):
    s = sup(CONF % agent, ready=False, **kw)
    s.expect_log("alert down: firing")
    return s


def survives_the_agent(s):
    """What was told, acknowledged and silenced, and the state of the probe, is known to the next agent."""
    s.wait_log("alert down: firing", 15)
    s.ok("alerts", "ack", "down")
    s.ok("alerts", "silence", "program=a", "for=1h", "reason=work")
    assert "work" in s.ctl("alerts", "silences").stdout
    for _ in range(2):
        again(s)
        s.wait(lambda: "FIRING" in s.ctl("alerts").stdout)
        assert "ack" in s.ctl("alerts").stdout.lower(), s.ctl("alerts").stdout
        assert "work" in s.ctl("alerts", "silences").stdout
    s.wait(lambda: s.log_text().count("1 of 1 probes go on where they were") == 2)
    assert firing(s) == 1 and "damaged" not in s.log_text(), s.log_text()


def test_made_for_its_user(sup):
    s = start(sup, "state_dir=/run/deep\nuser=daemon")
    s.wait_ready()
    survives_the_agent(s)
    done = s.run("stat", "-c", "%U %a", "/run/deep", "/run/deep/agent.db")
    assert done.stdout.split("\n")[:2] == ["daemon 700", "daemon 600"]


def test_made_for_nobody(sup):
    s = start(sup, "state_dir=%(here)s/state")
    s.wait_ready()
    s.wait_log("alert down: firing", 15)
    there = os.stat(s.path("state"))
    assert (there.st_uid, stat.S_IMODE(there.st_mode)) == (65534, 0o700)


REASONS = {
    "wrong-owner": ("mkdir -m 700 /run/x", "cannot open /run/x/agent.db: Permission denied"),
    "no-parent": ("true", "cannot open /run/x/agent.db: No such file or directory"),
    "read-only": ("mkdir -m 777 /run/x; mount -t tmpfs -o ro,mode=777 tmpfs /run/x",
                  "cannot open /run/x/agent.db: Read-only file system"),
    "full": ("mkdir /run/x; mount -t tmpfs -o size=8k,mode=777 tmpfs /run/x; head -c 8192 /dev/zero > /run/x/fill",
             "/run/x/agent.db: cannot write: "),
    "a-file": ("touch /run/x", "cannot open /run/x/agent.db: Not a directory"),
    "newer": ("mkdir -m 777 /run/x; /usr/bin/python3 -c \"import sqlite3; c=sqlite3.connect('/run/x/agent.db');"
              "c.execute('PRAGMA user_version=99'); c.close()\"; chmod 666 /run/x/agent.db",
              "was written by a newer version"),
}


@pytest.mark.parametrize("what", sorted(REASONS))
def test_memory_instead(sup, what):
    """The reason is said once an agent, and nothing is lost while supd lives."""
    prepare, words = REASONS[what]
    if "mount" in prepare and os.environ.get("SUPD_CAPS"):
        pytest.skip("what is to be mounted takes a capability that is taken away")
    folder = "/run/x/y" if what == "no-parent" else "/run/x"
    s = start(sup, f"state_dir={folder}", prefix=["sh", "-c", prepare + '; exec "$@"', "sh"])
    s.wait_ready()
    words = words.replace("/run/x/", folder + "/")
    s.wait_log(f"WARN supd-agent: agent: state_dir cannot be used: .*{words}.*; alerts and windows are kept in memory "
               "that supd holds")
    survives_the_agent(s)
    assert s.log_text().count("state_dir cannot be used") == 3  # three agents


# ---- a disk that does not answer ----

def test_a_disk_that_does_not_answer(sup):
    """Probes run meanwhile, and after ten seconds alerts do, too."""
    s = start(sup, "state_dir=%(here)s/state")
    s.wait_ready()
    s.wait_log("alert down: firing", 15)
    with stalled(s.path("state", "agent.db")):
        again(s)
        s.wait(lambda: s.ctl("probes", timeout=5).returncode == 3 and s.log_text().count("probe dead: WAITING -> FAILED") == 2, 8)
        late = json.loads(s.ctl("--json", "probes").stdout)[0]["late_max_ms"]
        assert firing(s) == 1
        s.wait_log("state_dir cannot be used: .*/state does not answer; alerts and windows are kept in memory", 15)
        s.wait(lambda: firing(s) == 2)  # of an empty memory: it is new
        assert int(late) < 100, late


SHIM = r"""
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int mkdir(const char *path, mode_t mode)
{
    if (strstr(path, "/stalled"))
        sleep(20);
    return syscall(SYS_mkdirat, -100, path, mode);
}
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs a compiler")
def test_a_folder_that_cannot_be_made_in_time(sup, tmp_path):
    """supd makes the folder before it starts the agent; the agent does not wait for that."""
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "shim.so", tmp_path / "shim.c"], check=True)
    asan = "verify_asan_link_order=0"
    s = start(sup, "state_dir=/run/stalled", prefix=["env", f"LD_PRELOAD={tmp_path}/shim.so", f"ASAN_OPTIONS={asan}"])
    s.wait_log("alert down: firing", 8)
    s.wait_log("state_dir cannot be used: cannot open /run/stalled/agent.db: No such file", 5)


TLS = """[probe:tls]
type=http
url=https://127.0.0.1:8443/
tls_ca=%(here)s/ca.pem
tls_cert=%(here)s/own.pem
tls_key=%(here)s/own.key
interval=500ms
timeout=400ms
start_period=0
confirm=100ms
[program:silent]
command=/usr/bin/python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', 8443)); time.sleep(1000)"
"""


@pytest.mark.parametrize("file", ["own.key", "ca.pem"])
def test_a_disk_with_certificates_that_does_not_answer(sup, file, tmp_path):
    """Who needs the file waits for it, and nobody else."""
    pki = Pki(str(tmp_path))
    pki.issue("own")
    s = sup((CONF % "state_dir=%(here)s/state") + TLS, ready=False)
    for source, name in (("own.pem", "own.pem"), ("own.key", "own.key"), ("own.pem", "ca.pem")):
        shutil.copy(pki.path(source), s.path(name))
        os.chmod(s.path(name), 0o644)
    s.expect_log("alert down: firing")
    s.wait_ready()
    s.wait(lambda: one(s, "tls").get("reason") == "tls_handshake" or one(s, "tls").get("reason") == "read_timeout")
    with stalled(s.path(file)):
        again(s)  # what was read is kept in memory
        s.wait(lambda: "does not answer" in one(s, "tls").get("detail", ""), 10, lambda: str(one(s, "tls")))
        runs = int(one(s, "dead")["runs"])
        s.wait(lambda: int(one(s, "dead")["runs"]) > runs + 5)
        assert int(one(s, "dead")["late_max_ms"]) < 100, one(s, "dead")
    s.wait(lambda: "does not answer" not in one(s, "tls").get("detail", ""), 10)


def one(s, name):
    done = s.ctl("--json", "probes", timeout=5)
    rows = json.loads(done.stdout) if done.returncode in (0, 3) else []
    return next((p for p in rows if p["name"] == name), {})

"""What supd-agent itself finds wrong with a configuration, as its own user, and how long that may take."""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness.namespace import command_of
from harness.supervised import program
from harness.waiting import wait


NOBODY = re.compile(r"\.type: (?:no alert|there is no \[alert)")


def check(folder, text, **kw):
    path = folder / "x.conf"
    path.write_text(text.replace("[supervisord]", "").join(["[supervisord]\n", ""]))
    done = subprocess.run([program("supd"), "--check", "-c", str(path)], capture_output=True, text=True, timeout=60,
                          check=False, **kw)
    # that nothing here is told to anybody is another test's subject
    lines = [x for x in (done.stdout + done.stderr).splitlines(True) if not NOBODY.search(x)]
    return done.returncode, "".join(lines)


@pytest.fixture
def folder(tmp_path):
    """A folder that every user may look into."""
    for parent in [tmp_path, *tmp_path.parents][:-2]:
        os.chmod(parent, os.stat(parent).st_mode | 0o055)
    return tmp_path


@pytest.fixture
def pem(folder):
    """Two keys with certificates: one.pem and one.key, two.pem and two.key, readable for all."""
    for name in ("one", "two"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-subj", f"/CN={name}", "-days", "30", "-keyout", str(folder / f"{name}.key"),
                        "-out", str(folder / f"{name}.pem")], check=True, capture_output=True)
        os.chmod(folder / f"{name}.key", 0o644)
        os.chmod(folder / f"{name}.pem", 0o644)
    return folder


HTTP = "[probe:p]\ntype=http\nurl=https://localhost/\n"
HOOK = "[notify:n]\ntype=webhook\nurl=https://localhost/\n"
MAIL = "[notify:n]\ntype=smtp\nurl=smtps://localhost\nfrom=a@b\nto=c@d\n"
CERT = "[probe:p]\ntype=cert\n"


@pytest.mark.parametrize("conf,words", [
    (HTTP + "tls_ca=%s/bad.pem", "probe:p.tls_ca: %s/bad.pem: "),
    (HOOK + "tls_ca=%s/bad.pem", "notify:n.tls_ca: %s/bad.pem: "),
    (MAIL + "tls_ca=%s/private.pem", "notify:n.tls_ca: supd-agent, as user nobody, may not open %s/private.pem"),
    ("[agent]\nuser=daemon\n" + MAIL + "tls_ca=%s/private.pem", "supd-agent, as user daemon, may not open %s/private.pem"),
    (HTTP + "tls_cert=%s/one.pem\ntls_key=%s/two.key", "p.tls_key: %s/two.key does not belong to the certificate in %s/one.pem"),
    (HTTP + "tls_cert=%s/one.pem\ntls_key=%s/bad.pem", "p.tls_key: %s/bad.pem: "),
    (HTTP + "tls_cert=%s\ntls_key=%s/one.key", "p.tls_cert: %s is no regular file"),
    (CERT + "files=%s/private.pem", "probe:p.files: supd-agent, as user nobody, may not open %s/private.pem"),
    (CERT + "files=%s/closed/*.pem", "probe:p.files: supd-agent, as user nobody, may not look for %s/closed/*.pem"),
    (CERT + "files=%s/one.pem\nkey_file=%s/private.pem", "probe:p.key_file: supd-agent, as user nobody, may not open"),
    ("[notify:n]\ntype=webhook\nurl=https://[::xyz]/", "notify:n.url: is no URL that can be read"),
    (HOOK + "proxy=http://[::xyz]:80", "notify:n.proxy: is no URL that can be read"),
    ("[notify:n]\ntype=command\ncommand=%s/one.pem now", "notify:n.command: cannot run %s/one.pem: the agent's user may not"),
    ("[program:a]\ncommand=/bin/true\n[metric:m]\ntype=lines\nprogram=a\nerrors=(", "metric:m.errors: "),
])
def test_refused(pem, conf, words):
    (pem / "bad.pem").write_text("no certificate\n")
    (pem / "private.pem").write_text((pem / "one.pem").read_text())
    os.chmod(pem / "private.pem", 0o600)
    (pem / "closed").mkdir(mode=0o700)
    conf = conf.replace("%s", str(pem))
    code, said = check(pem, conf)
    assert code == 2 and words.replace("%s", str(pem)) in said, said
    line = "\n".join(["[supervisord]"] + conf.split("\n")).split("\n").index(
        next(x for x in conf.split("\n") if x.startswith(words.split(":")[1].split(".")[-1] + "="))) + 1 \
        if words.startswith(("probe:", "notify:")) else None
    assert line is None or f"x.conf:{line}:" in said, said
    assert said.count("x.conf:") == 1, said


def test_all_in_one_run(pem):
    """What supd finds does not hide what only the agent can find, nor the agent's checks of the rest."""
    code, said = check(pem, """[program:a]
command=/bin/true
startsecs=soon
[metric:m]
type=lines
program=a
errors=(
[probe:p]
type=http
timeout=never
url=https://localhost/
[alert:a]
type=probe
probe=p
[metric:n]
type=lines
program=a
total=[
""")
    places = [re.search(r"x\.conf:(\d+): (\S+)", x).groups() for x in said.splitlines() if x.startswith("Error")]
    assert code == 2 and places == [("4", "program:a.startsecs:"), ("8", "metric:m.errors:"),
                                    ("11", "probe:p.timeout:"), ("19", "metric:n.total:")], said


def test_no_check_by_an_agent_of_unknown_rights(pem):
    """With a wrong [agent] nobody knows who would look; its own error is enough."""
    (pem / "private.pem").write_text((pem / "one.pem").read_text())
    os.chmod(pem / "private.pem", 0o600)
    code, said = check(pem, "[agent]\nuser=nosuchuser\n" + HTTP + f"tls_ca={pem}/private.pem")
    assert code == 2 and said.count("x.conf:") == 1 and "nosuchuser" in said, said


@pytest.mark.parametrize("conf,warning", [
    (HTTP + "tls_ca=%s/one.pem\ntls_cert=%s/one.pem\ntls_key=%s/one.key", None),
    (HTTP + "tls_ca=%s/nothing.pem", "probe:p.tls_ca: there is no %s/nothing.pem"),
    (CERT + "files=%s/nothing/*.pem,%s/one.pem,%s/nothing.pem\nkey_file=%s/nothing.key", None),
    ("[agent]\ngroups=daemon\n" + HOOK + "tls_ca=%s/shared.pem", None),
    ("[notify:n]\ntype=command\ncommand=nosuchprogram -x", "notify:n.command: cannot run nosuchprogram: No such file"),
    ("[notify:n]\ntype=command\ncommand=logger -t x", None),
])
def test_taken(pem, conf, warning):
    (pem / "shared.pem").write_text((pem / "one.pem").read_text())
    shutil.chown(pem / "shared.pem", 0, "daemon")
    os.chmod(pem / "shared.pem", 0o640)
    code, said = check(pem, conf.replace("%s", str(pem)))
    assert code == 0, said
    assert warning is None or warning.replace("%s", str(pem)) in said, said
    assert warning or "x.conf:" not in said, said


HANGS = """#!/bin/sh
echo $$ > %(dir)s/agent/pid
mkfifo %(dir)s/agent/nobody-writes
exec >&-
read line < %(dir)s/agent/nobody-writes
"""
CONF = "[supervisord]\n[program:a]\ncommand=/bin/sleep 1000\n"


def bin_of(folder, script):
    (folder / "bin").mkdir()
    (folder / "agent").mkdir()
    os.chmod(folder / "agent", 0o777)
    for name in ("supd", "supd-log"):
        shutil.copy(program(name), folder / "bin" / name)
    agent = folder / "bin" / "supd-agent"
    agent.write_text(script % {"dir": folder})
    os.chmod(agent, 0o755)
    (folder / "x.conf").write_text("[supervisord]\n[notify:n]\ntype=log\n")
    return [str(folder / "bin" / "supd"), "--check", "-c", str(folder / "x.conf")]


def agents(folder):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        if f"{folder}/bin/supd-agent" in command_of(int(name)):
            found.append(int(name))
    return found


def test_an_agent_that_does_not_end_is_killed(folder):
    began = time.monotonic()
    done = subprocess.run(bin_of(folder, HANGS), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "supd-agent could not check the configuration (ended by signal 9)" in done.stderr
    assert time.monotonic() - began < 15
    assert not agents(folder)


def test_an_agent_does_not_outlive_who_asked_it(folder):
    """The load child is killed at the end of its time: what checks for it must not stay behind."""
    argv = bin_of(folder, HANGS.replace("exec >&-\n", ""))
    asking = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: os.path.exists(folder / "agent" / "nobody-writes"), 10)
        pid = int((folder / "agent" / "pid").read_text())
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            parent = int(f.read().rsplit(")", 1)[1].split()[1])
        os.kill(parent, signal.SIGKILL)
        wait(lambda: not agents(folder), 5)
    finally:
        asking.kill()
        asking.wait()

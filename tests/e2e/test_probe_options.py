"""What the checks of type=cert and type=postgres say about options that do not go together."""
import os
import subprocess

import pytest

from harness.supervised import build_dir

CERT = "type=cert\n"
PG = "type=postgres\nuser=watch\n"


def check(tmp_path, options):
    path = tmp_path / "x.conf"
    path.write_text(f"[supervisord]\n[probe:x]\n{options}\n")
    done = subprocess.run([os.path.join(build_dir(), "supd"), "--check", "-c", str(path)], capture_output=True,
                          text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options,words", [
    (CERT, "probe:x.address: a certificate probe needs address=, files= or both"),
    (CERT + "address=443", "needs a host"),
    (CERT + "files=live/a.pem", "'live/a.pem' is no absolute path"),
    (CERT + "files=/a.pem\ncheck_served_file=/b.pem", "needs address=, the server that should present it"),
    (CERT + "address=a:443\nkey_file=/k.pem", "needs check_served_file= or files="),
    (CERT + "address=a:443\nca=/etc/*.pem", "may have none of * ? ["),
    (CERT + "address=a:443\nca=ca.pem", "is no absolute path"),
    (CERT + "address=a:443\nstages=7d,14d", "14d is not shorter than 7d before it"),
    (CERT + "address=a:443\nstages=4d,3d,2d,1d", "needs one to 3 times"),
    (CERT + "address=a:443\nstages=soon", "probe:x.stages: "),
    (CERT + "address=a:443\nallow=selfsigned", "'selfsigned' is not one of expired, not_yet_valid"),
    (CERT + "address=a:443\ntimeout=20s\ninterval=15s", "may not take longer than the interval"),
    (CERT + "address=a:443\nstarttls=xmpp", "'xmpp' is not one of none, smtp"),
    ("type=postgres", "probe:x.user: a PostgreSQL probe needs user="),
    (PG + "expect=90", "'90' begins with none of < <= > >= = !="),
    (PG + "expect=< many", "'many' is no number"),
    (PG + "ca=x.pem", "is no absolute path"),
    (PG + "password=a\npassword_file=/etc/hostname", "is given, too"),
])
def test_refused(tmp_path, options, words):
    code, said = check(tmp_path, options)
    assert code == 2 and words in said, said


@pytest.mark.parametrize("options", [
    CERT + "address=[2001:db8::1]:443\nstages=7d\nallow=self_signed,hostname_mismatch",
    CERT + "address=a:443\ntimeout=20s",
    CERT + "files=/etc/live/*/fullchain.pem,/srv/[ab].pem\nkey_file=/nowhere/k.pem",
    CERT + "address=mx.example:25\nstarttls=smtp\ncheck_served_file=/nowhere/yet/a.pem",
    PG + "expect = <= 90\nquery=select 1\nfresh_every=1\nsslmode=verify-full",
])
def test_taken(tmp_path, options):
    code, said = check(tmp_path, options)
    assert code == 0, said


@pytest.mark.parametrize("more,taken", [("", False), ("severity=critical\n", False), ("severity=info\n", True),
                                        ("runbook=https://runbooks.example/c\n", True)])
def test_an_alert_that_pages_in_the_end_says_what_to_do(tmp_path, more, taken):
    code, said = check(tmp_path, CERT + f"files=/a.pem\n[alert:a]\ntype=cert\nprobe=x\n{more}")
    assert (code == 0) == taken
    assert ("alert:a.runbook: is missing: with severity=" in said) != taken, said

"""Who never read the documents: what --check says to the mistakes that people make first, and that
the configurations which follow from its messages work."""
import glob
import os
import shutil
import signal
import subprocess

import pytest

from harness.supervised import ROOT, build_dir

TOPICS = os.path.join(ROOT, "tests", "golden", "newcomer")
TRIES = sorted(os.path.relpath(p, TOPICS)[:-5] for p in glob.glob(f"{TOPICS}/*/[0-9].conf"))
GOOD = sorted(os.path.relpath(p, TOPICS)[:-5] for p in glob.glob(f"{TOPICS}/*/good.conf"))
KEY = "0123456789abcdef0123456789abcdef\n"
SECRETS = {"key": (KEY, 0o600), "readable": ("s3cret\n", 0o644), "empty": ("\n", 0o600)}


def check(folder, name, prefix=()):
    """(exit status, what supd --check says, without the folder) of one of the files."""
    shutil.copy(os.path.join(TOPICS, f"{name}.conf"), folder / "x.conf")
    for secret, (text, mode) in SECRETS.items():
        path = folder / secret
        path.write_text(text)
        path.chmod(mode)
    done = subprocess.run([*prefix, os.path.join(build_dir(), "supd"), "--check", "-c", folder / "x.conf"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.replace(f"{folder}/", "")


@pytest.mark.parametrize("name", TRIES)
def test_says_what_is_wrong(tmp_path, name):
    code, said = check(tmp_path, name)
    with open(os.path.join(TOPICS, f"{name}.said"), encoding="utf-8") as f:
        assert said == f.read()
    assert code == (2 if "Error: " in said else 0)
    assert "s3cret" not in said  # no secret is ever shown
    for line in said.splitlines():  # each with its place
        assert line.startswith(("Error: x.conf:", "warning: x.conf:", "note: x.conf:", "the configuration is"))


@pytest.mark.parametrize("name", GOOD)
def test_ends_well(tmp_path, name):
    assert check(tmp_path, name) == (0, "the configuration is good: 0 warnings, 0 notes\n")


def test_a_file_that_may_not_be_read(open_dir):
    """Root may read every file: somebody else asks."""
    folder = open_dir()
    folder.chmod(0o777)
    code, said = check(folder, "postgres/good", ["setpriv", "--reuid=61235", "--regid=61235", "--clear-groups"])
    assert code == 2
    assert "x.conf:6: probe:db.password_file: cannot read key: Permission denied (it is read as user 61235)" in said


# ---- what follows from the messages works: the good files on the real agent

SOON = "interval=1s\nconfirm=200ms\nstart_period=0s\n"
BACKUP = "sh -c 'while sleep 1; do echo backup failed; done'"
WEB = "python3 -u -m http.server 8000 --bind 127.0.0.1"
STATSD = ("bash -c 'while sleep 0.02; do for v in 12 410 420; do echo \"api.latency:$v|ms\" "
          ">/dev/udp/127.0.0.1/8125; done; done'")
# topic: (what is changed so that it can happen here, and soon; the alert, what is said of it)
FIRING = {
    "redis": ([("send=", SOON + "send="), ("for=1m", "for=1s")], "redis",
              "connection refused by 127.0.0.1:6379"),
    "sidekiq-fatal": ([("bundle exec sidekiq", "/bin/false"), ("on_fatal=", "startretries=0\non_fatal=")],
                      "sidekiq", "sidekiq is FATAL"),
    "backup-is-absent": ([("/srv/backup", BACKUP)], "backup-failed", r"\d errors in the last 1m, limit 0"),
    "statsd-p95": ([("[metric", f"[program:api]\ncommand={STATSD}\n[metric"), ("over=", "for=1s\nover=")],
                   "latency", r"p95 is 4\d\d ms over "),
    # a server without /up answers 404
    "http-of-laravel": ([("/usr/bin/php artisan serve", WEB), ("interval=30s\n", SOON), ("runbook", "for=1s\nrunbook"),
                         ("[notify:oncall]", "[notify:log]\ntype=log\n[notify:oncall]\nurl=http://127.0.0.1:1/")],
                        "laravel", r"status 404 \(wanted 200-299\)"),
}


def config(topic):
    with open(os.path.join(TOPICS, topic, "good.conf"), encoding="utf-8") as f:
        text = f.read()
    for old, new in FIRING[topic][0]:
        assert old in text
        text = text.replace(old, new, 1)
    agent = "[agent]\nstate_dir=%(here)s/state\n"
    return text.replace("[agent]\n", agent) if "[agent]" in text else text + agent


@pytest.mark.parametrize("topic", sorted(FIRING))
def test_fires(sup, tmp_path, topic):
    _, alert, why = FIRING[topic]
    (tmp_path / "key").write_text(KEY)
    s = sup(config(topic).replace("%(here)s/key", str(tmp_path / "key")))
    s.expect_log(rf"alert {alert}: firing")  # of severity critical and page
    s.wait_log(rf"alert {alert}: firing .*{why}", timeout=40)
    shown = s.ctl("alerts", alert)
    assert shown.returncode == 3 and "FIRING" in shown.stdout, shown.stdout
    said = s.ok("explain", alert)
    assert f"alert {alert} (" in said and "log: was told that it fires" in said, said


def test_a_running_supd_warns_too(sup):
    """supctl check, update and a HUP say what a start says, though the configuration is right."""
    conf = "[supervisord]\n[agent]\nstate_dir=%(here)s/state\n[program:w]\ncommand=/bin/cat\n"
    s = sup(conf)
    assert "warning" not in s.ok("check")
    s.write("supd.conf", conf + "[alert:w]\ntype=program\nprogram=w\n[notify:pd]\ntype=log\nseverity=page\n")
    told = "supd.conf:6: alert:w.severity: no notifier takes warning (their severity= is higher): " \
           "nobody is ever told\n"
    assert s.ok("check").startswith(f"warning: {s.dir}/{told}")
    done = s.ctl("update")
    assert done.returncode == 0 and done.stderr == f"supctl: warning: {s.dir}/{told}"
    s.send(signal.SIGHUP)
    s.wait_log(r"WARN \S*supd.conf:6: alert:w.severity: no notifier takes warning")

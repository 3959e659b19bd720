"""Notifiers against real servers: Debian's Alertmanager and an SMTP server, and what a webhook says
beside what Alertmanager's own says."""
import email
import email.policy
import http.server
import json
import ssl
import subprocess
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from harness.alertmanager import Alertmanager, free_port
from harness.probing import probe_once
from harness.supervised import tool
from harness.waiting import wait


def attempt(folder, options, kind, *args):
    """(result, milliseconds to wait, text) of one attempt; nothing it prints may hold a password."""
    conf = folder / "notify.conf"
    conf.write_text("[supd]\n[supervisord]\n[notify:n]\n" + options)
    done = subprocess.run([tool("notify"), conf, kind, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    result, ms, text = done.stdout.split("\n", 2)
    return result, int(ms), text.rstrip("\n")


# ---- web servers ----

class Web:
    """A web server that keeps what it gets."""

    def __init__(self):
        self.got = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    one = Web()
    yield one
    one.close()


# ---- Alertmanager ----

@pytest.fixture
def am(tmp_path, web):
    one = Alertmanager(tmp_path, web.url)
    yield one
    one.close()


def test_alertmanager(am, tmp_path):
    options = f"type=alertmanager\nurls={am.url}/\n"
    assert attempt(tmp_path, options, "firing") == ("delivered", 0, "status 200")
    first = am.alerts()["api-latency"]
    assert first["status"]["state"] in ("active", "unprocessed")
    assert first["labels"] == {"alertname": "api-latency", "severity": "page", "program": "api",
                               "instance": "web-1"}
    assert first["annotations"]["runbook_url"] == "https://wiki.example/runbook"
    # sent again it is the same alert, and ends later
    assert attempt(tmp_path, options, "reminder")[0] == "delivered"
    again = am.alerts()
    assert len(again) == 1
    assert again["api-latency"]["fingerprint"] == first["fingerprint"]
    assert again["api-latency"]["endsAt"] > first["endsAt"]
    assert attempt(tmp_path, options, "resolved", "ends=1")[0] == "delivered"
    wait(lambda: not am.alerts())


def test_alertmanager_batch_and_odd_texts(am, tmp_path):
    options = f"type=alertmanager\nurls={am.url}\n"
    assert attempt(tmp_path, options, "firing", "repeat=3", "summary=<b> & \"quotes\" \\ \u00e4\n")[0] == \
        "delivered"
    alerts = am.alerts()
    assert sorted(alerts) == ["api-latency", "api-latency-1", "api-latency-2"]
    assert alerts["api-latency-2"]["annotations"]["summary"] == "<b> & \"quotes\" \\ \u00e4\n"
    # an end before the beginning would be refused with all of the batch
    assert attempt(tmp_path, options, "resolved", "repeat=3", "starts=1", "ends=60")[0] == "delivered"
    wait(lambda: not am.alerts())


def test_alertmanager_cluster_with_a_dead_member(am, tmp_path):
    options = f"type=alertmanager\nurls=http://127.0.0.1:{free_port()},{am.url}\n"
    assert attempt(tmp_path, options, "firing")[0] == "delivered"
    assert am.alerts()
    assert attempt(tmp_path, f"type=alertmanager\nurls={am.url}/nowhere\n", "firing")[0] == "permanent"


def test_a_webhook_says_all_that_alertmanager_says(am, web, tmp_path):
    assert attempt(tmp_path, f"type=alertmanager\nurls={am.url}\n", "firing")[0] == "delivered"
    assert attempt(tmp_path, f"type=webhook\nurl={web.url}/ours?t=s3cr3t\n", "firing")[0] == "delivered"
    wait(lambda: len(web.got) >= 2)
    by_path = {path: json.loads(body) for path, _, body in web.got}
    theirs, ours = by_path["/from-alertmanager"], by_path["/ours?t=s3cr3t"]
    assert set(theirs) <= set(ours) and set(theirs["alerts"][0]) <= set(ours["alerts"][0])
    for key in theirs:
        assert type(theirs[key]) is type(ours[key]), key
    for key in ("version", "status", "groupLabels", "commonLabels", "truncatedAlerts"):
        assert theirs[key] == ours[key], key
    for key in ("status", "labels", "endsAt"):
        assert theirs["alerts"][0][key] == ours["alerts"][0][key], key


# ---- mail ----

class Box:
    """What the mail server does, and what it got."""

    def __init__(self):
        self.mails, self.logins, self.refuse, self.data = [], [], {}, "250 taken"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((session.ssl is not None, envelope.mail_from, list(envelope.rcpt_tos),
                           envelope.content))
        return self.data

    def login(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"s3cr3t", handled=False)


@pytest.fixture(scope="module")
def cert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


@pytest.fixture
def mail():
    """mail(tls=..., implicit=...) starts a server and gives its box and its port."""
    started = []

    def start(tls=None, implicit=None):
        box = Box()
        with_tls = {"tls_context": tls, "require_starttls": True} if tls else {}
        server = Controller(box, hostname="127.0.0.1", port=free_port(), ssl_context=implicit,
                            authenticator=box.login, auth_require_tls=not implicit, **with_tls)
        server.start()
        started.append(server)
        return box, server.port

    yield start
    for server in started:
        server.stop()


SENDER = "from=Supd <supd@example.com>\nto=a@example.com, b@example.com\n"


def test_mail_over_starttls_with_a_password(mail, cert, tmp_path):
    box, port = mail(tls=cert[1])
    options = f"type=smtp\nurl=smtp://127.0.0.1:{port}\n{SENDER}tls_ca={cert[0]}\n"
    login = "user=me\npassword=s3cr3t\n"
    text = "one\n.\n..two\nFrom here\r\nBcc: all@example.com"
    assert attempt(tmp_path, options + login, "firing", "id=msg_7", f"description={text}",
                   "summary=evil\r\nBcc: all@example.com \u00e4\U0001f525" + "x" * 80)[0] == "delivered"
    assert attempt(tmp_path, options + login, "resolved", "id=msg_8", "ends=1")[0] == "delivered"
    assert box.logins == [(b"me", b"s3cr3t")] * 2
    (tls, sender, to, raw), second = box.mails[0], box.mails[1]
    assert tls and sender == "supd@example.com" and to == ["a@example.com", "b@example.com"]
    one = email.message_from_bytes(raw, policy=email.policy.default)
    two = email.message_from_bytes(second[3], policy=email.policy.default)
    assert not one.defects and not two.defects
    assert one["From"] == "Supd <supd@example.com>" and one["To"] == "a@example.com, b@example.com"
    assert one["Bcc"] is None
    assert one["Subject"] == "FIRING page: evil  Bcc: all@example.com \u00e4\U0001f525" + "x" * 80
    assert one["Message-ID"] == "<msg_7@example.com>" and two["Message-ID"] == "<msg_8@example.com>"
    assert one["Auto-Submitted"] == "auto-generated" and one["X-Auto-Response-Suppress"] == "All"
    assert one["Date"].datetime
    body = one.get_content()
    assert "\none\n.\n..two\nFrom here \nBcc: all@example.com\n" in body.replace("\r\n", "\n")
    assert max(len(line) for line in raw.split(b"\r\n")) < 200
    assert "RESOLVED page" in two["Subject"] and "\r\n.\r\n" not in second[3].decode()
    # a retry has the same id; plain text goes as it is
    assert attempt(tmp_path, options + login, "firing", "id=msg_7", f"description={text}")[0] == "delivered"
    three = email.message_from_bytes(box.mails[2][3], policy=email.policy.default)
    assert three["Message-ID"] == one["Message-ID"]
    assert b"\r\none\r\n.\r\n..two\r\nFrom here \r\n" in box.mails[2][3]


def test_the_certificate_of_a_mail_server(mail, cert, tmp_path):
    """A probe of type=cert with starttls=smtp; self-signed as this one is, it is told apart."""
    box, port = mail(tls=cert[1])
    section = {"type": "cert", "address": f"127.0.0.1:{port}", "starttls": "smtp"}
    v = probe_once(tmp_path, {"m": {**section, "ca": cert[0]}})[0]
    assert (v["status"], v["cert"]["subject"], v["cert"]["errors"]) == ("ok", "CN=mail", []), v
    v = probe_once(tmp_path, {"m": section})[0]
    assert (v["status"], v["sub"], v["cert"]["names"]) == ("fail", "self_signed", "127.0.0.1"), v
    _, plain = mail()
    v = probe_once(tmp_path, {"m": {**section, "address": f"127.0.0.1:{plain}"}})[0]
    assert v["reason"] == "tls_handshake" and v["detail"] == "the server does not offer STARTTLS", v
    assert not box.mails


def test_mails_of_one_alert_hang_together(mail, tmp_path):
    box, port = mail()
    options = f"type=smtp\nurl=smtp://127.0.0.1:{port}\n{SENDER}starttls=never\n"
    conf = tmp_path / "notify.conf"
    for key in ("k1", "k1", "k2"):
        assert attempt(tmp_path, options, "firing", f"key={key}", "starts=0")[0] == "delivered"
    assert conf.exists()
    root = [email.message_from_bytes(m[3])["References"].split(".")[0] for m in box.mails]
    assert root[0] == root[1] != root[2]
    assert not box.mails[0][0]


def test_mail_is_not_sent_without_tls_or_a_good_certificate(mail, cert, tmp_path):
    box, port = mail()
    options = f"type=smtp\nurl=smtp://127.0.0.1:{port}\n{SENDER}"
    result, _, text = attempt(tmp_path, options + "user=me\npassword=s3cr3t\n", "firing")
    assert result == "retry" and text == f"mail to 127.0.0.1:{port}: it offers no TLS"
    other, port = mail(tls=cert[1])
    result, _, text = attempt(tmp_path, f"type=smtp\nurl=smtp://127.0.0.1:{port}\n{SENDER}"
                              "user=me\npassword=s3cr3t\n", "firing")
    assert result == "retry" and "certificate" in text
    assert not box.mails and not other.mails and not box.logins and not other.logins


def test_mail_over_implicit_tls(mail, cert, tmp_path):
    box, port = mail(implicit=cert[1])
    options = f"type=smtp\nurl=smtps://127.0.0.1:{port}\n{SENDER}tls_ca={cert[0]}\n"
    assert attempt(tmp_path, options + "user=me\npassword=s3cr3t\n", "firing")[0] == "delivered"
    assert box.logins == [(b"me", b"s3cr3t")] and len(box.mails) == 1


def test_mail_that_is_refused(mail, cert, tmp_path):
    box, port = mail(tls=cert[1])
    options = f"type=smtp\nurl=smtp://127.0.0.1:{port}\n{SENDER}tls_ca={cert[0]}\nuser=me\n"
    result, _, text = attempt(tmp_path, options + "password=wrongs3cr3t\n", "firing")
    assert result == "permanent" and text.startswith("reply 535"), text
    options += "password=s3cr3t\n"
    box.refuse = {"a@example.com": "550 5.1.1 nobody of this name", "b@example.com": "550 nor this"}
    result, _, text = attempt(tmp_path, options, "firing")
    assert result == "permanent" and text.startswith("reply 550"), text
    box.refuse = {"a@example.com": "451 4.3.2 later", "b@example.com": "451 4.3.2 later"}
    assert attempt(tmp_path, options, "firing")[0] == "retry"
    assert not box.mails
    box.refuse = {"a@example.com": "550 nobody of this name"}
    assert attempt(tmp_path, options, "firing")[0] == "delivered"
    assert box.mails[0][2] == ["b@example.com"]
    box.refuse, box.data = {}, "554 5.7.1 looks like s3cr3t spam"
    result, _, text = attempt(tmp_path, options, "firing")
    assert result == "permanent" and text == "reply 554: 5.7.1 looks like *** spam"
    box.data = "452 4.3.1 full"
    assert attempt(tmp_path, options, "firing") == ("retry", 0, "reply 452: 4.3.1 full")

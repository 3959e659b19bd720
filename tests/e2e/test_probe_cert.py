"""type=cert against real servers and real files, with certificates of every fault."""
import calendar
import os
import time

import pytest

from harness.pki import Pki, SServer, Talker
from harness.probing import probe_once

DAY = 86400


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    p = Pki(tmp_path_factory.mktemp("pki"))
    p.issue("root", ca=True, end=3000)
    p.issue("middle", "root", ca=True, end=2000)
    p.issue("good", "middle")
    return p


@pytest.fixture
def server():
    """server(...) starts openssl s_server, or with talk= a Talker; gives its port."""
    made = []

    def start(cert, key, *args, talk=None, **kw):
        made.append(Talker(cert, key, talk) if talk else SServer(cert, key, *args, **kw))
        return made[-1]

    yield start
    for one in made:
        one.close()


def look(tmp_path, pki, port, runs=1, **options):
    section = {"type": "cert", "address": f"localhost:{port}", "ca": pki.path("root.pem"), "interval": "20s",
               "timeout": "10s", **options}
    return probe_once(tmp_path, {"x": section}, runs=runs)[-1]


def present(tmp_path, pki, server, name, *, chain="middle.pem", runs=1, **options):
    one = server(pki.path(f"{name}.pem"), pki.path(f"{name}.key"), chain=chain and pki.path(chain))
    return look(tmp_path, pki, one.port, runs, **options)


def end_of(path):
    from harness.pki import run
    text = run("openssl", "x509", "-in", path, "-noout", "-enddate").split("=")[1].strip()
    return calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT"))


def test_a_good_chain(tmp_path, pki, server):
    v = present(tmp_path, pki, server, "good", runs=2)
    assert (v["status"], v["cert"]["errors"], v["cert"]["stage"]) == ("ok", [], 0)
    assert v["cert"]["not_after"] == end_of(pki.path("good.pem"))
    assert v["cert"]["chain"] == v["cert"]["earliest"] == v["cert"]["not_after"]
    assert v["cert"]["subject"] == "CN=good, O=Tests" and v["cert"]["issuer"] == "CN=middle, O=Tests"
    assert v["cert"]["protocol"] == "TLSv1.3" and v["cert"]["names"] == "localhost, 127.0.0.1"
    assert "good ends in 8" in v["detail"]


@pytest.mark.parametrize("name,issue,errors,words", [
    ("expired", {"start": -40, "end": -3}, ["expired"], "expired 3 days ago"),
    ("early", {"start": 2, "end": 30}, ["not_yet_valid"], "is not valid before"),
    ("elsewhere", {"names": "DNS:a.example,DNS:b.example"}, ["hostname_mismatch"],
     "the certificate is for a.example, b.example, not for localhost"),
    ("nameless", {"names": ""}, ["hostname_mismatch"], "has no alternative names"),
    ("small", {"key": "rsa:1024"}, ["weak_key"], "has 1024 bits, RSA needs 2048"),
    ("sha1", {"digest": "sha1"}, ["weak_sig"], "signed with ecdsa-with-SHA1"),
    ("both", {"start": -40, "end": -3, "names": "DNS:a.example"}, ["expired", "hostname_mismatch"],
     "renew it; localhost:"),
])
def test_faults_of_the_leaf(tmp_path, pki, server, name, issue, errors, words):
    pki.issue(name, "middle", **issue)
    v = present(tmp_path, pki, server, name)
    assert (v["status"], v["reason"], v["sub"]) == ("fail", "tls_verify", errors[0])
    assert v["cert"]["errors"] == errors
    assert words in v["detail"]
    assert v["cert"]["not_after"] == end_of(pki.path(f"{name}.pem"))  # told although it failed


def test_self_signed_is_told_apart_and_can_be_allowed(tmp_path, pki, server):
    pki.issue("alone")
    v = present(tmp_path, pki, server, "alone", chain=None)
    assert v["sub"] == "self_signed" and v["cert"]["errors"] == ["self_signed"]
    v = present(tmp_path, pki, server, "alone", chain=None, allow="self_signed")
    assert v["status"] == "ok" and v["cert"]["errors"] == ["self_signed"] and "allowed: " in v["detail"]
    v = present(tmp_path, pki, server, "alone", chain=None, ca=pki.path("alone.pem"))
    assert v["status"] == "ok" and v["cert"]["errors"] == []


def test_an_unknown_issuer_and_a_missing_link(tmp_path, pki, server):
    pki.issue("stranger", ca=True, end=1000)
    pki.issue("theirs", "stranger")
    v = present(tmp_path, pki, server, "theirs", chain=None)
    assert v["sub"] == "unknown_issuer" and "signed by stranger" in v["detail"]
    v = present(tmp_path, pki, server, "theirs", chain="stranger.pem")  # the root is sent, nobody knows it
    assert v["cert"]["errors"] == ["unknown_issuer"] and "the chain ends in stranger" in v["detail"]
    # the link is left out; the leaf names it either way that certificates can
    pki.issue("aia", "middle", more="authorityInfoAccess=caIssuers;URI:http://a.example/middle.crt")
    pki.issue("akid", "middle", more="authorityKeyIdentifier=keyid,issuer:always")
    for name in ("aia", "akid"):
        v = present(tmp_path, pki, server, name, chain=None)
        assert v["cert"]["errors"] == ["incomplete_chain"]
        assert "does not send the intermediate certificate middle" in v["detail"]
    assert present(tmp_path, pki, server, "akid")["status"] == "ok"


def test_an_intermediate_certificate_counts_and_an_extra_one_does_not(tmp_path, pki, server):
    pki.issue("old-middle", "root", ca=True, start=-30, end=-2)
    pki.issue("under-old", "old-middle")
    v = present(tmp_path, pki, server, "under-old", chain="old-middle.pem")
    assert v["cert"]["errors"] == ["expired"] and "old-middle expired 2 days ago" in v["detail"]
    assert v["cert"]["stage"] == 4 and v["cert"]["not_after"] > v["cert"]["earliest"]
    pki.chain("extra", "middle", "old-middle")
    v = present(tmp_path, pki, server, "good", chain="extra-chain.pem")
    assert v["status"] == "ok" and v["cert"]["errors"] == [] and v["cert"]["stage"] == 0
    assert "sends old-middle, which expired on" in v["detail"] and "nothing needs it" in v["detail"]


@pytest.mark.parametrize("life,left,stage", [(90, 32, 0), (90, 25, 1), (90, 12, 2), (90, 4, 3), (398, 100, 0),
                                             (398, 28, 1), (45, 14.5, 0), (45, 13, 1), (6, 2, 0), (6, 0.9, 1)])
def test_stages_are_told_and_fail_nothing(tmp_path, pki, server, life, left, stage):
    name = f"life-{life}-{left}"
    pki.issue(name, "middle", start=left - life, end=left)
    v = present(tmp_path, pki, server, name)
    assert v["status"] == "ok" and v["cert"]["stage"] == stage
    now = time.time()
    assert v["cert"]["next"] > now
    assert (0 < v["cert"]["since"] <= now) == (stage > 0)
    assert ("renew it" in v["detail"]) == (stage > 0)


def test_dates_after_2038_and_of_9999(tmp_path, pki):
    pki.issue("far", "root", end="20991231235959Z")
    pki.issue("never", "root", end="99991231235959Z")
    pki.issue("utc", "root", end="491231235959Z")
    for name, end in (("far", 4102444799), ("never", 253402300799), ("utc", 2524607999)):
        v = probe_once(tmp_path, {"f": {"type": "cert", "files": pki.path(f"{name}.pem")}})[0]
        assert v["cert"]["not_after"] == end, name
    assert "on 2049-12-31 23:59 UTC" in v["detail"]


def test_a_staple_that_says_revoked(tmp_path, pki, server):
    pki.issue("stapled", "middle")
    for answer in ("ok", "fail"):
        staple = pki.staple("stapled", "middle")
        one = server(pki.path("stapled.pem"), pki.path("stapled.key"), "-status_file", staple,
                     chain=pki.path("middle.pem"))
        v = look(tmp_path, pki, one.port)
        assert v["status"] == answer, v
        assert v["cert"]["errors"] == ([] if answer == "ok" else ["revoked"])
        if answer == "ok":
            pki.revoke("stapled", "middle")
    # a staple about another certificate, or not from the issuer, revokes nothing
    one = server(pki.path("good.pem"), pki.path("good.key"), "-status_file", staple, chain=pki.path("middle.pem"))
    assert look(tmp_path, pki, one.port)["status"] == "ok"


def test_addresses_are_names_too(tmp_path, pki, server):
    one = server(pki.path("good.pem"), pki.path("good.key"), chain=pki.path("middle.pem"))
    assert look(tmp_path, pki, one.port, address=f"127.0.0.1:{one.port}")["status"] == "ok"
    v = look(tmp_path, pki, one.port, server_name="192.0.2.7")
    assert v["sub"] == "hostname_mismatch" and "not for 192.0.2.7" in v["detail"]
    assert look(tmp_path, pki, one.port, address=f"[::1]:{one.port}")["reason"] == "connect_refused"
    v = look(tmp_path, pki, one.port, address="no-such-host.invalid:443")
    assert v["status"] == "fail" and v["reason"] in ("dns", "connect_timeout")


def smtp(read, send):
    send(b"220-mx ready\r\n220 mx\r\n")
    assert read() == b"EHLO localhost\r\n"
    send(b"250-mx\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n")
    assert read() == b"STARTTLS\r\n"
    send(b"220 go\r\n250 injected\r\n")  # what came in plain must not be taken for TLS
    return True


def imap(read, send):
    send(b"* OK [CAPABILITY STARTTLS] hi\r\n")
    assert read() == b"a STARTTLS\r\n"
    send(b"* 1 EXISTS\r\na OK begin\r\n")
    return True


def pop3(read, send):
    send(b"+OK hi\r\n")
    assert read() == b"STLS\r\n"
    send(b"+OK begin\r\n")
    return True


def ftp(read, send):
    send(b"220 hi\r\n")
    assert read() == b"AUTH TLS\r\n"
    send(b"234 begin\r\n")
    return True


def postgres(read, send):
    assert read(8) == bytes.fromhex("00000008 04d2162f")
    send(b"S")
    return True


@pytest.mark.parametrize("talk", [smtp, imap, pop3, ftp, postgres], ids=lambda f: f.__name__)
def test_starttls(tmp_path, pki, server, talk):
    one = server(pki.path("good-chain.pem"), pki.path("good.key"), talk=talk)
    v = look(tmp_path, pki, one.port, starttls=talk.__name__)
    assert v["status"] == "ok" and v["cert"]["subject"] == "CN=good, O=Tests", v


def says(*answers):
    def talk(read, send):
        for one in answers:
            send(one)
            read()
        return False
    return talk


@pytest.mark.parametrize("proto,answers,words", [
    ("smtp", [b"554 go away\r\n"], "it answered '554 go away'"),
    ("smtp", [b"220 hi\r\n", b"250 HELP\r\n"], "the server does not offer STARTTLS"),
    ("imap", [b"* OK hi\r\n", b"a NO not here\r\n"], "it answered 'a NO not here'"),
    ("pop3", [b"-ERR no\r\n"], "it answered '-ERR no'"),
    ("ftp", [b"220 hi\r\n", b"530 no\r\n"], "it answered '530 no'"),
    ("postgres", [b"N"], "the server does not do TLS"),
    ("smtp", [b"2" * 5000], "a line without end"),
    ("smtp", [b"220-\x1b[31m\r\n" * 500], "it answered '220-?[31m'"),
])
def test_starttls_refused(tmp_path, pki, server, proto, answers, words):
    one = server(pki.path("good.pem"), pki.path("good.key"), talk=says(*answers))
    v = look(tmp_path, pki, one.port, starttls=proto)
    assert (v["status"], v["reason"]) == ("fail", "tls_handshake") and words in v["detail"], v


def test_what_is_no_tls_and_who_is_not_there(tmp_path, pki, server):
    plain = server(pki.path("good.pem"), pki.path("good.key"), talk=says(b"hello, this is no TLS\r\n"))
    v = look(tmp_path, pki, plain.port)
    assert v["reason"] == "tls_handshake" and "needs starttls=" in v["detail"]
    silent = server(pki.path("good.pem"), pki.path("good.key"), talk=says(b""))
    v = look(tmp_path, pki, silent.port, starttls="smtp", timeout="0.3s")
    assert v["reason"] == "read_timeout" and "did not begin TLS in time" in v["detail"]
    v = look(tmp_path, pki, 1)
    assert v["reason"] == "connect_refused"


def test_a_server_that_wants_our_certificate(tmp_path, pki, server):
    for version in ("-tls1_2", "-tls1_3"):
        one = server(pki.path("good.pem"), pki.path("good.key"), version, "-Verify", "1", "-verify_return_error",
                     chain=pki.path("middle.pem"))
        assert look(tmp_path, pki, one.port)["status"] == "ok"


def test_old_protocols_still_show_their_dates(tmp_path, pki, server):
    one = server(pki.path("good.pem"), pki.path("good.key"), "-tls1", chain=pki.path("middle.pem"))
    v = look(tmp_path, pki, one.port)
    assert v["status"] == "ok" and v["cert"]["protocol"] == "TLSv1"


def test_served_is_not_the_file(tmp_path, pki, server):
    pki.issue("renewed", "middle", start=-0.5, end=100)
    good = pki.path("good.pem")
    v = present(tmp_path, pki, server, "good", check_served_file=pki.path("renewed.pem"))
    assert v["sub"] == "served_ne_file" and "reload the server" in v["detail"]
    v = present(tmp_path, pki, server, "renewed", check_served_file=good)
    assert v["sub"] == "served_ne_file" and "presents another certificate" in v["detail"]
    v = present(tmp_path, pki, server, "good", check_served_file=pki.path("good-chain.pem"),
                key_file=pki.path("good.key"))
    assert v["status"] == "ok"
    v = present(tmp_path, pki, server, "good", check_served_file=good, key_file=pki.path("renewed.key"))
    assert v["sub"] == "key_mismatch" and pki.path("renewed.key") in v["detail"]


def files(tmp_path, pattern, **options):
    return probe_once(tmp_path, {"f": {"type": "cert", "files": pattern, **options}})[0]


def test_many_files_and_the_worst_decides(tmp_path, pki):
    folder = tmp_path / "live"
    for name, issue in (("one", {}), ("two", {"start": -80, "end": 9}), ("three", {"start": -60, "end": 28})):
        (folder / name).mkdir(parents=True)
        pki.issue(name, "middle", **issue)
        (folder / name / "fullchain.pem").write_text(open(pki.path(f"{name}-chain.pem")).read())
    v = files(tmp_path, f"{folder}/*/fullchain.pem")
    assert v["status"] == "ok" and v["cert"]["stage"] == 2 and v["cert"]["subject"] == "CN=two, O=Tests"
    assert v["detail"].startswith("6 certificates in 3 files; ") and f"{folder}/two/fullchain.pem: two" in v["detail"]
    pki.issue("four", "middle", start=-80, end=-9)
    (folder / "one" / "fullchain.pem").write_text(open(pki.path("four.pem")).read())
    v = files(tmp_path, f"{folder}/*/fullchain.pem")
    assert v["sub"] == "expired" and v["cert"]["stage"] == 4 and "four expired 9 days ago" in v["detail"]


def test_garbage_in_a_file(tmp_path, pki):
    good = open(pki.path("good.pem")).read()
    lines = good.splitlines(keepends=True)
    broken = "".join(lines[:3] + ["%%%%\n"] + lines[4:])
    path = tmp_path / "x.pem"
    path.write_bytes(b"Bag Attributes\n\xff\x00 text\n" + good.encode() + b"more text\n" + good.encode())
    assert files(tmp_path, path)["status"] == "ok"
    path.write_text(broken + good)
    v = files(tmp_path, path)
    assert v["sub"] == "unreadable" and "1 of its blocks cannot be read: bad base64 decode" in v["detail"]
    assert v["cert"]["not_after"] == end_of(pki.path("good.pem"))  # the rest is told
    for text, words in (("", "there is no certificate in it"), (broken, "no readable certificate"),
                        (good[:200], "no readable certificate"), ("-----BEGIN CERTIFICATE-----\n", "certificate")):
        path.write_text(text)
        v = files(tmp_path, path)
        assert v["sub"] == "unreadable" and words in v["detail"]


def test_keys_in_files(tmp_path, pki):
    pki.issue("other", "middle")
    good, key, other = (open(pki.path(n)).read() for n in ("good.pem", "good.key", "other.key"))
    path = tmp_path / "bundle.pem"
    path.write_text(key + good)
    assert files(tmp_path, path)["status"] == "ok"
    path.write_text(good + other)
    v = files(tmp_path, path)
    assert v["sub"] == "key_mismatch" and "does not belong to its first certificate" in v["detail"]
    assert files(tmp_path, pki.path("good.pem"), key_file=pki.path("good.key"))["status"] == "ok"
    assert files(tmp_path, pki.path("good.pem"), key_file=pki.path("other.key"))["sub"] == "key_mismatch"


def test_der_is_read_too(tmp_path, pki):
    from harness.pki import run
    run("openssl", "x509", "-in", pki.path("good.pem"), "-outform", "DER", "-out", str(tmp_path / "good.crt"))
    assert files(tmp_path, tmp_path / "good.crt")["cert"]["subject"] == "CN=good, O=Tests"


def test_through_supd_and_its_agent(open_dir, pki, sup):
    folder = open_dir()
    (folder / "a.pem").write_text(open(pki.path("good.pem")).read())
    s = sup(f"""
[supervisord]
[probe:files]
type=cert
files={folder}/*.pem
[probe:gone]
type=cert
files=/nowhere/a.pem
interval=1s
timeout=1s
start_period=0s
""")
    out = s.wait(lambda: s.ctl("probe", "run", "files").stdout, what="the agent to answer")
    assert "good ends in 8" in out
    s.wait(lambda: "FAILED" in s.ctl("probes", "gone").stdout, what="the probe of a file that is not there to fail")
    assert "cannot open /nowhere/a.pem: No such file" in s.ctl("probes", "gone").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="root opens every file; this test runs the tool as another user")
def test_a_folder_that_the_agent_may_not_enter(open_dir, pki):
    outer = open_dir()
    folder = outer / "private"
    folder.mkdir(mode=0o700)
    (folder / "a.pem").write_text(open(pki.path("good.pem")).read())
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    section = {"f": {"type": "cert", "files": folder / "a.pem"}}
    v = probe_once(outer, section, prefix=nobody)[0]
    assert (v["status"], v["reason"]) == ("unknown", "internal")
    assert "Permission denied; [agent] groups= can give access" in v["detail"]
    assert probe_once(outer, section)[0]["status"] == "ok"


def test_weak_keys_in_files(tmp_path, pki):
    pki.issue("curve", "middle", key="secp192k1")
    v = files(tmp_path, pki.path("curve.pem"))
    assert v["sub"] == "weak_key" and "has 192 bits, EC needs 224" in v["detail"]


def test_files_that_cannot_be_opened(tmp_path, pki):
    v = files(tmp_path, tmp_path / "none.pem")
    assert v["status"] == "fail" and f"cannot open {tmp_path}/none.pem: No such file" in v["detail"]
    v = files(tmp_path, f"{tmp_path}/*.nothing")
    assert v["status"] == "fail" and "no file matches" in v["detail"]
    os.mkfifo(tmp_path / "fifo")
    assert "is no regular file" in files(tmp_path, tmp_path / "fifo")["detail"]
    v = files(tmp_path, tmp_path)
    assert "is no regular file" in v["detail"]
    v = probe_once(tmp_path, {"x": {"type": "cert", "address": "localhost:1", "ca": tmp_path / "no-ca"}})[0]
    assert v["status"] == "unknown" and v["detail"].startswith("ca: cannot open")


def test_more_certificates_than_are_looked_at(tmp_path, pki):
    path = tmp_path / "x.pem"
    path.write_text(open(pki.path("good.pem")).read() * 260)
    v = files(tmp_path, path)
    assert v["sub"] == "unreadable" and "4 certificates behind the first 256 are too many" in v["detail"], v


def test_line_ends_and_marks_of_windows(tmp_path, pki):
    text = open(pki.path("good.pem")).read() + open(pki.path("good.key")).read()
    for data in (text.replace("\n", "\r\n"), "\ufeff" + text):
        path = tmp_path / "x.pem"
        path.write_bytes(data.encode())
        assert files(tmp_path, path)["status"] == "ok"

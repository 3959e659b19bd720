"""/metrics has blackbox_exporter's names for the probes that both have, since dashboards and rules know
them. Debian's exporter is asked for the same places, where it is installed, and each of its names has
to be there, with the labels that it gives."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from harness.pki import Pki

SERVE = """
import http.server, ssl, sys
one = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    one.socket = context.wrap_socket(one.socket, server_side=True)
one.serve_forever()
"""
CONF = """[supd]
[agent]
listen=9190
state_dir=%(here)s/state
[supervisord]
childlogdir=%(here)s
[program:plain]
command=PYTHON DIR/serve.py 8080
directory=DIR
[program:secure]
command=PYTHON DIR/serve.py 8443 CERT KEY
directory=DIR
[probe:web]
type=http
url=http://localhost:8080/page
interval=1s
[probe:tls]
type=http
url=https://localhost:8443/page
tls_ca=CERT
interval=1s
[probe:port]
type=tcp
address=localhost:8080
interval=1s
[probe:cert]
type=cert
address=localhost:8443
ca=CERT
interval=1s
[probe:stranger]
type=cert
address=localhost:8443
interval=1s
[probe:pg]
type=postgres
host=localhost
port=1
user=me
dbname=me
interval=1s
"""
MODULES = """modules:
  web: {prober: http, http: {preferred_ip_protocol: ip4}}
  tls: {prober: http, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: CERT}}}
  port: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}
  cert: {prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: CERT, server_name: localhost}}}
"""
TARGETS = {"web": "http://localhost:8080/page", "tls": "https://localhost:8443/page", "port": "localhost:8080",
           "cert": "localhost:8443"}

ALL = {"probe_success", "probe_duration_seconds", "probe_dns_lookup_time_seconds", "probe_ip_protocol",
       "probe_ip_addr_hash"}
TLS = {"probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_expiry_timestamp_seconds",
       "probe_ssl_last_chain_info", "probe_tls_version_info"}
WEB = {"probe_http_duration_seconds", "probe_http_content_length", "probe_http_uncompressed_body_length",
       "probe_http_redirects", "probe_http_ssl", "probe_http_status_code", "probe_http_version",
       "probe_failed_due_to_regex", "probe_http_last_modified_timestamp_seconds"}
OF = {"web": ALL | WEB, "tls": ALL | WEB | TLS | {"probe_tls_cipher_info"},
      "port": ALL | {"probe_failed_due_to_regex"}, "cert": ALL | TLS | {"probe_tls_cipher_info"}, "pg": ALL}
# labels of one sample, whose values are those of the same certificate, connection or address
SAME = ("probe_ssl_last_chain_info", "probe_tls_version_info", "probe_tls_cipher_info")
SAME_VALUE = ("probe_success", "probe_ip_protocol", "probe_ip_addr_hash", "probe_http_status_code",
              "probe_http_ssl", "probe_http_redirects", "probe_http_content_length", "probe_http_version",
              "probe_http_uncompressed_body_length", "probe_http_last_modified_timestamp_seconds",
              "probe_failed_due_to_regex", "probe_ssl_earliest_cert_expiry",
              "probe_ssl_last_chain_expiry_timestamp_seconds")


def samples(text):
    """[(name, labels, value)] of what probes say"""
    found = []
    for name, labels, value in re.findall(r"(?m)^((?:probe|cert)_\w+)(?:\{(.*)\})? (\S+)$", text):
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
        found.append((name, dict(pairs), float(value)))
    return found


def ours(s):
    """{probe: [its samples]}"""
    found = {}
    for name, labels, value in samples(s.run("curl", "-sS", "http://127.0.0.1:9190/metrics").stdout):
        probe = labels.pop("probe")
        labels.pop("type")
        found.setdefault(probe, []).append((name, labels, value))
    return found


@pytest.fixture
def served(sup, open_dir):
    folder = open_dir()
    pki = Pki(folder / "pki")
    cert = pki.issue("localhost")
    for path, mode in ((folder / "pki", 0o755), (cert, 0o644)):
        os.chmod(path, mode)
    for name, text in (("serve.py", SERVE), ("page", "well\n"), ("blackbox.yml", MODULES.replace("CERT", cert))):
        (folder / name).write_text(text)
    s = sup(CONF.replace("PYTHON", sys.executable).replace("DIR", str(folder)).replace("CERT", cert).replace(
        "KEY", pki.path("localhost.key")))
    s.folder = folder
    s.wait(lambda: s.ctl("probes", "web", "tls", "port", "cert").stdout.count(" OK ") == 4, 30,
           lambda: s.ctl("probes").stdout)
    s.wait(lambda: all(name in {n for n, _, _ in ours(s).get(probe, [])} for probe, name in
                       (("pg", "probe_success"), ("stranger", "cert_verify_error"))), 30)
    return s


def test_the_names_are_there(served):
    found = ours(served)
    for probe, names in OF.items():
        assert names <= {n for n, _, _ in found[probe]}, names - {n for n, _, _ in found[probe]}
    (_, info, one), = [x for x in found["tls"] if x[0] == "probe_ssl_last_chain_info"]
    assert one == 1 and info["subject"] == "CN=localhost,O=Tests" and info["subjectalternative"] == "localhost"
    wrong = {tuple(x[1].items()) for x in found["stranger"] if x[0] == "cert_verify_error"}
    assert wrong == {(("code", "self_signed"),)}
    assert re.fullmatch("[0-9a-f]{64}", info["fingerprint_sha256"]) and re.fullmatch("[0-9a-f]+", info["serialnumber"])


@pytest.mark.skipif(not shutil.which("prometheus-blackbox-exporter"), reason="Debian's exporter is not installed")
def test_they_say_what_debians_exporter_says(served):
    s = served
    argv = ["prometheus-blackbox-exporter", f"--config.file={s.folder}/blackbox.yml",
            "--web.listen-address=127.0.0.1:9115", "--log.level=error"]
    with subprocess.Popen(s.ns.enter_command(argv), stdin=subprocess.DEVNULL) as exporter:
        try:
            theirs = {m: s.wait(lambda m=m, t=t: "probe_success 1" in (text := s.run(
                "curl", "-sS", f"http://127.0.0.1:9115/probe?module={m}&target={t}").stdout) and samples(text), 20)
                      for m, t in TARGETS.items()}
        finally:
            exporter.kill()
    mine = ours(s)
    for module, all_of_it in theirs.items():
        here = {}
        for name, labels, value in mine[module]:
            here.setdefault(name, []).append((labels, value))
        for name, labels, value in all_of_it:
            assert name in here, (module, name)
            if name in SAME:
                assert [x for x in here[name] if labels.items() <= x[0].items()], (module, name, labels, here[name])
            elif name in SAME_VALUE:
                assert value in [v for _, v in here[name]], (module, name, value, here[name])
            else:
                assert set(labels) == set(here[name][0][0]), (module, name, labels)

"""Probes of a real nginx under supd: well, with a wrong status, behind TLS, silent, and killed."""
import json
import os
import re
import subprocess

import pytest

NGINX = "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not os.path.exists(NGINX), reason="nginx is not installed")

SERVER = """
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
    server {{
        listen 127.0.0.1:8080;
        location /ok {{ return 200 "ready\\n"; }}
        location /busy {{ return 503; }}
        location /moved {{ return 301 /ok; }}
    }}
    server {{
        listen 127.0.0.1:8443 ssl;
        ssl_certificate {here}/cert.pem;
        ssl_certificate_key {here}/key.pem;
        location / {{ return 200 "over TLS\\n"; }}
    }}
}}
"""

CONF = """
[supervisord]
logfile=/dev/stderr

[program:nginx]
command=/usr/sbin/nginx -p %(here)s -c %(here)s/nginx.conf
stdout_logfile=%(here)s/nginx.log
redirect_stderr=true

[probe:ok]
type=http
url=http://127.0.0.1:8080/moved
body_regex=^ready$
program=nginx
interval=500ms
confirm=100ms
start_period=0

[probe:busy]
type=http
url=http://127.0.0.1:8080/busy
interval=500ms
confirm=100ms
start_period=0

[probe:untrusted]
type=http
url=https://127.0.0.1:8443/
interval=500ms
confirm=100ms
start_period=0

[probe:trusted]
type=http
url=https://127.0.0.1:8443/
tls_ca=%(here)s/cert.pem
interval=500ms
confirm=100ms

[probe:port]
type=tcp
address=localhost:8080
ip=4
send=GET /ok HTTP/1.0\\r\\n\\r\\n
expect_regex=^HTTP/1\\.1 200 OK
interval=500ms
confirm=100ms
"""


@pytest.fixture(name="web")
def web_under_supd(sup, tmp_path):
    here = str(tmp_path)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", here + "/key.pem", "-out",
                    here + "/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    os.chmod(here + "/cert.pem", 0o644)
    for folder in [tmp_path, *tmp_path.parents][:-2]:  # but /tmp and /
        os.chmod(folder, 0o755)
    (tmp_path / "nginx.conf").write_text(SERVER.format(here=here))
    return sup(CONF.replace("%(here)s", here))


def probes(s):
    """What `supctl probes --json` tells, by name; nothing before the agent is there."""
    done = s.ctl("probes", "--json")
    return {p["name"]: p for p in json.loads(done.stdout or "[]")}


def wait_states(s, **want):
    def reached():
        now = probes(s)
        return now and all(now[name]["state"] == state for name, state in want.items()) and now
    return s.wait(reached, 20, lambda: f"{want}: {s.ctl('probes', '--json').stdout}\n{s.log_text()}")


def test_nginx_is_judged(web):
    wait_states(web, ok="OK", busy="FAILED", untrusted="FAILED", trusted="OK", port="OK")
    # they may have failed before nginx was there
    web.wait(lambda: all(p["reason"] != "connect_refused" for p in probes(web).values() if "reason" in p), 20)
    now = probes(web)
    assert now["busy"]["reason"] == "status"
    assert now["busy"]["detail"] == "status 503 (wanted 200-299)"
    assert re.fullmatch(r"status 200 in [\d.]+ ms", now["ok"]["detail"])
    assert now["untrusted"]["reason"].startswith("tls_verify")
    assert now["untrusted"]["detail"] == ("the certificate of 127.0.0.1:8443 is self-signed and not "
                                          "trusted")
    web.expect_log(r"probe (busy|untrusted)")


def test_nginx_gone_is_seen_and_back_again(web):
    wait_states(web, ok="OK", port="OK")
    web.ok("stop", "nginx")
    now = wait_states(web, ok="FAILED", port="FAILED", trusted="FAILED")
    assert now["ok"]["reason"] == "connect_refused"
    assert now["ok"]["detail"] == "connection refused by 127.0.0.1:8080"
    web.ok("start", "nginx")
    wait_states(web, ok="OK", port="OK", trusted="OK")
    web.expect_log(r"probe \w+")

"""Debian's mail server, Exim: with TLS and passwords, and mails as files of a folder."""
import email
import email.policy
import os
import pwd
import subprocess

from .alertmanager import free_port
from .waiting import wait

CONF = """primary_hostname = mail.test
local_interfaces = 127.0.0.1
spool_directory = {dir}/spool
log_file_path = {dir}/log/%slog
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = {dir}/cert.pem
tls_privatekey = {dir}/key.pem
acl_smtp_rcpt = rcpt

begin acl
rcpt:
  defer condition = ${{if exists{{{dir}/full}}}}
        message = 4.3.1 no room for now
  deny local_parts = nobody
       message = 5.1.1 there is nobody of that name
  deny !authenticated = *
       message = 5.7.1 who are you
  accept

begin routers
all:
  driver = accept
  transport = folder

begin transports
folder:
  driver = appendfile
  directory = {dir}/mail
  maildir_format = true
  user = Debian-exim
  group = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{me}}}}{{eq{{$auth3}}{{s3cr3t}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


class Exim:
    """folder: one that other users may enter. User me, password s3cr3t, after STARTTLS only."""

    def __init__(self, folder):
        self.dir, self.port, self.proc = str(folder), free_port(), None
        self.cert = self.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        self.path("key.pem"), "-out", self.cert], check=True, stderr=subprocess.DEVNULL, timeout=60)
        user = pwd.getpwnam("Debian-exim")
        for name in ("spool", "mail", "log", "key.pem"):
            if "." not in name:
                os.mkdir(self.path(name))
            os.chown(self.path(name), user.pw_uid, user.pw_gid)
        with open(self.path("exim.conf"), "w", encoding="ascii") as f:
            f.write(CONF.format(dir=self.dir))
        self.start()

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self):
        with open(self.path("out"), "ab") as out:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "exim4", "-C", self.path("exim.conf"), "-bdf", "-oX",
                 str(self.port), "-oP", self.path("pid")], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait(lambda: "listening for SMTP" in self.log(), 20, self.log)

    def stop(self):
        self.proc.kill()
        self.proc.wait()
        if os.path.exists(self.path("log/mainlog")):
            os.unlink(self.path("log/mainlog"))

    def log(self):
        text = ""
        for name in ("out", "log/mainlog", "log/rejectlog", "log/paniclog"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    text += f.read()
        return text

    def full(self, on):
        """Whether it has no room for now."""
        if on:
            with open(self.path("full"), "w", encoding="ascii"):
                pass
        else:
            os.unlink(self.path("full"))

    def mails(self):
        """What was delivered, in the order of its arrival."""
        found = []
        folder = self.path("mail/new")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found.append((os.stat(path).st_mtime_ns, email.message_from_binary_file(f, policy=email.policy.default)))
        return [mail for _, mail in sorted(found, key=lambda pair: pair[0])]

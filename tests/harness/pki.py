"""Certificates as tests need them: authorities and leaves with any dates, keys and faults; and the
servers that present them. All are made by the openssl command."""
import datetime
import os
import re
import socket
import ssl
import subprocess
import threading

from harness.waiting import wait

CONFIG = """
[ca]
default_ca = one
[one]
dir = {dir}
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
policy = any
unique_subject = no
email_in_dn = no
rand_serial = yes
default_md = sha256
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ext]
{ext}
"""


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(args)}: {done.stderr}"
    return done.stdout


class Pki:
    """One folder of authorities and certificates. A name is also the stem of its files."""

    def __init__(self, folder):
        self.dir = str(folder)
        os.makedirs(self.dir, exist_ok=True)
        open(self.path("index"), "w").close()
        self.now = datetime.datetime.now(datetime.timezone.utc)

    def path(self, name):
        return os.path.join(self.dir, name)

    def key(self, name, kind):
        """kind: "ec" or "rsa:BITS"; another openssl curve's name is fine, too."""
        path = self.path(f"{name}.key")
        if kind.startswith("rsa:"):
            run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}",
                "-out", path)
        else:
            curve = "prime256v1" if kind == "ec" else kind
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", path)
        return path

    def date(self, days):
        """A date so many days from now, or an exact one given as text."""
        if isinstance(days, str):
            return days
        return (self.now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")

    def issue(self, name, by=None, *, names="DNS:localhost,IP:127.0.0.1", start=-1, end=89, key="ec",
              digest="sha256", ca=False, more=""):
        """A certificate name.pem, its key and name-chain.pem; by=None: signed by its own key."""
        extensions = ["subjectKeyIdentifier=hash", f"basicConstraints=critical,CA:{'TRUE' if ca else 'FALSE'}"]
        if names and not ca:
            extensions.append(f"subjectAltName={names}")
        if more:
            extensions.append(more)
        config = self.path(f"{name}.cnf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(dir=self.dir, ext="\n".join(extensions)))
        own, request = self.key(name, key), self.path(f"{name}.csr")
        run("openssl", "req", "-new", "-key", own, "-subj", f"/O=Tests/CN={name}", "-out", request, "-config", config)
        signer = ["-selfsign", "-keyfile", own] if by is None else \
            ["-cert", self.path(f"{by}.pem"), "-keyfile", self.path(f"{by}.key")]
        run("openssl", "ca", "-batch", "-notext", "-config", config, "-extensions", "ext", "-md", digest,
            "-startdate", self.date(start), "-enddate", self.date(end), "-in", request,
            "-out", self.path(f"{name}.pem"), *signer)
        self.chain(name, name, *([] if by is None else [by]))
        return self.path(f"{name}.pem")

    def staple(self, name, by):
        """What an OCSP responder says about a certificate now, as a file to be stapled."""
        path = self.path(f"{name}.ocsp")
        signer = self.path(f"{by}.pem")
        run("openssl", "ocsp", "-index", self.path("index"), "-CA", signer, "-rsigner", signer, "-rkey",
            self.path(f"{by}.key"), "-issuer", signer, "-cert", self.path(f"{name}.pem"), "-respout", path,
            "-ndays", "2", "-noverify")
        return path

    def revoke(self, name, by):
        run("openssl", "ca", "-config", self.path(f"{name}.cnf"), "-cert", self.path(f"{by}.pem"), "-keyfile",
            self.path(f"{by}.key"), "-revoke", self.path(f"{name}.pem"))

    def chain(self, name, *parts):
        """name-chain.pem: these certificates, one after the other."""
        path = self.path(f"{name}-chain.pem")
        texts = [open(self.path(f"{p}.pem"), encoding="utf-8").read() for p in parts]
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join(texts))
        return path


class SServer:
    """openssl s_server on a port of its own."""

    def __init__(self, cert, key, *args, chain=None):
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, "-www",
                   "-cipher", "ALL:@SECLEVEL=0", *args]
        if chain:
            command += ["-cert_chain", chain]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.port = None
        for line in self.child.stdout:
            found = re.match(r"ACCEPT .*:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        assert self.port, "openssl s_server did not start"

    def close(self):
        self.child.kill()
        self.child.wait(10)
        self.child.stdout.close()


class Talker:
    """A server that answers in plain text before TLS: talk(read_line, send) -> True to begin TLS."""

    def __init__(self, cert, key, talk):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.talk, self.heard = talk, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            try:
                peer.settimeout(10)
                self.one(peer)
            except (OSError, ssl.SSLError):
                pass
            finally:
                peer.close()

    def one(self, peer):
        def read(n=None):
            """A line, or n bytes; what the client sent."""
            got = b""
            while (len(got) < n) if n else not got.endswith(b"\n"):
                byte = peer.recv(1)
                if not byte:
                    raise OSError("closed")
                got += byte
            self.heard.append(got)
            return got

        if self.talk(read, peer.sendall):
            with self.context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(1)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)
        wait(lambda: not self.thread.is_alive(), what="the server's thread to end")

"""A PostgreSQL server of a test's own: in a folder, on a port and a Unix socket, as an unprivileged user."""
import glob
import os
import pwd
import signal
import socket
import subprocess

from harness.waiting import wait

USER = "nobody"


def bin_dir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    """folder: where its user may go (open_dir). settings: lines of postgresql.conf. start=False: the data
    folder alone. The superuser "boss" is let in by trust over the socket, and by password ("pass word")
    over TCP."""

    def __init__(self, folder, settings=(), start=True):
        self.dir, self.port = str(folder), free_port()
        who = pwd.getpwnam(USER)
        os.makedirs(self.dir, exist_ok=True)
        os.chown(self.dir, who.pw_uid, who.pw_gid)
        self.as_user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        secret = os.path.join(self.dir, "pw")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("pass word\n")
        os.chown(secret, who.pw_uid, who.pw_gid)
        self.data = os.path.join(self.dir, "data")
        self.run("initdb", "-D", self.data, "-U", "boss", "--pwfile", secret, "--auth-local=trust",
                 "--auth-host=scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            f.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{self.dir}'\n"
                    "fsync=off\nshared_buffers=1MB\nmax_wal_size=64MB\nautovacuum=off\n"
                    "logging_collector=off\n" + "".join(f"{line}\n" for line in settings))
        self.child = None
        if start:
            self.start()

    def run(self, name, *args):
        done = subprocess.run([*self.as_user, os.path.join(bin_dir(), name), *args], capture_output=True, text=True,
                              timeout=100, check=False, cwd=self.dir)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.child = subprocess.Popen([*self.as_user, os.path.join(bin_dir(), "postgres"), "-D", self.data],
                                      stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=self.dir)
        wait(self.answers, timeout=30, what=lambda: open(self.log.name, encoding="utf-8").read())

    def answers(self):
        done = subprocess.run([os.path.join(bin_dir(), "pg_isready"), "-q", "-h", self.dir, "-p", str(self.port)],
                              timeout=10, check=False)
        return done.returncode == 0

    def sql(self, text):
        return self.run("psql", "-h", self.dir, "-p", str(self.port), "-U", "boss", "-d", "postgres", "-AtqX",
                        "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    def stop(self):
        if self.child:
            self.child.send_signal(signal.SIGINT)  # fast: clients are not waited for
            self.child.wait(30)
            self.log.close()
        self.child = None

"""Plays one script inside a server's namespaces, with one client, and prints what was seen as JSON.

Debian's client is imported once and forked for each command: the same code, without the start of an
interpreter, which would be most of the time.
"""
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
import xmlrpc.client

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from supervisor import supervisorctl  # noqa: E402
from supervisor.xmlrpc import SupervisorTransport  # noqa: E402

from harness.waiting import wait  # noqa: E402

LIMIT = 20  # seconds for one command


def plain(text):
    """Text without what differs from run to run, and without the place in Debian's source."""
    text = re.sub(r"\bpid \d+", "pid N", text)
    text = re.sub(r"\d+:\d\d:\d\d(,\d{3})?", "H:MM:SS", text)
    text = re.sub(r"\b[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M", "DATE", text)
    text = re.sub(r": file: \S+ line: \d+$", "", text, flags=re.M)
    text = re.sub(r"^\d*[1-9]\d*$", "N", text, flags=re.M)
    return re.sub(r"/\S+/supervisorctl\b", "supervisorctl", text)


class Player:
    """What a script has at hand."""

    def __init__(self, theirs, client, folder):
        self.theirs, self.client, self.folder, self.seen = theirs, client, folder, []
        self.url = f"unix://{folder}/sock"
        os.chdir(folder)

    # files and processes

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path(name), encoding="utf-8", errors="replace") as f:
                return f.read()
        return ""

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def edit(self, name, old, new):
        text = self.read(name)
        assert old in text, old
        self.write(name, text.replace(old, new))

    def wait(self, condition, what=None, timeout=20):
        return wait(condition, timeout, what)

    def rpc(self, user=None, password=None):
        transport = SupervisorTransport(user, password, self.url)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def states(self):
        return {f"{i['group']}:{i['name']}" if i["group"] != i["name"] else i["name"]: i["statename"]
                for i in self.rpc().getAllProcessInfo()}

    def wait_states(self, **names):
        """Until each process is in one of the states, separated by blanks."""
        seen = {}

        def there():
            with contextlib.suppress(xmlrpc.client.Fault, OSError):
                seen.update(self.states())
            return all(seen.get(name) in state.split() for name, state in names.items())
        self.wait(there, lambda: f"{names}: {seen}")

    # the client

    def argv(self, words):
        if words and words[0] in ("-c", "--configuration"):
            return [self.client, *words]
        return [self.client, "-c", self.path("supervisord.conf"), *words]

    def start(self, argv, stdin, out, err, close):
        """Starts the client; its process id."""
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(close)
            for fd, to in ((stdin, 0), (out.fileno(), 1), (err.fileno(), 2)):
                os.dup2(fd, to)
            if self.theirs:
                os._exit(self.debian(argv))
            os.execv(argv[0], argv)
        return pid

    @staticmethod
    def debian(argv):
        sys.argv = argv
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0, "r"), os.fdopen(1, "w"), os.fdopen(2, "w")
        from supervisor.options import ClientOptions, Options
        Options.stdout, Options.stderr, Options.progname = sys.stdout, sys.stderr, argv[0]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = 1
        try:
            supervisorctl.main(options=ClientOptions(), args=argv[1:])
        except SystemExit as end:
            status = end.code or 0
        except BaseException:  # what the interpreter would do with it
            import traceback
            traceback.print_exc()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        return status

    def reap(self, pid):
        end = time.monotonic() + LIMIT

        def over():
            found = os.waitpid(pid, os.WNOHANG)
            if not found[0] and time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            return found if found[0] else None
        return os.waitstatus_to_exitcode(wait(over, LIMIT + 5, "the client ends", every=0.005)[1])

    def ctl(self, *words, stdin="", during=None, note=True):
        """Runs the client on words; notes and returns (exit status, stdout, stderr). during(pid, out): is
        called while it runs, out() being what it has printed so far."""
        argv = self.argv(words)
        with tempfile.NamedTemporaryFile() as out, tempfile.TemporaryFile() as err:
            reader, writer = os.pipe()
            pid = self.start(argv, reader, out, err, writer)
            os.close(reader)
            try:
                if during is None:
                    os.write(writer, stdin.encode())
                else:
                    during(pid, lambda: self.read(out.name), writer)
            finally:
                with contextlib.suppress(OSError):
                    os.close(writer)
            status = self.reap(pid)
            texts = []
            for f in (out, err):
                f.seek(0)
                texts.append(plain(f.read().decode(errors="surrogateescape")))
        if note:
            self.seen.append([" ".join(words) + (f" <<{stdin!r}" if stdin else ""), status, *texts])
        return status, *texts


def main():
    import scripts
    script, who, client, folder = sys.argv[1:]
    player = Player(who == "theirs", client, folder)
    getattr(scripts, script)(player)
    print(json.dumps(player.seen))


if __name__ == "__main__":
    main()

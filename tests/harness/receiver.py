"""An HTTP server of the tests: what it is asked (probes), what it is told (notices), and how it
misbehaves while it is told. It keeps every request with what became of it."""
import contextlib
import json
import socket
import struct
import threading
import time


class Told:
    """One request that brought a notice. taken: 2xx was meant; answered: all of it was sent."""

    def __init__(self, hook, headers, body):
        self.at, self.hook, self.headers, self.body = time.monotonic(), hook, headers, body
        self.taken = self.answered = False

    @property
    def notice(self):
        return json.loads(self.body)["supd"]

    @property
    def id(self):
        return self.headers["webhook-id"]

    def __repr__(self):
        state = "not taken" if not self.taken else "taken" if self.answered else "taken, its answer lost"
        return f"{self.at:.2f} {self.hook}: {self.notice['kind']} {self.notice['alert']} {self.id} {state}"


# ---- what it may do with a request; each is called with the connection and the Told ----

def answer(status, body="", **headers):
    """Answers with this status; headers as Retry_After="7"."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]

    def act(server, conn, told):
        told.taken = 200 <= status < 300
        conn.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        told.answered = True
    return act


ok = answer(200, "ok")


def reset(conn):
    """The peer sees a reset, not an end."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def hang(server, conn, told):
    """Never answers: until the other end gives up."""
    conn.settimeout(30)
    with contextlib.suppress(OSError):
        while conn.recv(4096):
            pass


def taken_but_reset(server, conn, told):
    """Takes it, and breaks off before a word of an answer."""
    told.taken = True
    reset(conn)


def reset_in_answer(server, conn, told):
    """Takes it, and breaks off in the middle of the answer's body."""
    told.taken = True
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    reset(conn)


def reset_in_body(server, conn, told):
    """Breaks off before it has read the request's body: see _notice."""


class Server:
    """hooks: name -> actions for the requests of POST /name, one each, the last for ever.
    well: name -> bool, what GET /p/name says."""

    def __init__(self, **hooks):
        self.lock = threading.Lock()
        self.hooks = {name: list(actions) for name, actions in hooks.items()}
        self.well, self.told, self.on_told, self.broken = {}, [], None, 0
        self.sock, self.address, self.open = None, ("127.0.0.1", 0), True
        self._bind()
        self.address = self.sock.getsockname()
        self.listen()

    @property
    def port(self):
        return self.address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _bind(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(self.address)

    def listen(self):
        self.sock.listen(128)
        threading.Thread(target=self._accept, args=(self.sock,), daemon=True).start()

    def die(self):
        """Connections are refused from now on; the port stays ours."""
        self.stop()
        self._bind()

    def stop(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _accept(self, sock):
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with contextlib.suppress(OSError), conn:
            conn.settimeout(10)
            self._request(conn)

    def _action(self, hook):
        with self.lock:
            actions = self.hooks.setdefault(hook, [ok])
            return actions.pop(0) if len(actions) > 1 else actions[0]

    def _request(self, conn):
        head = b""
        while b"\r\n\r\n" not in head:
            more = conn.recv(4096)
            if not more:
                return
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        if method == "GET":
            status = 200 if self.well.get(path.removeprefix("/p/"), True) else 500
            answer(status)(self, conn, Told(path, {}, b""))
            return
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        self._notice(conn, path[1:], headers, body)

    def _notice(self, conn, hook, headers, body):
        action = self._action(hook)
        if action is reset_in_body:
            self.broken += 1
            reset(conn)
            return
        while len(body) < int(headers["content-length"]):
            more = conn.recv(65536)
            if not more:
                return
            body += more
        told = Told(hook, headers, body)
        with self.lock:
            self.told.append(told)
        if self.on_told:
            self.on_told(told, "before")
        action(self, conn, told)
        if self.on_told:
            self.on_told(told, "after")

    def at(self, hook, taken=None):
        """What came to a hook, in its order."""
        with self.lock:
            return [t for t in self.told if t.hook == hook and (taken is None or t.taken == taken)]

    def raw(self, hook):
        """The JSON of all that came to a hook."""
        return [json.loads(t.body) for t in self.at(hook)]

    def story(self, hook, alert=None):
        """Kinds of the notices that a hook took, each id once: ["firing", "resolved"]."""
        seen = {}
        for t in self.at(hook, taken=True):
            if alert is None or t.notice["alert"] == alert:
                seen.setdefault(t.id, t.notice["kind"])
        return list(seen.values())

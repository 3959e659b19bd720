"""HTTP over unix sockets, as clients of supervisord speak it, and by hand."""
import base64
import contextlib
import http.client
import socket


class Unix(http.client.HTTPConnection):
    """A connection to a unix socket; auth: (user, password), sent with every request."""

    def __init__(self, path, auth=None, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.path, self.auth = path, auth

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None, **headers):
        """(status, text, headers)"""
        if self.auth:
            headers["Authorization"] = basic(*self.auth)
        self.request(method, target, body, headers)
        answer = self.getresponse()
        return answer.status, answer.read().decode(), answer.headers


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(path, method, target, body=None, auth=None, **headers):
    """One request on a connection of its own: (status, text, headers)."""
    with contextlib.closing(Unix(path, auth)) as c:
        return c.ask(method, target, body, **headers)


def get(path, target="/ok.html", **kw):
    """(status, text) of a GET."""
    return ask(path, "GET", target, **kw)[:2]


def answers(path, **kw):
    """The status of GET /ok.html, or None while nobody answers."""
    try:
        return get(path, **kw)[0]
    except (OSError, http.client.HTTPException):
        return None


def raw(path, data, timeout=20):
    """What comes after these bytes, to the end."""
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(timeout)
        c.connect(path)
        c.sendall(data)
        got = b""
        while True:
            try:
                more = c.recv(65536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more

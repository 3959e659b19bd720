"""Supervisor's XML-RPC as its clients speak it, over a server's unix socket."""
import xmlrpc.client

from .web import Unix


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path, timeout):
        super().__init__(use_builtin_types=True)
        self.path, self.timeout = path, timeout

    def make_connection(self, host):
        if not self._connection[1]:
            self._connection = host, Unix(self.path, timeout=self.timeout)
        return self._connection[1]


class Rpc(xmlrpc.client.ServerProxy):
    """rpc.supervisor.getState(), rpc.system.listMethods(); a fault raises xmlrpc.client.Fault."""

    def __init__(self, path, timeout=60):
        super().__init__("http://localhost/RPC2", transport=_Transport(path, timeout), allow_none=True)


def fault(call, *args):
    """(code, text) of the fault that a call ends in."""
    try:
        got = call(*args)
    except xmlrpc.client.Fault as f:
        return f.faultCode, f.faultString
    raise AssertionError(f"no fault, but {got!r:.200}")


def post(path, body, timeout=60):
    """(status, body) of a POST to /RPC2."""
    connection = Unix(path, timeout=timeout)
    connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text

"""A stand-in for supd that says what a test wants."""
import socket
import threading


class Double:
    """Says what supd would, a connection at a time: the answer to one request, then it closes."""

    def __init__(self, path, *answers):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.bind(path)
        self.socket.listen()
        self.asked = []
        self.rest = b""  # what came after the requests
        self.thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self.thread.start()

    def _serve(self, answers):
        for answer in answers:
            with self.socket.accept()[0] as one:
                one.settimeout(20)
                one.sendall(b"supd 1 version=0 pid=1\n")
                self.asked.append(one.recv(1000))
                one.sendall(answer)
                one.shutdown(socket.SHUT_WR)
                while more := one.recv(1000):
                    self.rest += more

    def close(self):
        self.thread.join(30)
        self.socket.close()

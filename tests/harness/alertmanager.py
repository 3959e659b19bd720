"""Debian's Alertmanager, which may be killed and started again in the same place."""
import json
import socket
import subprocess
import urllib.request

from .waiting import wait

CONF = """route:
  receiver: hook
  group_wait: 100ms
  group_interval: 1s
  group_by: [alertname]
receivers:
- name: hook
  webhook_configs:
  - url: {url}/from-alertmanager
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Alertmanager:
    """hook: the URL of a server whose /from-alertmanager gets what it notifies of."""

    def __init__(self, folder, hook):
        self.folder, self.proc = folder, None
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "am.yml").write_text(CONF.format(url=hook))
        self.start()

    def start(self):
        with open(self.folder / "am.log", "ab") as log:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "prometheus-alertmanager",
                 f"--config.file={self.folder}/am.yml", f"--storage.path={self.folder}/am",
                 f"--web.listen-address={self.url[7:]}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait(self.ready, 30, lambda: (self.folder / "am.log").read_text())

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read()

    def ready(self):
        try:
            return self.get("/-/ready")
        except OSError:
            return False

    def list(self):
        """What fires, as it tells it."""
        return json.loads(self.get("/api/v2/alerts"))

    def alerts(self):
        """What fires, by name."""
        return {a["labels"]["alertname"]: a for a in self.list()}

    def close(self):
        self.proc.kill()
        self.proc.wait()

"""Who watches others: supd's agent, blackbox_exporter and monit, the same probes in each one's words."""
import http.client
import os
import subprocess
import threading
import time
import urllib.parse

from rivals import Supd, write

HTTP, HTTPS, STATUS = 8080, 8443, 8081  # ports in a network namespace of the measurement's own
PATTERN = "status=5[0-9][0-9]"          # what is looked for in lines


class Watcher:
    """One program that makes `count` probes of a kind (tcp, http, https), each `interval` seconds.

    place    a private folder that all users may read
    build    the folder of our own programs
    """
    name = title = package = ""
    commands = ()
    parts = ()        # what it can do
    processes = ()    # the names of what costs CPU
    user_log = None

    def __init__(self, place, build):
        self.place, self.build = place, build
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": place}

    def path(self, *names):
        return os.path.join(self.place, *names)

    def tool(self, *words):
        return [os.path.join(self.build, "tests", "probes"), *map(str, words)]

    missing = classmethod(lambda cls, build: "" if all(
        os.access(os.path.join("/usr/bin", c), os.X_OK) for c in cls.commands) else "not installed")

    @classmethod
    def version(cls, _build):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", cls.package], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout or "version unknown"

    def configure(self, kind, count, interval):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def drive(self, kind):
        """Makes the probes happen where the program does not do it by itself: returns what stops it."""
        return lambda: None


def url_of(kind):
    return f"https://127.0.0.1:{HTTPS}/" if kind == "https" else f"http://127.0.0.1:{HTTP}/"


class SupdWatch(Watcher):
    name, title = "supd", "supd"
    parts = ("tcp", "http", "https", "many", "lines", "capture", "statsd-udp", "statsd-unix", "memory")
    processes = ("supd", "supd-log", "supd-agent")
    missing, version = Supd.missing, Supd.version
    lines = {"tcp": f"type=tcp\naddress=127.0.0.1:{HTTP}\n", "http": f"type=http\nurl={url_of('http')}\n",
             "https": f"type=http\nurl={url_of('https')}\ntls_ca={{place}}/cert.pem\n"}

    def head(self, more=""):
        return f"[supervisord]\nlogfile={self.path('main.log')}\npidfile={self.path('main.pid')}\n\n" \
               f"[supd]\nsocket={self.path('supd.sock')}\n\n" \
               f"[agent]\nlisten=127.0.0.1:9100\nstate_dir={self.path('state')}\n{more}\n"

    def probes(self, kind, count, interval):
        one = f"interval={interval}s\n" + self.lines[kind].format(place=self.place)
        return "".join(f"[probe:p{i}]\n{one}" for i in range(count))

    def configure(self, kind, count, interval):
        write(self.path("main.conf"), self.head() + self.probes(kind, count, interval))

    def configure_alerted(self, kind, count, interval):
        """The same with an alert on each probe."""
        alerts = "".join(f"[alert:a{i}]\ntype=probe\nprobe=p{i}\nseverity=warning\n" for i in range(count))
        write(self.path("main.conf"), self.head() + self.probes(kind, count, interval) + alerts)

    def configure_memory(self, programs, probes):
        each = "".join(f"[program:w{i:04}]\ncommand={self.path('beacon')} {self.path('board')} {i}\n"
                       for i in range(programs))
        write(self.path("main.conf"), self.head() + each + self.probes("http", probes, 5))

    def configure_lines(self, writer, metric):
        os.makedirs(self.path("log"), exist_ok=True)
        text = f"[program:w]\ncommand={' '.join(writer)}\nstdout_logfile={self.path('log', 'w')}\n" \
               "redirect_stderr=true\n"
        if metric:
            text += f"[metric:lines]\ntype=lines\nprogram=w\nerrors={PATTERN}\n"
        write(self.path("main.conf"), self.head() + text)

    def configure_statsd(self):
        more = f"statsd_listen=127.0.0.1:8125\nstatsd_socket={self.path('state', 'statsd.sock')}\n"
        write(self.path("main.conf"), self.head(more) +
              "[metric:api]\ntype=counter\ntotal=api.requests\nerrors=api.errors\n"
              "[metric:latency]\ntype=timer\ntimer=api.latency\nover=500ms\n")

    def command(self):
        return [os.path.join(self.build, "supd"), "-c", self.path("main.conf")]

    @staticmethod
    def metrics(name):
        """All values of a metric family of /metrics."""
        c = http.client.HTTPConnection("127.0.0.1", 9100, timeout=30)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                if line.split("{", 1)[0].split(" ", 1)[0] == name]


class Blackbox(Watcher):
    """It probes when it is asked, so somebody has to ask it: over one kept connection, as Prometheus."""
    name, title, package = "blackbox", "blackbox_exporter", "prometheus-blackbox-exporter"
    commands = processes = ("prometheus-blackbox-exporter",)
    parts = ("tcp", "http", "https", "memory")
    modules = "modules:\n  tcp:\n    prober: tcp\n" \
              "  http:\n    prober: http\n    http:\n      preferred_ip_protocol: ip4\n" \
              "  https:\n    prober: http\n    http:\n      preferred_ip_protocol: ip4\n" \
              "      tls_config:\n        ca_file: {place}/cert.pem\n"

    def configure(self, kind, count, interval):
        write(self.path("blackbox.yml"), self.modules.format(place=self.place))

    def command(self):
        return [self.commands[0], f"--config.file={self.path('blackbox.yml')}",
                "--web.listen-address=127.0.0.1:9115", "--log.level=error"]

    def drive(self, kind):
        target = f"127.0.0.1:{HTTP}" if kind == "tcp" else url_of(kind)
        stop = threading.Event()
        thread = threading.Thread(target=self.ask, args=(kind, target, stop), daemon=True)
        thread.start()

        def end():
            stop.set()
            thread.join()
        return end

    @staticmethod
    def ask(kind, target, stop):
        path = "/probe?" + urllib.parse.urlencode({"module": kind, "target": target})
        c = http.client.HTTPConnection("127.0.0.1", 9115, timeout=10)
        while not stop.is_set():
            try:
                c.request("GET", path)
                text = c.getresponse().read()
            except OSError:
                c.close()
                time.sleep(0.1)
                continue
            if b"probe_success 1" not in text:
                raise RuntimeError(text.decode())


class Monit(Watcher):
    name = title = package = "monit"
    commands = processes = ("monit",)
    parts = ("tcp", "http", "https", "many", "lines", "memory")
    checks = {"tcp": f"port {HTTP}", "http": f"port {HTTP} protocol http",
              "https": f"port {HTTPS} protocol https"}

    def write(self, interval, text):
        write(self.path("monitrc"),
              f"set daemon {interval}\nset log {self.path('monit.log')}\nset pidfile {self.path('monit.pid')}\n"
              f"set idfile {self.path('monit.id')}\nset statefile {self.path('monit.state')}\n{text}", 0o600)

    def hosts(self, kind, count):
        return "".join(f"check host h{i} with address 127.0.0.1\n  if failed {self.checks[kind]} then alert\n"
                       for i in range(count))

    def configure(self, kind, count, interval):
        ssl = f"set ssl {{ verify: enable, cacertificatefile: {self.path('cert.pem')} }}\n"
        self.write(interval, ssl + self.hosts(kind, count))

    def configure_lines(self, path):
        self.write(1, f"check file log with path {path}\n  if content = \"{PATTERN}\" then alert\n")

    def command(self):
        return ["monit", "-I", "-c", self.path("monitrc")]


class Floor(Watcher):
    """What the work costs without anything around it: bare libcurl, or connect() and close()."""
    name, title = "floor", "floor"
    parts = ("tcp", "http", "https")
    missing = SupdWatch.missing

    @classmethod
    def version(cls, _build):
        return ""


WATCHERS = {w.name: w for w in (SupdWatch, Blackbox, Monit, Floor)}

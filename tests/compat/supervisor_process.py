"""Debian's Supervisor as the other player of tests/tools/procplay.c: its process class with a clock
and a kernel of ours, one look at each process every 100 ms.
"""
from supervisor import process
from supervisor.datatypes import RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.states import ProcessStates, SupervisorStates

RESTARTS = {0: False, 1: RestartUnconditionally, 2: RestartWhenExitUnexpected}


class Clock:
    """Stands for the module time."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


class Nothing:
    """Takes any call: the logger."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Options:
    mood = SupervisorStates.RUNNING
    logger = Nothing()

    def __init__(self):
        self.pidhistory, self.next_pid, self.signals = {}, 100, []

    def fork(self):
        self.next_pid += 1
        return self.next_pid

    def kill(self, pid, sig):
        self.signals.append(sig)

    def close_parent_pipes(self, pipes):
        pass

    close_child_pipes = close_parent_pipes


class Config:
    name, autostart, stopasgroup, killasgroup, stopsignal = "p", False, False, False, 15

    def __init__(self, options, startsecs, startretries, restart, stopwait, codes):
        self.options, self.startsecs, self.startretries = options, startsecs, startretries
        self.autorestart, self.stopwaitsecs, self.exitcodes = RESTARTS[restart], stopwait, codes

    def make_dispatchers(self, proc):
        return {}, {}


class Process(process.Subprocess):
    failing = False

    def get_execv_args(self):
        if self.failing:
            raise process.ProcessException("it cannot be started")
        return "/bin/p", ["p"]


class Player:
    """One script; `tick(line)` gives what procplay prints for the line."""

    def __init__(self, startsecs_ms, startretries, restart, stopwait_ms, codes):
        self.clock, self.options = Clock(), Options()
        process.time = self.clock
        self.ticks = 0
        self.proc = Process(Config(self.options, startsecs_ms / 1000, startretries, restart,
                                   stopwait_ms / 1000, codes))

    def start(self):
        stopped = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL)
        if self.proc.state in stopped:
            self.proc.spawn()

    def stop(self):
        if self.proc.state in (ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.BACKOFF):
            self.proc.stop()

    def shutdown(self):
        if self.proc.state == ProcessStates.BACKOFF:
            self.proc.give_up()
        self.stop()

    def exit(self, status):
        if self.proc.pid:
            self.proc.finish(self.proc.pid, status)

    def fail(self):
        self.proc.failing = True

    def heal(self):
        self.proc.failing = False

    def play(self, line):
        word, _, arg = line.partition(" ")
        if word == "exit":
            self.exit(int(arg) << 8)
        elif word == "sig":
            self.exit(int(arg))
        elif word != "-":
            getattr(self, word)()

    def tick(self, line):
        self.ticks += 1
        self.clock.now = 1000 + self.ticks / 10
        self.play(line)
        self.proc.transition()
        if self.proc.state == ProcessStates.BACKOFF and self.proc.backoff > self.proc.config.startretries:
            self.proc.transition()  # giving up takes it one look more, where the start itself failed
        return (self.proc.state, self.proc.backoff, self.options.next_pid - 100,
                self.options.signals.count(9))

"""What `make book` says while it works: which page, for how long, what is being done, what is left.

A terminal has one line that is written over; a file or a log has plain lines.
"""

import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter

from alvae import store

SECONDS_BETWEEN = 30  # lines of a log
REFRESH = 0.5  # seconds, in a terminal


def duration(seconds):
    """Seconds as text: "0:07", "12:30", "1:02:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Status:
    """The status of a build of several steps.

    Parameters
    ----------
    steps : list of str
        What is to be done, in order.
    profile : str
        What earlier builds took is remembered for each profile.
    stream : file, default=sys.stderr
    """

    def __init__(self, steps, profile, stream=None):
        self.steps, self.profile = list(steps), profile
        self.stream = sys.stderr if stream is None else stream
        self.seconds = {}  # of the steps that are done
        self.current = self.steps[0]
        self._memory = store.root() / "seconds" / f"{profile}.json"

    @contextmanager
    def step(self, name):
        """Report on a step while it is done: its work writes into ``$ALVAE_PROGRESS``."""
        self.current = name
        start, done = perf_counter(), Event()
        with TemporaryDirectory(prefix="alvae-") as folder:
            path = os.environ["ALVAE_PROGRESS"] = str(Path(folder) / "progress")
            watch = Thread(target=self._watch, args=(name, start, path, done), daemon=True)
            watch.start()
            try:
                yield
            finally:
                done.set()
                watch.join()
                del os.environ["ALVAE_PROGRESS"]
        self.seconds[name] = perf_counter() - start
        self._say(f"{self._place(name)}: {duration(self.seconds[name])}", end="\n")
        self._remember()

    def say(self, text):
        """Write a line of its own."""
        self._say(text, end="\n")

    def _place(self, name):
        n = len(self.steps)
        return f"[{self.steps.index(name) + 1:{len(str(n))}}/{n}] {name}"

    def _watch(self, name, start, path, done):
        terminal = self.stream.isatty()
        while not done.wait(REFRESH if terminal else SECONDS_BETWEEN):
            elapsed = perf_counter() - start
            parts = [f"{self._place(name)}, {duration(elapsed)}", _last_line(path)]
            parts.append(self._left(name, elapsed))
            self._say("; ".join(filter(None, parts)), end="" if terminal else "\n")

    def _left(self, name, elapsed):
        """What is left, from what earlier builds took; without them, how many steps."""
        rest = self.steps[self.steps.index(name) + 1 :]
        known = self._remembered()
        if {name, *rest} <= known.keys():
            left = max(0, known[name] - elapsed) + sum(known[step] for step in rest)
            return f"about {duration(left)} to go"
        return f"{len(rest)} more to go" if rest else ""

    def _say(self, text, end):
        if self.stream.isatty():
            text = "\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1]
        self.stream.write(text + end)
        self.stream.flush()

    def _remembered(self):
        try:
            return json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _remember(self):
        known = self._remembered()
        for name, seconds in self.seconds.items():
            # What comes from the store in no time says nothing about what it takes.
            known[name] = max(seconds, known.get(name, 0)) if seconds < 1 else seconds
        with store.replacing(self._memory) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")


def _last_line(path):
    try:
        lines = Path(path).read_text(encoding="utf-8").replace("\r", "\n").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

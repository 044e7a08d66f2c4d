"""The progress bar of long work."""

import os
from contextlib import contextmanager

from tqdm import tqdm

FILE = "ALVAE_PROGRESS"


@contextmanager
def progress_bar(total, desc, unit, alike=True):
    """A tqdm bar on standard error, or lines in the file that ``$ALVAE_PROGRESS`` names.

    Who waits for another process follows its work in that file. ``TQDM_DISABLE=1`` turns off the
    bar on standard error, as everywhere where tqdm draws one. Unless units are alike in the time
    they take, no time left is told.
    """
    if path := os.environ.get(FILE):
        # tqdm fills in desc, which may change on the way.
        line = "{desc}: " + f"{unit} {{n:,}} of {{total:,}}"
        line += ", {remaining} left\n" if alike else "\n"
        options = {"bar_format": line, "mininterval": 0.5, "disable": False}
        with (
            open(path, "a", encoding="utf-8") as file,
            tqdm(total=total, desc=desc, file=file, **options) as bar,
        ):
            yield bar
    else:
        plain = "{desc}: |{bar}| {n_fmt}/{total_fmt} [{elapsed}]"
        options = {} if alike else {"bar_format": plain}
        with tqdm(total=total, desc=desc, unit=unit, **options) as bar:
            yield bar


@contextmanager
def without_bars():
    """Let the bars of what is called go nowhere."""
    before = os.environ.get(FILE)
    os.environ[FILE] = os.devnull
    try:
        yield
    finally:
        os.environ.pop(FILE)
        if before is not None:
            os.environ[FILE] = before

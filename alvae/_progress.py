"""The progress bar of long work."""

import os
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(total, desc, unit):
    """A tqdm bar on standard error, or lines in the file that ``$ALVAE_PROGRESS`` names.

    Who waits for another process follows its work in that file. ``TQDM_DISABLE=1`` turns off the
    bar on standard error, as everywhere where tqdm draws one.
    """
    if path := os.environ.get("ALVAE_PROGRESS"):
        # tqdm fills in desc, which may change on the way.
        line = "{desc}: " + f"{unit} {{n:,}} of {{total:,}}, {{remaining}} left\n"
        options = {"bar_format": line, "mininterval": 0.5, "disable": False}
        with (
            open(path, "a", encoding="utf-8") as file,
            tqdm(total=total, desc=desc, file=file, **options) as bar,
        ):
            yield bar
    else:
        with tqdm(total=total, desc=desc, unit=unit) as bar:
            yield bar

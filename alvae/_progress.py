"""The progress bar of long work."""

import os

from tqdm import tqdm


def progress_bar(total, desc, unit):
    """A bar on standard error, or in the file that ``$ALVAE_PROGRESS`` names, a line for a change.

    Who waits for another process follows its work in that file. ``TQDM_DISABLE=1`` turns off the
    bar on standard error, as everywhere where tqdm draws one.
    """
    if path := os.environ.get("ALVAE_PROGRESS"):
        line = f"{desc}: {unit} {{n:,}} of {{total:,}}, {{remaining}} left\n"
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115
        return tqdm(total=total, bar_format=line, file=file, mininterval=0.5, disable=False)
    return tqdm(total=total, desc=desc, unit=unit)

"""How the tool counts things and names files."""

from collections import defaultdict

MOST_NAMED = 5  # files


def counted(n, noun, plural=None):
    """A number of things: "1 label", "20 labels"."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def left_out(refused):
    """In words which files are left out, and why: a line for each reason.

    Parameters
    ----------
    refused : dict of str to str
        The reason, by the name of the file.

    Returns
    -------
    list of str
    """
    by_reason = defaultdict(list)
    for name, reason in refused.items():
        by_reason[reason].append(name)
    return [f"left out: {_some(names)}: {reason}" for reason, names in by_reason.items()]


def _some(names):
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")

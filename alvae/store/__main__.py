"""``python -m alvae.store``: what the store holds, whether it is whole, and room for more."""

import argparse
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta

from alvae import store

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
FORGOTTEN = timedelta(days=7)  # after which nobody goes on with unfinished work
NO_ENTRIES = ("damaged", "locks", "scratch", "seconds", "unfinished")  # folders apart


def entries():
    """The path of every entry and what is known about it, None if that is damaged."""
    home = store.root()
    for folder in sorted(path for path in home.glob("*") if path.is_dir()):
        for beside in sorted(folder.glob(f"*{store.ABOUT}")):
            path = beside.with_name(beside.name.removesuffix(store.ABOUT))
            if folder.name not in NO_ENTRIES and path.match(store.ENTRY):
                try:
                    yield path, store.read_about(path)
                except ValueError:
                    yield path, None


def show():
    """List the entries, the newest last."""
    found = list(entries())
    for path, about in sorted(found, key=lambda entry: entry[1]["made"] if entry[1] else ""):
        if about is None:
            print(f"damaged  {path}")
            continue
        columns = about["made"][:16], f"{size(about['bytes']):>8}", f"{about['seconds']:9.1f} s"
        print("  ".join([*columns, f"{path.parent.name}/{path.name}", about["title"]]))
    total = sum(about["bytes"] for _, about in found if about)
    print(f"{len(found)} entries, {size(total)}, in {store.root()}")


def verify():
    """Look at every byte of every entry; say which are damaged, and how many there are."""
    damaged = 0
    for path, _ in entries():
        try:
            store.recall(path, lambda _: None)
        except ValueError as error:
            damaged += 1
            print(f"{path}: {error}")
    print(f"{damaged} of {sum(1 for _ in entries())} entries are damaged")
    return damaged


def prune(older_than=None, down_to=None):
    """Remove entries of an age, or the oldest until the rest is small enough; and all damage.

    Parameters
    ----------
    older_than : timedelta, default=None
    down_to : int, default=None
        Bytes that are left at most.
    """
    now, kept, removed = datetime.now(UTC), [], 0
    for path, about in entries():
        if about is None or (
            older_than is not None and now - datetime.fromisoformat(about["made"]) > older_than
        ):
            removed += remove(path)
        else:
            kept.append((about["made"], about["bytes"], path))
    total = sum(bytes_ for _, bytes_, _ in kept)
    for _, bytes_, path in sorted(kept):
        if down_to is None or total <= down_to:
            break
        removed, total = removed + remove(path), total - bytes_
    home = store.root()
    for path in home.glob(f"damaged/{store.DAMAGED}"):
        path.unlink()
    age = FORGOTTEN if older_than is None else older_than
    for path in (*home.glob(f"unfinished/*/{store.UNFINISHED}"), *_fragments(home)):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) <= now - age:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    print(f"removed {removed} entries; {size(total)} are left in {home}")


def _fragments(home):
    """What a process that was killed while it wrote an entry has left of it."""
    for path in home.glob("*/*"):
        if path.parent.name not in NO_ENTRIES and path.is_file():
            written = path.name.endswith(store.ABOUT) or store.beside(path).exists()
            if path.match(store.TEMPORARY) or (path.match(store.ENTRY) and not written):
                yield path


def remove(path):
    """Remove an entry, both files; 1, to be counted."""
    path.unlink(missing_ok=True)
    store.beside(path).unlink(missing_ok=True)
    return 1


def size(n):
    """A number of bytes as text: "1.5M"."""
    for unit in reversed(UNITS):
        if n >= UNITS[unit]:
            return f"{n / UNITS[unit]:.1f}{unit}" if unit else f"{n}"
    return "0"


def as_bytes(text):
    """The number of bytes that a text such as "500M" stands for."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)B?", text.strip().upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed is a size such as 500M or 2G")
    return int(float(match[1]) * UNITS[match[2]])


def as_days(text):
    """The time that a number of days stands for."""
    try:
        days = timedelta(days=float(text))
    except (ValueError, OverflowError):
        days = None
    if days is None or days < timedelta(0):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed is a number of days, at least 0")
    return days


def main(arguments=None):
    """List, verify or prune the results that are kept in the store."""
    parser = argparse.ArgumentParser(prog="python -m alvae.store", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", metavar="list|verify|prune")
    commands.add_parser("list", help=show.__doc__)
    commands.add_parser("verify", help=verify.__doc__)
    pruning = commands.add_parser("prune", help=prune.__doc__.split("\n")[0])
    pruning.add_argument("--older-than", type=as_days, metavar="DAYS", help="entries of this age")
    pruning.add_argument("--down-to", type=as_bytes, metavar="SIZE", help="such as 500M or 2G")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "verify":
                sys.exit(verify() > 0)
            case "prune":
                prune(options.older_than, options.down_to)
            case _:
                show()
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()

"""A directory of results, each under the digest of the recipe that made it.

A recipe is a nested dict of whatever the result depends on: parameters, arrays, code. The same
recipe finds the same entry; any change makes a new one. An entry is the result in a file, and a
file about it: its recipe, when and where it was made, and the digests by which damage to either is
noticed. What is damaged is set aside and made again.

``python -m alvae.store`` lists what there is, verifies it, and removes what is old.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import uuid
import warnings
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import platformdirs
from filelock import FileLock, Timeout

from alvae.store.recipes import differences, digest, digest_of, readable

ABOUT = ".about.json"
ROOM = 2**26  # bytes that must be free before something is made
HEX = "[0-9a-f]"
# What only we call a file or a folder.
SCRATCH, DAMAGED, UNFINISHED = 12 * HEX, f"{8 * HEX}-*", 20 * HEX
ENTRY, TEMPORARY = f"{20 * HEX}.*", f".{12 * HEX}.*"


def root():
    """Directory of the store: ``$ALVAE_STORE``, or the user's cache directory.

    Raises
    ------
    ValueError
        ``$ALVAE_STORE`` is not an absolute path. What a relative one means would depend on where a
        notebook is executed.
    """
    given = os.environ.get("ALVAE_STORE")
    if not given:
        return platformdirs.user_cache_path("alvae")
    try:
        path = Path(given).expanduser()
    except RuntimeError:  # there is no such user
        path = Path()
    if not path.is_absolute():
        raise ValueError(f"ALVAE_STORE is {given!r}; allowed is the absolute path of a folder")
    return path


@cache
def machine():
    """What tells this machine from others, on which the same work takes another time."""
    parts = [platform.node(), platform.machine(), os.cpu_count()]
    return digest(parts)[:12]


@contextmanager
def replacing(path):
    """Write a file whole or not at all: yields a temporary path, renamed to `path` on success.

    The temporary file is in the same folder and ends like `path`; it is removed on failure. The
    folder is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def keep(path, result, save, **about):
    """Write a result, and beside it what there is to say about it.

    Parameters
    ----------
    path : Path
    result : object
    save : callable
        ``save(result, path)`` writes it.
    **about
        As JSON holds it. When, by what and, if it does not say so, on which machine it was made,
        its size and its digest are added.
    """
    with replacing(path) as temporary:
        save(result, temporary)
        about |= {"bytes": temporary.stat().st_size, "sha256": _digest_of_file(temporary)}
    about["made"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    about = {"machine": machine()} | about | {"alvae": version("alvae")}
    with replacing(beside(path)) as temporary:
        temporary.write_bytes(_sealed(about))


def recall(path, load):
    """A result that `keep` wrote, and what there is to say about it.

    Parameters
    ----------
    path : Path
    load : callable
        ``load(path)`` reads the result.

    Returns
    -------
    result : object
    about : dict

    Raises
    ------
    ValueError
        One of the files is missing or is not what was written.
    """
    about = read_about(path)
    if not path.is_file() or _digest_of_file(path) != about["sha256"]:
        raise ValueError("its content is not what was written")
    return load(path), about


def read_about(path):
    """What there is to say about a result that `keep` wrote; a ValueError if that is damaged."""
    try:
        written = beside(path).read_bytes()
        about = json.loads(written)
        intact = written == _sealed({key: about[key] for key in about if key != "seal"})
    except (FileNotFoundError, ValueError, LookupError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise ValueError("what was written about it is missing or damaged")
    return about


def beside(path):
    """The file about an entry."""
    return path.with_name(path.name + ABOUT)


def _sealed(about):
    """As bytes, with a digest of all the rest."""
    seal = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return (json.dumps(about | {"seal": seal}, indent=1, sort_keys=True) + "\n").encode()


def _digest_of_file(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(kind, recipe, suffix, make, save, load, *, title="", untimed=None, timed=False):
    """A result from the store, made and stored first if it is not there.

    Of two processes that ask for the same at once, one makes it and the other waits.

    Parameters
    ----------
    kind : str
        Folder of the store, such as "vae".
    recipe : dict
        All that the result depends on; see :func:`readable`. Kept with the result.
    suffix : str
        How the file name ends, such as ".npz".
    make : callable
        ``make(unfinished)`` gives the result. In the folder `unfinished` it may keep what it has
        done so far, and finds there what it kept when it was interrupted.
    save, load : callable
        ``save(result, path)`` writes it, ``load(path)`` reads it.
    title : str, default=""
        What it is, in a few words, for the list of what there is.
    untimed : callable, default=None
        ``untimed(result)`` is the result without the seconds that making it took, if another
        machine made it.
    timed : bool, default=False
        Make again what another machine made, for the sake of the seconds.

    Returns
    -------
    object
        What `load` gives, on the first call as on every later one.

    Raises
    ------
    ValueError
        The store cannot be written; found before anything is made.

    Warns
    -----
    UserWarning
        An entry is damaged, the recipe has something in it that has no value, or another value
        after the work than before, so that nothing can be stored under it, or storing failed.
    """
    told = partial(readable, recipe)
    try:
        recipe = told()
    except (TypeError, RuntimeError) as error:
        warnings.warn(f"{title or kind} is not kept in the store: {error}", stacklevel=2)
        with scratch() as folder:
            return make(folder)
    name = digest_of(recipe)[:20]
    path = root() / kind / f"{name}{suffix}"
    find = partial(_find, path, load, untimed, timed)
    found = find(mend=False)
    if found is None:
        _check_writable(path.parent)
        with alone(f"{kind}-{name}", title or kind):
            found = find(mend=True)  # another process may have made it
            if found is None:
                return _make(path, recipe, told, make, save, load, title, timed)
    return found[0]


def changes(kind, recipe, suffix, title):
    """What has changed since the latest result of this title was made.

    Parameters
    ----------
    kind, recipe, suffix, title
        As for :func:`fetch`.

    Returns
    -------
    list of str
        Names of parts of the recipe, such as "code.alvae.vae.ConvVAE". Empty if the result is
        there, or if there never was one.
    """
    recipe = readable(recipe)
    folder, latest = root() / kind, {}
    if (folder / f"{digest_of(recipe)[:20]}{suffix}").exists():
        return []
    for file in folder.glob(f"*{ABOUT}"):
        with suppress(ValueError):
            about = read_about(file.with_name(file.name.removesuffix(ABOUT)))
            if about["title"] == title and about["made"] > latest.get("made", ""):
                latest = about
    return differences(latest["recipe"], recipe) if latest else []


def _find(path, load, untimed, timed, mend):
    """The result at this path in a tuple of one; None if there is none that will do.

    To `mend` is to set aside what is damaged; without the lock it may be one that is being written.
    """
    if not beside(path).exists():  # which `keep` writes last
        return None
    try:
        result, about = recall(path, load)
    except (MemoryError, OSError):  # which says nothing about the entry
        raise
    except Exception as error:  # what `load` raises is up to it
        if not mend:
            return None
        aside = root() / "damaged" / f"{uuid.uuid4().hex[:8]}-{path.name}"
        warnings.warn(f"{path} is made again: {error}; it is now {aside}", stacklevel=3)
        aside.parent.mkdir(parents=True, exist_ok=True)
        for file, place in ((path, aside), (beside(path), beside(aside))):
            if file.exists():
                file.replace(place)
        return None
    if about["machine"] == machine():
        return (result,)
    return None if timed else (untimed(result) if untimed else result,)


def _make(path, recipe, told, make, save, load, title, timed):
    unfinished = root() / "unfinished" / path.parent.name / path.stem
    if timed and not _is_of_here(unfinished):
        shutil.rmtree(unfinished)
    of_here = _is_of_here(unfinished)
    start = perf_counter()
    result = make(unfinished)
    seconds = round(perf_counter() - start, 3)
    try:
        if changed := differences(recipe, told()):
            raise TypeError(f"{changed[0]} changed while it was made")
    except (TypeError, RuntimeError) as error:
        warnings.warn(
            f"{title or path.parent.name} is not kept in the store: {error}", stacklevel=3
        )
        shutil.rmtree(unfinished, ignore_errors=True)
        return result
    try:
        where = {} if of_here else {"machine": "several"}
        keep(path, result, save, title=title, seconds=seconds, recipe=recipe, **where)
        result = load(path)
    except Exception as error:  # what `save` raises is up to it
        warnings.warn(f"{path} could not be written, and is not kept: {error}", stacklevel=3)
    else:
        shutil.rmtree(unfinished, ignore_errors=True)
    return result


def _is_of_here(unfinished):
    """Whether all that was kept of an interrupted work was done on this machine."""
    for about in unfinished.glob(f"*{ABOUT}"):
        with suppress(ValueError):  # what is damaged nobody goes on with
            if read_about(about.with_name(about.name.removesuffix(ABOUT)))["machine"] != machine():
                return False
    return True


def _check_writable(folder):
    """Raise a ValueError unless there is a place to write to, before work that would be lost."""
    place = folder / f".{uuid.uuid4().hex[:12]}.probe"
    try:
        with replacing(place) as probe:
            probe.write_bytes(b"\0" * 2**12)
        place.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ValueError(f"the store {root()} cannot be written: {error}; {_HELP}") from None
    if free < ROOM:
        raise ValueError(f"the store {root()} has {free:,} bytes left; {_HELP}")


_HELP = "ALVAE_STORE names another folder, and `python -m alvae.store prune` makes room"


@contextmanager
def alone(name, title):
    """Hold a lock between processes; it is released if its holder is killed.

    Parameters
    ----------
    name : str
        What the lock is called.
    title : str
        What is made, for those who wait.
    """
    path = root() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process, which makes {title}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def scratch():
    """A folder for large arrays, removed at the end; if the process is killed, by the next one."""
    home = root() / "scratch"
    _check_writable(home)
    for path in home.glob(f"{SCRATCH}.lock"):
        left = FileLock(path)
        try:
            left.acquire(timeout=0)
        except Timeout:
            continue
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)
        left.release()
    folder = home / uuid.uuid4().hex[:12]
    with FileLock(folder.with_suffix(".lock")):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)

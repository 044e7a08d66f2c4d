"""A directory of results, each under the digest of the recipe that made it.

A recipe is a nested dict of whatever the result depends on: parameters, arrays, and the digest of
the source. The same recipe finds the same file; any change makes a new one.
"""

import hashlib
import json
import os
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs


def root():
    """Directory of the store: ``$ALVAE_STORE``, or the user's cache directory."""
    if directory := os.environ.get("ALVAE_STORE"):
        return Path(directory).expanduser()
    return platformdirs.user_cache_path("alvae")


def readable(recipe):
    """A recipe as JSON would hold it, an array being its dtype, shape and SHA-256.

    Parameters
    ----------
    recipe : dict with str keys, list, tuple, str, int, float, bool, None, NumPy scalar or array
        Nested to any depth. A tuple counts as a list, a NumPy scalar as the Python number.

    Raises
    ------
    TypeError
        Anything else is in it.
    """
    if isinstance(recipe, np.ndarray) and recipe.dtype.kind in "biufcSU":
        content = hashlib.sha256(np.ascontiguousarray(recipe)).hexdigest()
        return {"dtype": recipe.dtype.str, "shape": list(recipe.shape), "sha256": content}
    if isinstance(recipe, np.generic):
        recipe = recipe.item()
    if recipe is None or isinstance(recipe, (str, bool, int, float)):
        return recipe
    if isinstance(recipe, (list, tuple)):
        return [readable(part) for part in recipe]
    if isinstance(recipe, dict) and all(isinstance(key, str) for key in recipe):
        return {key: readable(part) for key, part in recipe.items()}
    raise TypeError(
        f"recipe held a {type(recipe).__name__}, {str(recipe)[:60]!r}; allowed are dicts with str "
        "keys, lists, tuples, str, int, float, bool, None, and NumPy scalars and arrays of these"
    )


def digest(recipe):
    """SHA-256 of a recipe, in hex; the order of the keys of a dict does not matter.

    Raises
    ------
    TypeError
        The recipe holds something that :func:`readable` does not take.
    """
    return hashlib.sha256(json.dumps(readable(recipe), sort_keys=True).encode()).hexdigest()


def source_digest(*rooms):
    """Digest of the source of rooms of this package, such as ``source_digest("vae", "queries")``.

    A room is a module, or a package with all that is in it. Without a name: the whole of alvae.

    Raises
    ------
    ValueError
        There is no such room.
    """
    home, sources = Path(__file__).parent, {}
    for room in rooms or (".",):
        files = [home / f"{room}.py"]
        if not files[0].is_file():
            files = sorted((home / room).rglob("*.py"))
        if not files:
            raise ValueError(f"rooms held {room!r}; allowed are modules and packages of alvae")
        for file in files:
            name = file.relative_to(home).as_posix()
            sources[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return digest(sources)


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


def fetch(kind, recipe, suffix, make, save, load):
    """A result from the store, made and stored first if it is not there.

    Parameters
    ----------
    kind : str
        Folder of the store, such as "vae".
    recipe : dict
        All that the result depends on; see :func:`readable`. Kept beside the result, as
        ``<digest>.recipe.json``.
    suffix : str
        How the file name ends, such as ".npz".
    make : callable
        ``make()`` gives the result.
    save, load : callable
        ``save(result, path)`` writes it, ``load(path)`` reads it.

    Returns
    -------
    object
        What `load` gives, on the first call as on every later one.

    Warns
    -----
    UserWarning
        The stored file cannot be loaded; the result is then made again.
    """
    recipe = readable(recipe)  # once, as arrays in it may be large
    path = root() / kind / (digest(recipe)[:20] + suffix)
    if path.exists():
        try:
            return load(path)
        except Exception as error:  # what a corrupt file raises is up to `load`
            warnings.warn(f"{path} is made again: it cannot be loaded ({error})", stacklevel=2)
    result = make()
    with replacing(path.with_name(digest(recipe)[:20] + ".recipe.json")) as temporary:
        temporary.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    with replacing(path) as temporary:
        save(result, temporary)
    return load(path)

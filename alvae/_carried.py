"""What takes part in trials, on its way to them: each trial gets a copy, as it was when work began.

So what one trial changes in it does not reach the next, here or in another process. Functions,
classes and modules are not copied. A process that lives elsewhere imports them by name, and may
find another module there, or one in which nothing was set: what it imports is described there as
it was here, and must be the same. It must still be so after trials, which may change what is not
copied: a variable of a module, say.
"""

import io
import pickle
import sys
from copy import deepcopy
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from uuid import uuid4
from weakref import WeakValueDictionary

import cloudpickle
import numpy as np

from alvae.store.recipes import check_imports, digest, digest_of, imports_of

WRITABLE = 2**20  # bytes of an array up to which trials in a worker get a copy
_sent = WeakValueDictionary()  # what this process sends: of a cluster of threads it is the worker
_first = {}  # what has arrived here, as it was at first


class Carried:
    """A value for trials, which may run in other processes.

    Parameters
    ----------
    value : object
        Or a dict of values, nested to any depth.
    code : function, default=None
        What works on it there, which must be the same, too.
    """

    def __init__(self, value, code=None):
        self.value, self.code = value, code

    def copy(self):
        """The value of one trial; of a part that cannot be copied, the part itself."""
        try:
            return self.copied(self.value)
        except Exception:  # whatever a class of the caller raises
            return _mapped(self._copied_or_not, self.value)

    def copied(self, value):
        """A deep copy of what takes part beside it."""
        return deepcopy(value, dict(self._uncopied))

    @cached_property
    def _uncopied(self):
        return _uncopied()

    def _copied_or_not(self, part):
        try:
            return self.copied(part)
        except Exception:  # whatever a class of the caller raises
            return part

    def check(self):
        """Nothing: in this process the store looks at it again."""

    @cached_property
    def imports(self):
        """What is imported for it, and whether code of the caller is in it, as far as is known."""
        return imports_of([*_parts(self.value), self.code])

    @cached_property
    def token(self):
        """The same for what is the same, code of the caller included."""
        told = _digests(self.value)
        return uuid4().hex if None in told else digest_of([told, *self.imports.known.items()])

    @cached_property
    def packed(self):
        """What is sent: bytes, and apart from them the arrays.

        Raises
        ------
        ValueError
            Something in it cannot be sent.
        """
        buffers, file = [], io.BytesIO()
        try:
            _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(self.value)
        except Exception as error:  # whatever a class of the caller raises
            reason = f"{' '.join(str(error).split())}; n_jobs=1 does without"
            raise ValueError(f"this cannot be sent to workers: {reason}") from error
        arrays = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
        _sent[self.token] = self
        return self.token, file.getvalue(), arrays, self.imports

    def __reduce__(self):
        return _arrive, self.packed


class _Pickler(cloudpickle.Pickler):
    """Sends by name the bare objects of modules, which differ in nothing but what they are."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.bare = _bare_objects()

    def reducer_override(self, value):
        if (found := self.bare.get(id(value))) and found[0] != "__main__":
            return _at, found[:2]
        return super().reducer_override(value)


def _arrive(token, *packed):
    return _sent.get(token) or _Arrived(token, *packed)


class _Arrived:
    """The same in another process."""

    def __init__(self, token, content, arrays, imports):
        self.token, self.content, self.arrays, self.imports = token, content, arrays, imports

    def copy(self):
        """As that of `Carried`; a ValueError if what is imported for it is not the same."""
        if self.token not in _first:
            check_imports(self.imports)
            _first[self.token] = self.imports.is_of_caller and _digests(self._load())
        return self._load()

    def copied(self, value):
        """As that of `Carried`."""
        return deepcopy(value, dict(_uncopied_of(self.token)))

    def check(self):
        """Raise a ValueError if trials changed what is not copied."""
        if self.imports.is_of_caller and _digests(self._load()) != _first[self.token]:
            raise ValueError(f"trials changed what they have in common; {WITHOUT}")

    def _load(self):
        views = [
            bytearray(array) if array.nbytes <= WRITABLE else memoryview(array).toreadonly()
            for array in self.arrays
        ]
        try:
            return pickle.loads(self.content, buffers=views)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"a worker cannot load it: {error}; {WITHOUT}") from error


WITHOUT = "n_jobs=1 does without workers"


def _bare_objects():
    """By their ids, the modules and names of such as ``MISSING = object()``, and these objects."""
    modules = [module for module in sys.modules.values() if isinstance(module, ModuleType)]
    # The script first: what it has from a module is found there again, and imported from there.
    modules.sort(key=lambda module: module.__name__ != "__main__")
    return {
        id(value): (module.__name__, name, value)
        for module in modules
        for name, value in list(vars(module).items())
        if type(value) is object
    }


def _uncopied():
    """By their ids, as `deepcopy` takes them, modules and the bare objects that these have."""
    modules = {id(m): m for m in sys.modules.values() if isinstance(m, ModuleType)}
    return modules | {key: one for key, (_, _, one) in _bare_objects().items()}


@cache
def _uncopied_of(token):
    """The same in another process, looked for once."""
    return _uncopied()


def _at(module, name):
    return getattr(import_module(module), name)


def _mapped(function, value):
    """A nested dict with the function of each value."""
    if type(value) is not dict:
        return function(value)
    return {name: _mapped(function, nested) for name, nested in value.items()}


def _parts(value):
    """The values in a nested dict, which are told one by one, as some may have none to tell."""
    parts = []
    _mapped(parts.append, value)
    return parts


def _digests(value):
    """Of each part; None where it has no value to tell."""
    found = []
    for part in _parts(value):
        try:
            found.append(digest(part))
        except (TypeError, RuntimeError):
            found.append(None)
    return found

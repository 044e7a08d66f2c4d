"""What takes part in trials, on its way to them: each gets a copy, as it was when work began.

So what one trial changes in it does not reach the next, here or in another process. A process that
lives elsewhere imports by name what it is sent, and may find another module there, or one in which
nothing was set: what it imports is described there as it was here, and must be the same. It must
still be so after trials, which may change what is not copied: a variable of a module, say.
"""

import pickle
from copy import deepcopy
from functools import cached_property
from uuid import uuid4
from weakref import WeakValueDictionary

import cloudpickle
import numpy as np

from alvae.store.recipes import Imports, check_imports, digest, digest_of, imports_of

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
        """The value of one trial; where something in it cannot be copied, the value itself."""
        try:
            return deepcopy(self.value)
        except Exception:  # whatever a class of the caller raises
            return self.value

    def check(self):
        """Nothing: in this process the store looks at it again."""

    @cached_property
    def imports(self):
        """What is imported for it, and whether code of the caller is in it, as far as is known."""
        known, of_caller, is_of_caller = {}, {}, False
        for part in [*_parts(self.value), self.code]:
            try:
                imports = imports_of(part)
            except (TypeError, RuntimeError):  # it has no value to tell: nothing is kept of it
                is_of_caller = True
            else:
                known |= imports.known
                of_caller |= imports.of_caller
                is_of_caller |= imports.is_of_caller
        return Imports(known, of_caller, is_of_caller)

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
        buffers = []
        try:
            content = cloudpickle.dumps(self.value, protocol=5, buffer_callback=buffers.append)
        except Exception as error:  # whatever a class of the caller raises
            reason = f"{' '.join(str(error).split())}; n_jobs=1 does without"
            raise ValueError(f"this cannot be sent to workers: {reason}") from error
        arrays = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
        _sent[self.token] = self
        return self.token, content, arrays, self.imports

    def __reduce__(self):
        return _arrive, self.packed


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


def _parts(value):
    """The values in a nested dict, which are told one by one, as some may have none to tell."""
    if type(value) is not dict:
        return [value]
    return [part for nested in value.values() for part in _parts(nested)]


def _digests(value):
    """Of each part; None where it has no value to tell."""
    found = []
    for part in _parts(value):
        try:
            found.append(digest(part))
        except (TypeError, RuntimeError):
            found.append(None)
    return found

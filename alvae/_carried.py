"""What takes part in trials, on its way to them: each gets a copy, as it was when work began.

So what one trial changes in it does not reach the next, here or in another process. A process that
lives elsewhere imports by name what it is sent, and may find another module there, or one in which
nothing was set: what it imports is described there as it was here, and must be the same.
"""

import pickle
from copy import deepcopy
from functools import cached_property
from uuid import uuid4
from weakref import WeakValueDictionary

import cloudpickle
import numpy as np

from alvae.store.recipes import check_imports, imports_of

_sent = WeakValueDictionary()  # what this process sends: of a cluster of threads it is the worker
_same = set()  # what has arrived here, and was found to be the same


class Carried:
    """A value for trials, which may run in other processes.

    Parameters
    ----------
    value : object
    code : function, default=None
        What works on it there, which must be the same, too.
    """

    def __init__(self, value, code=None):
        self.value, self.code, self.token = value, code, uuid4().hex
        _sent[self.token] = self

    def copy(self):
        """The value of one trial; where something in it cannot be copied, the value itself."""
        try:
            return deepcopy(self.value)
        except Exception:  # whatever a class of the caller raises
            return self.value

    @cached_property
    def imports(self):
        """What is imported for it; None if it has no value to tell, and nothing is kept, either."""
        try:
            return imports_of([self.value, self.code])
        except (TypeError, RuntimeError):
            return None

    @property
    def needs_new_workers(self):
        """Whether modules of the caller are imported for it, as far as is known."""
        return self.imports is None or bool(self.imports[1])

    @cached_property
    def packed(self):
        """What is sent: bytes, and apart from them the arrays, of which nobody takes a copy.

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
        if self.imports is not None and self.token not in _same:
            check_imports(*self.imports)
            _same.add(self.token)
        try:
            views = [memoryview(array).toreadonly() for array in self.arrays]
            return pickle.loads(self.content, buffers=views)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"a worker cannot load it: {error}; n_jobs=1 does without") from error

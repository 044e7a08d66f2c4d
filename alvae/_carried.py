"""What a caller wrote, on its way to a worker: as it is here, and not as its file is there.

A worker imports what it is sent by name, once. A module that was edited and loaded again since, or
in which something was set, would be another one there. Only what a function imports while it runs
is imported there all the same.
"""

import io
import pickle
from contextlib import ExitStack
from functools import cache, cached_property, lru_cache
from importlib import import_module, reload
from types import ModuleType

import cloudpickle

from alvae.store import sources
from alvae.store.recipes import digest, modules_in, modules_of_caller


class Carried:
    """A value that takes the code of the caller that it refers to along to other processes.

    Modules that it refers to as such, and not by what is in them, are imported there, and must be
    the same; and so must alvae, and the libraries that it uses.

    Parameters
    ----------
    value : object
    rooms : tuple of str
        What of alvae works on it there, such as "alvae.queries".
    """

    def __init__(self, value, rooms):
        self.value, self.rooms = value, rooms

    @cached_property
    def packed(self):
        """What is sent: the value as bytes, and what must be the same where it arrives.

        Raises
        ------
        ValueError
            Something in it cannot be sent.
        """
        try:
            modules = modules_in(self.value)
        except (TypeError, RuntimeError):  # it has no value to tell, and is not kept, either
            modules = None
        try:
            content = _content(self.value, by_name=modules is None)
        except Exception as error:  # whatever a class of the caller raises
            reason = f"{' '.join(str(error).split())}; n_jobs=1 does without"
            raise ValueError(f"this cannot be sent to workers: {reason}") from error
        return content, tuple((modules or {}).items()), self.rooms, _code(self.rooms)

    def __reduce__(self):
        return _Arrived, (self.packed,)


class _Arrived:
    """The same in another process, where it is unpacked when it is asked for."""

    def __init__(self, packed):
        self.packed = packed

    @property
    def value(self):
        return _unpacked(*self.packed)


def _content(value, by_name):
    """The value as bytes; with its code by name where it cannot be by value, if that is allowed."""
    try:
        return _by_value(value)
    except Exception:
        if by_name:
            return cloudpickle.dumps(value)
        raise


def _by_value(value):
    content = io.BytesIO()
    with ExitStack() as registered:
        for module in modules_of_caller():
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                registered.callback(cloudpickle.unregister_pickle_by_value, module)
        _Pickler(content).dump(value)
    return content.getvalue()


class _Pickler(cloudpickle.Pickler):
    """Functions and classes by value; modules by name, as they may hold what cannot be sent."""

    def reducer_override(self, obj):
        if isinstance(obj, ModuleType):
            return import_module, (obj.__name__,)
        return super().reducer_override(obj)


@lru_cache(maxsize=4)
def _unpacked(content, modules, rooms, code):
    if other := [name for name, _ in set(code) ^ set(_code(rooms))]:
        raise ValueError(f"a worker has another {min(other)} than the process that sends it work")
    for name, _ in modules:  # all of them first: what was imported is part of its package
        try:
            import_module(name)
        except ImportError as error:
            raise ValueError(f"a worker has no module {name}; n_jobs=1 does without") from error
    for name, expected in modules:
        module = import_module(name)
        if digest(module) != expected and digest(reload(module)) != expected:
            raise ValueError(
                f"the module {name} is not the same in a worker as here; n_jobs=1 does without"
            )
    return pickle.loads(content)


@cache
def _code(rooms):
    return tuple(sources.code_of(*rooms).items())

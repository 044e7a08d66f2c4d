"""What a result depends on, as a key must hold it: everything by value.

Parameters are described by what is in them, and not by how they print. A class or a function of
alvae is described by its source and that of all that it uses; one of an installed library by the
library's version; and one of the caller, from a notebook, a script, a module, by its byte code and
by all that this refers to.
"""

import dis
import hashlib
import json
import sys
import sysconfig
import types
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from alvae.store import sources

INSTALLED = ("site-packages", "dist-packages")
STDLIB = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
ARRAYS = (np.ndarray, np.memmap)  # and not a masked one, which is more than its values
NUMBERS = "biufcUS"  # kinds of NumPy scalars that are numbers and words of Python, too
BOOKKEEPING = {  # of a class or a module, without an effect on results
    *("__doc__", "__module__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__"),
    *("__static_attributes__", "__annotations__", "_abc_impl", "__builtins__", "__cached__"),
    "__slotnames__",  # written when an instance is first copied or pickled
    *("__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"),
}


def readable(value):
    """A recipe as JSON would hold it.

    Parameters
    ----------
    value : object
        Nested to any depth. A tuple counts as a list, a NumPy scalar as the Python number, an array
        as its dtype, shape and SHA-256; an estimator as its class, its parameters and what it has
        learned; any other object as what it is pickled to.

    Raises
    ------
    TypeError
        Something in it has no value that could be told, such as an open file.
    """
    n_modules = None
    while n_modules != len(sys.modules):  # what was imported on the way is part of packages
        n_modules = len(sys.modules)
        described = _Description().of(value)
    return described


def digest(value):
    """SHA-256 of a recipe, in hex; the order of a dict counts, as a result may depend on it."""
    return hashlib.sha256(json.dumps(readable(value)).encode()).hexdigest()


def differences(old, new, name=""):
    """The names of what differs between two readable recipes, the parts of a name with dots."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if json.dumps(old) == json.dumps(new) else [name]  # NaN is not equal to itself
    keys = sorted(old.keys() | new.keys())
    parts = {key: f"{name}.{key}" if name else key for key in keys}
    return [d for key in keys for d in differences(old.get(key), new.get(key), parts[key])]


class _Description:
    """Describes a value; what it is in the middle of describing it does not begin again."""

    def __init__(self):
        self.within = []

    def of(self, value):
        if isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
            value = value.item()
        if value is None or type(value) in (str, bool, int, float):
            return value
        if any(value is outer for outer in self.within):
            return {"within": next(i for i, v in enumerate(self.within) if v is value)}
        self.within.append(value)
        try:
            return self._of(value)
        finally:
            self.within.pop()

    def _of(self, value):
        of = self.of
        match value:
            case bytes() | bytearray():
                return {"bytes": hashlib.sha256(value).hexdigest()}
            case list() | tuple() if type(value) in (list, tuple):
                return [of(part) for part in value]
            case dict() if type(value) is dict:
                if all(type(key) is str for key in value):
                    return {key: of(part) for key, part in value.items()}
                return {"dict": [[of(key), of(part)] for key, part in value.items()]}
            case set() | frozenset():
                return {"set": sorted((of(part) for part in value), key=json.dumps)}
            case np.ndarray() if (
                type(value) in (np.ndarray, np.memmap) and not value.dtype.hasobject
            ):
                content = hashlib.sha256(np.ascontiguousarray(value)).hexdigest()
                kind = value.dtype.str if value.dtype.names is None else str(value.dtype)
                return {"dtype": kind, "shape": list(value.shape), "sha256": content}
            case types.ModuleType():
                return self._module(value)
            case type():
                return self._class(value)
            case types.FunctionType():
                return self._function(value)
            case types.CodeType():
                return self._code(value)
            case staticmethod() | classmethod():
                return {type(value).__name__: of(value.__func__)}
            case property():
                return {"property": of([value.fget, value.fset, value.fdel])}
            case BaseEstimator():
                params = value.get_params(deep=False)
                learned = {k: v for k, v in vars(value).items() if k not in params}
                parts = {"class": of(type(value)), "params": of(params)}
                return parts | ({"learned": of(learned)} if learned else {})
        return self._pickled(value)

    def _module(self, module):
        if (code := _known(module.__name__)) is not None:
            return {"module": module.__name__, "code": code}
        return {"module": self._namespace(module)}

    def _class(self, cls):
        if (code := _known(cls.__module__, cls.__qualname__, cls)) is not None:
            return {"class": f"{cls.__module__}.{cls.__qualname__}", "code": code}
        kinds = [self.of(kind) for kind in (type(cls), *cls.__bases__)]
        return {"class": cls.__qualname__, "bases": kinds, "body": self._namespace(cls)}

    def _namespace(self, owner):
        parts = dict(vars(owner))  # as it was: to describe them may import more
        return {name: self.of(part) for name, part in parts.items() if name not in BOOKKEEPING}

    def _function(self, function):
        code = _known(function.__module__, function.__qualname__, function)
        if code is not None:
            return {"function": f"{function.__module__}.{function.__qualname__}", "code": code}
        names = _global_names(function.__code__)
        reached = function.__globals__
        package = reached.get("__package__") or ""
        return {
            "function": function.__qualname__,
            "code": self.of(function.__code__),
            "defaults": self.of([function.__defaults__, function.__kwdefaults__]),
            "attributes": self.of(vars(function)),
            "closure": [self._cell(cell) for cell in function.__closure__ or ()],
            "globals": {name: self.of(reached[name]) for name in sorted(names & set(reached))},
            "imports": {n: self._import(n) for n in sorted(_imports(function.__code__, package))},
        }

    def _cell(self, cell):
        try:
            return self.of(cell.cell_contents)
        except ValueError:
            return {"cell": "empty"}

    def _import(self, name):
        """A module by its full name; None if there is none, or an attribute of this name."""
        try:
            return self.of(import_module(name))
        except ImportError:
            return None

    def _code(self, code):
        fields = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
        names = ("co_names", "co_varnames", "co_freevars", "co_cellvars")
        parts = [getattr(code, field) for field in (*fields, *names)]
        parts += [code.co_code, code.co_exceptiontable, code.co_consts, sys.version_info[:2]]
        return [self.of(part) for part in parts]

    def _pickled(self, value):
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            raise TypeError(f"a {type(value).__name__} has no value to tell: {error}") from None
        if isinstance(reduced, str):  # the name of a global
            module = getattr(value, "__module__", None) or "builtins"
            if (code := _known(module, reduced, value)) is not None:
                return {"global": f"{module}.{reduced}", "code": code}
            if hasattr(value, "__wrapped__"):  # a function with a cache, say
                return {"wrapper": self.of(type(value)), "wrapped": self.of(value.__wrapped__)}
            raise TypeError(f"{module}.{reduced} has no value to tell")
        parts = [list(part) if i in (3, 4) and part else part for i, part in enumerate(reduced)]
        return {"pickled": [self.of(part) for part in parts]}


def _global_names(code):
    """The names that byte code, and that of the functions in it, may ask for."""
    names = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            names |= _global_names(part)
    return names


def _imports(code, package):
    """The full names of the modules that byte code imports, and of what it imports from them."""
    found, before = set(), (None, None)
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = before
            dots = "." * level if isinstance(level, int) else ""
            module = (
                resolve_name(dots + instruction.argval, package) if dots else instruction.argval
            )
            found |= {module, *(f"{module}.{name}" for name in names or ())}
        before = before[1], instruction.argval
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= _imports(part, package)
    return found


def _known(module, name="", value=None):
    """What identifies a module, or the value of a name in it, of alvae or of a library; or None.

    What only says that it is from there, as a wrapper does, is not known.
    """
    module = module or "builtins"
    if name and not _is_at(module, name, value):
        return None
    top = module.split(".")[0]
    if top == sources.HOME.name:
        return sources.code_of(f"{module}.{name.split('.')[0]}" if name else module)
    if top == "__main__":
        return None
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return sources.code_of(top) if top in sys.stdlib_module_names else None  # it is built in
    if any(part in file for part in INSTALLED) or STDLIB & set(Path(file).resolve().parents):
        return sources.code_of(top)
    return None


def _is_at(module, name, value):
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value

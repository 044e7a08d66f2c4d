"""What a result depends on, as a key must hold it: everything by value.

Parameters are described by what is in them, and not by how they print. A class or a function of
alvae is described by its source and that of all that it uses; one of an installed library by the
library's version; and one of the caller, from a notebook, a script, a module, by its byte code and
by all that this refers to. What a program patches into alvae or a library is not seen, nor are the
variables of the environment, nor what a function with a cache keeps, nor a file that a function
reads when it is called: what a module or a parameter has read from it is.
"""

import copyreg
import functools
import hashlib
import json
import os
import sys
import sysconfig
import types
from collections.abc import MutableMapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pickle import whichmodule
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from alvae.store import bytecode, sources

INSTALLED = ("site-packages", "dist-packages")
STDLIB = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
ARRAYS = (np.ndarray, np.memmap)  # and not a masked one, which is more than its values
NUMBERS = "biufcUS"  # kinds of NumPy scalars that are numbers and words of Python, too
BOOKKEEPING = {  # of a class or a module, without an effect on results
    *("__doc__", "__module__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__"),
    *("__static_attributes__", "__annotations__", "_abc_impl", "__builtins__", "__cached__"),
    "__slotnames__",  # written when an instance is first copied or pickled
    *("__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"),
    "__warningregistry__",  # what was warned of already
    "_value2member_map_",  # of an enumeration: what was asked for; its members are elsewhere, too
}
TYPING = "bound", "constraints", "supertype", "value"  # what a name for types stands for
# What only descriptions have as a key: a dict of the caller that has one is written as pairs.
TAGS = {"bytearray", "bytes", "cell", "class", "classmethod", "dict", "dtype", "frozenset"}
TAGS |= {"function", "global", "module", "pickled", "property", "proxy", "seen", "set"}
TAGS |= {"staticmethod", "tensor", "tuple", "within", "wrapper"}


def readable(value):
    """A recipe as JSON would hold it.

    Parameters
    ----------
    value : object
        Nested to any depth. An array counts as its dtype, shape and SHA-256; an estimator as its
        class, its parameters and what it has learned; any other object as what it is pickled to.

    Raises
    ------
    TypeError
        Something in it has no value that could be told, such as an open file.
    RuntimeError
        A file of alvae was edited after this process began: workers may load other code.
    """
    return _settled(lambda: _Description().of(value))


def _settled(describe):
    """A description, made again if modules were imported on the way: they are part of packages."""
    n_modules = None
    while n_modules != len(sys.modules):
        n_modules = len(sys.modules)
        described = describe()
    return described


class Imports(NamedTuple):
    """What another process imports for a value that it is sent.

    Parameters
    ----------
    known : dict of str to str
        The digests of definitions of alvae, and the versions of libraries.
    of_caller : dict of (str, str) to str
        By the name of a module of the caller and a name in it, or "", the digest of what is there,
        but for what was told before it.
    is_of_caller : bool
        Whether there is code of the caller in the value, imported or not.
    """

    known: dict[str, str]
    of_caller: dict[tuple[str, str], str]
    is_of_caller: bool


def imports_of(values):
    """The `Imports` of all values together; what has none to tell counts as code of the caller."""
    known, names, is_of_caller = {}, set(), False
    for value in values:
        description = _Description()
        try:
            description.of(value)
        except (TypeError, RuntimeError):
            is_of_caller = True
        else:
            known |= description.known
            names |= description.of_caller
            is_of_caller |= description.is_of_caller
    return Imports(known, _digests_at(sorted(names)), is_of_caller)


def _digests_at(names):
    """By its name, the digest of each, but for what was told before it."""

    def describe():
        description = _Description()
        return {name: digest_of(description.of(_at(*name))) for name in names}

    return _settled(describe)


def check_imports(imports):
    """Raise a ValueError unless this process imports what another one described."""
    known, of_caller, _ = imports
    here = sources.code_of(*known)
    other = [name for name in known if here.get(name) != known[name]]
    try:
        for module, _ in of_caller:  # all of them first: what is imported is part of its package
            import_module(module)
        for (module, name), found in _digests_at(of_caller).items():
            if found != of_caller[module, name]:
                other.append(f"{module}.{name}".rstrip("."))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"a worker: {error}; n_jobs=1 does without workers") from error
    if other:
        raise ValueError(f"{other[0]} is not the same in a worker; n_jobs=1 does without workers")


def digest(value):
    """SHA-256 of a recipe, in hex; the order of a dict counts, as a result may depend on it."""
    return digest_of(readable(value))


def digest_of(described):
    """The same of a recipe that is readable already."""
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def differences(old, new, name=""):
    """The names of what differs between two readable recipes, the parts of a name with dots."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if json.dumps(old) == json.dumps(new) else [name]  # NaN is not equal to itself
    keys = sorted(old.keys() | new.keys())
    parts = {key: f"{name}.{key}" if name else key for key in keys}
    return [d for key in keys for d in differences(old.get(key), new.get(key), parts[key])]


class _Description:
    """Describes a value; what it is in the middle of describing it does not begin again.

    Nor does it describe code of the caller twice: functions that call each other would never end.
    """

    def __init__(self):
        self.within, self.seen = [], {}
        self.known, self.of_caller, self.is_of_caller = {}, set(), False
        self.hashed = {}  # arrays, by their ids; and the arrays, which keep these

    def of(self, value):
        if isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
            return {"dtype": value.dtype.str, "scalar": self.of(value.item())}
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
            case bytes() | bytearray() if type(value) in (bytes, bytearray):
                return {type(value).__name__: hashlib.sha256(value).hexdigest()}
            case list() if type(value) is list:
                return [of(part) for part in value]
            case tuple() if type(value) is tuple:
                return {"tuple": [of(part) for part in value]}
            case dict() if type(value) is dict:
                if all(type(key) is str for key in value) and not TAGS & value.keys():
                    return {key: of(part) for key, part in value.items()}
                return {"dict": [[of(key), of(part)] for key, part in value.items()]}
            case set() | frozenset() if type(value) in (set, frozenset):
                named = sorted(value, key=lambda part: getattr(part, "__qualname__", ""))
                return {type(value).__name__: sorted(map(of, named), key=json.dumps)}
            case np.ndarray() if type(value) in ARRAYS and not value.dtype.hasobject:
                content = self._hash(value)
                kind = value.dtype.str if value.dtype.names is None else str(value.dtype)
                return {"dtype": kind, "shape": list(value.shape), "sha256": content}
            case types.ModuleType():
                return self._once(self._module, value)
            case type():
                return self._once(self._class, value)
            case types.FunctionType():
                return self._once(self._function, value)
            case types.CodeType():
                return self._code(value)
            case staticmethod() | classmethod():
                return {type(value).__name__: of(value.__func__)}
            case property():
                return {"property": of([value.fget, value.fset, value.fdel])}
            case functools.cached_property():
                return {"property": of(value.func)}
            case types.MappingProxyType():
                return {"proxy": of(dict(value))}
            case BaseEstimator():
                params = value.get_params(deep=False)
                learned = {k: v for k, v in vars(value).items() if k not in params}
                parts = {"class": of(type(value)), "params": of(params)}
                return parts | ({"learned": of(learned)} if learned else {})
        if "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
            return self._tensor(value)
        return self._pickled(value)

    def _hash(self, array):
        if id(array) not in self.hashed:
            content = hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
            self.hashed[id(array)] = content, array
        return self.hashed[id(array)][0]

    def _once(self, describe, value):
        if id(value) in self.seen:
            return {"seen": self.seen[id(value)][0]}
        self.seen[id(value)] = len(self.seen), value  # which lives on, and keeps its id
        return describe(value)

    def _known(self, module, name="", value=None):
        """As `_known`, and remembered."""
        code = _known(module, name, value)
        self.known |= code or {}
        return code

    def _note(self, module, name, value):
        """Remember code of the caller, and whether another process imports it by its name."""
        self.is_of_caller = True
        if module not in ("__main__", None) and _is_at(module, name, value):
            self.of_caller.add((module, name))

    def _tensor(self, tensor):
        """Without the address that a pickled one has."""
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        content = self.of(plain.view(sys.modules["torch"].uint8).numpy())
        kind = [str(tensor.dtype), tensor.device.type, tensor.requires_grad]
        return {"tensor": kind, "shape": list(tensor.shape), "content": content}

    def _module(self, module):
        if (code := self._known(module.__name__)) is not None:
            return {"module": module.__name__, "code": code}
        self._note(module.__name__, "", module)
        return {"module": self._namespace(module)}

    def _class(self, cls):
        if (code := self._known(cls.__module__, cls.__qualname__, cls)) is not None:
            return {"class": f"{cls.__module__}.{cls.__qualname__}", "code": code}
        self._note(cls.__module__, cls.__qualname__, cls)
        kinds = [self.of(kind) for kind in (type(cls), *cls.__bases__)]
        return {"class": cls.__qualname__, "bases": kinds, "body": self._namespace(cls)}

    def _namespace(self, owner):
        parts = dict(vars(owner))  # as it was: to describe them may import more
        if parts.get("_is_protocol") is False:  # its first instance sets what it inherits anyway
            inherited = [vars(base).get("__init__") for base in owner.__mro__[1:]]
            if any(parts.get("__init__") is one for one in inherited):
                parts.pop("__init__", None)
        return {name: self.of(part) for name, part in parts.items() if name not in BOOKKEEPING}

    def _function(self, function):
        code = self._known(function.__module__, function.__qualname__, function)
        if code is not None:
            return {"function": f"{function.__module__}.{function.__qualname__}", "code": code}
        self._note(function.__module__, function.__qualname__, function)
        names = bytecode.global_names(function.__code__)
        reached = function.__globals__
        imported = bytecode.imports(function.__code__, reached.get("__package__") or "")
        return {
            "function": function.__qualname__,
            "code": self.of(function.__code__),
            "defaults": self.of([function.__defaults__, function.__kwdefaults__]),
            "attributes": self.of(vars(function)),
            "closure": [self._cell(cell) for cell in function.__closure__ or ()],
            "globals": {name: self.of(reached[name]) for name in sorted(names & set(reached))},
            "imports": {name: self._import(name) for name in sorted(imported)},
        }

    def _cell(self, cell):
        try:
            return self.of(cell.cell_contents)
        except ValueError:
            return {"cell": "empty"}

    def _import(self, name):
        """A module by its full name; None if it cannot be had, or is an attribute."""
        with suppress(Exception):  # whatever a module raises
            import_module(name)
        return self.of(sys.modules.get(name))

    def _code(self, code):
        fields = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
        names = ("co_names", "co_varnames", "co_freevars", "co_cellvars")
        parts = [getattr(code, field) for field in (*fields, *names)]
        parts += [code.co_code, code.co_exceptiontable, code.co_consts, sys.version_info[:2]]
        return [self.of(part) for part in parts]

    def _pickled(self, value):
        kind = type(value)
        code = self._known(kind.__module__, kind.__qualname__, kind)
        is_set = isinstance(value, MutableMapping) and value is not os.environ  # as rcParams are
        if code is not None and not is_set:
            for name, exported in list(vars(sys.modules[kind.__module__]).items()):
                if exported is value:  # such as scipy.stats.norm, which has NumPy's generator in it
                    return {"global": f"{kind.__module__}.{name}", "code": code}
        reduce = copyreg.dispatch_table.get(kind)
        try:
            reduced = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception as error:
            raise TypeError(f"a {type(value).__name__} has no value to tell: {error}") from None
        if isinstance(reduced, str):  # the name of a global
            module = whichmodule(value, reduced)
            if (code := self._known(module, reduced, value)) is not None:
                return {"global": f"{module}.{reduced}", "code": code}
            if hasattr(value, "__wrapped__"):  # a function with a cache, say
                self._note(module, reduced, value)
                return {"wrapper": self.of(type(value)), "wrapped": self.of(value.__wrapped__)}
            if kind.__module__ == "typing":  # a TypeVar, a NewType
                return {"global": reduced, "code": self.of([kind, *_meanings(value)])}
            raise TypeError(f"{module}.{reduced} has no value to tell")
        parts = [list(part) if i in (3, 4) and part else part for i, part in enumerate(reduced)]
        return {"pickled": [self.of(part) for part in parts]}


def _meanings(named):
    """What a name for types stands for."""
    try:
        return [getattr(named, f"__{part}__", None) for part in TYPING]
    except NameError as error:  # it is told when it is asked, from Python 3.12 on
        raise TypeError(f"{named} has no value to tell: {error}") from None


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
    if not _is_of_library(module):
        return None
    code = sources.code_of(top)
    return None if code.get(top) == "" else code  # of a library without a version


def _is_of_library(module):
    top = module.split(".")[0]
    files = (getattr(sys.modules.get(name), "__file__", None) for name in (top, module))
    file = next(filter(None, files), None)
    if file is None or top == "__main__":
        return top in sys.stdlib_module_names  # it is built in
    return any(part in file for part in INSTALLED) or STDLIB & set(Path(file).resolve().parents)


def _is_at(module, name, value):
    try:
        return _at(module, name) is value
    except (KeyError, AttributeError):
        return False


def _at(module, name):
    """What is at a name of a module; the module itself where that is empty."""
    return functools.reduce(getattr, filter(None, name.split(".")), sys.modules[module])

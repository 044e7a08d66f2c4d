"""What a key holds: every value, and the code of whatever is called."""

import copy
import functools
import hashlib
import importlib
import json
import re
import runpy
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from alvae.classifiers import GridSearchSVC
from alvae.coverage import covering_radius
from alvae.queries import BestReconstructed, KMeansCoreset, UniformSampling
from alvae.store.recipes import differences, digest, readable
from alvae.vae import ConvVAE

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
RECIPES = st.recursive(
    LEAVES, lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts), max_leaves=8
)


def test_digest_is_that_of_the_canonical_json():
    expected = hashlib.sha256(b'{"a": [1, 2.5, null, true], "b": "x"}').hexdigest()
    assert digest({"a": [1, 2.5, None, True], "b": "x"}) == expected


@given(RECIPES, RECIPES)
def test_digests_agree_only_where_recipes_do(a, b):
    # repr tells 1, 1.0 and True apart, which == does not.
    def canonical(recipe):
        if isinstance(recipe, dict):
            return [(key, canonical(part)) for key, part in recipe.items()], "dict"
        return [canonical(part) for part in recipe] if isinstance(recipe, list) else recipe

    assert (digest(a) == digest(b)) == (repr(canonical(a)) == repr(canonical(b)))


def test_arrays():
    a = np.arange(6, dtype=np.float32)
    different = [a, a.reshape(2, 3), a.reshape(3, 2), a.astype(np.float64), a.astype(np.int32)]
    different += [a + 1, a.tolist(), a[:0], a[0], np.array(a[0]), np.array(["0"])]
    assert len({digest({"x": x}) for x in different}) == len(different)
    assert digest(np.arange(12, dtype=np.float32)[::2] / 2) == digest(a)
    assert digest(np.asfortranarray(a.reshape(2, 3))) == digest(a.reshape(2, 3))


LONG = np.arange(2000.0)
PAIRS = {
    "a digit that print leaves out": (
        GridSearchSVC({"C": [1.0]}),
        GridSearchSVC({"C": [1 + 1e-9]}),
    ),
    "an array in a grid": (
        GridSearchSVC({"C": np.r_[LONG, 1]}),
        GridSearchSVC({"C": np.r_[LONG, 2]}),
    ),
    "the middle of a long list": (
        BestReconstructed(UniformSampling(), list(LONG)),
        BestReconstructed(UniformSampling(), [*LONG[:999], 0, *LONG[1000:]]),
    ),
    "a Series": (
        BestReconstructed(UniformSampling(), pd.Series(LONG)),
        BestReconstructed(UniformSampling(), pd.Series(np.r_[LONG[:999], 0, LONG[1000:]])),
    ),
    "the index of a Series": (pd.Series(LONG), pd.Series(LONG, index=LONG + 1)),
    "a DataFrame": (pd.DataFrame({"a": LONG}), pd.DataFrame({"b": LONG})),
    "a sparse matrix": (csr_matrix(np.eye(3)), csr_matrix(np.eye(3) * 2)),
    "objects in an array": (np.array([1, "a"], object), np.array([1, "b"], object)),
    "a class": (RandomForestClassifier(3), LogisticRegression()),
    "a part of a part": (
        BestReconstructed(KMeansCoreset(4), [1.0]),
        BestReconstructed(KMeansCoreset(5), [1.0]),
    ),
    "the weights of classes": (
        LogisticRegression(class_weight={0: 1.0}),
        LogisticRegression(class_weight={0: 2.0}),
    ),
    "keys of another type": ({1: "a"}, {"1": "a"}),
    "the order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "a mask": (np.ma.array([1, 5], mask=[0, 0]), np.ma.array([1, 5], mask=[0, 1])),
    "a matrix": (np.eye(2), np.matrix(np.eye(2))),
    "the unit of a time": (np.datetime64(5, "ns"), np.datetime64(5, "D")),
    "a tuple and a list": ((0, 1), [0, 1]),
    "numbers that add up in another way": (200, np.uint8(200)),
    "a number and one of NumPy": (0.5, np.float64(0.5)),
    "what a set is written as": ({1, 2}, {"set": [1, 2]}),
    "a view of a dict": (types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})),
    "ufuncs": (np.add, np.subtract),
    "patterns": (re.compile("a"), re.compile("b")),
    "types of one kind or another": (int | str, int | float),
    "weights of a network": (torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)),
    "tensors of another type": (torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
    "a time and a number": (np.datetime64(5, "ns"), 5),
    "what an estimator has learned": tuple(
        LogisticRegression().fit([[0.0], [1.0], [x]], [0, 1, 1]) for x in (2.0, 3.0)
    ),
    "what a frozen estimator has learned": tuple(
        FrozenEstimator(LogisticRegression().fit([[0.0], [1.0], [x]], [0, 1, 1])).predict
        for x in (2.0, 3.0)
    ),
    "a set": ({1, 2}, {1, 3}),
    "bytes": (b"a", b"b"),
    "complex numbers": (1j, 2j),
    "paths": (Path("a"), Path("b")),
    "a part of arguments": (
        functools.partial(covering_radius, [[1.0]]),
        functools.partial(covering_radius, [[2.0]]),
    ),
    "generators": (np.random.default_rng(0), np.random.default_rng(1)),
    "dtypes": (np.dtype("f4"), np.dtype("f8")),
    "tensors": (torch.arange(3), torch.arange(1, 4)),
    "functions of a library": (np.mean, np.median),
    "functions of Python": (len, max),
    "functions of ours": (covering_radius, readable),
    "methods": (KMeansCoreset(3).query, KMeansCoreset(4).query),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_every_value_counts(pair):
    one, other = pair
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)
    json.dumps(readable(one))


def test_equal_values_are_described_alike():
    assert digest(pd.Series(LONG)) == digest(pd.Series(LONG.copy()))
    assert digest({"a", "b", "c"}) == digest({"c", "b", "a"})
    assert digest(np.random.default_rng(3)) == digest(np.random.default_rng(3))


def test_a_copy_of_a_network_is_described_alike():
    network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    assert digest(copy.deepcopy(network)) == digest(network)


def defined(source, name="measure", **given):
    """A function or a class as a notebook's cell would define it."""
    namespace = {"__name__": "__main__", "np": np, **given}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace[name]


MEASURE = "def measure(X, chosen): return {}"
EDITS = {
    "its own code": (MEASURE.format("1"), MEASURE.format("2")),
    "a name": (MEASURE.format("X.min()"), MEASURE.format("X.max()")),
    "a lambda": ("measure = lambda X, c: 1", "measure = lambda X, c: 2"),
    "one of two lambdas of a line": (
        "measure = [lambda X, c: 1, lambda X, c: 2][0]",
        "measure = [lambda X, c: 1, lambda X, c: 2][1]",
    ),
    "a default": ("def measure(X, c, p=1): return p", "def measure(X, c, p=2): return p"),
    "a keyword default": (
        "def measure(X, c, *, p=1): return p",
        "def measure(X, c, *, p=2): return p",
    ),
    "a global": (
        "factor = 1\ndef measure(X, c): return factor",
        "factor = 2\ndef measure(X, c): return factor",
    ),
    "a function that it calls": (
        "def help(): return 1\ndef measure(X, c): return help()",
        "def help(): return 2\ndef measure(X, c): return help()",
    ),
    "what a function in it calls": (
        "def help(): return 1\ndef measure(X, c): return [help() for _ in X]",
        "def help(): return 2\ndef measure(X, c): return [help() for _ in X]",
    ),
    "what it closes over": (
        "def make(p):\n    def inner(X, c): return p\n    return inner\nmeasure = make(1)",
        "def make(p):\n    def inner(X, c): return p\n    return inner\nmeasure = make(2)",
    ),
    "a function in an array": (
        "fs = {'a': lambda: 1}\ndef measure(X, c): return fs['a']()",
        "fs = {'a': lambda: 2}\ndef measure(X, c): return fs['a']()",
    ),
    "a method": (
        "class measure:\n    def __call__(self, X, c): return 1",
        "class measure:\n    def __call__(self, X, c): return 2",
    ),
    "an attribute of the class": ("class measure:\n    p = 1", "class measure:\n    p = 2"),
    "a base class": (
        "class Base:\n    p = 1\nclass measure(Base): pass",
        "class Base:\n    p = 2\nclass measure(Base): pass",
    ),
    "a property": (
        "class measure:\n    @property\n    def p(self): return 1",
        "class measure:\n    @property\n    def p(self): return 2",
    ),
    "a static method": (
        "class measure:\n    @staticmethod\n    def p(): return 1",
        "class measure:\n    @staticmethod\n    def p(): return 2",
    ),
    "a decorator": (
        "def twice(f): return lambda *a: 2 * f(*a)\n@twice\ndef measure(X, c): return 1",
        "def twice(f): return lambda *a: 3 * f(*a)\n@twice\ndef measure(X, c): return 1",
    ),
    "what a partial calls": (
        "from functools import partial\nmeasure = partial(lambda p, X, c: p, 1)",
        "from functools import partial\nmeasure = partial(lambda p, X, c: -p, 1)",
    ),
    "the state of an object": (
        "class M:\n    def __init__(self, p): self.p = p\nmeasure = M(1)",
        "class M:\n    def __init__(self, p): self.p = p\nmeasure = M(2)",
    ),
    "what a function is wrapped in": (
        "def measure(X, c): return 1",
        "from functools import wraps\ndef f(X, c): return 1\n"
        "def measure(X, c): return 2 * f(X, c)\nmeasure = wraps(f)(measure)",
    ),
    "a function of ours that is wrapped": tuple(
        "from functools import wraps\nfrom alvae.coverage import covering_radius\n"
        f"@wraps(covering_radius)\ndef measure(X, c): return {k} * covering_radius(X, c)"
        for k in (1, 1000)
    ),
    "a function with a cache": tuple(
        f"from functools import cache\n@cache\ndef h(n): return {k}\ndef measure(X, c): return h(1)"
        for k in (1, 2)
    ),
    "a method with a cache": tuple(
        "from functools import lru_cache\nclass measure:\n    @lru_cache\n"
        f"    def __call__(self, X, c): return {k}"
        for k in (1, 2)
    ),
    "an attribute of a function": tuple(
        f"def measure(X, c): return measure.k\nmeasure.k = {k}" for k in (1, 2)
    ),
    "a class made by a call": tuple(
        f"import types\nmeasure = types.new_class('M', (), {{}}, lambda ns: ns.update(k={k}))"
        for k in (1, 2)
    ),
    "a metaclass": tuple(
        f"class Meta(type):\n    def __len__(cls): return {k}\nclass measure(metaclass=Meta): pass"
        for k in (1, 2)
    ),
    "the order of what it closes over": tuple(
        f"known = {known}\ndef measure(X, c): return next(iter(known.values()))"
        for known in ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}")
    ),
    "a dataclass": tuple(
        f"from dataclasses import dataclass\n@dataclass\nclass measure:\n    k: int = {k}"
        for k in (1, 2)
    ),
    "a cached property": tuple(
        "from functools import cached_property\nclass measure:\n    @cached_property\n"
        f"    def k(self): return {k}"
        for k in (1, 2)
    ),
    "a function that calls itself": (
        "def measure(n): return n and measure(n - 1)",
        "def measure(n): return n and measure(n - 2)",
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_code_of_the_caller_counts(edit):
    before, after = (defined(source) for source in edit)
    assert digest(before) != digest(after)
    assert digest(before) == digest(defined(edit[0]))


def test_what_the_code_does_not_name_does_not_count():
    for code in ("1", "X.other"):  # an attribute is no name
        source = f"other = {{}}\ndef measure(X, c): return {code}"
        assert digest(defined(source.format(1))) == digest(defined(source.format(2)))


def test_functions_that_all_call_each_other_are_told_once():
    def source(k):
        calls = "; ".join(f"f{i}()" for i in range(30))
        some = "".join(f"def f{i}(): {calls}; {i}\n" for i in range(29))
        return f"{some}def f29(): {calls}; return {k}\n"

    one, same, other = (digest(defined(source(k), "f0")) for k in (1, 1, 2))
    assert one == same != other


def test_a_module_that_is_loaded_again_is_told_as_it_is_now(tmp_path, monkeypatch):
    path = tmp_path / "edited_helpers.py"
    path.write_text("def measure(X, c): return 1")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("edited_helpers")
    before = digest(module.measure)
    path.write_text("def measure(X, c): return 2  # now")
    assert digest(module.measure) == before  # which is what would be called
    importlib.invalidate_caches()
    assert digest(importlib.reload(module).measure) != before


def test_what_a_module_has_warned_of_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "warning_helpers.py").write_text("def measure(X, c): return 1")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("warning_helpers")
    before = digest(module)
    module.__warningregistry__ = {"version": 3}
    assert digest(module) == before


TYPING = {
    "a flag": "from enum import Flag, auto\nclass F(Flag):\n    A = auto()\n    B = auto()\n"
    "def measure(X, c): return (F.A | F.B).value * 1",
    "a protocol": "from typing import Protocol\nclass P(Protocol):\n    def f(self): ...\n"
    "class Q(P):\n    def f(self): return 1\ndef measure(X, c): return Q().f()",
    "two bases": "from typing import Protocol\nclass P(Protocol):\n    def f(self): ...\n"
    "class Base:\n    def __init__(self): self.n = 1\nclass Q(P, Base):\n    pass\n"
    "def measure(X, c): return Q().n",
    "a generic class": "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
    "class Box(Generic[T]):\n    size = 1\ndef measure(X, c): return Box().size",
    "a new type": "from typing import NewType\nIndex = NewType('Index', int)\n"
    "def measure(X, c): return Index(1)",
}


@pytest.mark.parametrize("source", TYPING.values(), ids=TYPING)
def test_what_python_itself_notes_in_a_class_does_not_count(source, tmp_path, monkeypatch):
    """A flag remembers combinations that were asked for, a protocol how instances are made."""
    monkeypatch.syspath_prepend(tmp_path)
    told = []
    for i, text in enumerate([source, source.replace("1", "2")]):
        (tmp_path / f"typing_{i}.py").write_text(text)
        monkeypatch.delitem(sys.modules, f"typing_{i}", raising=False)
        importlib.invalidate_caches()
        measure = importlib.import_module(f"typing_{i}").measure
        before = digest(measure)
        measure(None, None)
        assert digest(measure) == before
        told.append(before)
    assert told[0] != told[1]


@pytest.mark.parametrize(
    "pair",
    [
        ("NewType('T', int)", "NewType('T', float)"),
        ("TypeVar('T', int, str)", "TypeVar('T', int, float)"),
        ("TypeVar('T', bound=int)", "TypeVar('T', bound=str)"),
        ("type('T', (LogisticRegression,), {'__init__': object.__init__})",
         "type('T', (LogisticRegression,), {})"),
    ],
)  # fmt: skip
def test_what_a_name_for_types_stands_for_counts(pair):
    told = []
    for expression in pair:
        scope = {"LogisticRegression": LogisticRegression, "__name__": "of_mine"}
        exec(f"from typing import NewType, TypeVar\nT = {expression}\nf = lambda: T", scope)
        told.append(digest(scope["f"]))
    assert told[0] != told[1]


def test_an_object_that_a_library_exports_is_told_by_name():
    from scipy.stats import norm  # it has NumPy's global generator in it

    before = digest(norm)
    np.random.random()  # noqa: NPY002
    assert digest(norm) == before
    assert digest(norm(loc=1)) != digest(norm(loc=2))


def test_late_imports_of_a_function_of_many_constants(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "late_helpers.py").write_text("value = 1")
    constants = "; ".join(f"a = {1000 + i}.5" for i in range(300))
    f = defined(f"def f():\n    {constants}\n    from late_helpers import value\n", "f")
    before = digest(f)
    sys.modules["late_helpers"].value = 2
    assert digest(f) != before


def test_a_library_without_a_version_is_told_by_value(tmp_path, monkeypatch):
    path = tmp_path / "site-packages" / "no_version.py"
    path.parent.mkdir()
    monkeypatch.syspath_prepend(path.parent)
    seen = []
    for k in (1, 2):
        path.write_text(f"def measure(X, c): return {k} * 1")
        monkeypatch.delitem(sys.modules, "no_version", raising=False)
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        seen.append(digest(importlib.import_module("no_version").measure))
        sys.dont_write_bytecode = before
    assert seen[0] != seen[1]


def test_a_subclass_of_ours_in_a_notebook():
    sources = [f"class Mine(ConvVAE):\n    p = {p}" for p in (1, 1, 2)]
    one, same, other = (digest(defined(s, "Mine", ConvVAE=ConvVAE)(3)) for s in sources)
    assert one == same != other
    assert "alvae.vae.ConvVAE" in json.dumps(readable(defined(sources[0], "Mine", ConvVAE=ConvVAE)))


def test_a_module_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    for p in (1, 1, 2):
        module = types.ModuleType("helpers_of_mine")
        monkeypatch.setitem(sys.modules, "helpers_of_mine", module)
        exec(f"def helper(): return {p}", vars(module))
        source = (
            "def measure(X, c):\n    import helpers_of_mine\n    return helpers_of_mine.helper()"
        )
        seen.append((digest(defined(source)), digest(defined("measure = m.helper", m=module))))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[2][0]
    assert seen[0][1] != seen[2][1]


def test_a_function_of_no_module():
    """Where there is no __name__, a function says that it is one of Python's."""
    one, other = ({}, {})
    exec("def measure(X, c): return 1", one)
    exec("def measure(X, c): return 2", other)
    assert digest(one["measure"]) != digest(other["measure"])


def test_what_cannot_be_imported_or_is_not_there_yet_is_no_hindrance():
    source = "def measure(X, c):\n    try:\n        import no_such_module\n    except {}: return 1"
    assert digest(defined(source.format("ImportError"))) != digest(
        defined(source.format("OSError"))
    )
    assert digest(defined("def measure(X, c):\n    from .util import f"))
    source = "def make():\n    def inner(): return later\n    if 0: later = 1\n    return inner\n"
    assert digest(defined(source + "measure = make()"))


PACKAGE = """
import multiprocessing, pathlib, sys
from alvae.store.recipes import digest

def of(values):
    folder = pathlib.Path(sys.path[0])
    for path, value in zip(("helpers/radius.py", "profile.py"), values):
        (folder / path).write_text(f"value = {value}")
    import mine
    return digest([mine.measure, mine.of_package])

if __name__ == "__main__":  # a fork for each, which imports for itself
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        print(*pool.map(of, [(1, 1), (2, 1), (1, 2), (1, 1)], chunksize=1))
"""


@pytest.mark.slow
def test_a_module_that_is_imported_when_it_is_called(tmp_path):
    """Of a package, one whose name is that of a module of Python, one beside what imports it."""
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("def of(X, c):\n    from . import radius")
    (tmp_path / "mine.py").write_text(
        "from helpers import of as of_package\n"
        "def measure(X, c):\n    from helpers import radius\n    import profile\n"
    )
    (tmp_path / "script.py").write_text(PACKAGE)
    command = [sys.executable, "-B", tmp_path / "script.py"]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3


SCRIPT = """
from functools import partial
import numpy as np
from alvae.store.recipes import digest
from alvae import KMeansCoreset, PoissonLearning

factor = {"a": [1, 2], "b": {3, 4, "c", "d"}}

class Mine(PoissonLearning):
    def helper(self): return factor

def measure(X, chosen):
    return np.mean(X) * len(factor)

print(digest([Mine(3), measure, partial(measure, 1), KMeansCoreset(4), lambda x: factor]))
"""


@pytest.mark.slow
def test_the_same_in_every_process(tmp_path, capsys):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py"]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    runpy.run_path(tmp_path / "script.py", run_name="__main__")
    assert capsys.readouterr().out == elsewhere != ""


PARTS = {"lock": threading.Lock(), "generator": (x for x in "a"), "stream": sys.stdout}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_what_has_no_value_is_refused(part):
    with pytest.raises(TypeError, match="has no value to tell") as caught:
        digest({"a": [part]})
    assert "\n" not in str(caught.value)


def test_a_copy_leaves_no_trace_on_a_class_of_the_caller():
    class Own(BaseEstimator):
        pass

    before = digest(Own)
    copy.copy(Own())
    assert "__slotnames__" in vars(Own)
    assert digest(Own) == before


def test_a_list_within_itself():
    endless = [1]
    endless.append(endless)
    assert digest(endless) == digest(endless)


def test_where_two_recipes_differ():
    old = {"a": {"x": 1, "y": [1]}, "b": 2, "c": 3}
    assert differences(old, old) == []
    assert differences({"a": float("nan")}, {"a": float("nan")}) == []
    assert differences(old, {"a": {"x": 1, "y": [2]}, "b": 2}) == ["a.y", "c"]

"""What takes part in trials is the same in each of them, here and in a worker."""

import importlib
import inspect
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest

from alvae import _carried, store, trials
from alvae._carried import Carried
from alvae._graphs import NeighborGraph
from alvae.classifiers import PoolClassifier
from alvae.classifiers.svc import InnerProducts
from alvae.coverage import covering_radius
from alvae.queries import QueryStrategy, UniformSampling
from alvae.store import recipes, sources
from alvae.trials import TrialProtocol, learning_curves


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Writes a module of the caller and imports it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source, name="carried_helper"):
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        if name in sys.modules:
            return importlib.reload(sys.modules[name])
        return importlib.import_module(name)

    yield write
    for name in [name for name in sys.modules if name.startswith("carried_")]:
        del sys.modules[name]


def sent(value):
    return pickle.dumps(Carried(value))


def arrived(content):
    """As in another process, which has sent nothing and compared nothing."""
    _carried._sent.clear()
    _carried._first.clear()
    return pickle.loads(content).copy()


HERE_AND_IN_WORKERS = pytest.mark.parametrize(
    "n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)]
)
PLANE = np.random.default_rng(0).normal(size=(2, 40, 2))
LABELS = np.random.default_rng(1).integers(0, 2, (2, 40))


def curves(measure, n_jobs=1, budgets=(5,), shifts=(0,), strategy=None):
    spaces = {f"{shift}": tuple(PLANE + shift) for shift in shifts}
    protocol = TrialProtocol(budgets=list(budgets), n_trials=2, measures={"m": measure})
    given = spaces, *LABELS, {"own": strategy or UniformSampling()}, protocol
    return learning_curves(*given, n_jobs=n_jobs)["m"].tolist()


class FromTheFirst:
    """A measure that keeps the first points that it sees, and has a module, as some do."""

    def __init__(self):
        self.center, self.library = None, np

    def __call__(self, X, chosen):
        if self.center is None:
            self.center = self.library.mean(X, axis=0)
        return float(np.abs(X[chosen] - self.center).mean())


@HERE_AND_IN_WORKERS
def test_what_one_trial_keeps_does_not_reach_the_next(n_jobs):
    far = [np.abs((PLANE[0] + 100).mean(axis=0) - (PLANE[0] + 100)).mean()]
    both = curves(FromTheFirst(), n_jobs, budgets=[5, 40], shifts=[0, 100])
    assert max(both) < 5
    assert both[-1] == pytest.approx(far[0])  # of all the points
    assert curves(FromTheFirst(), n_jobs, budgets=[40], shifts=[100]) == both[-2:]


class Ranking(QueryStrategy):
    """Uses up what it has prepared."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _prepare(self, X, graph, rng):
        return list(range(len(X)))

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        return np.array([prepared.pop() for _ in range(batch_size)])


class Remembering(PoolClassifier):
    """Predicts what the first fit to a pool has found."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def prepare(self, X, X_new=None, *, graph=None, n_labels=0, folder=None):
        return {}

    def fit(self, X, y, sample_weight=None, *, order=None, prepared=None):
        self.first_ = prepared.setdefault("first", int(order[0]))
        return self

    def predict(self, X, *, prepared=None):
        return np.arange(len(X)) < self.first_


@HERE_AND_IN_WORKERS
def test_what_a_trial_changes_in_what_is_prepared_does_not_reach_the_next(n_jobs):
    first = curves(lambda X, c: int(c[0]), n_jobs, [1, 5], strategy=Ranking())
    assert first == [len(LABELS[0]) - 1] * 4
    protocol = TrialProtocol(
        budgets=[1, 5], n_trials=4, classifiers={"": Remembering()}, measures={"m": _first}
    )
    given = {"plane": tuple(PLANE)}, *LABELS, {"own": UniformSampling()}, protocol
    table = learning_curves(*given, n_jobs=n_jobs)
    expected = [np.mean((np.arange(40) < first) == LABELS[1]) for first in table["m"]]
    assert table["accuracy"].tolist() == expected
    assert table["m"].nunique() > 2


def _first(X, chosen):
    return int(chosen[0])


@HERE_AND_IN_WORKERS
def test_code_of_a_library_gets_copies_of_what_is_prepared_too(n_jobs, tmp_path, monkeypatch):
    """It may change that as well as code of the caller may."""
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    (tmp_path / "site-packages" / "carried_library.py").write_text(
        "import numpy as np\nfrom alvae.queries import QueryStrategy\n" + inspect.getsource(Ranking)
    )
    paths = [str(tmp_path / "site-packages"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    strategy = importlib.import_module("carried_library").Ranking()
    assert curves(lambda X, c: int(c[0]), n_jobs, [1, 5], strategy=strategy) == [39] * 4


@HERE_AND_IN_WORKERS
def test_a_bare_object_of_a_module_stays_the_one_that_it_is(n_jobs, helper):
    module = helper(
        "MISSING = object()\n"
        "class Measure:\n"
        "    def __init__(self, scale=MISSING): self.scale = scale\n"
        "    def __call__(self, X, c): return 1.0 if self.scale is MISSING else 2.0\n"
    )
    assert curves(module.Measure(), n_jobs) == [1.0, 1.0]
    assert arrived(sent(module.Measure())).scale is module.MISSING
    assert arrived(sent(object())) is not module.MISSING


def test_bare_objects_and_modules_in_what_is_prepared_stay_what_they_are_here(helper):
    """In a worker, where joblib sends it, such an object is another one."""
    module = helper(
        "import numpy as np\n"
        "from alvae.queries import QueryStrategy\n"
        "MISSING = object()\n"
        "class First(QueryStrategy):\n"
        "    def __init__(self, random_state=None): self.random_state = random_state\n"
        "    def _prepare(self, X, graph, rng): return {'start': MISSING, 'library': np}\n"
        "    def _select(self, X, y, unlabeled, batch_size, rng, prepared):\n"
        "        first = 0 if prepared['start'] is MISSING else 7\n"
        "        return np.arange(first, first + batch_size)\n"
    )
    assert curves(_first, strategy=module.First()) == [0, 0]


def test_what_is_imported_is_told_once_however_much_of_it_there_is(helper, monkeypatch):
    calls = " + ".join(f"f{i}" for i in range(30))
    names = "\n".join(f"def f{i}(X, c): return {calls}" for i in range(30))
    module, made = helper(names), []

    class Counted(recipes._Description):
        def __init__(self):
            made.append(1)
            super().__init__()

    monkeypatch.setattr(recipes, "_Description", Counted)
    imports = recipes.imports_of([module.f0])
    assert len(imports.of_caller) == 30
    assert len(made) == 2


def test_what_is_changed_all_the_same_is_not_kept():
    kept = []
    with pytest.warns(UserWarning, match="not kept in the store: measures changed while it was"):
        curves(lambda X, c: kept.append(c) or len(kept))
    assert not list(store.root().rglob("trials/*.csv"))


def test_what_cannot_be_copied_takes_part_itself():
    lock = threading.Lock()
    with pytest.warns(UserWarning, match="not kept in the store: a lock has no value"):
        assert curves(lambda X, c: float(lock.locked())) == [0.0, 0.0]
    kept = {"one": [lock], "two": {"three": []}}
    copy = Carried(kept).copy()
    assert copy == kept
    assert copy["one"] is kept["one"]
    assert copy["two"]["three"] is not kept["two"]["three"]


def test_what_is_prepared_must_be_such_that_it_can_be_copied():
    class Locked(Ranking):
        def _prepare(self, X, graph, rng):
            return threading.Lock()

    with pytest.raises(ValueError, match="what prepare gives cannot be copied: .*lock"):
        curves(covering_radius, strategy=Locked())


@pytest.mark.parametrize("kind", [InnerProducts, lambda *_: NeighborGraph(PLANE[0])])
def test_what_is_large_and_a_value_is_not_copied(kind):
    value = [kind(PLANE[0], PLANE[1])]
    copy = Carried(None).copied(value)
    assert copy is not value
    assert copy[0] is value[0]


def test_what_cannot_be_copied_leaves_nothing_half_made():
    class Curve:
        scale = 1

        def __init__(self):
            self.options, self.scale = MappingProxyType({}), 100

        def near(self):
            return self.scale

        def far(self):
            return self.scale

    curve = Curve()
    copy = Carried({"near": curve.near, "far": curve.far}).copy()
    assert (copy["near"](), copy["far"]()) == (100, 100)


def test_parts_that_were_one_are_one_in_a_copy():
    one = []
    copy = Carried({"a": [one], "b": {"c": one}}).copy()
    assert copy["a"][0] is copy["b"]["c"]
    assert copy["b"]["c"] is not one


def test_two_parts_may_use_the_same_helper(helper):
    module = helper(
        "def _spread(X): return 1.0\n"
        "def Area(X, c): return _spread(X)\n"
        "def zone(X, c): return _spread(X)\n"
    )
    copy = arrived(sent({"a": module.Area, "z": module.zone}))
    assert copy["a"] is module.Area


def test_what_cannot_be_sent_is_said_before_any_work():
    class Slow(UniformSampling):
        def _prepare(self, X, graph=None):
            raise AssertionError("it has begun")

    lock = threading.Lock()
    with pytest.raises(ValueError, match="this cannot be sent to workers: .*lock.*; n_jobs=1"):
        curves(lambda X, c: lock.locked(), n_jobs=2, strategy=Slow())


@pytest.mark.parametrize("n", [1000, 200_000])
def test_arrays_are_sent_apart_and_trials_write_only_into_copies(n):
    array = np.arange(float(n))
    assert len(Carried([array]).packed[1]) < 1000
    (copy,) = arrived(sent([array]))
    np.testing.assert_array_equal(copy, array)
    assert copy.flags.writeable == (n == 1000)  # as joblib has it, too


def test_a_worker_that_is_this_process_has_the_value_itself():
    carried = Carried(FromTheFirst())
    assert pickle.loads(pickle.dumps(carried)) is carried


def test_code_of_a_module_must_be_the_same_where_it_arrives(helper):
    module = helper("K = 1.0\ndef measure(X, c): return K\nclass Kind:\n    size = 1")
    content = sent([module.measure, module.Kind()])
    measure, kind = arrived(content)
    assert (measure(None, None), kind.size) == (1.0, 1)
    module.K = 2.0
    with pytest.raises(ValueError, match="^carried_helper.measure is not the same in a worker"):
        arrived(content)
    module.K, module.Kind.size = 1.0, 2
    with pytest.raises(ValueError, match="^carried_helper.Kind is not the same in a worker"):
        arrived(content)


def test_what_has_no_value_to_tell_hides_nothing(helper):
    source = "from functools import singledispatch\n@singledispatch\ndef odd(X, c): return 1.0\n"
    module = helper(f"{source}K = 1.0\ndef measure(X, c): return K")
    content = sent({"odd": module.odd, "even": module.measure})
    assert arrived(content)["odd"](None, None) == 1.0
    module.K = 2.0
    with pytest.raises(ValueError, match="^carried_helper.measure is not the same in a worker"):
        arrived(content)


def test_a_module_must_be_the_same_where_it_arrives(helper, tmp_path, monkeypatch):
    module = helper("K = 1.0")
    content = sent(lambda: module.K)
    assert arrived(content)() == 1.0
    module.K = 2.0
    with pytest.raises(ValueError, match="^carried_helper is not the same in a worker"):
        arrived(content)
    del sys.modules["carried_helper"]
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    with pytest.raises(ValueError, match="^a worker: No module named 'carried_helper'; n_jobs=1"):
        arrived(content)


@pytest.mark.parametrize("name", ["alvae.queries.base.UniformSampling", "numpy"])
def test_alvae_and_libraries_must_be_the_same_where_it_arrives(name, monkeypatch):
    content = sent(UniformSampling())
    assert isinstance(arrived(content), UniformSampling)
    here = sources.code_of("alvae.queries")
    monkeypatch.setattr(sources, "code_of", lambda *names: here | {name: "other"})
    with pytest.raises(ValueError, match=f"^{name} is not the same in a worker"):
        arrived(content)


def test_only_code_of_the_caller_takes_new_workers(helper):
    module = helper("from functools import cache\n@cache\ndef measure(X, c): return 1.0")
    for own in (module.measure, lambda X, c: 1.0, threading.Lock()):  # of the last nobody knows
        assert Carried({"own": own, "known": covering_radius}).imports.is_of_caller
    assert not Carried({"own": UniformSampling(), "known": np.mean}).imports.is_of_caller


COUNTING = """
n = 0
def measure(X, c):
    global n
    n += 1
    return n
"""


@pytest.mark.slow
def test_what_trials_change_in_a_module_of_a_worker_is_noticed(helper):
    for _ in range(2):  # the workers live on
        with pytest.raises(ValueError, match="trials changed what they have in common; n_jobs=1"):
            curves(helper(COUNTING).measure, 2)


@pytest.mark.slow
def test_a_class_of_the_script_is_what_it_was_for_every_trial(helper):
    module = helper("def keep(own, X):\n    if not hasattr(own, 'X'):\n        own.X = X.mean()")

    class Own:
        def __call__(self, X, c):
            module.keep(type(self), X)
            return float(type(self).X)

    with pytest.raises(ValueError, match="trials changed what they have in common; n_jobs=1"):
        curves(Own(), 2, budgets=[5, 6], shifts=[0, 100])


@pytest.mark.slow
def test_a_package_is_the_same_where_it_arrives(helper, tmp_path):
    (tmp_path / "carried_lab").mkdir()
    (tmp_path / "carried_lab" / "__init__.py").write_text("")
    (tmp_path / "carried_lab" / "measures.py").write_text("def one(X, c): return 1.0")
    importlib.invalidate_caches()
    lab = importlib.import_module("carried_lab.measures") and sys.modules["carried_lab"]
    assert curves(lambda X, c: lab.measures.one(X, c), 2) == [1.0, 1.0]


@pytest.mark.slow
def test_two_threads_take_turns(helper):
    measures = [helper(f"def of(X, c): return {n}.0", f"carried_{n}").of for n in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda measure: curves(measure, 2), measures, timeout=300)
        assert list(found) == [[1.0, 1.0], [2.0, 2.0]]


def test_of_an_interrupted_run_only_trials_before_a_change_are_kept(helper, monkeypatch):
    module = helper("K = 1.0\ndef measure(X, c): return K")
    kept, keep = [], trials._keep

    def keep_and_change(path, table):
        keep(path, table)
        kept.append(table["m"].tolist())
        module.K = 2.0

    monkeypatch.setattr(trials, "KEEP_SECONDS", 0)
    monkeypatch.setattr(trials, "_keep", keep_and_change)
    with pytest.warns(UserWarning, match="not kept in the store: measures changed while it was"):
        curves(module.measure)
    assert kept == [[1.0]]


@pytest.mark.slow
def test_workers_compute_with_the_code_of_today(helper):
    low = "from functools import cache\n@cache\ndef number(): return {}"
    top = "import carried_low\nfrom enum import Enum\nclass Mode(Enum):\n    A = 1\n"
    top += "def measure(X, c, mode=Mode.A): return carried_low.number() * (mode is Mode.A)"
    for number in (1.0, 2.0):
        helper(low.format(number), "carried_low")
        module = helper(top, "carried_top")
        assert curves(module.measure, 2) == [number, number]
        by_module = partial(lambda module, X, c: module.measure(X, c, module.Mode.A), module)
        assert curves(by_module, 2) == [number, number]
    module.carried_low.number = lambda: 3.0
    with pytest.raises(ValueError, match="carried_low is not the same in a worker; n_jobs=1"):
        curves(module.measure, 2)
    assert curves(module.measure, 1) == [3.0, 3.0]
    helper(low.format(4.0), "carried_low")
    module = helper(top.replace("measure", "renamed"), "carried_top")
    assert curves(module.renamed, 2) == [4.0, 4.0]

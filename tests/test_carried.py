"""What takes part in trials is the same in each of them, here and in a worker."""

import importlib
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from alvae import _carried, store, trials
from alvae._carried import Carried
from alvae.coverage import covering_radius
from alvae.queries import UniformSampling
from alvae.store import sources
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


PLANE = np.random.default_rng(0).normal(size=(2, 40, 2))
LABELS = np.random.default_rng(1).integers(0, 2, (2, 40))


def curves(measure, n_jobs=1, budgets=(5,), shifts=(0,), strategy=None):
    spaces = {f"{shift}": tuple(PLANE + shift) for shift in shifts}
    protocol = TrialProtocol(budgets=list(budgets), n_trials=2, measures={"m": measure})
    given = spaces, *LABELS, {"own": strategy or UniformSampling()}, protocol
    return learning_curves(*given, n_jobs=n_jobs)["m"].tolist()


class FromTheFirst:
    """A measure that keeps the first points that it sees."""

    center = None

    def __call__(self, X, chosen):
        if self.center is None:
            self.center = X.mean(axis=0)
        return float(np.abs(X[chosen] - self.center).mean())


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_one_trial_keeps_does_not_reach_the_next(n_jobs):
    far = [np.abs((PLANE[0] + 100).mean(axis=0) - (PLANE[0] + 100)).mean()]
    both = curves(FromTheFirst(), n_jobs, budgets=[5, 40], shifts=[0, 100])
    assert max(both) < 5
    assert both[-1] == pytest.approx(far[0])  # of all the points
    assert curves(FromTheFirst(), n_jobs, budgets=[40], shifts=[100]) == both[-2:]


def test_what_is_changed_all_the_same_is_not_kept():
    kept = []
    with pytest.warns(UserWarning, match="not kept in the store: measures changed while it was"):
        curves(lambda X, c: kept.append(c) or len(kept))
    assert not list(store.root().rglob("trials/*.csv"))


def test_what_cannot_be_copied_takes_part_itself():
    lock = threading.Lock()
    with pytest.warns(UserWarning, match="not kept in the store: a lock has no value"):
        assert curves(lambda X, c: float(lock.locked())) == [0.0, 0.0]
    assert Carried([lock]).copy() == [lock]


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

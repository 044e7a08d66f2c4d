"""What a caller wrote arrives in a worker as it was when it was sent."""

import importlib
import pickle
import sys

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from alvae import _carried
from alvae._carried import Carried
from alvae.queries import UniformSampling
from alvae.trials import TrialProtocol, learning_curves

ROOMS = ("alvae.queries",)


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Writes a module of the caller and imports it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        (tmp_path / "carried_helper.py").write_text(source)
        importlib.invalidate_caches()
        if "carried_helper" in sys.modules:
            return importlib.reload(sys.modules["carried_helper"])
        return importlib.import_module("carried_helper")

    yield write
    sys.modules.pop("carried_helper", None)


def arrived(sent):
    _carried._unpacked.cache_clear()
    return pickle.loads(sent).value


def test_a_function_is_as_it_was_though_its_module_changed(helper):
    module = helper("K = 1.0\ndef measure(X, c): return K\nclass Kind:\n    size = 1")
    module.K = 5.0
    sent = pickle.dumps(Carried([module.measure, module.Kind()], ROOMS))
    module.K, module.Kind.size = 7.0, 2
    module = helper("K = 2.0\ndef measure(X, c): return -K\nclass Kind:\n    size = 3")
    measure, kind = arrived(sent)
    assert measure(None, None) == 5.0
    assert kind.size == 1
    measure, kind = arrived(pickle.dumps(Carried([module.measure, module.Kind()], ROOMS)))
    assert (measure(None, None), kind.size) == (-2.0, 3)


def test_a_module_must_be_the_same_where_it_arrives(helper):
    module = helper("K = 1.0")
    sent = pickle.dumps(Carried(lambda: module.K, ROOMS))
    module.K = 2.0
    assert arrived(sent)() == 1.0  # loaded again
    module.K = 2.0
    sent = pickle.dumps(Carried(lambda: module.K, ROOMS))
    assert arrived(sent)() == 2.0
    module.K = 1.0
    with pytest.raises(ValueError, match="^the module carried_helper is not the same in a worker"):
        arrived(sent)


def test_a_module_must_be_there_where_it_arrives(helper, monkeypatch):
    module = helper("K = 1.0")
    sent = pickle.dumps(Carried(lambda: module.K, ROOMS))
    monkeypatch.delitem(sys.modules, "carried_helper")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    with pytest.raises(ValueError, match="^a worker has no module carried_helper"):
        arrived(sent)


def test_alvae_must_be_the_same_where_it_arrives(monkeypatch):
    sent = pickle.dumps(Carried(UniformSampling(), ROOMS))
    assert isinstance(arrived(sent), UniformSampling)
    name = "alvae.queries.base.UniformSampling"
    other = tuple((part, "other" if part == name else code) for part, code in _carried._code(ROOMS))
    monkeypatch.setattr(_carried, "_code", lambda rooms: other)
    with pytest.raises(ValueError, match=f"^a worker has another {name}"):
        arrived(sent)


def test_what_cannot_be_sent_is_said_before_it_is(monkeypatch):
    def broken(_):
        raise AttributeError("a bug of theirs")

    monkeypatch.setattr(_carried, "_by_value", broken)
    with pytest.raises(
        ValueError, match="this cannot be sent to workers: a bug of theirs; n_jobs=1"
    ):
        _ = Carried(UniformSampling(), ROOMS).packed


def test_what_has_no_value_to_tell_is_sent_all_the_same(helper):
    source = "from functools import singledispatch\n@singledispatch\ndef f(x): return 1.0\n"
    module = helper(f"{source}def measure(X, c): return f(X)")
    assert arrived(pickle.dumps(Carried(module.measure, ROOMS)))(None, None) == 1.0


def test_nothing_stays_registered(helper):
    module = helper("def measure(X, c): return 1.0")
    pickle.dumps(Carried(module.measure, ROOMS))
    assert "carried_helper" not in _carried.cloudpickle.list_registry_pickle_by_value()


def curves(measure, n_jobs, budget=5):
    rng = np.random.default_rng(0)
    (X, X_test), (y, y_test) = rng.normal(size=(2, 40, 2)), rng.integers(0, 2, (2, 40))
    protocol = TrialProtocol(budgets=[budget], n_trials=2, measures={"m": measure})
    given = {"plane": (X, X_test)}, y, y_test, {"uniform": UniformSampling()}, protocol
    return learning_curves(*given, n_jobs=n_jobs)["m"].tolist()


@pytest.mark.slow
def test_workers_that_live_on_compute_with_the_code_of_today(helper):
    get_reusable_executor().shutdown(wait=True)  # those of other tests do not find the module
    module = helper("K = 1.0\ndef measure(X, c): return K")
    assert curves(module.measure, 2) == [1.0, 1.0]
    module.K = 5.0
    assert curves(module.measure, 2) == [5.0, 5.0]
    module = helper("def measure(X, c): return 2.0")
    assert curves(module.measure, 2) == [2.0, 2.0]
    del sys.modules["carried_helper"]
    module = helper("K = 1.0")
    assert curves(lambda X, c: module.K, 2) == [1.0, 1.0]
    module.K = 3.0
    with pytest.raises(ValueError, match="carried_helper is not the same in a worker"):
        curves(lambda X, c: module.K, 2)
    assert curves(lambda X, c: module.K, 1) == [3.0, 3.0]

"""One trial, as a worker runs it: choose points, train classifiers on their labels, measure."""

from datetime import date
from itertools import chain
from numbers import Real
from time import perf_counter
from typing import NamedTuple

import numpy as np
import sklearn
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from alvae._carried import Carried
from alvae._checks import check_exact, check_integer, check_points, naming, shown
from alvae.queries import as_strategy
from alvae.queries.base import seeded

ARRAYS = ("X", "labels", "X_test", "test_labels")


class Prepared(NamedTuple):
    """What trials share; each gets a copy where code from outside of alvae uses it.

    In a worker a bare ``object()`` in it is another one.
    """

    value: object
    is_copied: bool

    def of_one_trial(self, given):
        """The value or a copy; `given` is what takes part in the trial."""
        try:
            return given.copied(self.value) if self.is_copied else self.value
        except Exception as error:  # whatever a class of the caller raises
            raise ValueError(f"what prepare gives cannot be copied: {error}") from error


class Task(NamedTuple):
    """What all trials of one strategy in one space have in common.

    Parameters
    ----------
    X, labels, X_test, test_labels : ndarray
    given : Carried
        By name the strategies, the classifiers and the measures.
    strategy : str
        The one whose trials these are.
    prepared : Prepared
        What queries share,
    shared : dict of str to Prepared
        and the fits of each classifier.
    batch_size : int or None
    random_state : int
    """

    X: np.ndarray
    labels: np.ndarray
    X_test: np.ndarray
    test_labels: np.ndarray
    given: Carried
    strategy: str
    prepared: Prepared
    shared: dict[str, Prepared]
    batch_size: int | None
    random_state: int


def seed_of(random_state, *path):
    """A descendant of a seed: what SeedSequence.spawn gives along this path."""
    return np.random.SeedSequence(random_state, spawn_key=path)


def acquire(strategy, X, oracle, budget, batch_size=None, *, prepared=None):
    """Indices of `budget` points, asked for at once or a few at a time.

    Parameters
    ----------
    strategy : QueryStrategy
    X : array of shape (n, d)
    oracle : array of shape (n,)
        The label of every point. A strategy sees those of the points that it has chosen.
    budget : int
        Number of labels B.
    batch_size : int, default=None
        Labels per query. None: all in one query, at a cold start.
    prepared : object, default=None
        What `strategy.prepare(X)` returned; made here where it is left out.

    Returns
    -------
    ndarray of shape (budget,)
        Distinct indices into X, in the order in which they were chosen.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the oracle does not know every point.
    """
    strategy = as_strategy(strategy)
    X = check_points("X", X)
    with naming("oracle", oracle):
        oracle = np.asarray(oracle)
        if oracle.shape != (len(X),) or oracle.dtype.kind not in "biuf":
            raise ValueError(
                f"oracle has shape {oracle.shape} and dtype {oracle.dtype}; it must be a number "
                "for each point"
            )
    check_exact("oracle", oracle)
    check_integer("budget", budget, 1, len(X), "the number of points")
    if batch_size is not None:
        check_integer("batch_size", batch_size, 1)
    if prepared is None:
        prepared = strategy.prepare(X)  # once for all queries
    return _acquire(strategy, X, oracle, budget, batch_size, prepared)


def _acquire(strategy, X, oracle, budget, batch_size, prepared):
    y = np.full(len(X), np.nan)
    chosen = np.empty(0, dtype=np.int64)
    while len(chosen) < budget:
        n = min(batch_size or budget, budget - len(chosen))
        new = strategy.query(X, y, n, prepared=prepared)
        y[new] = oracle[new]
        chosen = np.append(chosen, new)
    return chosen


def run_trials(numbers, budget, task):
    """Some trials in one worker; with one BLAS thread, so that sums are taken in the same order."""
    arrays = {name: read_only(getattr(task, name)) for name in ARRAYS}
    task = task._replace(**arrays)
    with threadpool_limits(1), sklearn.config_context(assume_finite=True):
        rows = list(chain.from_iterable(_run_trial(number, budget, task) for number in numbers))
        task.given.check()
        return rows


def read_only(array):
    """The array, for readers: what one trial changed in it would reach the next ones."""
    array = array.view()
    array.flags.writeable = False
    return array


def _run_trial(number, budget, task):
    """A row for each classifier."""
    given, prepared = task.given.copy(), task.prepared.of_one_trial(task.given)
    start = perf_counter()
    rng = np.random.default_rng(seed_of(task.random_state, budget, number))
    strategy = clone(given["strategies"][task.strategy]).set_params(random_state=rng)
    strategy = _on_one_core(strategy)
    chosen = _acquire(strategy, task.X, task.labels, budget, task.batch_size, prepared)
    query_seconds = perf_counter() - start
    weights = strategy.sample_weight(task.X, chosen, prepared=prepared)
    row = {"budget": budget, "trial": int(number)}
    for name, measure in given["measures"].items():
        row[name] = _number(name, measure(task.X, chosen.copy()))
    rows = []
    for i, (name, classifier) in enumerate(given["classifiers"].items()):
        shared = task.shared[name].of_one_trial(task.given)
        begin = perf_counter()
        rng = np.random.default_rng(seed_of(task.random_state, budget, number, i))
        classifier = _on_one_core(seeded(clone(classifier), rng))
        result = _learn(classifier, shared, chosen, weights, task)
        seconds = {"query_seconds": query_seconds}
        seconds["seconds"] = query_seconds + perf_counter() - begin
        seconds["timed_on"] = date.today().isoformat()
        rows.append(row | ({"classifier": name} if name else {}) | result | seconds)
    return rows


def _number(name, value):
    if not isinstance(value, Real | np.bool_):
        raise ValueError(f"measures[{name!r}] gave {shown(value)}; it must give a number")
    return value if isinstance(value, int | float | np.generic) else float(value)  # a Fraction, say


def _on_one_core(estimator):
    """The estimator itself, which now leaves the other cores to other workers."""
    params = estimator.get_params().items()
    jobs = [name for name, n in params if name.split("__")[-1] == "n_jobs" and n not in (None, 1)]
    return estimator.set_params(**dict.fromkeys(jobs, 1))


def _learn(classifier, prepared, chosen, weights, task):
    """Fit a classifier to the chosen points and measure it."""
    y = np.full(len(task.X), np.nan)
    y[chosen] = task.labels[chosen]
    weighted = {}
    if weights is not None:
        weighted["sample_weight"] = np.ones(len(y))
        weighted["sample_weight"][chosen] = weights
    classifier.fit(task.X, y, order=chosen, prepared=prepared, **weighted)
    predicted = classifier.predict(task.X_test, prepared=prepared)
    result = {"accuracy": float(np.mean(_right(predicted, task.test_labels)))}
    if classifier.transduction_ is not None:
        right = np.delete(_right(classifier.transduction_, task.labels), chosen)
        result["pool_accuracy"] = float(right.mean()) if len(right) else np.nan
    params = classifier.best_params_
    return result | {"kernel": params.get("kernel"), "C": params.get("C")}


def _right(predicted, labels):
    """Whether each prediction is right."""
    predicted = np.asarray(predicted)
    if predicted.shape != labels.shape or predicted.dtype.kind not in "biuf":
        raise ValueError(
            f"a classifier predicted an array of shape {predicted.shape} and dtype "
            f"{predicted.dtype}; it must predict {len(labels)} labels, as numbers"
        )
    return predicted == labels

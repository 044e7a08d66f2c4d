"""Learning curves: how accurate a classifier is after how many labels, in which space, over trials.

A trial asks a query strategy for B points, trains classifiers on their labels and measures their
accuracy on the test set. :func:`learning_curves` repeats this for every space, strategy and budget
and gives a tidy table. What is done is kept in the store and never computed twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
import scipy
import sklearn
from joblib import delayed, effective_n_jobs
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from alvae import store
from alvae._checks import check_integer, check_points
from alvae._graphs import NeighborGraph
from alvae._progress import progress_bar
from alvae._workers import Workers
from alvae.classifiers import GridSearchSVC, PoolClassifier, as_pool_classifier
from alvae.queries import QueryStrategy, as_strategy

CHUNK = 10  # trials at most that a worker runs between two reports
SOURCES = ("_clusters", "_graphs", "queries", "classifiers", "coverage", "trials")


@dataclass(frozen=True, kw_only=True)
class TrialProtocol:
    """What a trial is, and how many there are.

    Parameters
    ----------
    budgets : list of int
        Numbers of labels B, each from 1 to the size of the pool.
    n_trials : int, default=500
        Trials at every budget.
    batch_size : int, default=None
        Labels per query; None asks for all at once (see `acquire`).
    classifiers : dict of str to classifier, default={"": GridSearchSVC()}
        Each learns from the same points. Those of scikit-learn will do, too; with a strategy that
        has weights, they must take `sample_weight`.
    measures : dict of str to callable, default={}
        Further columns: ``measure(X, chosen)``, a number, such as `covering_radius`.
    random_state : int, default=0
        Seed of everything.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    budgets: list[int]
    n_trials: int = 500
    batch_size: int | None = None
    classifiers: dict[str, object] = field(default_factory=lambda: {"": GridSearchSVC()})
    measures: dict[str, Callable] = field(default_factory=dict)
    random_state: int = 0

    def __post_init__(self):
        if len(self.budgets) == 0:
            raise ValueError("budgets is empty; there must be at least one")
        if len(set(self.budgets)) < len(self.budgets):
            raise ValueError(f"budgets is {self.budgets}; they must be distinct")
        for budget in self.budgets:
            check_integer("budgets", budget, 1)
        check_integer("n_trials", self.n_trials, 1)
        if self.batch_size is not None:
            check_integer("batch_size", self.batch_size, 1)
        check_integer("random_state", self.random_state, 0)
        if not isinstance(self.classifiers, dict) or not self.classifiers:
            raise ValueError(f"classifiers is {self.classifiers!r}; it must name at least one")
        for classifier in self.classifiers.values():
            as_pool_classifier(classifier)

    @property
    def smallest_batch(self):
        """The fewest labels that a query is asked for."""
        size = self.batch_size or max(self.budgets)
        return min(min(B, size, B % size or size) for B in self.budgets)

    def seed(self, *path):
        """A descendant of the one seed: what SeedSequence.spawn gives along this path."""
        return np.random.SeedSequence(self.random_state, spawn_key=path)


@dataclass(frozen=True)
class _Task:
    """What all trials of one strategy in one space have in common, as the workers need it."""

    X: np.ndarray
    labels: np.ndarray
    X_test: np.ndarray
    test_labels: np.ndarray
    strategy: QueryStrategy
    prepared: object  # by the strategy
    classifiers: dict[str, tuple[PoolClassifier, object]]  # and what each of them has prepared
    protocol: TrialProtocol


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
        What `strategy.prepare(X)` returned.

    Returns
    -------
    ndarray of shape (budget,)
        Distinct indices into X, in the order in which they were chosen.
    """
    if batch_size is not None:
        check_integer("batch_size", batch_size, 1)
    y = np.full(len(X), np.nan)
    chosen = np.empty(0, dtype=np.int64)
    while len(chosen) < budget:
        n = min(batch_size or budget, budget - len(chosen))
        new = strategy.query(X, y, n, prepared=prepared)
        y[new] = oracle[new]
        chosen = np.append(chosen, new)
    return chosen


def learning_curves(
    spaces, labels, test_labels, strategies, protocol, *, n_jobs=-1, scheduler=None
):
    """Accuracy on the test set for every space, strategy, budget and trial.

    Trial t at budget B has the same seed in every space and for every strategy, so that
    differences between these are paired. Work that queries on the same pool can share, such as the
    clusters of `KMeansCoreset`, is done once per space. The numbers do not depend on `n_jobs` or
    `scheduler`, but for a test point exactly on a border between classes, where rounding decides.

    Parameters
    ----------
    spaces : dict of str to (X, X_test)
        Arrays of shapes (n, d) and (n_test, d) for each space, as `both_spaces` gives them.
    labels : array of shape (n,)
        Labels of the pool: what the oracle answers.
    test_labels : array of shape (n_test,)
        Used for the accuracy and for nothing else.
    strategies : dict of str to QueryStrategy
        Those of scikit-activeml that need no more than X and y will do, too.
    protocol : TrialProtocol
    n_jobs : int, default=-1
        Workers on this machine; -1 is one per core.
    scheduler : str, default=None
        Address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers run the trials.

    Returns
    -------
    pandas.DataFrame
        A row per trial: `space`, `strategy`, `budget`, `trial`, the measures, `accuracy`, the
        chosen `kernel` and `C`, `query_seconds` (the choice of the points) and `seconds` (the whole
        trial). With several classifiers a row for each, and their names under `classifier`. Where
        one finds the classes of the pool, `pool_accuracy`, the accuracy on its unlabeled points.

    Raises
    ------
    ValueError
        If a parameter is out of range, arrays do not fit together, or no scheduler answers.
    """
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    strategies = {
        name: clone(as_strategy(strategy)).set_params(random_state=None)
        for name, strategy in strategies.items()
    }
    _check(spaces, labels, test_labels, strategies, protocol)
    n_points = len(spaces) * len(strategies) * len(protocol.budgets)
    parts = []
    with (
        progress_bar(n_points * protocol.n_trials, "learning curves", "trial") as bar,
        Workers(n_jobs, scheduler) as workers,
        TemporaryDirectory(prefix="alvae-") as folder,
    ):
        for space_name, (X, X_test) in spaces.items():
            data = (X, labels, X_test, test_labels)
            space = _Space(*data, protocol, len(strategies), None if scheduler else folder)
            for name, strategy in strategies.items():
                curve = _Curve(space, strategy, protocol, workers, bar)
                for budget in sorted(protocol.budgets):
                    part = store.fetch(
                        "trials",
                        curve.recipe(budget),
                        ".csv",
                        make=partial(curve.point, budget),
                        save=lambda table, path: table.to_csv(path, index=False),
                        load=pd.read_csv,
                    )
                    part.insert(0, "space", space_name)
                    part.insert(1, "strategy", name)
                    parts.append(part)
                    bar.update(len(parts) * protocol.n_trials - bar.n)  # those that were stored
    return pd.concat(parts, ignore_index=True)


class _Space:
    """A space, and what strategies and classifiers have prepared in it."""

    def __init__(self, X, labels, X_test, test_labels, protocol, n_strategies, folder):
        self.X, self.labels = np.ascontiguousarray(X), labels
        # The classifier computes in double precision: the test points are converted once.
        self.X_test = np.ascontiguousarray(X_test, dtype=np.float64)
        self.test_labels = test_labels
        self.graph = NeighborGraph(self.X)
        self.protocol, self.folder = protocol, folder and Path(folder)
        # On a cluster a table of inner products would have to travel.
        n_fits_per_budget = protocol.n_trials * n_strategies if folder else 0
        self.n_labels = n_fits_per_budget * sum(protocol.budgets)

    @cached_property
    def digests(self):
        arrays = {"X": self.X, "labels": self.labels}
        arrays |= {"X_test": self.X_test, "test_labels": self.test_labels}
        return {name: store.readable(array) for name, array in arrays.items()}

    @cached_property
    def classifiers(self):
        """By name, each with what its fits and predictions share."""
        shared = {"graph": self.graph, "n_labels": self.n_labels, "folder": self.folder}
        classifiers = {
            name: as_pool_classifier(classifier)
            for name, classifier in self.protocol.classifiers.items()
        }
        return {
            name: (classifier, classifier.prepare(self.X, self.X_test, **shared))
            for name, classifier in classifiers.items()
        }


class _Curve:
    """The trials of one strategy in one space."""

    def __init__(self, space, strategy, protocol, workers, bar):
        self.space, self.strategy, self.protocol = space, strategy, protocol
        self.workers, self.bar = workers, bar

    def recipe(self, budget):
        """All that the trials at this budget depend on."""
        protocol = self.protocol
        return self.space.digests | {
            "budget": budget,
            "n_trials": protocol.n_trials,
            "batch_size": protocol.batch_size,
            "classifiers": {name: _description(c) for name, c in protocol.classifiers.items()},
            "measures": {
                name: f"{measure.__module__}.{measure.__qualname__}"
                for name, measure in protocol.measures.items()
            },
            "random_state": protocol.random_state,
            "strategy": _description(self.strategy),
            "source": store.source_digest(*SOURCES),
            "versions": [np.__version__, scipy.__version__, sklearn.__version__],
        }

    @cached_property
    def task(self):
        """Made when the first trial runs, and with one BLAS thread, as in every trial."""
        space, strategy = self.space, clone(self.strategy)
        strategy.set_params(random_state=self.protocol.seed(0))
        with threadpool_limits(1):
            prepared = strategy.prepare(space.X, space.graph)
            classifiers = space.classifiers
        data = (space.X, space.labels, space.X_test, space.test_labels)
        return _Task(*data, self.strategy, prepared, classifiers, self.protocol)

    def point(self, budget):
        """All trials at one budget, a row for each and for each classifier."""
        parallel, n_trials = self.workers.parallel(self.task), self.protocol.n_trials
        n_chunks = max(-(-n_trials // CHUNK), min(n_trials, effective_n_jobs(parallel.n_jobs)))
        chunks = np.array_split(np.arange(n_trials), n_chunks)
        rows = []
        for part in parallel(delayed(_run_trials)(chunk, budget, self.task) for chunk in chunks):
            rows += part
            self.bar.update(len(part) // len(self.protocol.classifiers))
        return pd.DataFrame(rows)


def _run_trials(numbers, budget, task):
    """Some trials in one worker; with one BLAS thread, so that sums are taken in the same order."""
    with threadpool_limits(1), sklearn.config_context(assume_finite=True):
        return list(chain.from_iterable(_run_trial(number, budget, task) for number in numbers))


def _run_trial(number, budget, task):
    """A row for each classifier."""
    start = perf_counter()
    X, protocol = task.X, task.protocol
    rng = np.random.default_rng(protocol.seed(budget, number))
    strategy = clone(task.strategy).set_params(random_state=rng)
    prepared = {"prepared": task.prepared}
    chosen = acquire(strategy, X, task.labels, budget, protocol.batch_size, **prepared)
    query_seconds = perf_counter() - start
    weights = strategy.sample_weight(X, chosen, **prepared)
    row = {"budget": budget, "trial": int(number)}
    row |= {name: measure(X, chosen) for name, measure in protocol.measures.items()}
    rows = []
    for name, (classifier, shared) in task.classifiers.items():
        begin = perf_counter()
        result = _learn(clone(classifier), shared, chosen, weights, task)
        seconds = {"query_seconds": query_seconds}
        seconds["seconds"] = query_seconds + perf_counter() - begin
        rows.append(row | ({"classifier": name} if name else {}) | result | seconds)
    return rows


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
    result = {"accuracy": float(np.mean(predicted == task.test_labels))}
    if classifier.transduction_ is not None:
        right = np.delete(classifier.transduction_ == task.labels, chosen)
        result["pool_accuracy"] = float(right.mean()) if len(right) else np.nan
    params = classifier.best_params_
    return result | {"kernel": params.get("kernel"), "C": params.get("C")}


def _description(estimator):
    """Class and parameters of an estimator in full, as text."""
    params = {
        name: store.readable(value) if isinstance(value, np.ndarray) else repr(value)
        for name, value in estimator.get_params().items()
    }
    return {"class": f"{type(estimator).__module__}.{type(estimator).__qualname__}", **params}


def _check(spaces, labels, test_labels, strategies, protocol):
    for name, value in (("labels", labels), ("test_labels", test_labels)):
        if value.ndim != 1 or value.dtype.kind not in "biu":
            raise ValueError(
                f"{name} has shape {value.shape} and dtype {value.dtype}; it must be a list of "
                "integers"
            )
    for name, value in (("spaces", spaces), ("strategies", strategies)):
        if len(value) == 0:
            raise ValueError(f"{name} is empty; there must be at least one")
    for name, (X, X_test) in spaces.items():
        if len(X) != len(labels) or len(X_test) != len(test_labels):
            raise ValueError(
                f"spaces[{name!r}] has {len(X)} pool and {len(X_test)} test points; there are "
                f"{len(labels)} labels and {len(test_labels)} test_labels"
            )
        X, X_test = (check_points(f"spaces[{name!r}]", points) for points in (X, X_test))
        if X.shape[1] != X_test.shape[1]:
            raise ValueError(
                f"spaces[{name!r}] has pool points of {X.shape[1]} features and test points of "
                f"{X_test.shape[1]}; they must have as many"
            )
    for budget in protocol.budgets:
        check_integer("budgets", budget, 1, len(labels), "the number of points")
    for strategy in strategies.values():
        strategy.check_params(len(labels), protocol.smallest_batch)

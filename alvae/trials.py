"""Learning curves: how accurate a classifier is after how many labels, in which space, over trials.

A trial asks a query strategy for B points, trains classifiers on their labels and measures their
accuracy on the test set. :func:`learning_curves` repeats this for every space, strategy and budget
and gives a tidy table. What is done is kept in the store and never computed twice.
"""

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import count
from time import perf_counter

import numpy as np
import pandas as pd
from joblib import delayed
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from alvae import store
from alvae._carried import Carried
from alvae._checks import (
    as_array_of_labels,
    check_exact,
    check_integer,
    check_list,
    check_named,
    check_points,
    shown,
)
from alvae._graphs import NeighborGraph
from alvae._progress import progress_bar
from alvae._trial import Prepared, Task, acquire, read_only, run_trials, seed_of
from alvae._workers import Workers
from alvae.classifiers import GridSearchSVC, as_pool_classifier
from alvae.queries import as_strategy

__all__ = ["TrialProtocol", "acquire", "learning_curves"]

CHUNK = 10  # trials at most that a worker runs between two reports,
CHUNK_SECONDS = 2  # and how long these may take
KEEP_SECONDS = 5  # after which the trials that are done are kept
TIMES = ("query_seconds", "seconds", "timed_on")
COLUMNS = ("space", "strategy", "budget", "trial", "classifier", "accuracy", "pool_accuracy")
COLUMNS += ("kernel", "C", *TIMES)


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
        check_list("budgets", self.budgets)
        for budget in self.budgets:
            check_integer("budgets", budget, 1)
        if len(set(self.budgets)) < len(self.budgets):
            raise ValueError(f"budgets is {self.budgets}; they must be distinct")
        check_integer("n_trials", self.n_trials, 1)
        if self.batch_size is not None:
            check_integer("batch_size", self.batch_size, 1)
        check_integer("random_state", self.random_state, 0)
        check_named("classifiers", self.classifiers)
        if "" in self.classifiers and len(self.classifiers) > 1:
            raise ValueError("classifiers has the name ''; of several, each must have a name")
        for classifier in self.classifiers.values():
            as_pool_classifier(classifier)
        check_named("measures", self.measures, least=0)
        for name, measure in self.measures.items():
            if name in ("", *COLUMNS):
                raise ValueError(
                    f"measures has {name!r}; allowed are names other than {', '.join(COLUMNS)}"
                )
            if not callable(measure):
                raise ValueError(f"measures[{name!r}] is {shown(measure)}; it must be callable")

    @property
    def smallest_batch(self):
        """The fewest labels that a query is asked for."""
        size = self.batch_size or max(self.budgets)
        return min(min(B, size, B % size or size) for B in self.budgets)


def learning_curves(
    spaces, labels, test_labels, strategies, protocol, *, n_jobs=-1, scheduler=None, timed=False
):
    """Accuracy on the test set for every space, strategy, budget and trial.

    Trial t at budget B has the same seed in every space and for every strategy, so that
    differences between these are paired. Work that queries on the same pool can share, such as the
    clusters of `KMeansCoreset`, is done once per space. Each trial has strategies, classifiers and
    measures of its own: what it keeps in them, the next one does not find. The numbers do not
    depend on `n_jobs` or `scheduler`, but for a test point exactly on a border between classes,
    where rounding decides.

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
    timed : bool, default=False
        Run trials again that another machine ran, whose seconds are left out otherwise.

    Returns
    -------
    pandas.DataFrame
        A row per trial: `space`, `strategy`, `budget`, `trial`, the measures, `accuracy`, the
        chosen `kernel` and `C`, `query_seconds` (the choice of the points), `seconds` (the whole
        trial), and the day `timed_on`. With several classifiers a row for each, and their names
        under `classifier`. Where one finds the classes of the pool, `pool_accuracy`, the accuracy
        on its unlabeled points.

    Raises
    ------
    ValueError
        If a parameter is out of range, arrays do not fit together, or no scheduler answers.
    """
    check_named("spaces", spaces)
    check_named("strategies", strategies)
    if not isinstance(protocol, TrialProtocol):
        raise ValueError(f"protocol is a {type(protocol).__name__}; it must be a TrialProtocol")
    labels = as_array_of_labels("labels", labels)
    test_labels = as_array_of_labels("test_labels", test_labels)
    strategies = {
        name: clone(as_strategy(strategy, f"strategies[{name!r}]")).set_params(random_state=None)
        for name, strategy in strategies.items()
    }
    _check(spaces, labels, test_labels, strategies, protocol)
    every = {name: as_pool_classifier(one) for name, one in protocol.classifiers.items()}
    carried = {"strategies": strategies, "classifiers": every, "measures": protocol.measures}
    carried = Carried(carried, run_trials)
    n_points = len(spaces) * len(strategies) * len(protocol.budgets)
    parts = []
    with (
        progress_bar(n_points * protocol.n_trials, "learning curves", "trial") as bar,
        Workers(n_jobs, scheduler) as workers,
        ExitStack() as work,
    ):
        if workers.elsewhere:
            _ = carried.packed  # here, before long work, an error is in one line
            if carried.imports.is_of_caller:
                workers.begin_with(carried.token)
        folder = None if scheduler else cache(lambda: work.enter_context(store.scratch()))
        for space_name, (X, X_test) in spaces.items():
            data = (X, labels, X_test, test_labels)
            space = _Space(*data, carried, protocol, len(strategies), folder)
            for name in strategies:
                curve = _Curve(space, name, protocol, workers, bar)
                for budget in sorted(protocol.budgets):
                    title = f"{name} in {space_name}, {budget} labels, {protocol.n_trials} trials"
                    part = store.fetch(
                        "trials",
                        curve.recipe(budget),
                        ".csv",
                        make=partial(curve.point, budget),
                        save=_save,
                        load=_load,
                        title=title,
                        untimed=_untimed,
                        timed=timed,
                    )
                    part.insert(0, "space", space_name)
                    part.insert(1, "strategy", name)
                    parts.append(part)
                    bar.update(len(parts) * protocol.n_trials - bar.n)  # those that were stored
    return pd.concat(parts, ignore_index=True)


class _Space:
    """A space, and what strategies and classifiers have prepared in it."""

    def __init__(self, X, labels, X_test, test_labels, carried, protocol, n_strategies, folder):
        self.X, self.labels = read_only(np.ascontiguousarray(X)), read_only(labels)
        # The classifier computes in double precision: the test points are converted once.
        self.X_test = read_only(np.ascontiguousarray(X_test, dtype=np.float64))
        self.test_labels = read_only(test_labels)
        self.graph = NeighborGraph(self.X)
        self.carried, self.protocol, self.folder = carried, protocol, folder
        # On a cluster a table of inner products would have to travel.
        self.n_labels = protocol.n_trials * n_strategies * sum(protocol.budgets) * bool(folder)

    @cached_property
    def digests(self):
        arrays = {"X": self.X, "labels": self.labels}
        arrays |= {"X_test": self.X_test, "test_labels": self.test_labels}
        return {name: store.readable(array) for name, array in arrays.items()}

    @cached_property
    def shared(self):
        """By the name of a classifier, what its fits and predictions share."""
        options = {
            "graph": self.graph,
            "n_labels": self.n_labels,
            "folder": self.folder and self.folder(),
        }
        return {
            name: _for_trials(classifier.prepare(self.X, self.X_test, **options), classifier)
            for name, classifier in self.carried.value["classifiers"].items()
        }


class _Curve:
    """The trials of one strategy in one space."""

    def __init__(self, space, name, protocol, workers, bar):
        self.space, self.name, self.protocol = space, name, protocol
        self.workers, self.bar = workers, bar

    def recipe(self, budget):
        """All that the trials at this budget depend on."""
        protocol, given = self.protocol, self.space.carried.value
        return self.space.digests | {
            "classifiers": list(given["classifiers"].items()),
            "measures": list(given["measures"].items()),
            "strategy": given["strategies"][self.name],
            "code": CODE,
            "budget": int(budget),
            "n_trials": protocol.n_trials,
            "batch_size": protocol.batch_size,
            "random_state": protocol.random_state,
        }

    def told(self, budget):
        """The recipe as a digest; None if it has no value to tell."""
        try:
            return store.digest(self.recipe(budget))
        except (TypeError, RuntimeError):
            return None

    @cached_property
    def task(self):
        """Made when the first trial runs, and with one BLAS thread, as in every trial."""
        return _task(self.space, self.name, self.protocol)

    def point(self, budget, unfinished):
        """All trials at one budget, a row for each and for each classifier."""
        paths = sorted(unfinished.glob("[0-9]*.csv"))
        kept = [table for table in map(_table_of, paths) if table is not None]
        number = count(1 + int(paths[-1].stem) if paths else 1)
        done = set().union(*(table["trial"] for table in kept))
        left = [trial for trial in range(self.protocol.n_trials) if trial not in done]
        self.bar.update(len(done))
        rows, seconds, since, before = [], [], perf_counter(), self.told(budget)

        def chunks():
            """Trials for a worker: one while it is not known how long they take."""
            while left:
                size = CHUNK_SECONDS / max(np.mean(seconds or CHUNK_SECONDS), 1e-9)
                n = int(np.clip(size, 1, CHUNK))
                yield delayed(run_trials)([left.pop(0) for _ in left[:n]], budget, self.task)

        for part in self.workers.parallel(self.task)(chunks()):
            rows += part
            n_trials = len(part) // len(self.protocol.classifiers)
            seconds.append(sum(row["seconds"] for row in part) / n_trials)
            self.bar.update(n_trials)
            if perf_counter() - since > KEEP_SECONDS and self.told(budget) == before:
                kept.append(pd.DataFrame(rows))
                _keep(unfinished / f"{next(number):06}.csv", kept[-1])
                rows, since = [], perf_counter()
        table = pd.concat([*kept, pd.DataFrame(rows)] if rows else kept, ignore_index=True)
        return table.sort_values("trial", kind="stable", ignore_index=True)


def _task(space, name, protocol):
    first = clone(space.carried.value["strategies"][name])
    first.set_params(random_state=seed_of(protocol.random_state, 0))
    with threadpool_limits(1):
        shared = _for_trials(first.prepare(space.X, space.graph), first), space.shared
    data = (space.X, space.labels, space.X_test, space.test_labels)
    return Task(*data, space.carried, name, *shared, protocol.batch_size, protocol.random_state)


def _for_trials(prepared, estimator):
    """What an estimator has prepared, as it is, or as what each trial gets a copy of."""
    parts = [estimator, *estimator.get_params().values()]
    rooms = [type(part).__module__ for part in parts if hasattr(part, "get_params")]
    is_ours = all(room.startswith("alvae.") for room in rooms)
    return Prepared(prepared, is_copied=prepared is not None and not is_ours)


def _save(table, path):
    table.to_csv(path, index=False)


def _load(path):
    """A table as it was saved, where a name may be "None"."""
    names = {"classifier": str, "kernel": str, "timed_on": str}
    options = {"keep_default_na": False, "na_values": [""]}
    return pd.read_csv(path, dtype=names, **options)


def _untimed(table):
    """Without the seconds that another machine took."""
    return table.assign(**dict.fromkeys(TIMES, np.nan))


CODE = (_Space, _Curve, _task, run_trials, Carried, _save, _load)  # that the numbers come from


def _keep(path, table):
    try:
        store.keep(path, table, _save)
    except OSError as error:
        warnings.warn(f"these trials cannot be resumed: {error}", stacklevel=2)


def _table_of(path):
    """Trials that an interrupted run kept; None if the file is damaged."""
    try:
        table, about = store.recall(path, _load)
    except Exception as error:  # whatever a damaged file raises
        warnings.warn(f"{path} is left out: {error}", stacklevel=2)
        return None
    return table if about["machine"] == store.machine() else _untimed(table)


def _check(spaces, labels, test_labels, strategies, protocol):
    for name, value in (("labels", labels), ("test_labels", test_labels)):
        if value.ndim != 1 or value.size == 0 or value.dtype.kind not in "biu":
            raise ValueError(
                f"{name} has shape {value.shape} and dtype {value.dtype}; it must be a list of "
                "integers, at least one"
            )
        check_exact(name, value)
    for name, pair in spaces.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"spaces[{name!r}] is a {type(pair).__name__}; it must be (X, X_test)")
        X, X_test = (check_points(f"spaces[{name!r}]", points) for points in pair)
        if len(X) != len(labels) or len(X_test) != len(test_labels):
            raise ValueError(
                f"spaces[{name!r}] has {len(X)} pool and {len(X_test)} test points; there are "
                f"{len(labels)} labels and {len(test_labels)} test_labels"
            )
        if X.shape[1] != X_test.shape[1]:
            raise ValueError(
                f"spaces[{name!r}] has pool points of {X.shape[1]} features and test points of "
                f"{X_test.shape[1]}; they must have as many"
            )
    for budget in protocol.budgets:
        check_integer("budgets", budget, 1, len(labels), "the number of points")
    for strategy in strategies.values():
        strategy.check_params(len(labels), protocol.smallest_batch)

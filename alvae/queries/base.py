"""The contract of a query strategy, and what brings scikit-activeml's strategies under it."""

from copy import copy
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone

from alvae._checks import check_generator, check_integer, check_labels, check_points, shown


class QueryStrategy(BaseEstimator):
    """Base class of the query strategies.

    A subclass stores its parameters in `__init__`, `random_state` among them, and nothing else. It
    writes `_select`, and where it has need of them `check_params` and `_prepare`:

    - `_select(X, y, unlabeled, batch_size, rng, prepared)` returns `batch_size` distinct indices
      out of `unlabeled`. X are floats of shape (n, d), y is float64 of shape (n,), NaN where
      unlabeled, and `rng` a `numpy.random.Generator`, the only source of chance.
    - `_prepare(X, graph, rng)` returns what queries on the same X can share.

    Exported from `alvae.queries`, it takes part in the contract tests, the comparison of the book
    and the benchmark under the names in `variants`.

    Attributes
    ----------
    variants : dict of str to dict
        What tables and figures call this strategy, and its parameters under that name.
    needs_labels : bool
        Whether the strategy needs labels; at a cold start it falls back to a simpler one.
    """

    variants: ClassVar[dict] = {}
    needs_labels: ClassVar[bool] = False

    def check_params(self, n, batch_size=None):
        """Raise a ValueError unless the parameters suit n points and batches of this size."""

    def prepare(self, X, graph=None):
        """Compute what all queries on the same X can share.

        Parameters
        ----------
        X : array-like of shape (n, d)
        graph : NeighborGraph, default=None
            That of X, for the strategies that use one; made here where it is left out.

        Returns
        -------
        object
            For `query`, as `prepared`. None if there is nothing to share.
        """
        X = check_points("X", X)
        self.check_params(len(X))
        return self._prepare(X, graph, check_generator(self.random_state))

    def query(self, X, y=None, batch_size=1, *, prepared=None):
        """Choose the points to label next.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool, labeled and unlabeled points alike; finite.
        y : array-like of shape (n,), default=None
            Labels as numbers, NaN where unlabeled. None: nothing is labeled.
        batch_size : int, default=1
            Number of points B to choose, at most the number of unlabeled points.
        prepared : object, default=None
            What `prepare(X)` returned; computed here where it is left out.

        Returns
        -------
        ndarray of shape (batch_size,), int64
            Distinct indices into X of unlabeled points, in the order in which they were chosen.

        Raises
        ------
        ValueError
            If a parameter is outside its range.
        """
        X = check_points("X", X)
        y = check_labels(y, len(X))
        unlabeled = np.flatnonzero(np.isnan(y))
        if len(unlabeled) == 0:
            raise ValueError(f"y labels all {len(X)} points; at least one must be NaN (unlabeled)")
        check_integer("batch_size", batch_size, 1, len(unlabeled), "the number of unlabeled points")
        self.check_params(len(X), batch_size)
        rng = check_generator(self.random_state)
        if prepared is None:
            prepared = self._prepare(X, None, check_generator(self.random_state))
        chosen = self._select(X, y, unlabeled, int(batch_size), rng, prepared)
        chosen = np.asarray(chosen, dtype=np.int64)
        if (
            len(set(chosen)) < batch_size
            or chosen.shape != (batch_size,)
            or not np.isnan(y[chosen]).all()
        ):
            raise RuntimeError(
                f"{type(self).__name__} chose {chosen}; it must choose {batch_size} distinct "
                "unlabeled points"
            )
        return chosen

    def sample_weight(self, X, chosen, y=None, *, prepared):
        """How much each chosen point counts when a classifier learns from it.

        Parameters
        ----------
        X : array-like of shape (n, d)
        chosen : array-like of shape (B,)
            What the queries returned, from the first to the last.
        y : array-like of shape (n,), default=None
            Labels as the first query had them.
        prepared : object
            What `prepare(X)` returned and the queries were given.

        Returns
        -------
        ndarray of shape (B,), or None
            None: all the same.
        """
        return None

    def _prepare(self, X, graph, rng):
        return None


class UniformSampling(QueryStrategy):
    """Draw uniformly at random, without replacement.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    """

    variants: ClassVar = {"uniform": {}}

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        return rng.choice(unlabeled, batch_size, replace=False)


class _Peer(QueryStrategy):
    """A strategy of scikit-activeml under our contract, seeded anew for every query."""

    def __init__(self, strategy, random_state=None):
        self.strategy = strategy
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        peer = clone(self.strategy).set_params(random_state=int(rng.integers(2**31)))
        return peer.query(X, y, batch_size=batch_size)


def as_strategy(strategy, name="strategy"):
    """A `QueryStrategy` as it is, and a strategy of scikit-activeml as one; `name` is in errors."""
    contract = ("query", "get_params", "set_params")
    if isinstance(strategy, type) or not all(hasattr(strategy, name) for name in contract):
        raise ValueError(
            f"{name} is {shown(strategy)}; allowed are instances that have {', '.join(contract)}"
        )
    return strategy if isinstance(strategy, QueryStrategy) else _Peer(strategy)


def seeded(estimator, rng):
    """Give a seed to every random_state of an estimator, or of its parts, that is None.

    A list or a dict of estimators, as in a grid of parameters, counts as parts, too.
    """
    for name, value in sorted(estimator.get_params().items()):
        if name.split("__")[-1] == "random_state" and value is None:
            estimator.set_params(**{name: int(rng.integers(2**31))})
        elif not hasattr(value, "get_params") and (new := _seeded_part(value, rng)) is not value:
            estimator.set_params(**{name: new})
    return estimator


def _seeded_part(value, rng):
    """The value itself, if no part of it wants a seed."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return seeded(clone(value, safe=False), rng)
    if type(value) in (list, tuple, dict):
        keys = value if isinstance(value, dict) else range(len(value))
        parts = [_seeded_part(value[key], rng) for key in keys]
        if all(new is old for new, old in zip(parts, map(value.__getitem__, keys), strict=True)):
            return value
        return (
            dict(zip(keys, parts, strict=True)) if isinstance(value, dict) else type(value)(parts)
        )
    if getattr(value, "random_state", 0) is None and not isinstance(value, type):
        value = copy(value)  # a splitter, say
        value.random_state = int(rng.integers(2**31))
    return value

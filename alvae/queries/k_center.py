"""Greedy k-center: the farthest point, again and again."""

from typing import ClassVar

import numpy as np

from alvae._checks import check_number, check_prepared
from alvae._graphs import nearest_neighbors
from alvae.queries.base import QueryStrategy

BLOCK_VALUES = 2**16  # values of X handled at a time: fits a CPU cache
SPARSITY = 10  # a point is as sparse as this neighbor is far


class KCenterGreedy(QueryStrategy):
    """Take the point farthest from all chosen so far, again and again: the paper's (1) [1]_.

    Chosen so far are the labeled points; at a cold start, one point drawn at random. Distances are
    Euclidean, from the differences themselves in the precision of X; among points that are equally
    far, rounding may decide. At a cold start the covering radius is at most twice the best
    possible [2]_. Time is O(n B d), plus O(n d) for each labeled point; memory beside X is O(n).

    The farthest points are outliers first. `set_aside` leaves the sparsest points, those with the
    largest distance to their tenth neighbor, out of the choice and out of what is to be covered,
    as long as there are others.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of the first point, as `numpy.random.default_rng` takes it.
    set_aside : float, default=0
        Share of the points that is set aside, at least 0 and below 1.

    References
    ----------
    .. [1] O. Sener and S. Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
       Approach", ICLR 2018.
    .. [2] T. F. Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theoretical
       Computer Science 38, 1985.
    """

    variants: ClassVar = {"k-center": {}, "k-center, 5 % set aside": {"set_aside": 0.05}}

    def __init__(self, random_state=None, set_aside=0.0):
        self.random_state = random_state
        self.set_aside = set_aside

    def check_params(self, n, batch_size=None):
        check_number("set_aside", self.set_aside, 0)
        if self.set_aside >= 1:
            raise ValueError(f"set_aside is {self.set_aside!r}; it must be below 1")

    def _prepare(self, X, graph, rng):
        """The distance of each point to its tenth neighbor, (n,), where points are set aside."""
        if self.set_aside == 0 or len(X) == 1:
            return None
        return nearest_neighbors(X, min(SPARSITY, len(X) - 1))[0][:, -1]

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        to_nearest = np.full(len(X), np.inf, dtype=X.dtype)  # squared distance to the chosen
        if prepared is not None:
            check_prepared(self.set_aside > 0 and np.shape(prepared) == (len(X),))
            n_aside = min(int(self.set_aside * len(X) + 1e-9), len(unlabeled) - batch_size)
            sparsest = unlabeled[np.argsort(-prepared[unlabeled], kind="stable")]
            to_nearest[sparsest[:n_aside]] = -1
            unlabeled = np.sort(sparsest[n_aside:])
        labeled = np.flatnonzero(~np.isnan(y))
        for i in labeled:
            _add_center(to_nearest, X, i)

        chosen = []
        while len(chosen) < batch_size:
            cold = len(labeled) + len(chosen) == 0
            farthest = rng.choice(unlabeled) if cold else to_nearest.argmax()
            chosen.append(farthest)
            _add_center(to_nearest, X, farthest)
        return chosen


def _add_center(to_nearest, X, center):
    """Lower the squared distances (n,) from X to the nearest center, X[center] being a new one."""
    rows = min(len(X), max(1, BLOCK_VALUES // X.shape[1]))
    # Going through short rows one by one is slow: the center is repeated, so that differences and
    # squares are taken of one long row, and a BLAS product adds up the squares of each point.
    centers, ones = np.tile(X[center], (rows, 1)), np.ones(X.shape[1], dtype=X.dtype)
    for start in range(0, len(X), rows):
        block = slice(start, start + rows)
        squares = X[block] - centers[: len(X) - start]
        squares *= squares
        np.minimum(to_nearest[block], squares @ ones, out=to_nearest[block])
    to_nearest[center] = -1  # below every distance: never chosen again, duplicates or not

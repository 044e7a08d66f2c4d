"""Swaps for better reconstructed points, one by one."""

import numpy as np
import pytest
from queries_by_hand import pool

from alvae.queries import (
    BestReconstructed,
    KMeansCoreset,
    ProbCover,
)


@pytest.mark.parametrize("n_neighbors", [1, 4, 50])
@pytest.mark.parametrize("n_labeled", [0, 40])
def test_swaps_are_the_best_reconstructed_nearby(n_neighbors, n_labeled):
    X, y = pool(n=160, n_labeled=n_labeled)
    errors = np.random.default_rng(1).random(160)
    inner = KMeansCoreset(6, random_state=7)
    chosen = BestReconstructed(KMeansCoreset(6), errors, 7, n_neighbors).query(X, y, 30)
    taken = set(np.flatnonzero(~np.isnan(y)))
    for before, after in zip(inner.query(X, y, 30), chosen, strict=True):
        free = np.setdiff1d(np.arange(160), list(taken))
        nearest = free[np.argsort(np.linalg.norm(X[free] - X[before], axis=1))][:n_neighbors]
        assert after == min(nearest, key=lambda i: errors[i])
        taken.add(after)


def test_the_strategy_is_not_changed_by_a_swap():
    inner = ProbCover(random_state=2, radius=0.5)
    strategy = BestReconstructed(inner, np.arange(60.0), random_state=5, n_neighbors=1)
    X, _ = pool()
    expected = ProbCover(random_state=5, radius=0.5).query(X, None, 1)
    np.testing.assert_array_equal(strategy.query(X, None, 1), expected)
    assert inner.random_state == 2

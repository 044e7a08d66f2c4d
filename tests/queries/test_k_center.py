"""Greedy k-center against all distances."""

from itertools import combinations

import numpy as np
import pytest
from queries_by_hand import assert_each_is_farthest, pool
from scipy.spatial.distance import cdist
from skactiveml.pool import CoreSet

from alvae.queries import (
    KCenterGreedy,
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("n_labeled", [0, 1, 12])
def test_kcenter_takes_the_farthest_point(d, n_labeled, dtype):
    X, y = pool(n=80, d=d, n_labeled=n_labeled, seed=d)
    X = X.astype(dtype)
    chosen = KCenterGreedy(random_state=0).query(X, y, 30)
    assert_each_is_farthest(X, chosen, np.flatnonzero(~np.isnan(y)))


def test_kcenter_over_many_blocks(monkeypatch):
    monkeypatch.setattr("alvae.queries.k_center.BLOCK_VALUES", 7)
    X, _ = pool(n=80, d=3)
    assert_each_is_farthest(X, KCenterGreedy(random_state=0).query(X, None, 20), [])


def test_kcenter_far_from_the_origin():
    # |a|^2 - 2ab + |b|^2 has no correct digit here; the differences are exact.
    X = np.random.default_rng(0).integers(0, 2**20, size=(60, 2)) / 2**20
    near = KCenterGreedy(random_state=0).query(X, None, 20)
    far = KCenterGreedy(random_state=0).query(X + 2.0**30, None, 20)
    np.testing.assert_array_equal(far, near)


@pytest.mark.parametrize("seed", range(8))
def test_kcenter_radius_is_at_most_twice_the_best(seed):
    X, _ = pool(n=11, d=2, seed=seed)
    distances = cdist(X, X)
    for batch_size in range(1, 5):
        best = min(
            distances[:, s].min(axis=1).max() for s in combinations(range(len(X)), batch_size)
        )
        chosen = KCenterGreedy(random_state=seed).query(X, None, batch_size)
        assert distances[:, chosen].min(axis=1).max() <= 2 * best * (1 + 1e-12)


def test_kcenter_first_point_is_random():
    X, _ = pool(n=20)
    first = {int(KCenterGreedy(random_state=seed).query(X)[0]) for seed in range(40)}
    assert len(first) > 10


def test_kcenter_ties_go_to_the_first():
    X = np.array([[0.0], [1.0], [-1.0], [1.0]])
    y = np.array([0, np.nan, np.nan, np.nan])
    assert list(KCenterGreedy().query(X, y, 3)) == [1, 2, 3]


def test_kcenter_with_duplicates_only():
    y = np.array([np.nan, 1, np.nan, np.nan, 0, np.nan])
    assert sorted(KCenterGreedy(random_state=0).query(np.ones((6, 2)), y, 4)) == [0, 2, 3, 5]


def test_kcenter_on_integers_does_not_wrap_around():
    X = np.array([[0], [10], [255]], dtype=np.uint8)
    y = np.array([np.nan, 0, np.nan])
    assert list(KCenterGreedy().query(X, y, 1)) == [2]


@pytest.mark.parametrize("n_labeled", [1, 9])
@pytest.mark.parametrize("set_aside", [0.05, 0.3])
def test_kcenter_sets_aside_the_sparsest(set_aside, n_labeled):
    X, y = pool(n=80, d=2, n_labeled=n_labeled, seed=4)
    sparsity = np.sort(cdist(X, X), axis=1)[:, 10]
    unlabeled = np.flatnonzero(np.isnan(y))
    aside = unlabeled[np.argsort(-sparsity[unlabeled])][: int(set_aside * 80)]
    rest = np.setdiff1d(np.arange(80), aside)
    expected = rest[KCenterGreedy().query(X[rest], y[rest], 20)]
    chosen = KCenterGreedy(set_aside=set_aside).query(X, y, 20)
    np.testing.assert_array_equal(chosen, expected)
    assert set(chosen) != set(KCenterGreedy().query(X, y, 20))


def test_kcenter_sets_outliers_aside_at_a_cold_start():
    X, _ = pool(n=57, d=2)
    X = np.concatenate([X, [[50, 0], [0, 60], [-70, -70]]])
    for seed in range(20):
        chosen = KCenterGreedy(random_state=seed, set_aside=0.05).query(X, None, 10)
        assert chosen.max() < 57
        assert_each_is_farthest(X[:57], chosen, [])


def test_k_center_greedy_covers_as_its_peer_does():
    """scikit-activeml's CoreSet, from the same first point."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    ours = KCenterGreedy(random_state=0).query(X, batch_size=15)
    y = np.full(len(X), np.nan)
    y[ours[0]] = 0
    theirs = CoreSet(random_state=0).query(X, y, batch_size=14)
    np.testing.assert_array_equal(ours[1:], theirs)

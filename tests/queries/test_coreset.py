"""The core-set: shares of clusters, and what is drawn from them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries_by_hand import (
    pool,
)

from alvae._clusters import Clusters
from alvae.queries import (
    KMeansCoreset,
)


def query_clusters(clusters, batch_size, n_clusters, random_state=0, y=None):
    strategy = KMeansCoreset(n_clusters, random_state)
    X = np.zeros((len(clusters), 2))
    return strategy.query(X, y, batch_size, prepared=Clusters.of(np.asarray(clusters)))


@pytest.mark.parametrize("m", [1, 2, 5])
def test_coreset_draws_m_points_from_each_cluster(m):
    X, _ = pool(n=400)
    strategy = KMeansCoreset(n_clusters=8, random_state=0)
    prepared = strategy.prepare(X)
    assert np.bincount(prepared.labels, minlength=8).min() >= 5
    chosen = strategy.query(X, None, 8 * m, prepared=prepared)
    np.testing.assert_array_equal(np.bincount(prepared.labels[chosen]), np.full(8, m))


def test_coreset_clusters_are_those_of_kmeans():
    centers = np.array([[0, 0], [9, 0], [0, 9]])
    truth = np.repeat([0, 1, 2], [50, 20, 30])
    X = centers[truth] + np.random.default_rng(0).normal(size=(100, 2))
    chosen = KMeansCoreset(n_clusters=3, random_state=0).query(X, None, 30)
    np.testing.assert_array_equal(np.bincount(truth[chosen]), [10, 10, 10])


def test_coreset_budget_that_k_does_not_divide():
    clusters = np.repeat(np.arange(5), 20)
    favored = np.zeros(5, dtype=int)
    for seed in range(50):
        shares = np.bincount(clusters[query_clusters(clusters, 13, 5, seed)])
        assert sorted(shares) == [2, 2, 3, 3, 3]
        favored += shares == 3
    assert favored.min() > 0
    assert favored.max() < 50


@pytest.mark.parametrize(
    ("sizes", "batch_size", "shares"),
    [
        ([1, 30, 30, 30], 20, [1, 6, 6, 7]),
        ([2, 3, 30, 30], 25, [2, 3, 10, 10]),
        ([1, 1, 1, 50], 40, [1, 1, 1, 37]),
        ([0, 10, 10, 10], 15, [0, 5, 5, 5]),
    ],
)
def test_coreset_small_clusters_give_all_and_the_others_make_up(sizes, batch_size, shares):
    clusters = np.repeat(np.arange(4), sizes)
    chosen = query_clusters(clusters, batch_size, 4)
    assert sorted(np.bincount(clusters[chosen], minlength=4)) == shares


def test_coreset_draws_uniformly_within_a_cluster():
    clusters = np.repeat([0, 1], [5, 40])
    draws = [query_clusters(clusters, 4, 2, seed) for seed in range(2000)]
    counts = np.bincount(np.concatenate(draws), minlength=45)
    # 2 of 5 points: each 800 times, standard deviation sqrt(2000 * 0.4 * 0.6) = 22.
    assert np.abs(counts[:5] - 800).max() < 5 * 22
    # 2 of 40 points: each 100 times, standard deviation under 10.
    assert np.abs(counts[5:] - 100).max() < 5 * 10


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_coreset_properties(data):
    n_clusters = data.draw(st.integers(1, 6), label="K")
    clusters = np.array(
        data.draw(st.lists(st.integers(0, n_clusters - 1), min_size=n_clusters, max_size=50))
    )
    n = len(clusters)
    values = st.sampled_from([np.nan, 0.0, 1.0])
    y = np.array(data.draw(st.lists(values, min_size=n, max_size=n)))
    sizes = np.bincount(clusters[np.isnan(y)], minlength=n_clusters)
    if sizes.sum() < n_clusters:
        y[:] = np.nan
        sizes = np.bincount(clusters, minlength=n_clusters)
    batch_size = data.draw(st.integers(n_clusters, int(sizes.sum())), label="B")

    chosen = query_clusters(clusters, batch_size, n_clusters, data.draw(st.integers(0, 99)), y)
    assert len(set(chosen)) == len(chosen) == batch_size
    assert np.isnan(y[chosen]).all()
    shares = np.bincount(clusters[chosen], minlength=n_clusters)
    if batch_size % n_clusters == 0 and sizes.min() >= batch_size // n_clusters:
        assert (shares == batch_size // n_clusters).all()
    # A cluster with points left has as large a share as any other, but for the remainder.
    not_used_up = shares < sizes
    assert (shares[not_used_up] >= shares.max() - 1).all()
    # Any K neighbors span the clusters that have points left; the first, all that have any.
    assert set(clusters[chosen[:n_clusters]]) == set(np.flatnonzero(sizes))
    for start in range(batch_size - n_clusters + 1):
        window = clusters[chosen[start : start + n_clusters]]
        assert set(np.flatnonzero(not_used_up)) <= set(window)


def test_coreset_queries_share_prepared_clusters():
    X, _ = pool(n=100)
    prepared = KMeansCoreset(n_clusters=4, random_state=0).prepare(X)
    assert prepared.labels.shape == (100,)
    for seed in range(5):
        chosen = KMeansCoreset(n_clusters=4, random_state=seed).query(X, None, 8, prepared=prepared)
        np.testing.assert_array_equal(np.bincount(prepared.labels[chosen]), [2, 2, 2, 2])


def assert_largest_remainders(shares, sizes, batch_size):
    """One point for each nonempty cluster, and of the rest an exact fraction, rounded."""
    room = [max(size - 1, 0) for size in sizes]
    left = batch_size - sum(size > 0 for size in sizes)
    ideal = [Fraction(left * r, max(sum(room), 1)) for r in room]
    rounded = [int(share) - min(size, 1) for share, size in zip(shares, sizes, strict=True)]
    off = [r - i for r, i in zip(rounded, ideal, strict=True)]
    assert sum(off) == 0
    assert -1 < min(off) <= max(off) < 1
    # None is rounded up before another with a larger remainder.
    up, down = [o for o in off if o > 0], [o for o in off if o < 0]
    assert max(up, default=0) - min(down, default=0) <= 1


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_proportional_shares_and_weights(data):
    sizes = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=7), label="sizes")
    n_labeled = data.draw(st.integers(0, 3), label="labeled in each cluster")
    n_clusters, n_unlabeled = len(sizes), sum(sizes)
    if n_unlabeled < n_clusters:
        sizes = [size + 1 for size in sizes]
        n_unlabeled = sum(sizes)
    batch_size = data.draw(st.integers(n_clusters, n_unlabeled), label="B")
    clusters = np.repeat(np.arange(n_clusters), np.array(sizes) + n_labeled)
    y = np.full(len(clusters), np.nan)
    for k in range(n_clusters):
        y[np.flatnonzero(clusters == k)[:n_labeled]] = 1.0

    strategy = KMeansCoreset(n_clusters, random_state=0, allocation="proportional")
    X, prepared = np.zeros((len(y), 2)), Clusters.of(clusters)
    chosen = strategy.query(X, y, batch_size, prepared=prepared)
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()
    shares = np.bincount(clusters[chosen], minlength=n_clusters)
    assert (np.minimum(sizes, 1) <= shares).all()
    assert (shares <= sizes).all()
    assert_largest_remainders(shares, sizes, batch_size)
    weights = strategy.sample_weight(X, chosen, y, prepared=prepared)
    assert weights.sum() == pytest.approx(n_unlabeled)
    for k in set(clusters[chosen]):
        of_cluster = weights[clusters[chosen] == k]
        np.testing.assert_allclose(of_cluster, sizes[k] / shares[k])


def test_proportional_shares_follow_the_density():
    clusters = np.repeat([0, 1, 2], [10, 100, 890])
    strategy = KMeansCoreset(3, random_state=0, allocation="proportional")
    prepared = Clusters.of(clusters)
    chosen = strategy.query(np.zeros((1000, 1)), None, 100, prepared=prepared)
    shares = np.bincount(clusters[chosen])
    # One for each, then 97 in proportion to 9, 99 and 889.
    np.testing.assert_array_equal(shares, [2, 11, 87])


def test_weights_are_those_of_the_clusters_of_the_query():
    X, _ = pool(n=100)
    strategy = KMeansCoreset(4, random_state=5, allocation="proportional")
    chosen = strategy.query(X, None, 20)
    clusters = strategy.prepare(X).labels
    sizes, shares = np.bincount(clusters), np.bincount(clusters[chosen])
    by_hand = [sizes[clusters[i]] / shares[clusters[i]] for i in chosen]
    prepared = strategy.prepare(X)
    np.testing.assert_allclose(strategy.sample_weight(X, chosen, prepared=prepared), by_hand)
    assert KMeansCoreset(4, random_state=5).sample_weight(X, chosen, prepared=prepared) is None


@pytest.mark.parametrize("n_clusters", [0, -2, 11, 2.0, "3", None, True])
def test_bad_n_clusters(n_clusters):
    with pytest.raises(ValueError, match="n_clusters is .* from 1 to 10, batch_size"):
        KMeansCoreset(n_clusters).query(pool()[0], None, 10)


def test_n_clusters_above_the_pool():
    with pytest.raises(ValueError, match="n_clusters is 61; .* the number of points"):
        KMeansCoreset(61).prepare(pool()[0])


@pytest.mark.parametrize(
    "labels", [np.zeros(59, dtype=int), np.zeros(60), np.full(60, 4), np.full(60, -1)]
)
def test_clusters_of_something_else(labels):
    for prepared in (labels, Clusters(labels, np.argsort(labels))):
        with pytest.raises(ValueError, match="prepared is not what prepare returns"):
            KMeansCoreset(4).query(pool()[0], None, 10, prepared=prepared)


@pytest.mark.parametrize("n_clusters", [3, 20])
def test_large_pools_are_clustered_by_mini_batches(n_clusters, monkeypatch):
    """Nearly as well as by all points: the sum of squares within the clusters says so."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(center, 1, (700, 4)) for center in (-6, 0, 6)])
    X = X.astype(np.float32)

    def within(clusters):
        parts = [X[clusters == k] for k in range(n_clusters)]
        return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts if len(part))

    strategy = KMeansCoreset(n_clusters, random_state=0)
    by_all = within(strategy.prepare(X).labels)
    monkeypatch.setattr("alvae._clusters.MINI_BATCH", 1000)
    monkeypatch.setattr("alvae._clusters.SAMPLE", 2000)
    prepared = strategy.prepare(X)
    assert within(prepared.labels) < 1.1 * by_all
    assert len(set(strategy.query(X, batch_size=n_clusters))) == n_clusters
    again = strategy.query(X, batch_size=n_clusters, prepared=prepared)
    np.testing.assert_array_equal(strategy.query(X, batch_size=n_clusters), again)


def test_members_that_were_prepared_change_nothing():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.where(np.arange(60) % 4, np.nan, 1.0)
    strategy = KMeansCoreset(5, random_state=1)
    prepared = strategy.prepare(X)
    expected = strategy.query(X, y, 20)
    np.testing.assert_array_equal(strategy.query(X, y, 20, prepared=prepared), expected)

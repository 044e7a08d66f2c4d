"""The query strategies against brute force and against their definitions."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from skactiveml.pool import CoreSet
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_circles, make_moons
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from alvae._graphs import knn_graph
from alvae.queries import (
    BestReconstructed,
    ClusterUncertainty,
    EntropySampling,
    KCenterGreedy,
    KMeansCoreset,
    KMeansMedoids,
    MaxHerding,
    ProbCover,
    SpectralMedoids,
    TypiClust,
    UniformSampling,
)

ERRORS = np.random.default_rng(9).random(60)  # of reconstruction, one a point of `pool`

STRATEGIES = [
    UniformSampling(random_state=3),
    KMeansCoreset(n_clusters=4, random_state=3),
    KCenterGreedy(random_state=3),
    EntropySampling(random_state=3),
    EntropySampling(RandomForestClassifier(n_estimators=5), random_state=3),
    KMeansCoreset(n_clusters=4, random_state=3, allocation="proportional"),
    KCenterGreedy(random_state=3, set_aside=0.1),
    KMeansMedoids(random_state=3),
    TypiClust(random_state=3),
    SpectralMedoids(random_state=3, n_small_clusters=40),
    SpectralMedoids(random_state=3, n_neighbors=3, n_small_clusters=1),
    ProbCover(random_state=3, n_classes=4),
    ProbCover(random_state=3, radius=0.7),
    MaxHerding(random_state=3, n_candidates=20),
    ClusterUncertainty(n_clusters=4, random_state=3),
    ClusterUncertainty(4, 3, measure="entropy", classifier=RandomForestClassifier(5)),
    BestReconstructed(KCenterGreedy(), ERRORS, random_state=3),
    BestReconstructed(KMeansCoreset(4), ERRORS, random_state=3, n_neighbors=5),
]
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: repr(s)[:34])


def pool(n=60, d=3, n_labeled=0, seed=0):
    """Points of a seeded Gaussian, the first coordinate of some labeled by its sign."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.full(n, np.nan)
    labeled = rng.choice(n, n_labeled, replace=False)
    y[labeled] = X[labeled, 0] > 0
    return X, y


# Every strategy


@each_strategy
@pytest.mark.parametrize("n_labeled", [0, 1, 25])
@pytest.mark.parametrize("batch_size", [4, 11, 35])
def test_indices_are_distinct_and_unlabeled(strategy, n_labeled, batch_size):
    X, y = pool(n_labeled=n_labeled)
    chosen = strategy.query(X, y, batch_size)
    assert chosen.shape == (batch_size,)
    assert chosen.dtype == np.int64
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()


@each_strategy
def test_the_whole_pool_can_be_asked_for(strategy):
    X, y = pool(n_labeled=20)
    chosen = strategy.query(X, y, batch_size=40)
    assert sorted(chosen) == list(np.flatnonzero(np.isnan(y)))


@each_strategy
@pytest.mark.parametrize("n_labeled", [0, 25])
def test_seed_determines_the_result(strategy, n_labeled):
    X, y = pool(n_labeled=n_labeled)
    first = strategy.query(X, y, 10)
    np.testing.assert_array_equal(strategy.query(X, y, 10), first)
    np.testing.assert_array_equal(clone(strategy).query(X, y, 10), first)
    np.testing.assert_array_equal(strategy.query(X, y, 10, **strategy.prepare(X)), first)


@each_strategy
def test_seeds_differ_at_a_cold_start(strategy):
    X, _ = pool()
    queries = {
        tuple(clone(strategy).set_params(random_state=s).query(X, None, 8)) for s in range(5)
    }
    assert len(queries) > 1


@each_strategy
def test_every_kind_of_random_state(strategy):
    X, _ = pool()

    def query(random_state):
        return clone(strategy).set_params(random_state=random_state).query(X, None, 8)

    np.testing.assert_array_equal(query(np.random.SeedSequence(5)), query(5))
    first, second = query(np.random.default_rng(5)), query(np.random.default_rng(5))
    np.testing.assert_array_equal(first, second)
    assert len(query(None)) == 8


@each_strategy
def test_a_generator_moves_on_from_query_to_query(strategy):
    X, _ = pool()
    strategy = clone(strategy).set_params(random_state=np.random.default_rng(5))
    assert len({tuple(strategy.query(X, None, 8)) for _ in range(5)}) > 1


def test_clone_keeps_a_seed_sequence():
    X, _ = pool()
    strategy = UniformSampling(np.random.SeedSequence(5))
    np.testing.assert_array_equal(clone(strategy).query(X, None, 8), strategy.query(X, None, 8))


def test_get_params_and_clone():
    strategy = KMeansCoreset(n_clusters=7, random_state=2, n_init=3)
    expected = {"n_clusters": 7, "random_state": 2, "n_init": 3, "allocation": "equal"}
    assert strategy.get_params() == expected
    assert clone(strategy).get_params() == strategy.get_params()
    assert strategy.set_params(n_clusters=5).n_clusters == 5
    nested = EntropySampling(LogisticRegression(C=2.0)).get_params()
    assert nested["classifier__C"] == 2.0
    swapped = BestReconstructed(TypiClust(n_neighbors=7), [0.5, 1.0])
    assert swapped.get_params()["strategy__n_neighbors"] == 7
    assert clone(swapped).errors == [0.5, 1.0]


@each_strategy
def test_y_none_is_a_cold_start(strategy):
    X, y = pool()
    np.testing.assert_array_equal(strategy.query(X, None, 9), strategy.query(X, y, 9))


@each_strategy
def test_input_is_left_as_it_was(strategy):
    X, y = pool(n_labeled=20)
    X_before, y_before, params = X.copy(), y.copy(), strategy.get_params()
    strategy.query(X, y, 9)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert strategy.get_params() == params


# Uniform sampling


def test_uniform_sampling_is_uniform():
    X, y = pool(n=10, n_labeled=2)
    strategy = UniformSampling(np.random.default_rng(0))
    counts = np.bincount(np.concatenate([strategy.query(X, y, 2) for _ in range(4000)]))
    counts = counts[np.isnan(y)]
    # 8 points, expected 1000 times each, standard deviation sqrt(4000 * 1/4 * 3/4) = 27.
    assert np.abs(counts - 1000).max() < 5 * 27


# K-means core-set


def query_clusters(clusters, batch_size, n_clusters, random_state=0, y=None):
    strategy = KMeansCoreset(n_clusters, random_state)
    X = np.zeros((len(clusters), 2))
    return strategy.query(X, y, batch_size, clusters=np.asarray(clusters))


@pytest.mark.parametrize("m", [1, 2, 5])
def test_coreset_draws_m_points_from_each_cluster(m):
    X, _ = pool(n=400)
    strategy = KMeansCoreset(n_clusters=8, random_state=0)
    prepared = strategy.prepare(X)
    assert np.bincount(prepared["clusters"], minlength=8).min() >= 5
    chosen = strategy.query(X, None, 8 * m, **prepared)
    np.testing.assert_array_equal(np.bincount(prepared["clusters"][chosen]), np.full(8, m))


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
    assert prepared["clusters"].shape == (100,)
    for seed in range(5):
        chosen = KMeansCoreset(n_clusters=4, random_state=seed).query(X, None, 8, **prepared)
        np.testing.assert_array_equal(np.bincount(prepared["clusters"][chosen]), [2, 2, 2, 2])


# Greedy k-center


def assert_each_is_farthest(X, chosen, labeled):
    """Check equation (1) at every step against all distances."""
    distances = cdist(X, X)
    covered = list(labeled)
    for i in chosen:
        if covered:
            to_nearest = distances[:, covered].min(axis=1)
            remaining = np.setdiff1d(np.arange(len(X)), covered)
            assert to_nearest[i] == pytest.approx(to_nearest[remaining].max(), rel=1e-6)
        covered.append(i)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("n_labeled", [0, 1, 12])
def test_kcenter_takes_the_farthest_point(d, n_labeled, dtype):
    X, y = pool(n=80, d=d, n_labeled=n_labeled, seed=d)
    X = X.astype(dtype)
    chosen = KCenterGreedy(random_state=0).query(X, y, 30)
    assert_each_is_farthest(X, chosen, np.flatnonzero(~np.isnan(y)))


def test_kcenter_over_many_blocks(monkeypatch):
    monkeypatch.setattr("alvae.queries.BLOCK_VALUES", 7)
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


# Entropy sampling


@pytest.mark.parametrize("n_classes", [2, 3])
def test_entropy_takes_the_points_of_highest_entropy(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 4))
    y = np.digitize(X[:, 0], np.linspace(-0.5, 0.5, n_classes - 1)).astype(float)
    y[rng.random(70) < 0.6] = np.nan
    labeled = ~np.isnan(y)
    classifier = LogisticRegression(C=0.3)
    reference = clone(classifier).fit(X[labeled], y[labeled])
    expected = entropy(reference.predict_proba(X), axis=1)

    chosen = EntropySampling(classifier, random_state=0).query(X, y, 10)
    best = np.sort(expected[~labeled])[::-1][:10]
    np.testing.assert_allclose(expected[chosen], best, rtol=1e-9)
    assert not hasattr(classifier, "coef_")  # the classifier given is never fitted itself


def test_entropy_of_two_classes_is_nearest_to_one_half():
    X, y = pool(n_labeled=20)
    labeled = ~np.isnan(y)
    p = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled]).predict_proba(X)[:, 1]
    (chosen,) = EntropySampling().query(X, y)
    unlabeled = np.flatnonzero(~labeled)
    assert chosen == unlabeled[np.abs(p[unlabeled] - 0.5).argmin()]


@pytest.mark.parametrize("labels", [[], [1.0], [1.0, 1.0]])
def test_entropy_without_two_classes_samples_uniformly(labels):
    X, y = pool(n=20)
    y[: len(labels)] = labels
    uniform = UniformSampling(random_state=4).query(X, y, 5)
    np.testing.assert_array_equal(EntropySampling(random_state=4).query(X, y, 5), uniform)


def test_entropy_ties_are_broken_at_random():
    X = np.array([[-1.0], [1.0]] + [[0.0]] * 30)
    y = np.array([0.0, 1.0] + [np.nan] * 30)
    chosen = {int(EntropySampling(random_state=seed).query(X, y)[0]) for seed in range(30)}
    assert len(chosen) > 5


def test_entropy_seeds_the_parts_of_a_classifier():
    X, y = pool(n=200, d=6, n_labeled=60)
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3))
    strategy = EntropySampling(pipeline, random_state=0)
    np.testing.assert_array_equal(strategy.query(X, y, 20), strategy.query(X, y, 20))
    assert pipeline.get_params()["randomforestclassifier__random_state"] is None


# Bad input


@each_strategy
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(5), "X has shape"),
        (np.zeros((5, 2, 2)), "X has shape"),
        (np.zeros((0, 2)), "X has shape"),
        (np.zeros((5, 0)), "X has shape"),
        ([[1, 2], [3]], "X has rows"),
        (np.array([["a", "b"]] * 5), "X has dtype"),
        (np.full((5, 2), np.nan), "X contains NaN"),
        (np.array([[0, 1.0], [np.inf, 0]]), "X contains NaN or inf"),
        (np.array([[0, 1.0], [-np.inf, 0]]), "X contains NaN or inf"),
    ],
)
def test_bad_X(strategy, X, message):
    with pytest.raises(ValueError, match=message) as error:
        strategy.query(X)
    assert "\n" not in str(error.value)


@each_strategy
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), "y has shape"),
        (np.full((60, 1), np.nan), "y has shape"),
        (["a"] * 60, "y is not numeric"),
        (np.full(60, np.inf), "y contains infinity"),
        (np.zeros(60), "y labels all 60 points"),
    ],
)
def test_bad_y(strategy, y, message):
    with pytest.raises(ValueError, match=message):
        strategy.query(pool()[0], y)


@each_strategy
@pytest.mark.parametrize("batch_size", [0, -1, 41, 2.0, "5", None, True])
def test_bad_batch_size(strategy, batch_size):
    X, y = pool(n_labeled=20)
    with pytest.raises(ValueError, match="batch_size is .* from 1 to 40"):
        strategy.query(X, y, batch_size)


@each_strategy
@pytest.mark.parametrize("random_state", [-1, "seed", 0.5])
def test_bad_random_state(strategy, random_state):
    with pytest.raises(ValueError, match="random_state is"):
        clone(strategy).set_params(random_state=random_state).query(pool()[0], None, 5)


@pytest.mark.parametrize("n_clusters", [0, -2, 11, 2.0, "3", None, True])
def test_bad_n_clusters(n_clusters):
    with pytest.raises(ValueError, match="n_clusters is .* from 1 to 10, batch_size"):
        KMeansCoreset(n_clusters).query(pool()[0], None, 10)


def test_n_clusters_above_the_pool():
    with pytest.raises(ValueError, match="n_clusters is 61; .* the number of points"):
        KMeansCoreset(61).prepare(pool()[0])


@pytest.mark.parametrize(
    "clusters", [np.zeros(59, dtype=int), np.zeros(60), np.full(60, 4), np.full(60, -1)]
)
def test_bad_clusters(clusters):
    with pytest.raises(ValueError, match="clusters has shape"):
        KMeansCoreset(4).query(pool()[0], None, 10, clusters=clusters)


def test_bad_classifier():
    with pytest.raises(ValueError, match="classifier is LinearSVC; it must have predict_proba"):
        EntropySampling(LinearSVC()).query(pool()[0])


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
    by_all = within(strategy.prepare(X)["clusters"])
    monkeypatch.setattr("alvae.queries.MINI_BATCH", 1000)
    monkeypatch.setattr("alvae.queries.SAMPLE", 2000)
    prepared = strategy.prepare(X)
    assert within(prepared["clusters"]) < 1.1 * by_all
    assert len(set(strategy.query(X, batch_size=n_clusters))) == n_clusters
    again = strategy.query(X, batch_size=n_clusters, **prepared)
    np.testing.assert_array_equal(strategy.query(X, batch_size=n_clusters), again)


def test_members_that_were_prepared_change_nothing():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.where(np.arange(60) % 4, np.nan, 1.0)
    strategy = KMeansCoreset(5, random_state=1)
    prepared = strategy.prepare(X)
    expected = strategy.query(X, y, 20)
    np.testing.assert_array_equal(strategy.query(X, y, 20, **prepared), expected)
    clusters = {"clusters": prepared["clusters"]}
    np.testing.assert_array_equal(strategy.query(X, y, 20, **clusters), expected)


def test_k_center_greedy_covers_as_its_peer_does():
    """scikit-activeml's CoreSet, from the same first point."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    ours = KCenterGreedy(random_state=0).query(X, batch_size=15)
    y = np.full(len(X), np.nan)
    y[ours[0]] = 0
    theirs = CoreSet(random_state=0).query(X, y, batch_size=14)
    np.testing.assert_array_equal(ours[1:], theirs)


# Shares in proportion to the clusters


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
    chosen = strategy.query(np.zeros((len(y), 2)), y, batch_size, clusters=clusters)
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()
    shares = np.bincount(clusters[chosen], minlength=n_clusters)
    assert (np.minimum(sizes, 1) <= shares).all()
    assert (shares <= sizes).all()
    assert_largest_remainders(shares, sizes, batch_size)
    weights = strategy.sample_weight_
    assert weights.sum() == pytest.approx(n_unlabeled)
    for k in set(clusters[chosen]):
        of_cluster = weights[clusters[chosen] == k]
        np.testing.assert_allclose(of_cluster, sizes[k] / shares[k])


def test_proportional_shares_follow_the_density():
    clusters = np.repeat([0, 1, 2], [10, 100, 890])
    strategy = KMeansCoreset(3, random_state=0, allocation="proportional")
    chosen = strategy.query(np.zeros((1000, 1)), None, 100, clusters=clusters)
    shares = np.bincount(clusters[chosen])
    # One for each, then 97 in proportion to 9, 99 and 889.
    np.testing.assert_array_equal(shares, [2, 11, 87])
    assert not hasattr(clone(strategy), "sample_weight_")


# K-center without the sparsest points


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


# One point of each of many clusters


def kmeans_clusters(X, n_clusters, seed, **options):
    """Those of scikit-learn, from the seed that a strategy draws first."""
    seed = int(np.random.default_rng(seed).integers(2**31))
    return KMeans(n_clusters, random_state=seed, n_init=1, **options).fit(X).labels_


def assert_best_of_clusters(chosen, clusters, y, score):
    """Clusters with the fewest labels come first, of these the largest; the best point of each.

    `score` maps members of a cluster to a number each, lowest for the best. Ties go either way: the
    two points of a pair are equally near to their mean, and to their neighbor.
    """
    turns, scores = [], np.empty(len(y))
    for k in np.unique(clusters):
        members = np.flatnonzero(clusters == k)
        scores[members] = score(members)
        free = members[np.isnan(y[members])]
        for nth, best in enumerate(np.sort(scores[free])):
            turns.append((nth, len(members) - len(free), -len(members), k, best))
    turns = sorted(turns)[: len(chosen)]
    np.testing.assert_array_equal(clusters[chosen], [k for *_, k, _ in turns])
    np.testing.assert_allclose(scores[chosen], [best for *_, best in turns], atol=1e-9)
    assert len(set(chosen)) == len(chosen)
    assert np.isnan(y[chosen]).all()


def distances_to_mean(X):
    return lambda members: np.linalg.norm(X[members] - X[members].mean(axis=0), axis=1)


@pytest.mark.parametrize("n_labeled", [0, 1, 20])
@pytest.mark.parametrize("seed", range(3))
def test_medoids_are_nearest_to_the_means(n_labeled, seed):
    X, y = pool(n=90, n_labeled=n_labeled, seed=seed)
    chosen = KMeansMedoids(random_state=seed).query(X, y, 12)
    clusters = kmeans_clusters(X, n_labeled + 12, seed)
    assert_best_of_clusters(chosen, clusters, y, distances_to_mean(X))


def test_medoids_of_separate_clusters():
    truth = np.repeat(np.arange(4), [9, 5, 7, 6])
    X = np.array([[0, 0], [99, 0], [0, 99], [99, 99]])[truth] + pool(n=27, d=2)[0]
    by_size = [np.flatnonzero(truth == k) for k in (0, 2, 3, 1)]
    medoids = [members[distances_to_mean(X)(members).argmin()] for members in by_size]
    chosen = KMeansMedoids(random_state=0, n_init=5).query(X, None, 4)
    np.testing.assert_array_equal(chosen, medoids)


@pytest.mark.parametrize("n_neighbors", [1, 4, 20])
@pytest.mark.parametrize("n_labeled", [0, 15])
def test_typiclust_takes_the_most_typical(n_neighbors, n_labeled):
    X, y = pool(n=90, n_labeled=n_labeled, seed=n_neighbors)
    clusters = kmeans_clusters(X, n_labeled + 8, 5)

    def distance_to_neighbors(members):
        distances = np.sort(cdist(X[members], X[members]), axis=1)[:, 1 : n_neighbors + 1]
        return distances.mean(axis=1) if distances.size else np.zeros(1)

    chosen = TypiClust(random_state=5, n_neighbors=n_neighbors).query(X, y, 8)
    assert_best_of_clusters(chosen, clusters, y, distance_to_neighbors)


def test_typiclust_goes_round_when_clusters_are_few():
    X, _ = pool(n=90)
    clusters = kmeans_clusters(X, 5, 0)
    chosen = TypiClust(random_state=0, max_clusters=5).query(X, None, 15)
    np.testing.assert_array_equal(np.bincount(clusters[chosen]), [3] * 5)
    assert len(set(clusters[chosen[:5]])) == 5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_clusters_without_labels_come_first(data):
    """Whatever the clusters are, and however the labels lie in them."""
    n = data.draw(st.integers(1, 30), label="n")
    clusters = np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    y = np.array(data.draw(st.lists(st.sampled_from([np.nan, 1.0]), min_size=n, max_size=n)))
    y[0] = np.nan
    batch_size = data.draw(st.integers(1, int(np.isnan(y).sum())), label="B")
    X = np.random.default_rng(0).normal(size=(n, 2))

    class Given(KMeansMedoids):
        def _partition(self, X, n_clusters, rng):
            return clusters

    chosen = Given().query(X, y, batch_size)
    assert len(chosen) == batch_size
    assert_best_of_clusters(chosen, clusters, y, distances_to_mean(X))


# Spectral clusters


def two_shapes(shape, n=400):
    if shape == "moons":
        return make_moons(n, noise=0.05, random_state=0)
    return make_circles(n, noise=0.03, factor=0.4, random_state=0)


@pytest.mark.parametrize("shape", ["moons", "rings"])
@pytest.mark.parametrize("n_small_clusters", [60, 300, 400])
def test_spectral_clusters_follow_the_shapes(shape, n_small_clusters):
    X, truth = two_shapes(shape)
    strategy = SpectralMedoids(random_state=0, n_small_clusters=n_small_clusters)
    chosen = strategy.query(X, None, 2)
    assert sorted(truth[chosen]) == [0, 1]
    clusters = strategy._partition(X, 2, np.random.default_rng(0))
    agree = (clusters == truth).mean()
    assert max(agree, 1 - agree) > 0.97
    by_kmeans = (kmeans_clusters(X, 2, 0) == truth).mean()
    assert max(by_kmeans, 1 - by_kmeans) < 0.9  # which cuts both in two
    # The points are the nearest to the means of the two shapes as they were found.
    for i in chosen:
        members = np.flatnonzero(clusters == clusters[i])
        assert i == members[distances_to_mean(X)(members).argmin()]


def test_spectral_clusters_of_a_graph_in_parts():
    """More parts than clusters, without any edge between them."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(6), 40)
    X = rng.normal(size=(240, 2)) + 1000 * np.array([truth % 3, truth // 3]).T
    for batch_size in (2, 4, 6):
        chosen = SpectralMedoids(random_state=0).query(X, None, batch_size)
        assert len(set(truth[chosen])) == batch_size


def test_spectral_medoids_of_points_that_are_clusters_themselves():
    """Then nothing is left to chance."""
    X, _ = pool(n=50)
    queries = {tuple(SpectralMedoids(random_state=s).query(X, None, 6)) for s in range(4)}
    assert len(queries) == 1


@pytest.mark.parametrize("n_neighbors", [1, 3, 10, 59, 100])
def test_graph_of_nearest_neighbors(n_neighbors):
    X, _ = pool(n=60)
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    k = min(n_neighbors, 59)
    farthest = np.sort(distances, axis=1)[:, [k - 1]]
    weights = np.where(distances <= farthest, np.exp(-4 * (distances / farthest) ** 2), 0)
    graph = knn_graph(X, n_neighbors)
    np.testing.assert_allclose(graph.toarray(), (weights + weights.T) / 2, atol=1e-12)


# Probability coverage


def grid_points(data, least=2, most=40):
    """Few integer points, so that many are equal or equally far: distances are exact."""
    n = data.draw(st.integers(least, most), label="n")
    values = st.lists(st.integers(0, 6), min_size=2, max_size=2)
    return np.array(data.draw(st.lists(values, min_size=n, max_size=n), label="X"), dtype=float)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([0.01, 0.5, 0.8, 0.95, 1.0]))
def test_probcover_radius_is_the_largest_pure_one(data, purity):
    X = grid_points(data)
    n_classes = min(3, len(X))
    clusters = np.random.default_rng(0).integers(n_classes, size=len(X))
    # Equal points belong together, as K-means has it.
    clusters = np.array([clusters[(x == X).all(axis=1)][0] for x in X])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvae.queries._cluster", lambda *args, **options: clusters)
        prepared = ProbCover(n_classes=n_classes, purity=purity).prepare(X)

    squares = ((X[:, None] - X) ** 2).sum(axis=-1)
    mixed = clusters[:, None] != clusters

    def enough_are_pure(square):
        pure = ~((squares <= square) & mixed).any(axis=1)
        return pure.sum() >= purity * len(X) - 1e-9

    ball = prepared["ball"]
    if not mixed.any():
        assert ball == 0
        return
    # The purity changes only at one of the distances.
    assert enough_are_pure(ball**2)
    larger = squares[squares > ball**2]
    assert larger.size == 0 or not enough_are_pure(larger.min())
    np.testing.assert_array_equal(prepared["degrees"], (squares <= ball**2).sum(axis=1))
    # The largest float below that distance, no less.
    assert larger.size == 0 or np.nextafter(ball, np.inf) == np.sqrt(larger.min())


def test_probcover_clusters_are_those_of_kmeans():
    X, _ = pool(n=200)
    clusters = kmeans_clusters(X, 6, 2)
    distances = cdist(X, X)
    distances[clusters[:, None] == clusters] = np.inf
    # 10 of 200 balls may be impure: the radius ends just before the next.
    ball = ProbCover(random_state=2, n_classes=6).prepare(X)["ball"]
    assert ball == pytest.approx(np.sort(distances.min(axis=1))[10])


def covered_most(within, y, chosen):
    """At each step, whether the choice covers as many new points as any; and if none else does."""
    free = np.isnan(y)
    covered = within[~free].any(axis=0)
    steps = []
    for i in chosen:
        gains = (within & ~covered).sum(axis=1)
        best = gains[free].max()
        steps.append((gains[i] == best, (gains[free] == best).sum() == 1))
        free[i] = False
        covered |= within[i]
    return np.array(steps).T


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([0.0, 1.0, 1.5, 3.0, 99.0]), st.sampled_from([7, 2**22]))
def test_probcover_covers_greedily(data, radius, pairs):
    X = grid_points(data)
    n = len(X)
    y = np.array(data.draw(st.lists(st.sampled_from([np.nan, 1.0]), min_size=n, max_size=n)))
    y[0] = np.nan
    batch_size = data.draw(st.integers(1, int(np.isnan(y).sum())), label="B")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvae.queries.PAIRS", pairs)  # in blocks, or all at a time
        chosen = ProbCover(random_state=0, radius=radius).query(X, y, batch_size)
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()
    is_best, _ = covered_most(cdist(X, X) <= radius, y, chosen)
    assert is_best.all()


@pytest.mark.parametrize("n_labeled", [0, 12])
@pytest.mark.parametrize("radius", [None, 1.0, 1.5])
def test_probcover_covers_greedily_where_balls_overlap(radius, n_labeled):
    X, y = pool(n=150, n_labeled=n_labeled)
    strategy = ProbCover(random_state=1, n_classes=5, purity=0.8, radius=radius)
    within = cdist(X, X) <= strategy.prepare(X)["ball"]
    is_best, _ = covered_most(within, y, strategy.query(X, y, 60))
    assert is_best.all()


def test_probcover_leaves_to_chance_what_is_left():
    """Everything covered, all unlabeled points are equally good."""
    X, y = pool(n=12, n_labeled=2)
    strategy = ProbCover(np.random.default_rng(0), radius=100)
    prepared = strategy.prepare(X)
    counts = np.bincount([strategy.query(X, y, **prepared)[0] for _ in range(400)], minlength=12)
    # 10 points, each 40 times, standard deviation sqrt(400 * 0.1 * 0.9) = 6.
    assert np.abs(counts[np.isnan(y)] - 40).max() < 5 * 6


# Max herding


def herded(K, y, chosen):
    """At each step, by how much the choice adds less than the best; and more than all others."""
    free = np.isnan(y)
    similar = K[~free].max(axis=0, initial=0)
    steps = []
    for i in chosen:
        gains = np.maximum(K - similar, 0).sum(axis=1)
        free[i] = False
        best_other = gains[free].max(initial=-1)
        steps.append((max(0, best_other - gains[i]), gains[i] - best_other))
        similar = np.maximum(similar, K[i])
    return np.array(steps).T


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length_scale", [0.3, 2, None])
@pytest.mark.parametrize("n_labeled", [0, 1, 30])
def test_herding_is_greedy(length_scale, n_labeled, seed, monkeypatch):
    monkeypatch.setattr("alvae.queries.PAIRS", 1000)  # several blocks
    X, y = pool(n=70, n_labeled=n_labeled, seed=seed)
    scale = length_scale
    if scale is None:
        free = X[np.isnan(y)]
        scale = np.median(cdist(free, free)[np.triu_indices(len(free), 1)]) / 4
    K = np.exp(-(cdist(X, X) ** 2) / (2 * scale**2))
    chosen = MaxHerding(random_state=seed, length_scale=length_scale).query(X, y, 25)
    # Two points that only resemble each other add equally much, but for rounding.
    assert herded(K, y, chosen)[0].max() < 1e-12 * len(X)


def test_herding_chooses_the_best_of_its_candidates():
    X, y = pool(n=70, n_labeled=3)
    K = np.exp(-(cdist(X, X) ** 2) / 2)
    ours = MaxHerding(random_state=0, n_candidates=10, length_scale=1.0).query(X, y, 10)
    # With as many candidates as points to choose, all are chosen, the best first.
    gains = np.maximum(K[ours] - K[~np.isnan(y)].max(axis=0), 0).sum(axis=1)
    assert gains.argmax() == 0
    assert len({tuple(MaxHerding(s, n_candidates=10).query(X, y, 5)) for s in range(5)}) > 1
    # With all points as candidates, nothing is left to chance.
    assert len({tuple(MaxHerding(s).query(X, y, 5)) for s in range(5)}) == 1


# Uncertainty inside clusters


@pytest.mark.parametrize("measure", ["margin", "entropy"])
@pytest.mark.parametrize("batch_size", [6, 12, 15])
def test_the_most_uncertain_of_each_cluster(measure, batch_size):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 3))
    y = np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1.5]).astype(float)
    y[rng.random(300) < 0.85] = np.nan
    labeled, classifier = ~np.isnan(y), LogisticRegression(C=0.5)
    strategy = ClusterUncertainty(6, 0, measure=measure, classifier=classifier)
    clusters = kmeans_clusters(X, 6, 0)
    assert np.bincount(clusters[~labeled]).min() >= 3

    p = clone(classifier).fit(X[labeled], y[labeled]).predict_proba(X)
    if measure == "entropy":
        uncertainty = entropy(p, axis=1)
    else:
        uncertainty = -np.array([max(row) - sorted(row)[1] for row in p])
    chosen = strategy.query(X, y, batch_size)
    shares = np.bincount(clusters[chosen], minlength=6)
    assert set(shares) <= {batch_size // 6, -(-batch_size // 6)}
    for k in range(6):
        members = np.flatnonzero((clusters == k) & ~labeled)
        best_first = members[np.argsort(-uncertainty[members])]
        np.testing.assert_array_equal(chosen[clusters[chosen] == k], best_first[: shares[k]])
    # One of each cluster in every round.
    assert len(set(clusters[chosen[:6]])) == 6


@pytest.mark.parametrize("labels", [[], [1.0], [1.0, 1.0]])
def test_without_two_classes_there_is_the_coreset(labels):
    X, y = pool()
    y[: len(labels)] = labels
    coreset = KMeansCoreset(5, random_state=8, n_init=2).query(X, y, 14)
    ours = ClusterUncertainty(5, random_state=8, n_init=2)
    np.testing.assert_array_equal(ours.query(X, y, 14), coreset)
    np.testing.assert_array_equal(ours.query(X, y, 14, **ours.prepare(X)), coreset)


def test_equally_uncertain_points_are_drawn_by_chance():
    X = np.array([[-1.0], [1.0]] + [[0.0]] * 30)
    y = np.array([0.0, 1.0] + [np.nan] * 30)
    chosen = {int(ClusterUncertainty(1, seed).query(X, y)[0]) for seed in range(30)}
    assert len(chosen) > 5


# The best reconstructed


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
    strategy = BestReconstructed(inner, ERRORS, random_state=5, n_neighbors=1)
    X, _ = pool()
    expected = ProbCover(random_state=5, radius=0.5).query(X, None, 1)
    np.testing.assert_array_equal(strategy.query(X, None, 1), expected)
    assert inner.random_state == 2


# Any order of the points


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 20))
def test_the_order_of_points_does_not_matter(seed, n_labeled, batch_size):
    X, y = pool(n_labeled=n_labeled, seed=seed)
    order = np.random.default_rng(seed + 1).permutation(60)
    distances = cdist(X, X)

    def assert_same(strategy, unique_best=None):
        chosen = strategy.query(X, y, batch_size)
        same = order[strategy.query(X[order], y[order], batch_size)] == chosen
        # Until several points are equally good.
        until = None if unique_best is None else np.argmin([*unique_best(chosen), False])
        assert same[:until].all()

    assert_same(KCenterGreedy())
    assert_same(KCenterGreedy(set_aside=0.1))
    assert_same(ProbCover(radius=1.0), lambda chosen: covered_most(distances <= 1, y, chosen)[1])
    K = np.exp(-2 * distances**2)
    herding = MaxHerding(length_scale=0.5)
    assert_same(herding, lambda chosen: herded(K, y, chosen)[1] > 1e-9)


# Odd pools


def swapping(strategy, n):
    """Strategies whose parameters depend on the number of points, made for n of them."""
    if isinstance(strategy, BestReconstructed):
        return clone(strategy).set_params(errors=np.arange(n))
    return strategy


@each_strategy
@pytest.mark.parametrize("n_distinct", [1, 2, 3])
@pytest.mark.parametrize("labels", [[], [0.0, 1.0]])
def test_pools_of_few_distinct_points(strategy, n_distinct, labels):
    X = np.random.default_rng(0).normal(size=(n_distinct, 2))[np.arange(30) % n_distinct]
    y = np.full(30, np.nan)
    y[: len(labels)] = labels
    for batch_size in (4, 13, 30 - len(labels)):
        chosen = swapping(strategy, 30).query(X.astype(np.float32), y, batch_size)
        assert len(set(chosen)) == batch_size
        assert np.isnan(y[chosen]).all()


ONE_CLUSTER = {"n_clusters": 1, "strategy__n_clusters": 1}


@each_strategy
def test_a_single_point(strategy):
    params = strategy.get_params()
    strategy = clone(strategy).set_params(**{k: v for k, v in ONE_CLUSTER.items() if k in params})
    # Of a larger pool, all but one labeled.
    X, y = pool(n=60, n_labeled=59)
    assert list(strategy.query(X, y)) == list(np.flatnonzero(np.isnan(y)))
    assert list(swapping(strategy, 1).query([[1.0, 2.0]])) == [0]


@each_strategy
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_any_pool(strategy, data):
    X = grid_points(data, least=4, most=25)
    n = len(X)
    labels = st.sampled_from([np.nan, 0.0, 1.0])
    y = np.array(data.draw(st.lists(labels, min_size=n, max_size=n), label="y"))
    y[:4] = np.nan
    batch_size = data.draw(st.integers(4, int(np.isnan(y).sum())), label="B")
    chosen = swapping(strategy, n).query(X, y, batch_size)
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()


# Bad parameters


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (TypiClust(n_neighbors=0), "n_neighbors is 0; "),
        (TypiClust(max_clusters=0), "max_clusters is 0; "),
        (SpectralMedoids(n_neighbors=0), "n_neighbors is 0; "),
        (SpectralMedoids(n_neighbors=2.0), "n_neighbors is 2.0; "),
        (SpectralMedoids(n_small_clusters=0), "n_small_clusters is 0; "),
        (ProbCover(purity=0), "purity is 0; "),
        (ProbCover(purity=1.5), "purity is 1.5; "),
        (ProbCover(purity=np.nan), "purity is nan; "),
        (ProbCover(radius=-1), "radius is -1; "),
        (ProbCover(radius=np.inf), "radius is inf; "),
        (ProbCover(radius="1"), "radius is '1'; "),
        (ProbCover(n_classes=1), "n_classes is 1; "),
        (ProbCover(n_classes=61), "n_classes is 61; .* the number of points"),
        (KCenterGreedy(set_aside=1), "set_aside is 1; it must be below 1"),
        (KCenterGreedy(set_aside=-0.1), "set_aside is -0.1; "),
        (KCenterGreedy(set_aside=None), "set_aside is None; "),
        (KMeansCoreset(4, allocation="x"), "allocation is 'x'; allowed are 'equal' and"),
        (KMeansCoreset(4, n_init=0), "n_init"),
        (KMeansMedoids(n_init=0), "n_init"),
        (ClusterUncertainty(4, measure="x"), "measure is 'x'; allowed are 'margin' and 'entropy'"),
        (ClusterUncertainty(0), "n_clusters is 0; "),
        (ClusterUncertainty(4, classifier=LinearSVC()), "classifier is LinearSVC; "),
        (MaxHerding(length_scale=0), "length_scale is 0; "),
        (MaxHerding(length_scale=np.nan), "length_scale is nan; "),
        (MaxHerding(n_candidates=0), "n_candidates is 0; "),
        (BestReconstructed(KCenterGreedy(), ERRORS, n_neighbors=0), "n_neighbors is 0; "),
        (BestReconstructed(KCenterGreedy(), ERRORS[:59]), "errors has shape .59,.; .* 60 finite"),
        (BestReconstructed(KCenterGreedy(), np.full(60, np.nan)), "errors .* 60 finite numbers"),
        (BestReconstructed(KCenterGreedy(), ["a"] * 60), "errors is not numeric; .* 60 finite"),
        (BestReconstructed(KCenterGreedy(), ERRORS[:, None]), "errors has shape .60, 1.; "),
        (BestReconstructed(KCenterGreedy(set_aside=2), ERRORS), "set_aside is 2; "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("n_labeled", [0, 20])
def test_bad_parameters(strategy, message, n_labeled):
    X, y = pool(n_labeled=n_labeled)
    with pytest.raises(ValueError, match=message) as error:
        strategy.query(X, y, 5)
    assert "\n" not in str(error.value)

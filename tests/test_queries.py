"""The query strategies against brute force and against their definitions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from skactiveml.pool import CoreSet
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from alvae.queries import EntropySampling, KCenterGreedy, KMeansCoreset, UniformSampling

STRATEGIES = [
    UniformSampling(random_state=3),
    KMeansCoreset(n_clusters=4, random_state=3),
    KCenterGreedy(random_state=3),
    EntropySampling(random_state=3),
    EntropySampling(RandomForestClassifier(n_estimators=5), random_state=3),
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
    assert strategy.get_params() == {"n_clusters": 7, "random_state": 2, "n_init": 3}
    assert clone(strategy).get_params() == strategy.get_params()
    assert strategy.set_params(n_clusters=5).n_clusters == 5
    nested = EntropySampling(LogisticRegression(C=2.0)).get_params()
    assert nested["classifier__C"] == 2.0


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

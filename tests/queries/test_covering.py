"""ProbCover and MaxHerding against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries_by_hand import covered_most, grid_points, herded, kmeans_clusters, pool
from scipy.spatial.distance import cdist

from alvae.queries import (
    MaxHerding,
    ProbCover,
)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([0.01, 0.5, 0.8, 0.95, 1.0]))
def test_probcover_radius_is_the_largest_pure_one(data, purity):
    X = grid_points(data)
    n_classes = min(3, len(X))
    clusters = np.random.default_rng(0).integers(n_classes, size=len(X))
    # Equal points belong together, as K-means has it.
    clusters = np.array([clusters[(x == X).all(axis=1)][0] for x in X])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvae.queries.covering.kmeans", lambda *args, **options: clusters)
        prepared = ProbCover(n_classes=n_classes, purity=purity).prepare(X)

    squares = ((X[:, None] - X) ** 2).sum(axis=-1)
    mixed = clusters[:, None] != clusters

    def enough_are_pure(square):
        pure = ~((squares <= square) & mixed).any(axis=1)
        return pure.sum() >= purity * len(X) - 1e-9

    ball = prepared.radius
    if not mixed.any():
        assert ball == 0
        return
    # The purity changes only at one of the distances.
    assert enough_are_pure(ball**2)
    larger = squares[squares > ball**2]
    assert larger.size == 0 or not enough_are_pure(larger.min())
    np.testing.assert_array_equal(prepared.degrees, (squares <= ball**2).sum(axis=1))
    # The largest float below that distance, no less.
    assert larger.size == 0 or np.nextafter(ball, np.inf) == np.sqrt(larger.min())


def test_probcover_clusters_are_those_of_kmeans():
    X, _ = pool(n=200)
    clusters = kmeans_clusters(X, 6, 2)
    distances = cdist(X, X)
    distances[clusters[:, None] == clusters] = np.inf
    # 10 of 200 balls may be impure: the radius ends just before the next.
    ball = ProbCover(random_state=2, n_classes=6).prepare(X).radius
    assert ball == pytest.approx(np.sort(distances.min(axis=1))[10])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([0.0, 1.0, 1.5, 3.0, 99.0]), st.sampled_from([7, 2**22]))
def test_probcover_covers_greedily(data, radius, pairs):
    X = grid_points(data)
    n = len(X)
    y = np.array(data.draw(st.lists(st.sampled_from([np.nan, 1.0]), min_size=n, max_size=n)))
    y[0] = np.nan
    batch_size = data.draw(st.integers(1, int(np.isnan(y).sum())), label="B")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvae.queries.covering.PAIRS", pairs)  # in blocks, or all at a time
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
    within = cdist(X, X) <= strategy.prepare(X).radius
    is_best, _ = covered_most(within, y, strategy.query(X, y, 60))
    assert is_best.all()


def test_probcover_leaves_to_chance_what_is_left():
    """Everything covered, all unlabeled points are equally good."""
    X, y = pool(n=12, n_labeled=2)
    strategy = ProbCover(np.random.default_rng(0), radius=100)
    prepared = strategy.prepare(X)
    counts = np.bincount(
        [strategy.query(X, y, prepared=prepared)[0] for _ in range(400)], minlength=12
    )
    # 10 points, each 40 times, standard deviation sqrt(400 * 0.1 * 0.9) = 6.
    assert np.abs(counts[np.isnan(y)] - 40).max() < 5 * 6


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length_scale", [0.3, 2, None])
@pytest.mark.parametrize("n_labeled", [0, 1, 30])
def test_herding_is_greedy(length_scale, n_labeled, seed, monkeypatch):
    monkeypatch.setattr("alvae.queries.covering.PAIRS", 1000)  # several blocks
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

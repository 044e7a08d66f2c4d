"""Pools, clusters and greedy choices by brute force, with which query strategies are compared."""

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans


def pool(n=60, d=3, n_labeled=0, seed=0):
    """Points of a seeded Gaussian, the first coordinate of some labeled by its sign."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.full(n, np.nan)
    labeled = rng.choice(n, n_labeled, replace=False)
    y[labeled] = X[labeled, 0] > 0
    return X, y


def kmeans_clusters(X, n_clusters, seed, **options):
    """Those of scikit-learn, from the seed that a strategy draws first."""
    seed = int(np.random.default_rng(seed).integers(2**31))
    return KMeans(n_clusters, random_state=seed, n_init=1, **options).fit(X).labels_


def distances_to_mean(X):
    return lambda members: np.linalg.norm(X[members] - X[members].mean(axis=0), axis=1)


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


def grid_points(data, least=2, most=40):
    """Few integer points, so that many are equal or equally far: distances are exact."""
    n = data.draw(st.integers(least, most), label="n")
    values = st.lists(st.integers(0, 6), min_size=2, max_size=2)
    return np.array(data.draw(st.lists(values, min_size=n, max_size=n), label="X"), dtype=float)


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

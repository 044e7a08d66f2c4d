"""One point of each cluster, against the clusters themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries_by_hand import assert_best_of_clusters, distances_to_mean, kmeans_clusters, pool
from scipy.spatial.distance import cdist
from sklearn.cluster import spectral_clustering
from sklearn.datasets import make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from alvae import NeighborGraph
from alvae.queries import KMeansMedoids, SpectralMedoids, TypiClust
from alvae.queries.medoids import spectral_clusters


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
        def _partition(self, X, n_clusters, rng, prepared):
            return clusters

    chosen = Given().query(X, y, batch_size)
    assert len(chosen) == batch_size
    assert_best_of_clusters(chosen, clusters, y, distances_to_mean(X))


def two_shapes(shape, n=400):
    if shape == "moons":
        return make_moons(n, noise=0.05, random_state=0)
    return make_circles(n, noise=0.03, factor=0.4, random_state=0)


@pytest.mark.parametrize("shape", ["moons", "rings"])
@pytest.mark.parametrize("n_small_clusters", [60, 300, 400])
def test_spectral_clusters_follow_the_shapes(shape, n_small_clusters):
    X, truth = two_shapes(shape)
    strategy = SpectralMedoids(random_state=0, n_small_clusters=n_small_clusters, excess=0)
    chosen = strategy.query(X, None, 2)
    assert sorted(truth[chosen]) == [0, 1]
    clusters = strategy._partition(X, 2, np.random.default_rng(0), NeighborGraph(X))
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


@pytest.mark.parametrize("seed", range(5))
def test_spectral_clusters_are_those_of_scikit_learn_where_no_node_is_joined_to_itself(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(4), 12)
    weights = rng.random((48, 48)) * np.where(groups[:, None] == groups, 1, 0.05)
    weights += weights.T
    np.fill_diagonal(weights, 0)
    ours = spectral_clusters(weights, 4)
    theirs = spectral_clustering(
        weights, n_clusters=4, eigen_solver="arpack", assign_labels="cluster_qr", random_state=0
    )
    assert adjusted_rand_score(ours, theirs) == adjusted_rand_score(ours, groups) == 1


def test_a_node_that_is_joined_to_itself_alone_is_a_cluster():
    weights = np.full((9, 9), 1e-6) + np.eye(9)
    weights[:8, :8] += 1
    clusters = spectral_clusters(weights, 2)
    assert len(set(clusters[:8])) == 1
    assert clusters[8] != clusters[0]


def test_clusters_alone_are_those_that_points_come_from():
    X = np.random.default_rng(0).normal(size=(600, 3))
    strategy = SpectralMedoids(random_state=3, excess=0)
    clusters = strategy.cluster(X, 6)
    assert sorted(clusters[strategy.query(X, None, 6)]) == [0, 1, 2, 3, 4, 5]
    more = SpectralMedoids(random_state=3).cluster(X, 6, prepared=NeighborGraph(X))
    np.testing.assert_array_equal(more, clusters)  # `excess` does not count


@pytest.mark.parametrize("n_clusters", [0, 601, 2.5])
def test_more_clusters_than_points_are_refused(n_clusters):
    with pytest.raises(ValueError, match="^n_clusters"):
        SpectralMedoids().cluster(np.zeros((600, 2)), n_clusters)


def test_points_come_from_the_largest_of_a_few_more_clusters():
    X = np.random.default_rng(0).normal(size=(600, 3))
    strategy = SpectralMedoids(random_state=0, excess=3)
    clusters = strategy._partition(X, 6, np.random.default_rng(0), NeighborGraph(X))
    assert len(set(clusters)) == 9
    chosen = strategy.query(X, None, 6)
    assert sorted(clusters[chosen]) == sorted(np.argsort(-np.bincount(clusters))[:6])


def test_two_classes_that_touch_do_not_share_a_cluster_where_another_has_two():
    """Two blobs that touch, and a third that is far away and long."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + [4.5, 0]])
    X = np.concatenate([X, rng.normal(size=(300, 2)) * [1, 12] + [100, 0]])
    truth = np.repeat(np.arange(3), 300)
    strict, generous = (
        SpectralMedoids(random_state=0, excess=excess).query(X, None, 3) for excess in (0, 1)
    )
    assert len(set(truth[strict])) == 2
    assert len(set(truth[generous])) == 3


def test_a_rare_class_has_a_label_unless_many_clusters_are_left_out():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), (600, 600, 600, 120))
    X = 8 * np.array([truth % 2, truth // 2]).T + rng.normal(size=(1920, 2))
    few, many = (
        [
            len(set(truth[SpectralMedoids(random_state=seed, excess=excess).query(X, None, 15)]))
            for seed in range(5)
        ]
        for excess in (1, 8)
    )
    assert few == [4] * 5
    assert min(many) == 3


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
    graph = NeighborGraph(X).weights(n_neighbors)
    np.testing.assert_allclose(graph.toarray(), (weights + weights.T) / 2, atol=1e-12)

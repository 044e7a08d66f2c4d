"""Nearest-neighbor graphs against brute force."""

import numpy as np
import pytest
import usearch.index
from graphs_by_hand import brute_force_graph, brute_force_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from alvae import _graphs
from alvae._graphs import NeighborGraph, nearest_neighbors


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 40),
    n_features=st.sampled_from([1, 2, 10, 30]),  # scikit-learn has trees for few, products for many
    k=st.integers(1, 50),  # at times more than there are points
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_weights_are_those_of_brute_force(seed, n, n_features, k, dtype):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)).astype(dtype)
    queries = rng.normal(size=(7, n_features)).astype(dtype)
    graph = NeighborGraph(X).weights(k)
    assert graph.format == "csr"
    assert graph.nnz <= 2 * n * k
    assert (graph != graph.T).nnz == 0
    np.testing.assert_allclose(graph.toarray(), brute_force_graph(X, k), rtol=1e-5, atol=1e-9)

    expected = brute_force_weights(cdist(queries, X), min(k, n))
    expected /= expected.sum(axis=1, keepdims=True)
    bridge = NeighborGraph(X).bridge(queries, k)
    assert bridge.format == "csr"
    np.testing.assert_allclose(bridge.toarray(), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("n_features", [2, 30])
def test_neighbors_come_nearest_first_and_without_the_point_itself(n_features):
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(25, n_features)), rng.normal(size=(4, n_features))
    for points, given_points in [(X, None), (queries, queries)]:
        expected = cdist(points, X)
        if given_points is None:
            np.fill_diagonal(expected, np.inf)
        distances, indices = nearest_neighbors(X, 6, given_points)
        np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :6])
        np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :6])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("of_new_points", [False, True])
def test_of_large_pools_nearly_all_neighbors_are_found(seed, of_new_points, monkeypatch):
    monkeypatch.setattr(_graphs, "ALL_PAIRS", 0)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3000, 12)) + 3 * rng.integers(0, 4, (3000, 1))
    X_new = rng.normal(size=(200, 12)) if of_new_points else None
    distances, indices = nearest_neighbors(X, 10, X_new)
    true = cdist(X if X_new is None else X_new, X)
    np.testing.assert_allclose(distances, np.take_along_axis(true, indices, 1), rtol=1e-5)
    assert (np.diff(distances, axis=1) >= 0).all()
    if X_new is None:
        np.fill_diagonal(true, np.inf)
        assert (indices != np.arange(3000)[:, None]).all()
    assert np.mean(distances[:, -1] <= np.sort(true, axis=1)[:, 9] * (1 + 1e-5)) > 0.97
    again = nearest_neighbors(X, 10, X_new)
    np.testing.assert_array_equal(indices, again[1])


@pytest.mark.parametrize("copies", [1, 40])
@pytest.mark.parametrize("scale", [1e-150, 1, 1e150])
def test_of_large_pools_in_order_and_of_duplicates_nearly_all_are_found(copies, scale, monkeypatch):
    monkeypatch.setattr(_graphs, "ALL_PAIRS", 0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 8)).repeat(40, axis=0)
    X += 0.01 * rng.normal(size=(2000 // copies, 8)).repeat(copies, axis=0)
    X *= scale
    distances, indices = nearest_neighbors(X, 10)
    assert (indices != np.arange(2000)[:, None]).all()
    assert all(len(set(row)) == 10 for row in indices)
    true = cdist(X / scale, X / scale)
    np.testing.assert_allclose(
        distances / scale, np.take_along_axis(true, indices, 1), rtol=1e-9, atol=1e-12
    )
    np.fill_diagonal(true, np.inf)
    tenth = np.sort(true, axis=1)[:, [9]]
    assert np.mean(distances / scale <= tenth * (1 + 1e-9) + 1e-12) > 0.98


@pytest.mark.parametrize("far", [1e4, 1e9, 1e100])
def test_a_point_far_out_hides_no_neighbors(far, monkeypatch):
    monkeypatch.setattr(_graphs, "ALL_PAIRS", 0)
    X = np.random.default_rng(0).normal(size=(1500, 8))
    X[0] = far
    found = nearest_neighbors(X, 10)[1][1:]
    true = np.argsort(cdist(X[1:], X[1:]), axis=1)[:, 1:11] + 1
    shared = [len({*a} & {*b}) for a, b in zip(found, true, strict=True)]
    assert np.mean(shared) > 9.8


def test_for_a_point_of_which_too_few_are_found_all_are_compared(monkeypatch):
    class Straying(usearch.index.Index):
        def search(self, *arguments):
            found = super().search(*arguments)
            found.counts[7] -= 1
            found.keys[7] = 0
            return found

    monkeypatch.setattr(_graphs, "ALL_PAIRS", 0)
    monkeypatch.setattr(usearch.index, "Index", Straying)
    X = np.random.default_rng(0).normal(size=(300, 8))
    found = nearest_neighbors(X, 25)[1][7]
    np.testing.assert_array_equal(found, np.argsort(cdist(X, X), axis=1)[7, 1:26])


@pytest.mark.parametrize("offset", [0.0, 1 / 3, 1000 + 1 / 3])
@pytest.mark.parametrize("n_features", [2, 30])
def test_points_that_are_all_the_same(n_features, offset):
    X = np.full((12, n_features), offset)
    graph = NeighborGraph(X).weights(3)
    assert (graph.diagonal() == 0).all()
    assert (graph.getnnz(axis=1) >= 3).all()
    assert set(graph.data) <= {0.5, 1.0}  # neighbors of one side or of both, as near as can be
    np.testing.assert_array_equal(NeighborGraph(X).bridge(X[:2], 3).data, np.full(6, 1 / 3))


@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("copies", [2, 4, 9])  # fewer than k, about as many, more
def test_duplicates(copies, n_features):
    k = 4
    X = np.random.default_rng(1).normal(size=(8, n_features)).repeat(copies, axis=0)
    graph = NeighborGraph(X).weights(k).toarray()
    assert np.isfinite(graph).all()
    assert (np.diag(graph) == 0).all()
    np.testing.assert_array_equal(graph, graph.T)
    origin = np.arange(len(X)) // copies
    if copies > k:  # only other copies are near, and all of them are equally so
        assert set(graph[graph > 0]) <= {0.5, 1.0}
        assert (origin[np.nonzero(graph)[0]] == origin[np.nonzero(graph)[1]]).all()
    else:  # every other copy is a neighbor at distance 0
        same = (origin[:, None] == origin) & ~np.eye(len(X), dtype=bool)
        np.testing.assert_allclose(graph[same], 1, atol=1e-9)


def test_a_single_point():
    graph = NeighborGraph([[1.0, 2.0]]).weights(5)
    assert graph.shape == (1, 1)
    assert graph.nnz == 0
    assert NeighborGraph([[1.0, 2.0]]).bridge([[3.0, 4.0], [1.0, 2.0]], 5).toarray().tolist() == [
        [1],
        [1],
    ]


@settings(deadline=None, max_examples=25, derandomize=True, database=None)
@given(st.integers(0, 10**6), st.integers(3, 60))
def test_with_all_neighbors_every_two_points_have_an_edge(seed, n):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    for k in (n - 1, n, n + 5):
        graph = NeighborGraph(X).weights(k)
        assert graph.nnz == n * (n - 1)
        assert (graph.data > np.exp(-4) - 1e-12).all()  # r_k is the farthest of its own row
        assert connected_components(graph)[0] == 1


@pytest.mark.parametrize("n_neighbors", [0, -1, 2.0, True, None, "5"])
def test_bad_numbers_of_neighbors(n_neighbors):
    message = f"^n_neighbors is {n_neighbors!r}; allowed are integers of at least 1$"
    with pytest.raises(ValueError, match=message):
        NeighborGraph(np.eye(3)).weights(n_neighbors)


def test_neighbors_are_searched_for_once(monkeypatch):
    rng, searches = np.random.default_rng(0), []
    X, X_new, other = rng.normal(size=(30, 2)), rng.normal(size=(5, 2)), rng.normal(size=(5, 2))

    def counting(X, n_neighbors, queries=None):
        searches.append(n_neighbors)
        return nearest_neighbors(X, n_neighbors, queries)

    monkeypatch.setattr("alvae._graphs.nearest_neighbors", counting)
    graph = NeighborGraph(X)
    assert searches == []
    assert graph.weights(4) is graph.weights(4)
    first = graph.bridge(X_new, 3)
    assert graph.bridge(X_new.copy(), 3) is first
    assert searches == [4, 3]
    graph.bridge(X_new, 2)
    graph.weights(5)
    assert searches == [4, 3, 2, 5]
    in_place = X_new.copy()
    graph.bridge(in_place, 3)
    in_place[:] = other
    assert (graph.bridge(in_place, 3) != NeighborGraph(X).bridge(other, 3)).nnz == 0
    assert (graph.bridge(other, 3) != first).nnz > 0  # and not what is known of other points
    assert (graph.bridge(X_new, 3) != first).nnz == 0

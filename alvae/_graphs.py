"""Nearest-neighbor graphs, on which points are chosen and labels spread. Memory is O(n k)."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from alvae._checks import check_integer

MANY = 10_000  # points from which it pays to search on all cores
ROUNDING = 3e-7  # of a distance computed from products, as a share of the norm of the point


def nearest_neighbors(X, n_neighbors, queries=None):
    """Distances and indices of the nearest points of X, each (m, k), the nearest first.

    Of `queries` (m, d); without them, of the points of X themselves, each of which is then left out
    of its own neighbors.
    """
    # Trees in few dimensions, and blocked products in many: scikit-learn knows which.
    n_jobs = -1 if len(X) > MANY else None
    return NearestNeighbors(n_neighbors=n_neighbors, n_jobs=n_jobs).fit(X).kneighbors(queries)


def knn_graph(X, n_neighbors):
    """Symmetric weights between every point and its k nearest: csr (n, n).

    The weight of a neighbor is exp(-4 (r / r_k)^2) at the distance r, r_k being that of the k-th:
    the choice of the Poisson learning paper (Calder et al., 2020). Both directions are averaged.
    """
    check_integer("n_neighbors", n_neighbors, 1)
    n_neighbors = min(n_neighbors, len(X) - 1)
    if n_neighbors == 0:
        return csr_matrix((1, 1))
    graph = _weights(*nearest_neighbors(X, n_neighbors), X, len(X))
    return ((graph + graph.T) / 2).tocsr()


def bridge_to(X, queries, n_neighbors):
    """Weights between new points and their k nearest in X: csr (m, n), each row sums to 1."""
    found = nearest_neighbors(X, min(n_neighbors, len(X)), queries)
    weights = _weights(*found, queries, len(X))
    return normalize(weights, norm="l1")


def _weights(distances, neighbors, points, n):
    farthest = distances[:, -1:]
    # Where k points coincide with one, all of them are as near as can be; in many dimensions
    # distances come from products, which leave some rounding in the place of 0.
    apart = farthest > ROUNDING * np.linalg.norm(points, axis=1, keepdims=True)
    relative = np.divide(distances, farthest, out=np.zeros_like(distances), where=apart)
    rows = np.arange(0, neighbors.size + 1, neighbors.shape[1])
    weights = np.exp(-4 * relative**2).ravel()
    return csr_matrix((weights, neighbors.ravel(), rows), shape=(len(neighbors), n))

"""Nearest-neighbor graphs in loops, with which the fast ones are compared."""

import numpy as np
from scipy.spatial.distance import cdist


def brute_force_weights(distances, k):
    """exp(-4 (r / r_k)^2) for the k nearest in each row, in loops."""
    weights = np.zeros(distances.shape)
    for i, row in enumerate(distances):
        nearest = sorted(range(len(row)), key=row.__getitem__)[:k]
        for j in nearest:
            weights[i, j] = np.exp(-4 * (row[j] / row[nearest[-1]]) ** 2)
    return weights


def brute_force_graph(X, k):
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    weights = brute_force_weights(distances, min(k, len(X) - 1))
    return (weights + weights.T) / 2

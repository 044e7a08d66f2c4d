"""Measures of a selection and of a space: how well points cover a pool, and how it clusters."""

import numpy as np
from scipy.spatial import KDTree
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from alvae._checks import check_integer, check_points, check_seed, naming

BLOCK = 4096  # points handled at a time: bounds the memory, changes no result


def covering_radius(X, selected):
    """Largest Euclidean distance from a point to its nearest selected point: the paper's (3).

    Exact, in double precision. The n x B matrix of distances is never formed.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points; finite.
    selected : array-like of shape (B,)
        Distinct indices into X, at least one.

    Returns
    -------
    float
        In the units of X; 0 if every point coincides with a selected one.

    Raises
    ------
    ValueError
        If X is not a finite (n, d) array, or `selected` not distinct indices into it.
    """
    return max(float(distances.max()) for distances in _to_nearest(X, selected))


def mean_distance(X, selected):
    """Mean Euclidean distance from a point to its nearest selected point.

    What the covering radius is for the worst point, this is for the average one. Exact, in double
    precision; the n x B matrix of distances is never formed.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points; finite.
    selected : array-like of shape (B,)
        Distinct indices into X, at least one.

    Returns
    -------
    float
        In the units of X; selected points count, with 0.

    Raises
    ------
    ValueError
        If X is not a finite (n, d) array, or `selected` not distinct indices into it.
    """
    return sum(float(distances.sum()) for distances in _to_nearest(X, selected)) / len(X)


def _to_nearest(X, selected):
    """Distances of the points to the nearest selected one, block by block."""
    X = check_points("X", X)
    with naming("selected", selected):
        selected = np.asarray(selected)
    if selected.ndim != 1 or selected.size == 0 or selected.dtype.kind not in "iu":
        raise ValueError(
            f"selected has shape {selected.shape} and dtype {selected.dtype}; "
            "it must be a list of integers, at least one"
        )
    if selected.min() < 0 or selected.max() >= len(X):
        raise ValueError(
            f"selected is from {selected.min()} to {selected.max()}; "
            f"allowed are indices from 0 to {len(X) - 1}"
        )
    if len(np.unique(selected)) < len(selected):
        raise ValueError("selected contains an index twice; its indices must be distinct")
    nearest = KDTree(X[selected])
    return (nearest.query(X[rows], workers=-1)[0] for rows in gen_batches(len(X), BLOCK))


def kmeans_nmi(X, labels, n_clusters=None, n_init=10, random_state=0):
    """Normalized mutual information of the K-means clusters of X with labels.

    Mutual information over the arithmetic mean of the two entropies: the measure by which Section 4
    compares the latent space with the input space.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points; finite.
    labels : array-like of shape (n,)
        The class of each point.
    n_clusters : int, default=None
        Number of clusters K. None: the number of classes in `labels`.
    n_init : int, default=10
        Runs of K-means, of which the best counts.
    random_state : int or None, default=0
        Seed of K-means.

    Returns
    -------
    float
        From 0, independent, to 1, the same partition.

    Raises
    ------
    ValueError
        If the lengths differ, or `n_clusters` is not from 1 to n.
    """
    X = check_points("X", X)
    with naming("labels", labels):
        labels = np.asarray(labels)
        if labels.shape != (len(X),):
            raise ValueError(f"labels has shape {labels.shape}; it must have shape ({len(X)},)")
        classes = np.unique(labels)
    n_clusters = len(classes) if n_clusters is None else n_clusters
    check_integer("n_clusters", n_clusters, 1, len(X), "the number of points")
    check_integer("n_init", n_init, 1)
    check_seed("random_state", random_state)
    with threadpool_limits(1):  # so that sums are taken in the same order, on any number of cores
        clusters = KMeans(n_clusters, n_init=n_init, random_state=random_state).fit_predict(X)
    with naming("labels", labels):
        return float(normalized_mutual_info_score(labels, clusters))

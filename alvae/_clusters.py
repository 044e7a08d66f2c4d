"""K-means, for pools of any size, and the members of its clusters. Memory beside X is O(n)."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

MINI_BATCH = 2**16  # points up to which every step of K-means takes all of them
BATCH_PER_CLUSTER = 16  # points of a mini-batch for each cluster
SAMPLE = 10**6  # points at most from which mini-batches are drawn
SAMPLE_VALUES = 2**27  # values at most of these points


class Clusters(NamedTuple):
    """A partition of the points of a pool.

    Parameters
    ----------
    labels : integer ndarray of shape (n,)
        The cluster of each point, from 0.
    order : integer ndarray of shape (n,)
        The points, cluster by cluster.
    """

    labels: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, labels):
        """The partition with these labels."""
        dtype = np.int32 if len(labels) < 2**31 else np.int64
        return cls(labels, np.argsort(labels, kind="stable").astype(dtype, copy=False))

    def members(self, n_clusters, among=None):
        """The points of each cluster, a list of arrays; only those where the mask `among` is True.

        Clusters without a point have an empty array.
        """
        order, labels = self.order, self.labels
        if among is not None and not among.all():
            order, labels = order[among[order]], labels[among]
        ends = np.cumsum(np.bincount(labels, minlength=n_clusters))
        return np.split(order, ends[:-1])


def kmeans(X, n_clusters, rng, n_init=1, max_iter=300, init="k-means++"):
    """The K-means cluster of each point, (n,); in a large pool, learned from mini-batches [1]_.

    Hundreds of clusters start well enough from "random" points, in a tenth of the time.
    Mini-batches are drawn from a random sample of at most a million points and 2^27 values, and
    take at most 100 steps.

    References
    ----------
    .. [1] D. Sculley, "Web-Scale K-Means Clustering", WWW 2010.
    """
    options = {"init": init, "n_init": n_init, "max_iter": max_iter}
    options["random_state"] = int(rng.integers(2**31))
    with warnings.catch_warnings():
        # With fewer distinct points than clusters some stay empty, which callers provide for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if len(X) <= MINI_BATCH:
            return KMeans(n_clusters, **options).fit_predict(X)
        options |= {"batch_size": BATCH_PER_CLUSTER * n_clusters, "max_iter": 100}
        mini_batch = MiniBatchKMeans(n_clusters, compute_labels=False, **options)
        sample, most = X, max(n_clusters, min(SAMPLE, SAMPLE_VALUES // X.shape[1]))
        if len(X) > most:
            sample = X[np.sort(rng.choice(len(X), most, replace=False, shuffle=False))]
        return mini_batch.fit(sample).predict(X)

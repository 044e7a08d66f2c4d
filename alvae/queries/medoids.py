"""One point of each of many clusters: medoids of K-means, TypiClust, spectral clusters."""

from itertools import count
from typing import ClassVar

import numpy as np
from scipy.linalg import eigh, qr, svd
from scipy.sparse import csr_matrix

from alvae._checks import check_generator, check_integer, check_points
from alvae._clusters import Clusters, kmeans
from alvae._graphs import graph_of, nearest_neighbors
from alvae.queries.base import QueryStrategy

MAX_ITER = 50  # steps of K-means: the last ones hardly move a medoid
MAX_ITER_SMALL = 10  # steps for the small clusters, which are joined again
MOST_SMALL = 2**12  # small clusters: their affinities are a dense matrix


class OnePerCluster(QueryStrategy):
    """Base of the strategies that take the best point of each of many clusters.

    There are as many clusters as labeled points and points to choose together, so that at least
    `batch_size` of them hold no label. Clusters with the fewest labeled points come first, of these
    the largest; each gives its best point, and if all have, because some are empty, its next best.

    A subclass writes `_partition(X, n_clusters, rng, prepared)`, the cluster of each point, and may
    write `_rank(X, members)`, a number for each point of a cluster, lowest for the best: where it
    does not, the best point is the one nearest to the mean of its cluster.
    """

    max_clusters = np.inf

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        labeled = ~np.isnan(y)
        n_clusters = min(np.count_nonzero(labeled) + batch_size, len(X), self.max_clusters)
        clusters = Clusters.of(self._partition(X, n_clusters, rng, prepared))
        sizes = np.bincount(clusters.labels)
        n_labeled = np.bincount(clusters.labels[labeled], minlength=len(sizes))
        members = clusters.members(len(sizes))
        turns = [k for k in np.lexsort((-sizes, n_labeled)) if n_labeled[k] < sizes[k]]
        best_first, chosen = {}, []
        for nth in count():
            for k in turns:
                if k not in best_first:
                    ranked = members[k][np.argsort(self._rank(X, members[k]), kind="stable")]
                    best_first[k] = ranked[~labeled[ranked]]
                chosen.extend(best_first[k][nth : nth + 1])
                if len(chosen) == batch_size:
                    return chosen

    def _rank(self, X, members):
        points = X[members]
        return np.square(points - points.mean(axis=0)).sum(axis=1)


class KMeansMedoids(OnePerCluster):
    """Take the point nearest to the center of each of B K-means clusters [1]_.

    Where points are labeled, their number is added to the clusters, and the largest clusters
    without a label are chosen from. Pools of more than 65,536 points are clustered by mini-batches;
    memory beside X is O(n).

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_init : int, default=1
        Runs of K-means, of which the best counts.

    References
    ----------
    .. [1] F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019; here without
       its weights of uncertainty, for a cold start.
    """

    variants: ClassVar = {"medoids": {}}

    def __init__(self, random_state=None, n_init=1):
        self.random_state = random_state
        self.n_init = n_init

    def check_params(self, n, batch_size=None):
        check_integer("n_init", self.n_init, 1)

    def _partition(self, X, n_clusters, rng, prepared):
        return kmeans(X, n_clusters, rng, self.n_init, MAX_ITER)


class TypiClust(OnePerCluster):
    """Take the most typical point of each of B K-means clusters [1]_.

    The most typical point of a cluster is the one with the smallest mean distance to its nearest
    neighbors in the cluster: the densest one. Where points are labeled, their number is added to
    the clusters, and the largest clusters without a label are chosen from.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=20
        Neighbors of which the mean distance is taken, or as many as the cluster has.
    max_clusters : int, default=500
        Most clusters there may be.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active Learning on a Budget: Opposite Strategies
       Suit High and Low Budgets", ICML 2022.
    """

    variants: ClassVar = {"TypiClust": {}}

    def __init__(self, random_state=None, n_neighbors=20, max_clusters=500):
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.max_clusters = max_clusters

    def check_params(self, n, batch_size=None):
        check_integer("n_neighbors", self.n_neighbors, 1)
        check_integer("max_clusters", self.max_clusters, 1)

    def _partition(self, X, n_clusters, rng, prepared):
        return kmeans(X, n_clusters, rng, max_iter=MAX_ITER)

    def _rank(self, X, members):
        n_neighbors = min(self.n_neighbors, len(members) - 1)
        if n_neighbors == 0:
            return np.zeros(1)
        return nearest_neighbors(X[members], n_neighbors)[0].mean(axis=1)


class SpectralMedoids(OnePerCluster):
    """Take the most central point of each of the B largest clusters of the nearest-neighbor graph.

    K-means cuts a class of elongated shape in two, and joins two classes that lie side by side. A
    nearest-neighbor graph has few edges between classes, and spectral clustering cuts it there
    [1]_. Not points but a few hundred small K-means clusters are cut, joined by the weight of the
    edges between them [2]_: so time stays near that of K-means, and memory beside X is O(n k). The
    point of a cluster that is nearest to its mean is chosen.

    With exactly B clusters two classes that touch may share one where another class has two. So
    there is one more than B, and the smallest is left out. If more were left out, a rare class
    would be among them.

    Where points are labeled, their number is added to the clusters, and the largest clusters
    without a label are chosen from.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=10
        Neighbors k of each point in the graph.
    n_small_clusters : int, default=300
        Small clusters; four times the clusters to be cut where that is more, and at most 4,096.
    excess : int, default=1
        How many more clusters there are than points to choose.

    References
    ----------
    .. [1] A. Damle, V. Minden and L. Ying, "Simple, direct and efficient multi-way spectral
       clustering", Information and Inference 8, 2019.
    .. [2] D. Yan, L. Huang and M. I. Jordan, "Fast Approximate Spectral Clustering", KDD 2009.
    """

    variants: ClassVar = {"spectral": {}}

    def __init__(self, random_state=None, n_neighbors=10, n_small_clusters=300, excess=1):
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.n_small_clusters = n_small_clusters
        self.excess = excess

    def check_params(self, n, batch_size=None):
        check_integer("n_neighbors", self.n_neighbors, 1)
        check_integer("n_small_clusters", self.n_small_clusters, 1)
        check_integer("excess", self.excess, 0)

    def _prepare(self, X, graph, rng):
        graph = graph_of(X, graph)
        graph.weights(self.n_neighbors)
        return graph

    def cluster(self, X, n_clusters, *, prepared=None):
        """Cut the nearest-neighbor graph into clusters, without choosing points.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool; finite.
        n_clusters : int
            At most n. There are no more, whatever `excess` is, and some may be empty.
        prepared : object, default=None
            What `prepare(X)` returned; computed here where it is left out.

        Returns
        -------
        ndarray of shape (n,)
            The cluster of each point, from 0 on.

        Raises
        ------
        ValueError
            If a parameter is outside its range.
        """
        X = check_points("X", X)
        self.check_params(len(X))
        check_integer("n_clusters", n_clusters, 1, len(X), "the number of points")
        return self._cut(X, n_clusters, check_generator(self.random_state), prepared)

    def _partition(self, X, n_clusters, rng, prepared):
        return self._cut(X, n_clusters + self.excess, rng, prepared)

    def _cut(self, X, n_clusters, rng, prepared):
        weights = graph_of(X, prepared).weights(self.n_neighbors)
        n_small = min(max(self.n_small_clusters, 4 * n_clusters), len(X), MOST_SMALL)
        small = kmeans(X, n_small, rng, max_iter=MAX_ITER_SMALL, init="random")
        used, small = np.unique(small, return_inverse=True)
        if n_clusters >= len(used):  # nothing to join
            return small
        member_of = csr_matrix((np.ones(len(X)), (small, np.arange(len(X)))))
        between = (member_of @ weights @ member_of.T).toarray()
        # A tiny weight joins what no edge joins, so that no part is lost.
        between += 1e-6 * between.mean()
        return spectral_clusters(between, n_clusters)[small]


def spectral_clusters(weights, n_clusters):
    """Clusters of the nodes of a graph between which few edges run: the cluster of each, (n,).

    The leading eigenvectors of the normalized weights, then a pivoted QR factorization, which finds
    a representative of each cluster [1]_. The diagonal counts: a node may be a group of points that
    is joined to nothing but itself.

    Parameters
    ----------
    weights : ndarray of shape (n, n)
        Symmetric; no row adds up to 0.
    n_clusters : int
        Less than n; some of the clusters may be empty.

    References
    ----------
    .. [1] A. Damle, V. Minden and L. Ying, "Simple, direct and efficient multi-way spectral
       clustering", Information and Inference 8, 2019.
    """
    n, scale = len(weights), 1 / np.sqrt(weights.sum(axis=1))
    normalized = weights * scale[:, None] * scale
    _, vectors = eigh(normalized, subset_by_index=[n - n_clusters, n - 1])
    _, representatives = qr(vectors.T, mode="r", pivoting=True)
    u, _, v = svd(vectors[representatives[:n_clusters]].T)
    return np.abs(vectors @ (u @ v)).argmax(axis=1)

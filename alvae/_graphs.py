"""The nearest-neighbor graph on which points are chosen and labels spread. Memory is O(n k)."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

from alvae._checks import check_integer, check_points
from alvae._clusters import kmeans

MOST_CELLS = 300
POINTS_PER_CELL = 50
MANY = 10_000  # points from which it pays to search on all cores
ALL_PAIRS = 10**10  # pairs of points up to which all are compared: a pool of 100,000 with itself
TREES = 5  # dimensions up to which trees, which are exact, are fast in any pool
LINKS = 16  # of a point in the graph in which neighbors of large pools are searched for,
REACH = 64  # and how many points a search keeps in mind
JITTER = 1e-5  # by which points are moved for that search, as a share of the size of the pool
FAR = 1e15  # times the size of the pool: still a number when squared as a float32
ROUNDING = 3e-7  # of a distance computed from products, as a share of the norm of the point


class NeighborGraph:
    """The nearest-neighbor graph of the points of a space.

    A value that query strategies, classifiers and predictions share. Neighbors are searched for
    when they are first asked for, once for each number of them, and so are those of new points,
    of which the latest are kept.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The points; finite. The array must not be changed while the graph is in use.

    Examples
    --------
    >>> graph = NeighborGraph(codes)  # doctest: +SKIP
    >>> chosen = SpectralMedoids().query(codes, batch_size=20, prepared=graph)  # doctest: +SKIP
    >>> classifier = PoissonLearning().fit(codes, y, prepared=graph)  # doctest: +SKIP
    """

    def __init__(self, X):
        self.X = check_points("X", X)
        self._weights = {}
        self._latest = np.empty(0), {}  # new points, and their bridges

    def __deepcopy__(self, memo):
        """Itself: a value, and costly to find again."""
        return self

    @cached_property
    def cells(self):
        """The small cluster of each point, (n,): the pool from afar."""
        n_cells = min(1 + len(self.X) // POINTS_PER_CELL, MOST_CELLS)
        return kmeans(self.X, n_cells, np.random.default_rng(0), max_iter=10, init="random")

    def weights(self, n_neighbors=10):
        """Symmetric weights between every point and its nearest neighbors.

        The weight of a neighbor is exp(-4 (r / r_k)^2) at the distance r, r_k being that of the
        k-th: the choice of the Poisson learning paper (Calder et al., 2020). Both directions are
        averaged.

        Parameters
        ----------
        n_neighbors : int, default=10
            Neighbors k of each point; where there are fewer others, all of them.

        Returns
        -------
        csr_matrix of shape (n, n)
        """
        check_integer("n_neighbors", n_neighbors, 1)
        k = min(n_neighbors, len(self.X) - 1)
        if k not in self._weights:
            self._weights[k] = self._symmetric(k)
        return self._weights[k]

    def bridge(self, X_new, n_neighbors=10):
        """Weights between new points and their nearest neighbors in the pool.

        The same weights as between the points of the pool; each row adds up to 1.

        Parameters
        ----------
        X_new : array-like of shape (m, d)
        n_neighbors : int, default=10
            Neighbors of each; where the pool has fewer points, all of these.

        Returns
        -------
        csr_matrix of shape (m, n)
        """
        check_integer("n_neighbors", n_neighbors, 1)
        X_new = check_points("X_new", X_new)
        latest, bridges = self._latest
        if not np.array_equal(X_new, latest):
            # A copy, as the array may change later; and one pair, as threads may share the graph.
            self._latest = _, bridges = X_new.copy(), {}
        k = min(n_neighbors, len(self.X))
        if k not in bridges:
            found = nearest_neighbors(self.X, k, X_new)
            bridges[k] = normalize(_weights(*found, X_new, len(self.X)), norm="l1")
        return bridges[k]

    def _symmetric(self, k):
        if k == 0:
            return csr_matrix((1, 1))
        graph = _weights(*nearest_neighbors(self.X, k), self.X, len(self.X))
        return ((graph + graph.T) / 2).tocsr()


def graph_of(X, given=None):
    """The NeighborGraph of X: the one that is given, which must be of X, or a new one."""
    if given is None:
        return NeighborGraph(X)
    if not isinstance(given, NeighborGraph):
        raise ValueError(f"prepared is a {type(given).__name__}; it must be the NeighborGraph of X")
    if given.X is not X and not np.array_equal(given.X, X):
        raise ValueError("prepared is the NeighborGraph of other points; it must be that of X")
    return given


def nearest_neighbors(X, n_neighbors, X_new=None):
    """Distances and indices of the nearest points of X, each (m, k), the nearest first.

    Of `X_new` (m, d); without them, of the points of X themselves, each of which is then left out
    of its own neighbors. Where there are more than 10^10 pairs of points, in more than 5
    dimensions, some are missed for farther ones [1]_: of 60,000 codes of 16 dimensions two in a
    thousand, of a million points twenty, of points of hundreds of dimensions more.

    References
    ----------
    .. [1] Y. Malkov and D. Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search
       Using Hierarchical Navigable Small World Graphs", IEEE TPAMI 42, 2020.
    """
    n_pairs = len(X) * len(X if X_new is None else X_new)
    if n_pairs > ALL_PAIRS and X.shape[1] > TREES:
        return _navigate(X, n_neighbors, X_new)
    return _compare_all(X, n_neighbors, X_new)


def _compare_all(X, k, X_new):
    # Trees in few dimensions, blocked products in many: scikit-learn chooses.
    n_jobs = -1 if len(X) > MANY else None
    return NearestNeighbors(n_neighbors=k, n_jobs=n_jobs).fit(X).kneighbors(X_new)


def _navigate(X, k, X_new):
    from usearch.index import Index  # here: few pools are so large

    rng = np.random.default_rng(0)
    center = np.median(X, axis=0)
    apart = np.abs(X - center).max(axis=1)
    size = np.median(apart) or apart.max() or 1  # a few points far out change nothing

    def shrunk(points):  # float32 is then enough
        return np.clip((points - center) / size, -FAR, FAR).astype(np.float32)

    # Points that coincide would hide each other: apart from their kind nothing links them.
    points = shrunk(X) + JITTER * rng.standard_normal(X.shape, dtype=np.float32)
    options = {"connectivity": LINKS, "expansion_add": REACH, "expansion_search": REACH}
    index = Index(ndim=X.shape[1], metric="l2sq", dtype="f32", **options)
    order = rng.permutation(len(X))  # a pool in order would make long detours
    index.add(order, points[order], threads=1)  # by one: the same graph each time

    own = X_new is None
    found = index.search(points if own else shrunk(X_new), k + own)
    indices, X_new = found.keys.astype(np.intp), X if own else X_new
    if (few := found.counts < k + own).any():
        indices[few] = _compare_all(X, k + own, X_new[few])[1]
    if own:
        others = indices != np.arange(len(X))[:, None]
        others[others.all(axis=1), -1] = False  # it may not have found itself
        indices = indices[others].reshape(-1, k)
    distances = np.empty(indices.shape)
    for rows in gen_batches(len(X_new), MANY):
        apart = X_new[rows, None] - X[indices[rows]]
        distances[rows] = np.linalg.norm(apart, axis=2)
    nearest_first = np.argsort(distances, axis=1, kind="stable")
    return tuple(np.take_along_axis(table, nearest_first, 1) for table in (distances, indices))


def _weights(distances, neighbors, points, n):
    farthest = distances[:, -1:]
    # Where k points coincide with one, all of them are as near as can be; in many dimensions
    # distances come from products, which leave some rounding in place of 0.
    apart = farthest > ROUNDING * np.linalg.norm(points, axis=1, keepdims=True)
    relative = np.divide(distances, farthest, out=np.zeros_like(distances), where=apart)
    rows = np.arange(0, neighbors.size + 1, neighbors.shape[1])
    weights = np.exp(-4 * relative**2).ravel()
    return csr_matrix((weights, neighbors.ravel(), rows), shape=(len(neighbors), n))

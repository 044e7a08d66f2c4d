"""Points that cover the others: balls of one radius (ProbCover), a smooth kernel (MaxHerding)."""

from heapq import heapify, heappop, heapreplace
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist, pdist
from sklearn.utils import gen_batches

from alvae._checks import check_integer, check_number, check_prepared, shown
from alvae._clusters import kmeans
from alvae.queries.base import QueryStrategy

PAIRS = 2**22  # distances formed at a time


class Balls(NamedTuple):
    """Balls around the points of a pool, all of one radius, and how many points each holds."""

    radius: float
    degrees: np.ndarray


class ProbCover(QueryStrategy):
    """Take the point whose ball covers most points not yet covered, again and again [1]_.

    The balls have one radius: the largest at which the balls of a share `purity` of all points lie
    inside one K-means cluster, exactly. Labeled points cover from the start. Ties, and all
    choices once everything is covered, are random. The balls are counted, and only those of points
    newly covered are listed, so that memory beside X is O(n); in few dimensions, time grows with
    the pairs within the radius.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_classes : int, default=10
        Number of K-means clusters: the classes there are, or a guess.
    purity : float, default=0.95
        Share of pure balls, above 0 and at most 1.
    radius : float, default=None
        The radius itself, in the units of X, instead of the one that purity gives.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen and D. Weinshall, "Active Learning Through a Covering
       Lens", NeurIPS 2022.
    """

    variants: ClassVar = {"ProbCover": {}}

    def __init__(self, random_state=None, n_classes=10, purity=0.95, radius=None):
        self.random_state = random_state
        self.n_classes = n_classes
        self.purity = purity
        self.radius = radius

    def check_params(self, n, batch_size=None):
        if self.radius is not None:
            check_number("radius", self.radius, 0)
        elif n > 1:
            check_integer("n_classes", self.n_classes, 2, n, "the number of points")
            check_number("purity", self.purity, 0, inclusive=False)
            if self.purity > 1:
                raise ValueError(f"purity is {shown(self.purity)}; it must be at most 1")

    def _prepare(self, X, graph, rng):
        radius = self._pure_radius(X, rng) if self.radius is None else self.radius
        lengths = KDTree(X).query_ball_point(X, radius, workers=-1, return_length=True)
        return Balls(float(radius), np.asarray(lengths, dtype=np.int64))

    def _pure_radius(self, X, rng):
        if len(X) == 1:
            return 0.0
        clusters = kmeans(X, self.n_classes, rng)
        if clusters.min() == clusters.max():
            return 0.0  # all points are equal
        to_others = np.empty(len(X))  # distance to the nearest point of another cluster
        for k in np.unique(clusters):
            inside = clusters == k
            to_others[inside] = KDTree(X[~inside]).query(X[inside], workers=-1)[0]
        n_impure = int(np.floor((1 - self.purity) * len(X) + 1e-9))
        nearest = np.partition(to_others, min(n_impure, len(X) - 1))[min(n_impure, len(X) - 1)]
        return max(0.0, np.nextafter(nearest, 0))

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        check_prepared(isinstance(prepared, Balls) and prepared.degrees.shape == (len(X),))
        radius, degrees = prepared
        tree = KDTree(X)
        gains = degrees.copy()  # points not yet covered in each ball
        covered = np.zeros(len(X), dtype=bool)

        def inside(centers):
            """The points of the balls around these centers, one ball after the other."""
            lists = tree.query_ball_point(X[centers], radius, workers=-1)
            return np.concatenate([np.asarray(found, dtype=np.intp) for found in lists])

        def cover(centers):
            points = np.unique(inside(centers))
            points = points[~covered[points]]
            covered[points] = True
            for block in _blocks(degrees[points]):
                reached = inside(points[block])
                np.subtract(gains, np.bincount(reached, minlength=len(X)), out=gains)

        labeled = np.flatnonzero(~np.isnan(y))
        for block in _blocks(degrees[labeled]):
            cover(labeled[block])
        chosen, free = [], np.isnan(y)
        while len(chosen) < batch_size:
            most = gains[free].max()
            best = rng.choice(np.flatnonzero(free & (gains == most)))
            chosen.append(best)
            free[best] = False
            cover([best])
        return chosen


class MaxHerding(QueryStrategy):
    """Take the candidate that raises the mean similarity of all points to the chosen most [1]_.

    The similarity of two points is the Gaussian kernel; that of a point to the chosen and labeled
    ones is the largest. Candidates are drawn at random from the unlabeled points. What a candidate
    adds can only fall, so that most need not be looked at again [2]_; the choice is the greedy one.
    The kernel of all points is never formed, and memory beside X is O(n).

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_candidates : int, default=500
        Candidates; as many as are chosen where that is more.
    length_scale : float, default=None
        Of the kernel exp(-r^2 / (2 l^2)), in the units of X. None: a quarter of the median distance
        between candidates.

    References
    ----------
    .. [1] W. Bae, J. Noh and D. J. Sutherland, "Generalized Coverage for More Robust Low-Budget
       Active Learning", ECCV 2024.
    .. [2] M. Minoux, "Accelerated Greedy Algorithms for Maximizing Submodular Set Functions",
       Optimization Techniques, 1978.
    """

    variants: ClassVar = {"MaxHerding": {}}

    def __init__(self, random_state=None, n_candidates=500, length_scale=None):
        self.random_state = random_state
        self.n_candidates = n_candidates
        self.length_scale = length_scale

    def check_params(self, n, batch_size=None):
        check_integer("n_candidates", self.n_candidates, 1)
        if self.length_scale is not None:
            check_number("length_scale", self.length_scale, 0, inclusive=False)

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        n_candidates = min(max(self.n_candidates, batch_size), len(unlabeled))
        candidates = rng.choice(unlabeled, n_candidates, replace=False)
        scale = self.length_scale
        if scale is None:
            scale = _median_distance(X[candidates]) / 4 or 1.0

        def similarity(centers, points):
            return np.exp(cdist(X[centers], X[points], "sqeuclidean") / (-2 * scale**2))

        rows = max(1, PAIRS // n_candidates)
        similar = np.zeros(len(X))  # of each point to the labeled and chosen
        labeled = np.flatnonzero(~np.isnan(y))
        gains = np.zeros(n_candidates)
        for block in gen_batches(len(X), rows):
            for start in range(0, len(labeled), n_candidates):
                nearer = similarity(labeled[start : start + n_candidates], block).max(axis=0)
                np.maximum(similar[block], nearer, out=similar[block])
            gains += np.maximum(similarity(candidates, block) - similar[block], 0).sum(axis=1)

        heap = [(-gain, c, 0) for c, gain in enumerate(gains)]
        heapify(heap)
        chosen = []
        while len(chosen) < batch_size:
            _, c, known_at = heap[0]
            kernel = similarity(candidates[[c]], slice(None))[0]
            if known_at == len(chosen):  # no other can add more
                heappop(heap)
                chosen.append(candidates[c])
                np.maximum(similar, kernel, out=similar)
            else:
                gain = np.maximum(kernel - similar, 0).sum()
                heapreplace(heap, (-gain, c, len(chosen)))
        return chosen


def _median_distance(X):
    return float(np.median(pdist(X))) if len(X) > 1 else 0.0


def _blocks(costs):
    """Slices of points whose costs add up to about PAIRS, at least one point each."""
    ends = np.flatnonzero(np.diff(np.cumsum(costs) // PAIRS)) + 1
    return [slice(*ends) for ends in pairwise([0, *ends, len(costs)]) if ends[0] < ends[1]]

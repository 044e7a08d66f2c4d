"""Cuts of the nearest-neighbor graph in which no class is far too large or far too small."""

import warnings
from heapq import heappop, heappush
from itertools import count
from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.sparse.csgraph import dijkstra
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from alvae._checks import check_choice, check_integer, shown
from alvae.classifiers.graph import PoissonLearning, poisson_potentials

MANY_LABELS = 100
LEAST_LENGTH = 1e-3  # of an edge, in nats
STEPS = 5  # of diffusion between two cuts
SETTLED = 1e-4  # share of the points that may still change their class
ROUNDING = 1e-6  # of an expected size
GRID = 2.0**-40  # of scores, as a share of the greatest: sums of them are then exact
TIE = 1e-3  # weight of the potentials: deep inside a class diffusion tells no point from another


class PoissonMBO(PoissonLearning):
    """Poisson learning, and then a short cut through the graph between its classes [1]_ [2]_.

    Each point starts with the class that Poisson learning finds. Then, again and again, the classes
    diffuse for a few steps over the graph, labeled points staying what they are, and each point
    takes the class of which most arrived: borders move to where few edges cross them. That alone
    may let a class swallow others. So of all cuts with sizes within bounds the best one is taken.

    How large is a class? Two guesses: as large as `class_prior` says; or it has the points of the
    cells of its labels, a cell being what Poisson learning gives to a labeled point if each is a
    class of its own. The second is right where labels are spread over the pool. Between both
    guesses, and a little beyond, the sizes are free. Points that no label reaches are not counted.
    If `class_prior` is given as numbers, it is the only guess; with the true shares and bounds of
    (1, 1) the classes have their true sizes, as in [1]_.

    With up to 100 labels a potential is solved for each of them, and memory is O(n) for each.

    Parameters
    ----------
    n_neighbors : int, default=10
        Neighbors k of each point in the graph.
    class_prior : "balanced", "labels" or array-like of shape (n_classes,), default="balanced"
        As in `PoissonLearning`.
    tol : float, default=1e-3
        Relative residual at which the solver of Poisson learning stops.
    expected_sizes : "cells" or "prior", default="cells"
        The guesses at the sizes of the classes: both, or the prior alone, as where it is numbers.
        With more than 100 labels the cell of a label has the points that are nearest to it along
        the edges of the graph, which is all the same and faster.
    size_bounds : pair of float, default=(0.9, 1.1)
        Least size of a class, as a share of the smaller guess, in [0, 1]; and greatest, as one of
        the larger, at least 1; (0, inf) is no bound. Labeled points count, and keep their labels
        even where bounds are then violated.
    max_iter : int, default=100
        Maximum number of cuts after the first, which is made from the potentials.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    scores_ : ndarray of shape (n, n_classes)
        The share of each class that arrived at every point of the pool; of the class that the cut
        gives to the point, no less than of others.
    transduction_ : ndarray of shape (n,)
        The class predicted for every point of the pool.
    n_iter_ : int
        Cuts that were made, after the first one.

    References
    ----------
    .. [1] J. Calder, B. Cook, M. Thorpe and D. Slepcev, "Poisson Learning: Graph Based
       Semi-Supervised Learning At Very Low Label Rates", ICML 2020: PoissonMBO.
    .. [2] M. Jacobs, E. Merkurjev and S. Esedoglu, "Auction Dynamics: A Volume Constrained MBO
       Scheme", Journal of Computational Physics 354, 2018: bounds on the sizes.
    """

    variants: ClassVar = {"PoissonMBO": {}}

    def __init__(
        self,
        n_neighbors=10,
        class_prior="balanced",
        tol=1e-3,
        expected_sizes="cells",
        size_bounds=(0.9, 1.1),
        max_iter=100,
    ):
        super().__init__(n_neighbors, class_prior, tol)
        self.expected_sizes = expected_sizes
        self.size_bounds = size_bounds
        self.max_iter = max_iter

    def _check(self, counts, weights):
        super()._check(counts, weights)
        check_integer("max_iter", self.max_iter, 1)
        check_choice("expected_sizes", self.expected_sizes, ("cells", "prior"))
        bounds = self.size_bounds
        if (
            not isinstance(bounds, tuple | list | np.ndarray)
            or getattr(bounds, "ndim", 1) != 1
            or len(bounds) != 2
            or not all(isinstance(bound, Real) and not isinstance(bound, bool) for bound in bounds)
            or not 0 <= bounds[0] <= 1 <= bounds[1]
        ):
            raise ValueError(
                f"size_bounds is {shown(bounds)}; it must be two numbers, the first in [0, 1] and "
                "the second at least 1"
            )

    def _spread(self, edges, labeled, codes, weights):
        if len(self.classes_) == 1:
            self.n_iter_ = 0
            return super()._spread(edges, labeled, codes, weights)
        of_labels, cells, n_labels = None, None, np.bincount(codes)
        if self.expected_sizes == "cells" and isinstance(self.class_prior, str):
            if len(codes) > MANY_LABELS:
                cells = nearest_labeled(edges, labeled)
            else:
                each = np.arange(len(codes)), np.ones(len(codes))
                of_labels, _ = poisson_potentials(
                    edges, self._graph.cells, labeled, *each, self.tol
                )
                cells = of_labels.argmax(axis=1)
        potentials, reached = super()._spread(edges, labeled, codes, weights, of_labels)
        guesses = [np.count_nonzero(reached) * self._prior(np.bincount(codes, weights))]
        if cells is not None:
            guesses.append(np.bincount(codes[cells[reached]], minlength=len(n_labels)))
        least = self.size_bounds[0] * np.min(guesses, axis=0)
        with np.errstate(over="ignore"):
            most = self.size_bounds[1] * np.max(guesses, axis=0)
        # Labeled points are what they are: the others fill up the classes.
        bounds = (
            np.floor(least + ROUNDING) - n_labels,
            np.maximum(np.ceil(most - ROUNDING) - n_labels, 0),
        )
        # With the points of a cell side by side, neighbors are in the cache.
        near = np.argsort(self._graph.cells, kind="stable")
        place = np.argsort(near)
        edges = edges[near][:, near]
        scores = self._cut(edges, potentials[near], place[labeled], codes, reached[near], bounds)
        return scores[place], reached

    def _cut(self, edges, potentials, labeled, codes, reached, bounds):
        """Scores of which the greatest are those of the cut."""
        potentials = potentials / (np.abs(potentials).max() or 1)
        average = normalize(edges, norm="l1")  # of the neighbors of each point
        free = reached.copy()
        free[labeled] = False
        one_hot = np.eye(len(self.classes_))
        cut = np.zeros(len(potentials), dtype=int)
        cut[labeled] = codes
        cut[free] = best_labels(potentials[free], *bounds)
        before = cut
        for self.n_iter_ in count(1):
            arrived = one_hot[cut]
            for _ in range(STEPS):
                arrived = average @ arrived
                arrived[labeled] = one_hot[codes]
            scores = arrived + TIE * potentials
            earlier, before, cut = before, cut, cut.copy()
            cut[free] = best_labels(scores[free], *bounds)
            # A few points may go to and fro for ever.
            if np.mean(cut != before) <= SETTLED or (cut == earlier).all():
                break
            if self.n_iter_ == self.max_iter:
                message = f"the cut has not settled after max_iter={self.max_iter}"
                warnings.warn(message, ConvergenceWarning, stacklevel=4)
                break
        # Decided as it was cut, where a bound or a tie made the difference.
        scores[np.arange(len(cut)), cut] = np.nextafter(scores.max(axis=1), np.inf)
        return scores


def nearest_labeled(edges, labeled):
    """Which labeled point each point is nearest to, along the edges.

    The length of an edge of weight w is -log(w): with weights that fall with the squared distance,
    that distance squared. A short constant tells paths through points that coincide apart.

    Parameters
    ----------
    edges : csr matrix of shape (n, n)
        Symmetric weights of the graph, above 0.
    labeled : integer ndarray of shape (m,)

    Returns
    -------
    integer ndarray of shape (n,)
        Positions in `labeled`; 0 where no path leads to any.
    """
    lengths = edges.copy()
    lengths.data = LEAST_LENGTH - np.log(edges.data / edges.data.max())
    _, _, nearest = dijkstra(lengths, indices=labeled, min_only=True, return_predecessors=True)
    place = np.zeros(edges.shape[0], dtype=np.intp)
    place[labeled] = np.arange(len(labeled))
    return place[np.where(nearest >= 0, nearest, labeled[0])]


def best_labels(scores, least, most):
    """The labels of the highest sum of scores among those with class sizes within bounds.

    A transport problem. Each point starts with its best class. As long as a class is too large,
    and then as long as one is too small, a chain of moves from class to class makes up for one
    point at the least loss: a shortest path. Successive shortest paths keep the labels the best of
    those of their sizes [1]_. Where no moves are left, bounds stay violated.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
    least, most : float or array-like of shape (n_classes,)
        Bounds on the size of each class.

    Returns
    -------
    integer ndarray of shape (n,)

    References
    ----------
    .. [1] R. K. Ahuja, T. L. Magnanti and J. B. Orlin, "Network Flows", 1993, chapter 9.
    """
    n_classes = scores.shape[1]
    if len(scores):
        grid = GRID * 2.0 ** np.ceil(np.log2(np.abs(scores).max() or 1))
        scores = np.rint(scores / grid) * grid
    labels = scores.argmax(axis=1)
    sizes = np.bincount(labels, minlength=n_classes)
    n_moves = int(np.maximum(sizes - most, 0).sum() + np.maximum(least - sizes, 0).sum())
    if n_moves == 0:
        return labels
    losses = Losses(scores, labels, n_moves)
    while True:
        if (sizes > most).any():
            givers, takers = sizes > most, sizes < most
        elif (sizes < least).any():
            givers, takers = sizes > least, sizes < least
        else:
            break
        distances, before = shortest_paths(losses.least, np.where(givers, 0, np.inf))
        distances = np.where(takers, distances, np.inf)
        end = to = int(distances.argmin())
        if np.isinf(distances[end]):
            break
        moves = []
        while before[to] >= 0:
            moves.append((before[to], to))
            to = before[to]
        losses.move(moves)
        sizes[to] -= 1
        sizes[end] += 1
    return labels


class Losses:
    """What a move of a point from its class to another loses; the labels are changed in place.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
    labels : integer ndarray of shape (n,)
    n_moves : int
        How many chains of moves there will be. Each takes one point at most from a class, so that
        of each class the n_moves + 1 points of least loss are enough.

    Attributes
    ----------
    least : ndarray of shape (n_classes, n_classes)
        The least loss of a move from each class to each other, infinite where there is no point.
    """

    def __init__(self, scores, labels, n_moves):
        self.scores, self.labels = scores, labels
        n_classes = scores.shape[1]
        self.heaps = [[[] for _ in range(n_classes)] for _ in range(n_classes)]
        for a in range(n_classes):
            members = np.flatnonzero(labels == a)
            for b in set(range(n_classes)) - {a}:
                loss = scores[members, a] - scores[members, b]
                some = np.arange(len(loss))
                if n_moves < len(loss):
                    some = np.argpartition(loss, n_moves)[: n_moves + 1]
                some = some[np.argsort(loss[some], kind="stable")]  # a sorted list is a heap
                self.heaps[a][b] = [*zip(loss[some].tolist(), members[some].tolist(), strict=True)]
        self.least = np.full((n_classes, n_classes), np.inf)
        self._update(range(n_classes))

    def move(self, moves):
        """Move the point of least loss from a to b, for each pair of the chain."""
        points = [self.heaps[a][b][0][1] for a, b in moves]
        for i, (_, b) in zip(points, moves, strict=True):
            self.labels[i] = b
            for k, loss in enumerate((self.scores[i, b] - self.scores[i]).tolist()):
                if k != b:
                    heappush(self.heaps[b][k], (loss, i))
        self._update({k for pair in moves for k in pair})

    def _update(self, classes):
        for a in classes:
            for b, heap in enumerate(self.heaps[a]):
                while heap and self.labels[heap[0][1]] != a:
                    heappop(heap)
                self.least[a, b] = heap[0][0] if heap else np.inf


def shortest_paths(lengths, distances):
    """Bellman and Ford's: distances to all nodes, and the node before each, or -1.

    Parameters
    ----------
    lengths : ndarray of shape (m, m)
        Of the edge from each node to each other; no cycle is shorter than 0.
    distances : ndarray of shape (m,)
        0 where a path may begin, infinite elsewhere.
    """
    before = np.full(len(distances), -1)
    for _ in range(len(distances)):
        through = distances[:, None] + lengths
        least = through.min(axis=0)
        shorter = least < distances
        if not shorter.any():
            break
        distances = np.where(shorter, least, distances)
        before = np.where(shorter, through.argmin(axis=0), before)
    return distances, before

"""Classifiers that spread labels over the nearest-neighbor graph of the whole pool."""

import warnings
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize
from sklearn.semi_supervised import LabelSpreading
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from alvae._checks import check_integer, check_number, naming, shown
from alvae._graphs import graph_of, nearest_neighbors
from alvae.classifiers.base import PoolClassifier, labeled_only

MAX_ITER = 10_000  # of conjugate gradients
SINGULAR = 1e-9  # an eigenvalue that is taken for 0
FLOATS = (np.float64, np.float32)


class GraphClassifier(PoolClassifier):
    """Base of the classifiers that spread labels over the nearest-neighbor graph of a pool.

    A subclass stores `n_neighbors` among its parameters and writes `_check(counts, weights)`, which
    refuses parameters that do not suit the labels before anything long starts, and `_spread(edges,
    labeled, codes, weights)`: the scores of every point of the pool for every class, and whether
    some label reaches it.
    """

    def prepare(self, X, X_new=None, *, graph=None, n_labels=0, folder=None):
        """The nearest-neighbor graph of X, in which the neighbors of X_new are found, too."""
        check_integer("n_neighbors", self.n_neighbors, 1)
        graph = graph_of(X, graph)
        graph.weights(self.n_neighbors)
        if X_new is not None:
            graph.bridge(X_new, self.n_neighbors)
        return graph

    def fit(self, X, y, sample_weight=None, *, order=None, prepared=None):
        """Spread the labels over the pool.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool, labeled and unlabeled points alike; finite.
        y : array-like of shape (n,)
            Labels as numbers, NaN where unlabeled; at least one.
        sample_weight : array-like of shape (n,), default=None
            At least 0; how much the label of a point counts.
        order : ignored
        prepared : NeighborGraph, default=None
            That of X; made here where it is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or the parameters are not usable.
        """
        with naming("X", X):
            X = validate_data(self, X, None if y is None else "no_validation", dtype=FLOATS)
        with naming("y", y):
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
        _, targets, weights, labeled = labeled_only(X, y, sample_weight)
        if targets.dtype.kind == "f" and np.isinf(targets).any():
            raise ValueError("y contains infinity; labels must be finite, NaN where unlabeled")
        check_classification_targets(targets)
        self.classes_, codes = np.unique(targets, return_inverse=True)
        self._check(np.bincount(codes, weights), weights)
        self._graph = graph_of(X, prepared)
        edges = self._graph.weights(self.n_neighbors)
        self.scores_, reached = self._spread(edges, labeled, codes, weights)
        if not reached.all():
            # What no label reaches takes the class of the nearest labeled point.
            nearest = nearest_neighbors(X[labeled], 1, X[~reached])[1][:, 0]
            self.scores_[~reached] = np.eye(len(self.classes_))[codes[nearest]]
        self.transduction_ = self.classes_[self.scores_.argmax(axis=1)]
        return self

    def predict(self, X, *, prepared=None):
        """Predict the class of new points: the mean of the scores of their neighbors in the pool.

        Parameters
        ----------
        X : array-like of shape (m, d)
        prepared : ignored
            The graph that was fitted keeps the neighbors of the latest new points.

        Returns
        -------
        ndarray of shape (m,)
            The class of each, one of `classes_`. Those of the pool itself are in `transduction_`.
        """
        check_is_fitted(self)
        with naming("X", X):
            X = validate_data(self, X, dtype=FLOATS, reset=False)
        bridge = self._graph.bridge(X, self.n_neighbors)
        return self.classes_[(bridge @ self.scores_).argmax(axis=1)]


class PoissonLearning(GraphClassifier):
    """Labels as sources of a flow on the nearest-neighbor graph of the pool: Poisson learning [1]_.

    Every labeled point is a source of its class and a sink of all, so that sources and sinks
    cancel; the potential u of each class solves L u = b, L being the Laplacian of the graph, and a
    point belongs to the class of highest potential. Unlike label spreading this does not go flat
    where there are one or two labels per class. A new point takes the mean potential of its nearest
    neighbors in the pool.

    In a part of the graph that is not connected to the others, sources and sinks cancel among its
    own labels; where it has none, its points take the class of the nearest labeled point. A labeled
    point among many of another class may be given theirs.

    Parameters
    ----------
    n_neighbors : int, default=10
        Neighbors k of each point in the graph.
    class_prior : "balanced", "labels" or array-like of shape (n_classes,), default="balanced"
        How much the labels of each class count together: all classes the same; as many as were
        labeled; or these shares, in the order of `classes_`. A few labels say little about how
        large a class is, and with "labels" a class that happens to have more of them spreads.
    tol : float, default=1e-3
        Relative residual at which the solver stops.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    scores_ : ndarray of shape (n, n_classes)
        The potential of each class at every point of the pool.
    transduction_ : ndarray of shape (n,)
        The class predicted for every point of the pool.

    References
    ----------
    .. [1] J. Calder, B. Cook, M. Thorpe and D. Slepcev, "Poisson Learning: Graph Based
       Semi-Supervised Learning At Very Low Label Rates", ICML 2020.
    """

    variants: ClassVar = {
        "Poisson": {},
        "Poisson, labels as they come": {"class_prior": "labels"},
    }

    def __init__(self, n_neighbors=10, class_prior="balanced", tol=1e-3):
        self.n_neighbors = n_neighbors
        self.class_prior = class_prior
        self.tol = tol

    def prepare(self, X, X_new=None, *, graph=None, n_labels=0, folder=None):
        """The nearest-neighbor graph of X, its cells, and the neighbors of X_new in it."""
        graph = super().prepare(X, X_new, graph=graph, n_labels=n_labels, folder=folder)
        graph.cells  # noqa: B018 - made once for all that share the graph
        return graph

    def _check(self, counts, weights):
        check_integer("n_neighbors", self.n_neighbors, 1)
        check_number("tol", self.tol, 0, inclusive=False)
        self._prior(counts)

    def _spread(self, edges, labeled, codes, weights, of_labels=None):
        counts = np.bincount(codes, weights)
        weights = weights * (self._prior(counts) / counts)[codes]
        cells = self._graph.cells
        return poisson_potentials(edges, cells, labeled, codes, weights, self.tol, of_labels)

    def _prior(self, counts):
        if isinstance(self.class_prior, str):
            priors = {"balanced": np.ones(len(counts)), "labels": counts}
            if self.class_prior not in priors:
                raise ValueError(
                    f"class_prior is {shown(self.class_prior)}; allowed are 'balanced', 'labels' "
                    "and a number for each class"
                )
            prior = priors[self.class_prior]
        else:
            try:
                prior = np.asarray(self.class_prior, dtype=float)
            except (TypeError, ValueError):
                prior = np.empty(0)
            if prior.shape != counts.shape or not (prior > 0).all() or np.isinf(prior).any():
                raise ValueError(
                    f"class_prior is {shown(self.class_prior)}; it must be {len(counts)} positive "
                    "numbers, one for each labeled class"
                )
        return prior / prior.sum()


def poisson_potentials(edges, cells, labeled, codes, weights, tol, of_labels=None):
    """The potential of each class at every point: the solutions u of L u = b.

    Parameters
    ----------
    edges : csr matrix of shape (n, n)
        Symmetric weights of the graph.
    cells : integer ndarray of shape (n,)
        Small clusters, each of points near to each other: any will do, good ones are faster.
    labeled : integer ndarray of shape (m,)
    codes : integer ndarray of shape (m,)
        The classes of the labeled points, from 0 on, each at least once.
    weights : ndarray of shape (m,)
        How much of its class each labeled point is a source of.
    tol : float
        Relative residual at which the solver stops.
    of_labels : ndarray of shape (n, m), default=None
        The potentials if each labeled point is a class of its own, of weight 1. Nothing is left to
        solve then: potentials add up as their sources do.

    Returns
    -------
    potentials : ndarray of shape (n, n_classes)
    reached : boolean ndarray of shape (n,)
        Whether a label is in the same connected part of the graph.
    """
    one_hot = np.eye(codes.max() + 1)[codes]
    # Sources and sinks cancel in each connected part.
    n_parts, part = connected_components(edges, directed=False)
    totals = np.zeros((n_parts, one_hot.shape[1]))
    np.add.at(totals, part[labeled], weights[:, None] * one_hot)
    amounts = totals.sum(axis=1, keepdims=True)
    mean = np.divide(totals, amounts, out=np.zeros_like(totals), where=amounts > 0)
    sources = weights[:, None] * (one_hot - mean[part[labeled]])

    solved = of_labels is not None
    potentials = (
        of_labels @ sources if solved else _flows(edges, cells, part, labeled, sources, tol)
    )

    alone = np.count_nonzero(totals, axis=1) == 1  # parts in which one class is labeled
    potentials[alone[part]] = mean[part[alone[part]]]
    return potentials, amounts[part, 0] > 0


def _flows(edges, cells, part, labeled, sources, tol):
    """Solutions u of L u = b, a column for each of the sources at the labeled points.

    By conjugate gradients, with the Laplacian normalized on both sides, and with a preconditioner
    of two levels [1]_: what the residual has in common in each cell is solved for at once, and
    need not creep from point to point. Of all solutions in a connected part that of mean 0 is
    taken, the mean being weighted by the degrees.

    References
    ----------
    .. [1] A. Toselli and O. Widlund, "Domain Decomposition Methods", 2005, chapter 3.
    """
    n, n_classes = edges.shape[0], sources.shape[1]
    degrees = np.asarray(edges.sum(axis=1)).ravel()
    scale = np.divide(1, np.sqrt(degrees), out=np.zeros(n), where=degrees > 0)
    laplacian = (identity(n) - diags(scale) @ edges @ diags(scale)).tocsr()
    # What is constant in a group of points; in a connected part, the Laplacian makes 0 of it.
    of_cells, of_parts = (
        normalize(csr_matrix((np.sqrt(degrees), (groups, np.arange(n)))))
        for groups in (cells, part)
    )
    into_cells, into_parts = of_cells.T.tocsr(), of_parts.T.tocsr()
    values, vectors = np.linalg.eigh((of_cells @ laplacian @ into_cells).toarray())
    inverted = np.divide(1, values, out=np.zeros_like(values), where=values > SINGULAR)
    inverse = (vectors * inverted) @ vectors.T

    def without_constants(flow):
        return flow - into_parts @ (of_parts @ flow)

    def two_levels(residual):
        residual = without_constants(residual)
        return without_constants(residual + into_cells @ (inverse @ (of_cells @ residual)))

    preconditioner = LinearOperator((n, n), two_levels, dtype=float)
    potentials = np.zeros((n, n_classes))
    for k in range(n_classes):
        source = np.zeros(n)
        source[labeled] = scale[labeled] * sources[:, k]
        flow, unsolved = cg(laplacian, source, rtol=tol, maxiter=MAX_ITER, M=preconditioner)
        potentials[:, k] = scale * flow
        if unsolved:
            message = f"the potentials are not solved to tol={tol}"
            warnings.warn(message, ConvergenceWarning, stacklevel=5)
    return potentials


class GraphLabelSpreading(GraphClassifier):
    """scikit-learn's `LabelSpreading` [1]_ on the same graph and behind the same call.

    A point that no label reaches, in a part of the graph that has none, takes the class of the
    nearest labeled point. Where the iterations do not converge, there is a warning.

    Parameters
    ----------
    n_neighbors : int, default=10
        Neighbors k of each point in the graph.
    alpha : float, default=0.99
        How much a point takes from its neighbors, in (0, 1). scikit-learn's own default, 0.2, keeps
        a handful of labels close to where they are.
    max_iter : int, default=1000
        Most iterations; few labels take many to arrive everywhere.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    scores_ : ndarray of shape (n, n_classes)
        The share of each class at every point of the pool.
    transduction_ : ndarray of shape (n,)
        The class predicted for every point of the pool.
    n_iter_ : int
        Iterations that were made.

    References
    ----------
    .. [1] D. Zhou, O. Bousquet, T. N. Lal, J. Weston and B. Scholkopf, "Learning with Local and
       Global Consistency", NIPS 2003.
    """

    variants: ClassVar = {"label spreading": {}, "label spreading, alpha = 0.2": {"alpha": 0.2}}

    def __init__(self, n_neighbors=10, alpha=0.99, max_iter=1000):
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.max_iter = max_iter

    def _check(self, counts, weights):
        check_integer("n_neighbors", self.n_neighbors, 1)
        check_integer("max_iter", self.max_iter, 1)
        check_number("alpha", self.alpha, 0, inclusive=False)
        if self.alpha >= 1:
            raise ValueError(f"alpha is {self.alpha}; it must be below 1")
        if not (weights == weights[0]).all():
            raise ValueError("sample_weight is not constant; label spreading takes no weights")

    def _spread(self, edges, labeled, codes, weights):
        y = np.full(edges.shape[0], -1)
        y[labeled] = codes
        spreading = LabelSpreading(
            kernel=lambda X, Y=None: edges, alpha=self.alpha, max_iter=self.max_iter
        )
        with warnings.catch_warnings():
            # Points that no label reaches have no distribution: a division of 0 by 0.
            warnings.simplefilter("ignore", RuntimeWarning)
            spreading.fit(self._graph.X, y)
        self.n_iter_ = spreading.n_iter_
        shares = np.nan_to_num(spreading.label_distributions_)
        return shares, shares.any(axis=1)

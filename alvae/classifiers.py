"""Classifiers for few labels, each fitted to a pool of which most labels are NaN.

`GridSearchSVC` is the paper's: an SVC whose kernel and C are chosen by cross-validation. It learns
from the labeled points alone. `PoissonLearning` and `GraphLabelSpreading` spread the labels over
the nearest-neighbor graph of the whole pool.

`GridSearchSVC` gives the answers of `GridSearchCV(SVC())` and takes a small part of its time. With
the few hundred labels of active learning, libsvm needs well under a millisecond per fit; the rest
goes into validation around it and into computing the same inner products for every candidate and
fold. Here one Gram matrix per fit serves all kernels, all C and all folds.
"""

import warnings
from functools import cache
from itertools import combinations
from numbers import Real

import numpy as np
from scipy.sparse import diags, identity
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import cg
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from sklearn.utils import gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from alvae._checks import check_integer, check_number, check_points
from alvae._graphs import bridge_to, knn_graph, nearest_neighbors

try:  # libsvm without the checks around it; private, so a scikit-learn without it is provided for
    from sklearn.svm import _libsvm
except ImportError:  # pragma: no cover
    _libsvm = None

BLOCK_VALUES = 2**16  # values of a kernel handled at a time: fits a CPU cache
CANCELLED = 1e-6  # share of the mean square below which a variance is computed point by point
STEPS = 10_000  # of conjugate gradients at most
DEFAULT_GRID = {"kernel": ["linear", "rbf"], "C": [1, 10]}


class GridSearchSVC(ClassifierMixin, BaseEstimator):
    """Support vector classifier with kernel, C and gamma chosen by stratified cross-validation.

    Same grid, same folds, same winner and same predictions as
    ``GridSearchCV(SVC(), param_grid, cv=cv)``, wherever that is defined. Left to rounding is a
    decision that is exactly tied, as it can be on integer data; and distances come from inner
    products, so that features should not be offset by more than 1e5 times their spread. Beyond
    that, a class with fewer examples than folds is no cause for a warning; there are at most as
    many folds as the largest class has examples; where not even two folds can be made, the first
    candidate of the grid is taken; and labels of one class only are learned as that class.

    Parameters
    ----------
    param_grid : dict or list of dict, default={'kernel': ['linear', 'rbf'], 'C': [1, 10]}
        Lists of candidates for `kernel` ("linear" or "rbf"), `C` (positive) and `gamma` ("scale",
        "auto" or positive), as for `GridSearchCV`. What is not named has SVC's default.
    cv : int, default=5
        Number of stratified folds, at least 2, not shuffled.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    best_params_ : dict
        The candidate with the highest mean accuracy over the folds; of equals, the first.
    best_score_ : float
        Its mean accuracy over the folds, NaN where none could be made.
    support_ : ndarray of shape (n_sv,)
        Indices of the support vectors.
    cv_results_ : dict
        `params`, `mean_test_score`, `std_test_score`, `rank_test_score` and `split<i>_test_score`.

    References
    ----------
    C.-C. Chang and C.-J. Lin, "LIBSVM: a library for support vector machines", ACM TIST 2, 2011.
    """

    def __init__(self, param_grid=None, cv=5):
        self.param_grid = param_grid
        self.cv = cv

    def fit(self, X, y, sample_weight=None):
        """Choose a candidate by cross-validation and train it on all labeled points.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
            Points whose label is NaN are left out.
        sample_weight : array-like of shape (n,), default=None
            At least 0; C of a point is multiplied by its weight, in the folds and in the end, and
            it counts that much in the accuracy of a fold, as
            ``GridSearchCV(...).fit(X, y, sample_weight=sample_weight)`` does it. Points whose
            weight is 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the grid, the folds or the data are not usable.
        """
        candidates = check_grid(self.param_grid)
        check_integer("cv", self.cv, 2)
        X, y, weights, labeled = _labeled_only(X, y, sample_weight)
        X, y = validate_data(self, X, y, dtype=np.float64, order="C")
        X, y, weights, weighed = _weighed_only(X, y, weights)
        if y.dtype.kind not in "biuSU":
            check_classification_targets(y)
        self.classes_, first, codes = np.unique(y, return_index=True, return_inverse=True)
        kernels = _Kernels(X)
        scores = _cross_validate(kernels, codes, weights, first, self.cv, candidates)
        if not scores.size:  # not even two folds: the first candidate is as good as any
            scores = np.full((len(candidates), 1), np.nan)
        mean = scores.mean(axis=1)
        best = int(np.argmax(mean))
        self.best_params_ = dict(candidates[best])
        self.best_score_ = float(mean[best])
        self.cv_results_ = {
            "params": [dict(candidate) for candidate in candidates],
            "mean_test_score": mean,
            "std_test_score": scores.std(axis=1),
            # As scikit-learn ranks: 1 is the best, equals share the smallest rank.
            "rank_test_score": np.array([1 + int((mean > score).sum()) for score in mean]),
            **{f"split{i}_test_score": split for i, split in enumerate(scores.T)},
        }
        best = candidates[best]
        every = np.arange(len(X))
        self._gamma = kernels.gamma(every, **_kernel_of(best))
        self._machine = _Machine(codes, weights)
        self._machine.train(kernels.rows(every, self._gamma), C=_C_of(best))
        self._support_vectors = X[self._machine.support]
        self.support_ = labeled[weighed[self._machine.support]]
        return self

    def predict(self, X):
        """Predict the class of each point.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        vectors = self._support_vectors
        if self._gamma is None:
            # The kernel is linear, so the support vectors add up to one weight vector per pair.
            weights = self._machine.weights @ vectors  # (pairs, d)
            return self.classes_[self._machine.vote(weights @ X.T)]
        predicted = np.empty(len(X), dtype=self.classes_.dtype)
        for points in self._blocks(len(X)):
            part = X[points]
            norms = np.einsum("ij,ij->i", part, part)
            predicted[points] = self.predict_from(vectors @ part.T, norms)
        return predicted

    def predict_from(self, products, squared_norms):
        """Predict the class of points of which only inner products are known.

        Where many classifiers, each fitted to a few points of one pool, predict the same points,
        the inner products of pool and points can be computed once.

        Parameters
        ----------
        products : ndarray of shape (n_sv, n)
            Inner products of the support vectors, the rows `support_` of X, with the points.
        squared_norms : ndarray of shape (n,)
            Inner product of each point with itself.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        weights = self._machine.weights
        if self._gamma is None:
            return self.classes_[self._machine.vote(weights @ products)]
        norms = np.einsum("ij,ij->i", self._support_vectors, self._support_vectors)[:, None]
        decisions = np.empty((len(weights), len(squared_norms)))
        for points in self._blocks(len(squared_norms)):
            kernel = -2 * products[:, points]
            kernel += norms
            kernel += squared_norms[points]
            decisions[:, points] = weights @ _rbf(kernel, self._gamma)
        return self.classes_[self._machine.vote(decisions)]

    def _blocks(self, n):
        """Slices of n points, whose kernel with the support vectors fits a CPU cache."""
        return gen_batches(n, max(1, BLOCK_VALUES // max(1, len(self.support_))))


def _cross_validate(kernels, codes, weights, first, n_folds, candidates):
    """Accuracy of every candidate on every fold: (candidates, folds)."""
    n_folds = min(n_folds, np.bincount(codes).max())
    if n_folds < 2:
        return np.empty((len(candidates), 0))
    by_kernel = {}  # candidates that differ in C alone share their kernel
    for c, candidate in enumerate(candidates):
        by_kernel.setdefault(tuple(_kernel_of(candidate).items()), []).append(c)
    scores = np.empty((len(candidates), n_folds))
    folds = _stratified_folds(codes, first, n_folds)
    for fold in range(n_folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        machine, expected = _Machine(codes[train], weights[train]), codes[test]
        tested = weights[test]
        for params, members in by_kernel.items():
            gamma = kernels.gamma(train, **dict(params))
            kernel = kernels.rows(train, gamma)
            train_kernel, test_kernel = kernel.take(train, axis=1), kernel.take(test, axis=1)
            for c in members:
                machine.train(train_kernel, C=_C_of(candidates[c]))
                predicted = machine.vote(machine.weights @ test_kernel[machine.support])
                scores[c, fold] = (tested * (predicted == expected)).sum() / tested.sum()
    return scores


def _stratified_folds(codes, first, n_folds):
    """The fold in which each point is tested, (n,): that of `StratifiedKFold(n_folds)`.

    The points are dealt out one by one to the folds, class after class in the order of their first
    appearances; within a class the folds are contiguous.
    """
    turn = np.argsort(np.argsort(first))[codes]  # the turn of each point's class
    order = np.argsort(turn, kind="stable")
    dealt = np.arange(len(codes)) % n_folds
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = dealt[np.lexsort((dealt, turn[order]))]
    return folds


def _kernel_of(candidate):
    return {name: value for name, value in candidate.items() if name != "C"}


def _C_of(candidate):
    return candidate.get("C", 1.0)


def _rbf(squared_distances, gamma):
    """RBF kernel, in the place of the squared distances; these are below 0 by rounding at most."""
    squared_distances *= -gamma
    np.minimum(squared_distances, 0, out=squared_distances)
    return np.exp(squared_distances, out=squared_distances)


class _Kernels:
    """The inner products of one data set, and from them every kernel."""

    def __init__(self, X):
        self.X = X
        self.gram = X @ X.T
        self.norms = self.gram.diagonal()
        self.squared_distances = self.norms[:, None] + self.norms - 2 * self.gram
        np.fill_diagonal(self.squared_distances, 0)
        self.means = X.mean(axis=1)

    def gamma(self, rows, kernel="rbf", gamma="scale"):
        """The number that gamma is when training on these rows; None for the linear kernel."""
        if kernel == "linear":
            return None
        d = self.X.shape[1]
        if gamma == "scale":
            square = self.norms[rows].mean() / d
            variance = square - self.means[rows].mean() ** 2
            if variance < CANCELLED * square:  # rounding may be all that is left
                variance = self.X[rows].var()
            return 1 / (d * variance) if variance else 1.0
        return 1 / d if gamma == "auto" else float(gamma)

    def rows(self, rows, gamma):
        """Kernel between some points and all: (rows, n)."""
        if gamma is None:
            return self.gram[rows]
        return _rbf(self.squared_distances[rows], gamma)


class _Machine:
    """Support vector machine for points of these classes: a decision between every two of them.

    `train` sets `support` (n_sv,), the training points that count; `weights` (pairs, n_sv), what
    each of them counts in the decision of every pair; and `intercept` (pairs, 1).
    """

    def __init__(self, codes, sample_weight):
        self.sample_weight = sample_weight
        self.labels, y = np.unique(codes, return_inverse=True)  # (k,), ascending
        self.y = y.astype(np.float64)
        self.coefficient, self.second, self.ballot = _pairs(len(self.labels))

    def train(self, kernel, C):
        """Train on the kernel matrix (n, n); with one class alone there is nothing to train."""
        if len(self.labels) == 1:
            self.support = np.empty(0, dtype=np.intp)
            self.weights, self.intercept = np.empty((0, 0)), np.empty((0, 1))
            return
        self.support, n_support, dual_coef, intercept = _train_libsvm(
            kernel, self.y, C, self.sample_weight
        )
        # libsvm has k - 1 coefficients per vector, one for each other class. The row of zeros is
        # for pairs in which the vector has no part.
        padded = np.zeros((len(self.labels), len(self.support)))
        padded[:-1] = dual_coef
        rows = self.coefficient.repeat(n_support, axis=1)
        self.weights = padded[rows, np.arange(len(self.support))]
        self.intercept = intercept[:, None]

    def vote(self, decisions):
        """Class codes from the decisions without intercept, (pairs, n) -> (n,).

        Every pair has a vote; of classes with equally many the first wins.
        """
        votes = self.second + self.ballot @ (decisions > -self.intercept)
        return self.labels[votes.argmax(axis=0)]


@cache
def _pairs(k):
    """Of k classes and their pairs (i, j), i < j, three tables.

    coefficient : (pairs, k), the row of libsvm's coefficients that the vectors of a class have for
    a pair, k - 1 where there is none. second : (k, 1), the votes of each class if all pairs decide
    for their second class. ballot : (k, pairs), what changes when a pair decides for its first.
    """
    pairs = list(combinations(range(k), 2))
    coefficient = np.full((len(pairs), k), k - 1)
    ballot = np.zeros((k, len(pairs)))
    for pair, (i, j) in enumerate(pairs):
        coefficient[pair, [i, j]] = j - 1, i
        ballot[[i, j], pair] = 1, -1
    return coefficient, np.arange(k)[:, None], ballot


def _train_libsvm(K, y, C, sample_weight):
    """Support vectors, their number per class, dual coefficients and intercepts."""
    if _libsvm is None:
        svc = SVC(kernel="precomputed", C=C).fit(K, y, sample_weight)
        # SVC shows the decision of two classes with the sign turned.
        sign = -1 if len(svc.classes_) == 2 else 1
        return svc.support_, svc.n_support_, sign * svc.dual_coef_, sign * svc.intercept_
    _libsvm.set_verbosity_wrap(0)
    support, _, n_support, dual_coef, intercept, *_ = _libsvm.fit(
        K, y, kernel="precomputed", C=float(C), sample_weight=sample_weight
    )
    return support, n_support, dual_coef, intercept


class _GraphClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers that spread labels over the nearest-neighbor graph of a pool.

    A subclass stores `n_neighbors` among its parameters and writes `_spread(graph, labeled, codes,
    weights)`, the scores of every point of the pool for every class: (n, n_classes).
    """

    def prepare(self, X, X_new=None):
        """Compute what all fits to the same pool can share.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool.
        X_new : array-like of shape (m, d), default=None
            Points to be predicted.

        Returns
        -------
        dict
            `graph`, for `fit`: symmetric weights, csr matrix of shape (n, n); and with `X_new`
            `bridge`, for `predict`: weights between new points and the pool, csr (m, n).
        """
        check_integer("n_neighbors", self.n_neighbors, 1)
        X = check_points("X", X)
        shared = {"graph": knn_graph(X, self.n_neighbors)}
        if X_new is not None:
            shared["bridge"] = bridge_to(X, check_points("X_new", X_new), self.n_neighbors)
        return shared

    def fit(self, X, y, sample_weight=None, graph=None):
        """Spread the labels over the pool.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool, labeled and unlabeled points alike; finite.
        y : array-like of shape (n,)
            Labels as numbers, NaN where unlabeled; at least one.
        sample_weight : array-like of shape (n,), default=None
            At least 0; how much the label of a point counts.
        graph : csr matrix of shape (n, n), default=None
            What `prepare(X)` returned; computed here where it is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or the parameters are not usable.
        """
        X = check_points("X", X)
        if np.shape(y) != (len(X),):
            raise ValueError(f"y has shape {np.shape(y)}; it must have shape ({len(X)},)")
        codes, targets, weights, labeled = _labeled_only(X, np.asarray(y), sample_weight)
        _, targets, weights, weighed = _weighed_only(codes, targets, weights)
        labeled = labeled[weighed]
        if targets.dtype.kind == "f" and np.isinf(targets).any():
            raise ValueError("y contains infinity; labels must be finite, NaN where unlabeled")
        check_classification_targets(targets)
        self.classes_, codes = np.unique(targets, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        self._X = X
        if graph is None:
            graph = self.prepare(X)["graph"]
        if graph.shape != (len(X), len(X)):
            raise ValueError(f"graph has shape {graph.shape}; X has {len(X)} points")
        self.scores_ = self._spread(graph, labeled, codes, weights)
        self.transduction_ = self.classes_[self.scores_.argmax(axis=1)]
        return self

    def predict(self, X, bridge=None):
        """Predict the class of new points: the mean of the scores of their neighbors in the pool.

        Parameters
        ----------
        X : array-like of shape (m, d)
        bridge : csr matrix of shape (m, n), default=None
            What `prepare(X_pool, X)` returned; computed here where it is left out.

        Returns
        -------
        ndarray of shape (m,)
        """
        check_is_fitted(self)
        X = check_points("X", X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features; the pool that was learned has {self.n_features_in_}"
            )
        if bridge is None:
            bridge = self.prepare(self._X, X)["bridge"]
        if bridge.shape != (len(X), len(self._X)):
            raise ValueError(
                f"bridge has shape {bridge.shape}; it must have shape ({len(X)}, {len(self._X)})"
            )
        return self.classes_[(bridge @ self.scores_).argmax(axis=1)]


class PoissonLearning(_GraphClassifier):
    """Labels as sources of a flow on the nearest-neighbor graph of the pool: Poisson learning [1]_.

    Every labeled point is a source of its class and a sink of all, so that sources and sinks
    cancel; the potential u of each class solves L u = b, L being the Laplacian of the graph, and a
    point belongs to the class of highest potential. Unlike label spreading this does not go flat
    where there are one or two labels per class. A new point takes the mean potential of its nearest
    neighbors in the pool.

    In a part of the graph that is not connected to the others, sources and sinks cancel among its
    own labels; where it has none, its points take the class of the nearest labeled point.

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

    def __init__(self, n_neighbors=10, class_prior="balanced", tol=1e-3):
        self.n_neighbors = n_neighbors
        self.class_prior = class_prior
        self.tol = tol

    def fit(self, X, y, sample_weight=None, graph=None):
        check_number("tol", self.tol, 0, inclusive=False)
        return super().fit(X, y, sample_weight, graph)

    fit.__doc__ = _GraphClassifier.fit.__doc__

    def _spread(self, graph, labeled, codes, weights):
        n, n_classes = graph.shape[0], len(self.classes_)
        one_hot = np.eye(n_classes)[codes]
        counts = weights @ one_hot
        weights = weights * (self._prior(counts) / counts)[codes]

        # Sources and sinks cancel in each connected part.
        n_parts, part = connected_components(graph, directed=False)
        totals = np.zeros((n_parts, n_classes))
        np.add.at(totals, part[labeled], weights[:, None] * one_hot)
        amounts = totals.sum(axis=1, keepdims=True)
        mean = np.divide(totals, amounts, out=np.zeros_like(totals), where=amounts > 0)
        sources = np.zeros((n, n_classes))
        sources[labeled] = weights[:, None] * (one_hot - mean[part[labeled]])

        degrees = np.asarray(graph.sum(axis=1)).ravel()
        scale = np.divide(1, np.sqrt(degrees), out=np.zeros(n), where=degrees > 0)
        # With the Laplacian normalized on both sides, conjugate gradients take few steps.
        laplacian = (identity(n) - diags(scale) @ graph @ diags(scale)).tocsr()
        potentials = np.zeros((n, n_classes))
        for k in range(n_classes - 1):
            flow, unsolved = cg(laplacian, scale * sources[:, k], rtol=self.tol, maxiter=STEPS)
            potentials[:, k] = scale * flow
            if unsolved:
                warnings.warn(
                    f"the potentials are not solved to tol={self.tol}",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        potentials[:, -1] = -potentials.sum(axis=1)  # as the sources of all classes add up to 0

        alone = np.count_nonzero(totals, axis=1) == 1  # parts in which one class is labeled
        potentials[alone[part]] = mean[part[alone[part]]]
        lost = np.flatnonzero(amounts[part, 0] == 0)
        if len(lost):
            _, nearest = nearest_neighbors(self._X[labeled], 1, self._X[lost])
            potentials[lost] = one_hot[nearest[:, 0]]
        return potentials

    def _prior(self, counts):
        if isinstance(self.class_prior, str):
            priors = {"balanced": np.ones(len(counts)), "labels": counts}
            if self.class_prior not in priors:
                raise ValueError(
                    f"class_prior is {self.class_prior!r}; allowed are 'balanced', 'labels' and "
                    "a number for each class"
                )
            prior = priors[self.class_prior]
        else:
            try:
                prior = np.asarray(self.class_prior, dtype=float)
            except (TypeError, ValueError):
                prior = np.empty(0)
            if prior.shape != counts.shape or not (prior > 0).all() or np.isinf(prior).any():
                given = " ".join(repr(self.class_prior).split())  # of an array, on one line
                raise ValueError(
                    f"class_prior is {given}; it must be {len(counts)} positive "
                    "numbers, one for each labeled class"
                )
        return prior / prior.sum()


class GraphLabelSpreading(_GraphClassifier):
    """scikit-learn's `LabelSpreading` [1]_ on the same graph and behind the same call.

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

    References
    ----------
    .. [1] D. Zhou, O. Bousquet, T. N. Lal, J. Weston and B. Scholkopf, "Learning with Local and
       Global Consistency", NIPS 2003.
    """

    def __init__(self, n_neighbors=10, alpha=0.99, max_iter=1000):
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.max_iter = max_iter

    def _spread(self, graph, labeled, codes, weights):
        if not (weights == weights[0]).all():
            raise ValueError("sample_weight is not constant; label spreading takes no weights")
        y = np.full(graph.shape[0], -1)
        y[labeled] = codes
        spreading = LabelSpreading(
            kernel=lambda X, Y=None: graph, alpha=self.alpha, max_iter=self.max_iter
        )
        with warnings.catch_warnings():
            # Points that no label reaches have no distribution: a division of 0 by 0.
            warnings.simplefilter("ignore")
            scores = spreading.fit(self._X, y).label_distributions_
        return np.nan_to_num(scores)


def _labeled_only(X, y, sample_weight):
    """Points whose label is not NaN, their labels and weights, and their indices."""
    labels = np.asarray(y)
    if labels.dtype.kind != "f" or not np.isnan(labels).any() or labels.shape != (len(X),):
        return X, y, sample_weight, np.arange(len(labels) if labels.ndim else 0)
    labeled = np.flatnonzero(~np.isnan(labels))
    if len(labeled) == 0:
        raise ValueError("y is NaN everywhere; at least one point must be labeled")
    if sample_weight is not None:
        sample_weight = np.asarray(_check_sample_weight(sample_weight, X))[labeled]
    return np.asarray(X)[labeled], labels[labeled], sample_weight, labeled


def _weighed_only(X, y, sample_weight):
    """Points whose weight is above 0, their labels and weights, and their indices."""
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    used = np.flatnonzero(weights)
    if len(used) == 0:
        raise ValueError("sample_weight is 0 everywhere; at least one weight must be above 0")
    return X[used], y[used], weights[used], used


def check_grid(param_grid):
    """Return the candidates of a grid, a list of dict; a ValueError says what is not allowed."""
    grid = DEFAULT_GRID if param_grid is None else param_grid
    try:
        candidates = list(ParameterGrid(grid))
    except (TypeError, ValueError) as error:
        raise ValueError(f"param_grid is {grid!r}; {error}") from error
    if not candidates:
        raise ValueError("param_grid is empty; it must have at least one candidate")
    for candidate in candidates:
        for name, value in candidate.items():
            if name not in _ALLOWED:
                raise ValueError(
                    f"param_grid names {name!r}; allowed are {', '.join(map(repr, _ALLOWED))}"
                )
            words, numbers = _ALLOWED[name]
            is_word = isinstance(value, str) and value in words
            is_number = (
                numbers and isinstance(value, Real) and not isinstance(value, bool)
            ) and 0 < value < np.inf
            if not (is_word or is_number):
                allowed = [*map(repr, words), *(["a positive number"] if numbers else [])]
                raise ValueError(
                    f"{name} in param_grid is {value!r}; allowed: {', '.join(allowed)}"
                )
    return candidates


# What a grid may name: words, and whether a positive number is allowed.
_ALLOWED = {
    "kernel": (("linear", "rbf"), False),
    "C": ((), True),
    "gamma": (("scale", "auto"), True),
}

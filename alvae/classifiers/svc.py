"""The paper's classifier: an SVC whose kernel and C are chosen by cross-validation, made fast.

`GridSearchSVC` gives the answers of `GridSearchCV(SVC())` and takes a small part of its time. With
the few hundred labels of active learning, libsvm needs well under a millisecond per fit; the rest
goes into validation around it and into computing the same inner products for every candidate and
fold. Here one Gram matrix per fit serves all kernels, all C and all folds.
"""

from functools import cache
from itertools import combinations
from numbers import Real
from pathlib import Path
from shutil import disk_usage
from typing import ClassVar, NamedTuple
from uuid import uuid4

import numpy as np
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC
from sklearn.utils import gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from alvae._checks import check_integer, check_prepared, shown
from alvae.classifiers.base import PoolClassifier, labeled_only

try:  # libsvm without the checks around it; private, so a scikit-learn without it is provided for
    from sklearn.svm import _libsvm
except ImportError:  # pragma: no cover
    _libsvm = None

BLOCK_VALUES = 2**16  # values of a kernel handled at a time: fits a CPU cache
CANCELLED = 1e-6  # share of the mean square below which a variance is computed point by point
WIDE = 64  # features from which a table of inner products with new points saves time
PRODUCTS_BYTES = 2**31  # size of that table at most
ROWS = 4096  # rows of it computed at a time: bounds the memory
DEFAULT_GRID = {"kernel": ["linear", "rbf"], "C": [1, 10]}


class InnerProducts(NamedTuple):
    """Inner products of a pool with new points, (n, m), and of each new point with itself, (m,)."""

    products: np.ndarray
    squared_norms: np.ndarray


class GridSearchSVC(PoolClassifier):
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

    variants: ClassVar = {"SVC": {}}

    def __init__(self, param_grid=None, cv=5):
        self.param_grid = param_grid
        self.cv = cv

    def prepare(self, X, X_new=None, *, graph=None, n_labels=0, folder=None):
        """Compute the inner products of pool and new points, where that saves time.

        That is where points are wide, where the fits together look at more rows of the table than
        it has, and where there is room for it, in the folder or without one in memory.
        """
        if X_new is None:
            return None
        X, X_new = np.asarray(X), np.asarray(X_new, dtype=np.float64)
        if X.shape[1] < WIDE or n_labels < len(X):
            return None
        room = disk_usage(folder).free // 2 if folder else PRODUCTS_BYTES
        if 8 * len(X) * len(X_new) > min(PRODUCTS_BYTES, room):
            return None
        products = np.empty((len(X), len(X_new)))
        if folder:
            path = Path(folder) / f"{uuid4().hex}.npy"
            products = np.lib.format.open_memmap(path, "w+", np.float64, products.shape)
        for rows in gen_batches(len(X), ROWS):
            products[rows] = X[rows].astype(np.float64) @ X_new.T
        return InnerProducts(products, np.einsum("ij,ij->i", X_new, X_new))

    def fit(self, X, y, sample_weight=None, *, order=None, prepared=None):
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
        order : array-like of int, default=None
            The labeled points in the order in which folds are dealt out. None: that of X.
        prepared : ignored

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
        X, y, weights, labeled = labeled_only(X, y, sample_weight, order)
        X, y = validate_data(self, X, y, dtype=np.float64, order="C")
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
        self._machine.train(kernels.rows(every, self._gamma), C=best.get("C", 1.0))
        self._support_vectors = X[self._machine.support]
        self.support_ = labeled[self._machine.support]
        return self

    def predict(self, X, *, prepared=None):
        """Predict the class of each point.

        Parameters
        ----------
        X : array-like of shape (m, d)
        prepared : InnerProducts, default=None
            What `prepare(X_pool, X)` returned for the pool that was fitted; X is then not looked
            at.

        Returns
        -------
        ndarray of shape (m,)
        """
        check_is_fitted(self)
        if prepared is not None:
            check_prepared(isinstance(prepared, InnerProducts))
            return self._predict_from(prepared.products[self.support_], prepared.squared_norms)
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
            predicted[points] = self._predict_from(vectors @ part.T, norms)
        return predicted

    def _predict_from(self, products, squared_norms):
        """Classes of m points, from their inner products with the support vectors, (n_sv, m)."""
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
                machine.train(train_kernel, C=candidates[c].get("C", 1.0))
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


def check_grid(param_grid):
    """Return the candidates of a grid, a list of dict; a ValueError says what is not allowed."""
    grid = DEFAULT_GRID if param_grid is None else param_grid
    try:
        candidates = list(ParameterGrid(grid))
    except (TypeError, ValueError) as error:
        raise ValueError(f"param_grid is {shown(grid)}; {error}") from error
    if not candidates:
        raise ValueError("param_grid is empty; it must have at least one candidate")
    for candidate in candidates:
        for name, value in candidate.items():
            if name not in _ALLOWED:
                raise ValueError(
                    f"param_grid names {shown(name)}; allowed are {', '.join(map(repr, _ALLOWED))}"
                )
            words, numbers = _ALLOWED[name]
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not (numbers and is_number and 0 < value < np.inf) and value not in words:
                allowed = [*map(repr, words), *(["a positive number"] if numbers else [])]
                raise ValueError(
                    f"{name} in param_grid is {shown(value)}; allowed: {', '.join(allowed)}"
                )
    return candidates


# What a grid may name: words, and whether a positive number is allowed.
_ALLOWED = {
    "kernel": (("linear", "rbf"), False),
    "C": ((), True),
    "gamma": (("scale", "auto"), True),
}

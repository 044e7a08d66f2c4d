"""The paper's classifier: an SVC whose kernel and C are chosen by cross-validation, made fast.

`GridSearchSVC` gives the answers of `GridSearchCV(SVC())` and takes a small part of its time. With
the few hundred labels of active learning, libsvm needs well under a millisecond per fit; the rest
goes into validation around it and into computing the same inner products for every candidate and
fold. Here one Gram matrix per fit serves all kernels, all C and all folds.
"""

from numbers import Integral, Real
from pathlib import Path
from shutil import disk_usage
from typing import ClassVar, NamedTuple
from uuid import uuid4

import numpy as np
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import check_X_y, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from alvae._checks import check_integer, check_prepared, naming, shown
from alvae.classifiers.base import PoolClassifier, labeled_only
from alvae.classifiers.libsvm import Machine

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

    def __deepcopy__(self, memo):
        """Itself: a value, and large."""
        return self


class GridSearchSVC(PoolClassifier):
    """Support vector classifier with kernel, C and gamma chosen by stratified cross-validation.

    Same grid, same folds, same winner and same predictions as
    ``GridSearchCV(SVC(), param_grid, cv=cv)``, wherever that is defined. Exactly tied
    decisions, as integer data can produce, are settled by rounding; and distances come from inner
    products, so that features should not be offset by more than 1e5 times their spread. Beyond
    that, a class with fewer examples than folds is no cause for a warning; there are at most as
    many folds as the largest class has examples; where not even two folds can be made, the first
    candidate of the grid is taken; and labels of one class only are learned as that class.

    Parameters
    ----------
    param_grid : dict or list of dict, default={'kernel': ['linear', 'rbf'], 'C': [1, 10]}
        Lists of candidates for `kernel` ("linear" or "rbf"), `C` (positive) and `gamma` ("scale",
        "auto" or positive), as for `GridSearchCV`. What is not named has SVC's default.
    cv : int, splitter or list of (train, test), default=5
        Number of stratified folds, at least 2, not shuffled; or what splits the labeled points
        otherwise, as for `GridSearchCV`, in the order that `fit` is given.

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
        it has, and where there is room for it.

        Parameters
        ----------
        X : array of shape (n, d)
            The pool.
        X_new : array of shape (m, d), default=None
            The points that will be predicted.
        graph : ignored
        n_labels : int, default=0
            Labels of all fits together.
        folder : path, default=None
            Where the table may be kept; None: in memory.

        Returns
        -------
        InnerProducts or None
            For `predict`, as `prepared`. None: it would not pay.
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
        is_splitter = hasattr(self.cv, "get_n_splits") or isinstance(self.cv, list | tuple)
        if not is_splitter:
            check_integer("cv", self.cv, 2)
        with naming("X", X):
            validate_data(self, X, y, skip_check_array=True)  # the names of the features
        X, y, weights, labeled = labeled_only(X, y, sample_weight, order)
        with naming("X or y", X):
            X, y = check_X_y(X, y, dtype=np.float64, order="C", estimator=self)
        if y.dtype.kind not in "biuSU":
            check_classification_targets(y)
        self.classes_, first, codes = np.unique(y, return_index=True, return_inverse=True)
        kernels = _Kernels(X)
        folds = _folds(self.cv, X, y, codes, first)
        scores = _cross_validate(kernels, codes, weights, folds, candidates)
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
        self._machine = Machine(codes, weights)
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
        parts = [self._machine.vote(part) for part in self._decisions(X, prepared)]
        return self.classes_[np.concatenate(parts)]

    def decision_function(self, X, *, prepared=None):
        """Confidence scores, as `SVC.decision_function` returns them.

        Parameters
        ----------
        X : array-like of shape (m, d)
        prepared : InnerProducts, default=None
            As for `predict`.

        Returns
        -------
        ndarray of shape (m,) for two classes, (m, n_classes) for more
            For two classes the signed distance to the border, above 0 for the second.
        """
        check_is_fitted(self)
        machine, parts = self._machine, self._decisions(X, prepared)
        if len(self.classes_) == 2:
            return np.concatenate([-(part + machine.intercept)[0] for part in parts])
        return np.concatenate([machine.confidence(part).T for part in parts])

    def _decisions(self, X, prepared):
        """The decision between every two classes, without intercept, block by block: (pairs, n)."""
        weights, vectors = self._machine.weights, self._support_vectors
        if prepared is None:
            with naming("X", X):
                X = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        else:
            check_prepared(isinstance(prepared, InnerProducts))
            products = prepared.products[self.support_]
        if self._gamma is None:
            # The kernel is linear, so the support vectors add up to one weight vector per pair.
            yield (weights @ vectors) @ X.T if prepared is None else weights @ products
            return
        own_norms = np.einsum("ij,ij->i", vectors, vectors)[:, None]
        for points in self._blocks(len(X) if prepared is None else products.shape[1]):
            if prepared is None:
                kernel = -2 * (vectors @ X[points].T)
                norms = np.einsum("ij,ij->i", X[points], X[points])
            else:
                kernel, norms = -2 * products[:, points], prepared.squared_norms[points]
            kernel += own_norms
            kernel += norms
            yield weights @ _rbf(kernel, self._gamma)

    def _blocks(self, n):
        """Slices of n points, whose kernel with the support vectors fits a CPU cache."""
        return gen_batches(n, max(1, BLOCK_VALUES // max(1, len(self.support_))))


def _cross_validate(kernels, codes, weights, folds, candidates):
    """Accuracy of every candidate on every fold: (candidates, folds)."""
    by_kernel = {}  # candidates that differ in C alone share their kernel
    for c, candidate in enumerate(candidates):
        by_kernel.setdefault(tuple(_kernel_of(candidate).items()), []).append(c)
    scores = np.empty((len(candidates), len(folds)))
    for fold, (train, test) in enumerate(folds):
        machine, expected = Machine(codes[train], weights[train]), codes[test]
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


def _folds(cv, X, y, codes, first):
    """The training and the test points of each fold, a list of pairs; none if there is no fold."""
    if not isinstance(cv, Integral):
        with naming("cv", cv):
            return [(train, test) for train, test in check_cv(cv, y, classifier=True).split(X, y)]
    n_folds = min(cv, np.bincount(codes).max())
    tested_in = _stratified_folds(codes, first, n_folds)
    if n_folds < 2:
        return []
    return [
        (np.flatnonzero(tested_in != k), np.flatnonzero(tested_in == k)) for k in range(n_folds)
    ]


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
    """RBF kernel, in place of the squared distances; these are below 0 by rounding at most."""
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


def check_grid(param_grid):
    """Return the candidates of a grid, a list of dict; a ValueError says what is not allowed."""
    grid = DEFAULT_GRID if param_grid is None else param_grid
    try:
        candidates = list(ParameterGrid(grid))
    except (TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"param_grid is {shown(grid)}; {said}") from error
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

"""The paper's classifier: an SVC whose kernel and C are chosen by cross-validation.

`GridSearchSVC` gives the answers of `GridSearchCV(SVC())` and takes a small part of its time. With
the few hundred labels of active learning, libsvm needs well under a millisecond per fit; the rest
goes into validation around it and into computing the same inner products for every candidate and
fold. Here one Gram matrix per fit serves all kernels, all C and all folds.
"""

import warnings
from functools import cache
from itertools import combinations
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import euclidean_distances
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

try:  # libsvm without the checks around it; private, so a scikit-learn without it is provided for
    from sklearn.svm import _libsvm
except ImportError:  # pragma: no cover
    _libsvm = None

DEFAULT_GRID = {"kernel": ["linear", "rbf"], "C": [1, 10]}


class GridSearchSVC(ClassifierMixin, BaseEstimator):
    """Support vector classifier with kernel, C and gamma chosen by stratified cross-validation.

    Same grid, same folds, same winner and same predictions as
    ``GridSearchCV(SVC(), param_grid, cv=cv)``, wherever that is defined; only where a decision is
    exactly tied, as it can be on integer data, is it left to rounding. Beyond it, a class with
    fewer examples than folds is no cause for a warning; there are at most as many folds as the
    largest class has examples; where not even two folds can be made, the first candidate of the
    grid is taken; and labels of one class only are learned as that class.

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
    cv_results_ : dict
        `params`, `mean_test_score`, `std_test_score`, `rank_test_score` and `split<i>_test_score`.

    References
    ----------
    C.-C. Chang and C.-J. Lin, "LIBSVM: a library for support vector machines", ACM TIST 2, 2011.
    """

    def __init__(self, param_grid=None, cv=5):
        self.param_grid = param_grid
        self.cv = cv

    def fit(self, X, y):
        """Choose a candidate by cross-validation and train it on all labeled points.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the grid, the folds or the data are not usable.
        """
        candidates = check_grid(self.param_grid)
        if not isinstance(self.cv, Integral) or isinstance(self.cv, bool) or self.cv < 2:
            raise ValueError(f"cv is {self.cv!r}; it must be an integer of at least 2")
        X, y = validate_data(self, X, y, dtype=np.float64, order="C")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        kernels = _Kernels(X)
        scores = self._cross_validate(kernels, codes, candidates)
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
        self._model = kernels.subset(np.arange(len(X)))(codes, **candidates[best])
        self._support_vectors = X[self._model.support]
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
        model, vectors = self._model, self._support_vectors
        if model.gamma is None and len(vectors):
            # The kernel is linear, so the support vectors add up to one weight vector per pair.
            codes = model.vote(X @ (model.pair_coefficients() @ vectors).T)
        elif len(vectors):
            squared_distances = euclidean_distances(X, vectors, squared=True)
            codes = model.decide(np.exp(-model.gamma * squared_distances))
        else:
            codes = model.decide(X)
        return self.classes_[codes]

    def _cross_validate(self, kernels, codes, candidates):
        """Accuracy of every candidate on every fold: (candidates, folds)."""
        n_folds = min(self.cv, np.bincount(codes).max())
        if n_folds < 2:
            return np.empty((len(candidates), 0))
        with warnings.catch_warnings():  # a class with fewer examples than folds is expected here
            warnings.simplefilter("ignore", UserWarning)
            folds = list(StratifiedKFold(n_folds).split(codes, codes))
        scores = np.empty((len(candidates), n_folds))
        for fold, (train_rows, test_rows) in enumerate(folds):
            train = kernels.subset(train_rows)
            for c, candidate in enumerate(candidates):
                model = train(codes, **candidate)
                predicted = model.decide(kernels.between(test_rows, model))
                scores[c, fold] = (predicted == codes[test_rows]).mean()
        return scores


class _Model:
    """What libsvm learned on one kernel matrix: a decision between every pair of classes."""

    def __init__(self, labels, gamma, support, n_support, dual_coef, intercept):
        self.labels = labels  # (k,) class codes, ascending
        self.gamma = gamma  # None for the linear kernel
        self.support = support  # (n_sv,) rows of the data
        self.intercept = intercept  # (k (k - 1) / 2,)
        self._n_support, self._dual_coef = n_support, dual_coef  # (k,), (k - 1, n_sv)

    def pair_coefficients(self):
        """Weight of every support vector in the decision of every pair: (pairs, n_sv)."""
        k, ends = len(self.labels), np.cumsum(self._n_support)
        starts = ends - self._n_support
        weights = np.zeros((len(self.intercept), len(self.support)))
        for pair, (i, j) in enumerate(combinations(range(k), 2)):
            of_i, of_j = slice(starts[i], ends[i]), slice(starts[j], ends[j])
            weights[pair, of_i] = self._dual_coef[j - 1, of_i]
            weights[pair, of_j] = self._dual_coef[i, of_j]
        return weights

    def decide(self, kernel_rows):
        """Class codes from the kernel between points and support vectors, (n, n_sv) -> (n,)."""
        if not len(self.support):
            return np.full(len(kernel_rows), self.labels[0])
        return self.vote(kernel_rows @ self.pair_coefficients().T)

    def vote(self, decisions):
        """Class codes by one vote per pair, (n, pairs) -> (n,); of equals, the first class."""
        k = len(self.labels)
        first = decisions + self.intercept > 0
        votes = np.zeros((len(decisions), k), dtype=np.intp)
        for pair, (i, j) in enumerate(combinations(range(k), 2)):
            votes[:, i] += first[:, pair]
            votes[:, j] += ~first[:, pair]
        return self.labels[votes.argmax(axis=1)]


class _Kernels:
    """The inner products of one data set, and from them the kernel matrix of any subset."""

    def __init__(self, X):
        self.X = X
        self.gram = X @ X.T
        norms = self.gram.diagonal()
        self.squared_distances = np.maximum(norms[:, None] + norms - 2 * self.gram, 0)
        np.fill_diagonal(self.squared_distances, 0)

    def subset(self, rows):
        """Return a function that trains an SVC on these rows, and knows their kernels by heart."""
        block = np.ix_(rows, rows)

        @cache
        def gamma_of(gamma):
            if gamma == "scale":
                variance = self.X[rows].var()
                return 1 / (self.X.shape[1] * variance) if variance else 1.0
            return 1 / self.X.shape[1] if gamma == "auto" else float(gamma)

        @cache
        def kernel_matrix(gamma):
            if gamma is None:
                return self.gram[block]
            return np.exp(-gamma * self.squared_distances[block])

        def train(codes, kernel="rbf", C=1.0, gamma="scale"):
            labels, y = np.unique(codes[rows], return_inverse=True)
            gamma = None if kernel == "linear" else gamma_of(gamma)
            if len(labels) == 1:
                return _Model(labels, gamma, rows[:0], None, None, None)
            support, *rest = _train_libsvm(kernel_matrix(gamma), y, C)
            return _Model(labels, gamma, rows[support], *rest)

        return train

    def between(self, rows, model):
        """Kernel between these rows and the support vectors of a model: (rows, n_sv)."""
        block = np.ix_(rows, model.support)
        if model.gamma is None:
            return self.gram[block]
        return np.exp(-model.gamma * self.squared_distances[block])


def _train_libsvm(K, y, C):
    """Support vectors, their number per class, dual coefficients and intercepts."""
    if _libsvm is None:
        svc = SVC(kernel="precomputed", C=C).fit(K, y)
        # SVC shows the decision of two classes with the sign turned.
        sign = -1 if len(svc.classes_) == 2 else 1
        return svc.support_, svc.n_support_, sign * svc.dual_coef_, sign * svc.intercept_
    _libsvm.set_verbosity_wrap(0)
    support, _, n_support, dual_coef, intercept, *_ = _libsvm.fit(
        K, y.astype(np.float64), kernel="precomputed", C=float(C)
    )
    return support, n_support, dual_coef, intercept


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

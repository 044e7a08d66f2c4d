"""Support vector machines on a kernel matrix, by libsvm without the checks around it."""

from functools import cache
from itertools import combinations

import numpy as np
from sklearn.svm import SVC

try:  # private, so a scikit-learn without it is provided for
    from sklearn.svm import _libsvm
except ImportError:  # pragma: no cover
    _libsvm = None


class Machine:
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
        return self.labels[self._votes(decisions).argmax(axis=0)]

    def confidence(self, decisions):
        """How much speaks for each class, (k, n): the votes, and below one vote what they weigh.

        As SVC's `decision_function` of shape "ovr" has it.
        """
        weight = self.ballot @ (decisions + self.intercept)
        return self._votes(decisions) + weight / (3 * (np.abs(weight) + 1))

    def _votes(self, decisions):
        return self.second + self.ballot @ (decisions > -self.intercept)


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

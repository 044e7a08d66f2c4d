"""The contract of a classifier that learns from a pool, and what brings any classifier under it."""

from typing import ClassVar

import numpy as np
from pandas import isna
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from alvae._checks import as_array_of_labels, naming, shown, warn_of_minus_one


class PoolClassifier(ClassifierMixin, BaseEstimator):
    """Base class of the classifiers that are fitted to a pool of which most labels are NaN.

    A subclass writes `fit(X, y, sample_weight=None, *, order=None, prepared=None)`, `predict(X, *,
    prepared=None)`, and where fits to the same pool can share work, `prepare`. `order` has the
    indices of the labeled points in the order in which they were chosen: the core-set takes
    clusters in turn, and folds that are not shuffled rely on it.

    Exported from `alvae.classifiers`, it takes part in the contract tests and the comparison of the
    book under the names in `variants`.

    Attributes
    ----------
    variants : dict of str to dict
        What tables and figures call this classifier, and its parameters under that name.
    transduction_ : ndarray of shape (n,), or None
        The class of every point of the pool, where `fit` finds it.
    best_params_ : dict
        The parameters that `fit` chose, if it chose some.
    """

    variants: ClassVar[dict] = {}
    transduction_ = None
    best_params_: ClassVar[dict] = {}

    def prepare(self, X, X_new=None, *, graph=None, n_labels=0, folder=None):
        """Compute what all fits to the same pool, and predictions of the same points, can share.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool.
        X_new : array-like of shape (m, d), default=None
            Points to be predicted.
        graph : NeighborGraph, default=None
            That of X, for the classifiers that use one; made here where it is left out.
        n_labels : int, default=0
            Labels of all fits together. What costs more than it can save them is not computed.
        folder : path, default=None
            Where large arrays may be written, so that workers map them instead of copying them.

        Returns
        -------
        object
            For `fit` and `predict`, as `prepared`. None if there is nothing to share.
        """
        return None


class _LabeledOnly(PoolClassifier):
    """Any classifier under the contract, fitted to the labeled points."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y, sample_weight=None, *, order=None, prepared=None):
        X, y, weights, _ = labeled_only(X, y, sample_weight, order)
        weighted = {} if sample_weight is None else {"sample_weight": weights}
        self.classifier_ = clone(self.classifier).fit(X, y, **weighted)
        self.best_params_ = getattr(self.classifier_, "best_params_", {})
        return self

    def predict(self, X, *, prepared=None):
        check_is_fitted(self)
        return self.classifier_.predict(X)


def as_pool_classifier(classifier):
    """A `PoolClassifier` as it is, and any other classifier as one."""
    contract = ("fit", "predict", "get_params")
    if isinstance(classifier, type) or not all(hasattr(classifier, name) for name in contract):
        raise ValueError(
            f"classifiers has {shown(classifier)}; allowed are instances that have "
            f"{', '.join(contract)}"
        )
    return classifier if isinstance(classifier, PoolClassifier) else _LabeledOnly(classifier)


def labeled_only(X, y, sample_weight, order=None):
    """Points that have a label and a weight above 0, their labels and weights, and their indices.

    In the order that is given, of all labeled points; without one, in that of X. What is no list
    of labels is returned as it is, for the validation that follows to refuse.
    """
    labels = as_array_of_labels("y", y)
    named = ("X", X) if sample_weight is None else ("sample_weight", sample_weight)
    with naming(*named):
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, dtype=np.float64)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    labeled = np.arange(len(weights))
    if labels.ndim != 1 or len(labels) == 0:
        return X, y, weights, labeled
    with naming("y", y):
        check_consistent_length(weights, labels)
    labeled = labeled[~isna(labels)]
    if len(labeled) == 0:
        raise ValueError("y is NaN everywhere; at least one point must be labeled")
    if labels.dtype.kind in "if":
        warn_of_minus_one(labels)
    if order is not None:
        if not np.array_equal(np.sort(np.ravel(order)), labeled):
            raise ValueError(f"order is {shown(order)}; it must name each labeled point once")
        labeled = np.ravel(order).astype(np.intp)
    labeled = labeled[weights[labeled] > 0]
    if len(labeled) == 0:
        raise ValueError("sample_weight is 0 everywhere; at least one weight must be above 0")
    if order is None and len(labeled) == len(labels):
        return X, y, weights, labeled
    return _safe_indexing(X, labeled), labels[labeled], weights[labeled], labeled

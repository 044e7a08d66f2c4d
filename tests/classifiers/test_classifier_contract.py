"""What every classifier promises: those that `alvae.classifiers` exports, found there."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_svc import blobs

from alvae import NeighborGraph, classifiers
from alvae.book.comparison import line_up
from alvae.classifiers import (
    GraphLabelSpreading,
    GridSearchSVC,
    PoolClassifier,
    as_pool_classifier,
)
from alvae.classifiers.graph import GraphClassifier

EXPORTED = {name: getattr(classifiers, name) for name in classifiers.__all__ if name[0].isupper()}
FOUND = line_up(classifiers, n_neighbors=5)
# And others, which come under the contract by an adapter.
ADAPTED = {"logistic": LogisticRegression(), "search": GridSearchCV(SVC(), {"C": [1, 10]}, cv=2)}
EVERY = FOUND | {name: as_pool_classifier(other) for name, other in ADAPTED.items()}
each_classifier = pytest.mark.parametrize("classifier", EVERY.values(), ids=EVERY)


def pool(seed=0, n_labeled=12):
    """A pool of which some points are labeled, in an order, and new points."""
    X, truth, X_new = blobs(seed, 3, 20)
    order = np.random.default_rng(seed).permutation(len(X))[:n_labeled]
    y = np.full(len(X), np.nan)
    y[order] = truth[order]
    return X, y, order, X_new


def expected_failures(estimator):
    duplicates = "a point that is there twice is another neighbor, and not one of twice the weight"
    if not isinstance(estimator, GraphClassifier | GridSearchSVC):
        return {}
    failures = {"check_sample_weight_equivalence_on_dense_data": duplicates}
    if isinstance(estimator, GraphLabelSpreading):
        failures["check_sample_weights_not_overwritten"] = "it takes no weights that differ"
    if isinstance(estimator, GridSearchSVC):
        failures = {"check_sample_weight_equivalence_on_dense_data": "cv is a number of folds"}
    return failures


@parametrize_with_checks([*FOUND.values()], expected_failed_checks=expected_failures)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def test_every_classifier_that_is_exported_is_found():
    kinds = {type(classifier) for classifier in line_up(classifiers).values()}
    assert kinds == set(EXPORTED.values()) - {PoolClassifier}
    names = [name for kind in EXPORTED.values() for name in kind.variants]
    assert len(names) == len(set(names))


@each_classifier
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_it_learns_from_a_pool_of_which_most_labels_are_missing(classifier):
    X, y, order, X_new = pool()
    fitted = clone(classifier).fit(X, y, order=order)
    predicted = fitted.predict(X_new)
    assert set(predicted) <= set(y[order])
    again = clone(classifier).fit(X, y, order=order).predict(X_new)
    np.testing.assert_array_equal(predicted, again)
    assert fitted.transduction_ is None or fitted.transduction_.shape == (len(X),)
    assert isinstance(fitted.best_params_, dict)


@each_classifier
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_what_is_prepared_changes_nothing(classifier, tmp_path):
    X, y, order, X_new = pool(1)
    graph = NeighborGraph(X)
    for options in ({}, {"graph": graph}, {"n_labels": 10**6, "folder": tmp_path}):
        prepared = clone(classifier).prepare(X, X_new, **options)
        fitted = clone(classifier).fit(X, y, order=order, prepared=prepared)
        alone = clone(classifier).fit(X, y, order=order)
        np.testing.assert_array_equal(
            fitted.predict(X_new, prepared=prepared), alone.predict(X_new)
        )


@each_classifier
def test_what_is_given_is_left_as_it_was(classifier):
    X, y, order, X_new = pool(2, n_labeled=30)
    before, params = [a.copy() for a in (X, y, order, X_new)], repr(classifier)
    clone(classifier).fit(X, y, order=order).predict(X_new)
    for now, then in zip((X, y, order, X_new), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert repr(classifier) == params


@each_classifier
def test_a_pool_without_a_label_is_refused(classifier):
    X, *_ = pool()
    with pytest.raises(ValueError, match="^y is NaN everywhere; at least one point"):
        clone(classifier).fit(X, np.full(len(X), np.nan))


def test_the_adapter_is_the_classifier_on_the_labeled_points():
    X, y, order, X_new = pool(3)
    adapted = as_pool_classifier(LogisticRegression(C=0.3)).fit(X, y, order=order)
    alone = LogisticRegression(C=0.3).fit(X[order], y[order])
    np.testing.assert_array_equal(adapted.predict(X_new), alone.predict(X_new))
    weights = np.random.default_rng(0).random(len(X))
    weighted = as_pool_classifier(LogisticRegression()).fit(X, y, weights, order=order)
    alone = LogisticRegression().fit(X[order], y[order], weights[order])
    np.testing.assert_array_equal(weighted.classifier_.coef_, alone.coef_)
    assert as_pool_classifier(FOUND["SVC"]) is FOUND["SVC"]

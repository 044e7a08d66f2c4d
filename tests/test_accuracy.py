"""What accuracy to expect: properties, and pools that it was not learned from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.preprocessing import scale

from alvae import NeighborGraph, PoissonMBO, SpectralMedoids, expected_accuracy
from alvae.accuracy import TABLE, evidence, expectation, learned


def labeled(X, truth, n, seed=0):
    """A pool in which n points were chosen and labeled: y, and the classifier."""
    graph = NeighborGraph(X)
    chosen = SpectralMedoids(random_state=seed).query(X, None, n, prepared=graph)
    y = np.full(len(X), np.nan)
    y[chosen] = truth[chosen]
    return y, PoissonMBO().fit(X, y, prepared=graph)


def blobs(apart, seed=0, n=400):
    return make_blobs(n, 4, centers=apart * np.eye(4), random_state=seed)


def expected(X, truth, n=20, **more):
    y, classifier = labeled(X, truth, n)
    return expected_accuracy(classifier, X, y, **more)


@pytest.mark.parametrize("apart", [0, 2, 4, 20])
def test_an_interval_holds_the_estimate(apart):
    found = expected(*blobs(apart))
    assert 0 <= found.low <= found.accuracy <= found.high <= 1
    assert found.low < found.high
    assert 0 <= found.gain <= 1 - found.accuracy


def test_what_is_clearer_is_expected_to_be_better():
    found = [expected(*blobs(apart)) for apart in (1, 3, 5, 20)]
    assert np.all(np.diff([one.accuracy for one in found]) > 0)
    assert np.all(np.diff([one.high - one.low for one in found]) < 0)


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_the_interval_covers_the_accuracy_on_other_data(load):
    X, truth = load(return_X_y=True)
    X = scale(X)
    for n in (9, 15, 30):
        y, classifier = labeled(X, truth, n)
        rest = np.isnan(y)
        right = np.mean(classifier.transduction_[rest] == truth[rest])
        found = expected_accuracy(classifier, X, y)
        assert found.low <= right <= found.high


def test_labels_that_contradict_each_other_make_it_low_and_wide():
    X, truth = blobs(20)
    true = expected(X, truth)
    random = expected(X, np.random.default_rng(1).integers(0, 4, len(X)))
    assert random.accuracy < 0.6 < 0.95 < true.accuracy
    assert random.high - random.low > 2 * (true.high - true.low)


def test_names_of_classes_do_not_matter():
    X, truth = blobs(3)
    one, other = expected(X, truth), expected(X, np.array([7, 2, 100, 3])[truth])
    np.testing.assert_allclose(one, other, atol=0.01)


def test_the_order_of_points_hardly_matters():
    X, truth = blobs(3)
    y, classifier = labeled(X, truth, 20)
    one = expected_accuracy(classifier, X, y)
    order = np.random.default_rng(0).permutation(len(X))
    moved = PoissonMBO().fit(X[order], y[order])
    np.testing.assert_allclose(one, expected_accuracy(moved, X[order], y[order]), atol=0.03)


def test_more_labels_gain_more_of_what_can_be_gained():
    gains = [expected(*blobs(3), more=more).gain for more in (1, 10, 100)]
    assert 0 < gains[0] < gains[1] < gains[2]
    assert expected(*blobs(20)).gain < gains[1]


def test_evidence_is_what_is_counted_by_hand():
    """Two clusters far from each other, labeled alike: every half says the same."""
    X = np.concatenate([np.random.default_rng(i).normal(50 * i, 1, (30, 2)) for i in range(2)])
    truth = np.repeat([0, 1], 30)
    y = np.full(60, np.nan)
    y[:15], y[30:45] = 0, 1
    seen = evidence(truth, NeighborGraph(X), y)
    assert seen == {"n_labels": 30, "found": 1, "moved": 0, "differ": 0, "cut": 0}
    wrong = truth.copy()
    wrong[:6] = 1
    assert evidence(wrong, NeighborGraph(X), y)["differ"] == 0.1
    edges = NeighborGraph(X).weights(10).toarray()
    between = edges[:6, 6:30].sum() + edges[6:30, :6].sum()
    np.testing.assert_allclose(evidence(wrong, NeighborGraph(X), y)["cut"], between / edges.sum())


def test_most_of_the_pools_it_was_learned_from_are_covered():
    table = pd.read_csv(TABLE)[::3]
    shares = ["found", "moved", "differ", "cut", "accuracy", "accuracy_then"]
    assert table[shares].ge(0).all(axis=None)
    assert table[shares].le(1).all(axis=None)
    found = [expectation(row) for row in table.to_dict("records")]
    inside = [e.low <= a <= e.high for e, a in zip(found, table["accuracy"], strict=True)]
    weights = 1 / table.groupby("pool")["pool"].transform("size")
    assert 0.87 < np.average(inside, weights=weights) < 0.95
    assert np.mean([e.high - e.low for e in found]) < 0.35


def test_worse_signs_never_raise_what_is_expected():
    model = learned()
    assert (model.error.coef_ > 0).all()
    assert model.gain.coef_[0] > 0
    assert model.spread.coef_[0] < 0  # fewer labels, a wider interval
    assert model.ends[0] < 0 < model.ends[1]


def test_bad_input_is_refused():
    X, truth = blobs(3)
    y, classifier = labeled(X, truth, 20)
    one_class = np.where(y == 0, 0, np.nan)
    other = PoissonMBO(n_neighbors=9).fit(X, y)
    for wrong, said in (
        ((None, X, y), "classifier is None; it must be a PoissonMBO"),
        ((PoissonMBO(), X, y), "not fitted"),
        ((classifier, X[:50], y[:50]), "fitted to 400 points, and X has 50"),
        ((classifier, X + 1, y), "fitted to other points"),
        ((other, X, y), "classifier has n_neighbors=9; what to expect was learned with 10"),
        ((classifier, X, y[:50]), "y has shape"),
        ((classifier, X, one_class), "y has 1 classes; two or more are needed"),
        ((classifier, X, truth), "y labels all points"),
        ((classifier, X, (y + 1) % 4), "fitted to other labels"),
    ):
        with pytest.raises(ValueError, match=said):
            expected_accuracy(*wrong)
    with pytest.raises(ValueError, match="more is 0; allowed are integers of at least 1"):
        expected_accuracy(classifier, X, y, more=0)

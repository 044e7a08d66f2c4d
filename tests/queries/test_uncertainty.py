"""Uncertainty sampling, plain and inside clusters, against the probabilities."""

import numpy as np
import pytest
from queries_by_hand import kmeans_clusters, pool
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from alvae.queries import (
    ClusterUncertainty,
    EntropySampling,
    KMeansCoreset,
    UniformSampling,
)
from alvae.queries.base import seeded


@pytest.mark.parametrize("n_classes", [2, 3])
def test_entropy_takes_the_points_of_highest_entropy(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 4))
    y = np.digitize(X[:, 0], np.linspace(-0.5, 0.5, n_classes - 1)).astype(float)
    y[rng.random(70) < 0.6] = np.nan
    labeled = ~np.isnan(y)
    classifier = LogisticRegression(C=0.3)
    reference = clone(classifier).fit(X[labeled], y[labeled])
    expected = entropy(reference.predict_proba(X), axis=1)

    chosen = EntropySampling(classifier, random_state=0).query(X, y, 10)
    best = np.sort(expected[~labeled])[::-1][:10]
    np.testing.assert_allclose(expected[chosen], best, rtol=1e-9)
    assert not hasattr(classifier, "coef_")  # the classifier given is never fitted itself


def test_what_a_grid_tries_gets_seeds_too():
    tried = [RandomForestClassifier(3), {"deep": RandomForestClassifier(4)}, 5, LogisticRegression]
    given = GridSearchCV(LogisticRegression(random_state=1), {"it": tried}, cv=ShuffleSplit(2))
    copy = seeded(clone(given), np.random.default_rng(0))
    first, second, number, kind = copy.param_grid["it"]
    seeds = {first.random_state, second["deep"].random_state, copy.cv.random_state}
    assert len(seeds - {None}) == 3
    assert (number, kind) == (5, LogisticRegression)
    assert copy.estimator.random_state == 1
    assert tried[0].random_state is given.cv.random_state is None


def test_entropy_of_two_classes_is_nearest_to_one_half():
    X, y = pool(n_labeled=20)
    labeled = ~np.isnan(y)
    p = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled]).predict_proba(X)[:, 1]
    (chosen,) = EntropySampling().query(X, y)
    unlabeled = np.flatnonzero(~labeled)
    assert chosen == unlabeled[np.abs(p[unlabeled] - 0.5).argmin()]


@pytest.mark.parametrize("labels", [[], [1.0], [1.0, 1.0]])
def test_entropy_without_two_classes_samples_uniformly(labels):
    X, y = pool(n=20)
    y[: len(labels)] = labels
    uniform = UniformSampling(random_state=4).query(X, y, 5)
    np.testing.assert_array_equal(EntropySampling(random_state=4).query(X, y, 5), uniform)


def test_entropy_ties_are_broken_at_random():
    X = np.array([[-1.0], [1.0]] + [[0.0]] * 30)
    y = np.array([0.0, 1.0] + [np.nan] * 30)
    chosen = {int(EntropySampling(random_state=seed).query(X, y)[0]) for seed in range(30)}
    assert len(chosen) > 5


def test_entropy_seeds_the_parts_of_a_classifier():
    X, y = pool(n=200, d=6, n_labeled=60)
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3))
    strategy = EntropySampling(pipeline, random_state=0)
    np.testing.assert_array_equal(strategy.query(X, y, 20), strategy.query(X, y, 20))
    assert pipeline.get_params()["randomforestclassifier__random_state"] is None


def test_bad_classifier():
    with pytest.raises(ValueError, match="classifier is LinearSVC; it must have predict_proba"):
        EntropySampling(LinearSVC()).query(pool()[0])


@pytest.mark.parametrize("measure", ["margin", "entropy"])
@pytest.mark.parametrize("batch_size", [6, 12, 15])
def test_the_most_uncertain_of_each_cluster(measure, batch_size):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 3))
    y = np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1.5]).astype(float)
    y[rng.random(300) < 0.85] = np.nan
    labeled, classifier = ~np.isnan(y), LogisticRegression(C=0.5)
    strategy = ClusterUncertainty(6, 0, measure=measure, classifier=classifier)
    clusters = kmeans_clusters(X, 6, 0)
    assert np.bincount(clusters[~labeled]).min() >= 3

    p = clone(classifier).fit(X[labeled], y[labeled]).predict_proba(X)
    if measure == "entropy":
        uncertainty = entropy(p, axis=1)
    else:
        uncertainty = -np.array([max(row) - sorted(row)[1] for row in p])
    chosen = strategy.query(X, y, batch_size)
    shares = np.bincount(clusters[chosen], minlength=6)
    assert set(shares) <= {batch_size // 6, -(-batch_size // 6)}
    for k in range(6):
        members = np.flatnonzero((clusters == k) & ~labeled)
        best_first = members[np.argsort(-uncertainty[members])]
        np.testing.assert_array_equal(chosen[clusters[chosen] == k], best_first[: shares[k]])
    # One of each cluster in every round.
    assert len(set(clusters[chosen[:6]])) == 6


@pytest.mark.parametrize("labels", [[], [1.0], [1.0, 1.0]])
def test_without_two_classes_there_is_the_coreset(labels):
    X, y = pool()
    y[: len(labels)] = labels
    coreset = KMeansCoreset(5, random_state=8, n_init=2).query(X, y, 14)
    ours = ClusterUncertainty(5, random_state=8, n_init=2)
    np.testing.assert_array_equal(ours.query(X, y, 14), coreset)
    np.testing.assert_array_equal(ours.query(X, y, 14, prepared=ours.prepare(X)), coreset)


def test_equally_uncertain_points_are_drawn_by_chance():
    X = np.array([[-1.0], [1.0]] + [[0.0]] * 30)
    y = np.array([0.0, 1.0] + [np.nan] * 30)
    chosen = {int(ClusterUncertainty(1, seed).query(X, y)[0]) for seed in range(30)}
    assert len(chosen) > 5

"""The query strategies inside the loops of other libraries, and beside their strategies."""

import numpy as np
import pytest
from modAL.models import ActiveLearner
from scipy.spatial.distance import cdist
from skactiveml import pool as peers
from skactiveml.classifier import SklearnClassifier
from skactiveml.utils import call_func
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from alvae import queries
from alvae.book.comparison import line_up
from alvae.queries import (
    ClusterUncertainty,
    EntropySampling,
    KCenterGreedy,
    MaxHerding,
    ProbCover,
    TypiClust,
)

X, TRUTH = make_blobs([60, 40, 50], 2, cluster_std=1.0, random_state=0)
STRATEGIES = line_up(
    queries, n_clusters=3, n_classes=3, errors=np.linspace(0, 1, len(X)), random_state=0
)
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def with_labels(n_labeled, seed=0):
    y = np.full(len(X), np.nan)
    labeled = np.random.default_rng(seed).choice(len(X), n_labeled, replace=False)
    y[labeled] = TRUTH[labeled]
    return y


def seed_of_kmeans(random_state):
    """The seed that our strategies draw for K-means."""
    return int(np.random.default_rng(random_state).integers(2**31))


# In their loops


@each_strategy
def test_in_the_loop_of_scikit_activeml(strategy):
    y = np.full(len(X), np.nan)
    classifier = SklearnClassifier(LogisticRegression(), classes=[0, 1, 2], random_state=0)
    for n_labeled in (0, 6, 12):
        assert np.isfinite(y).sum() == n_labeled
        # It passes on what the signature of `query` names, and nothing else.
        chosen = call_func(strategy.query, X=X, y=y, batch_size=6, clf=classifier, fit_clf=True)
        np.testing.assert_array_equal(strategy.query(X, y, batch_size=6), chosen)
        y[chosen] = TRUTH[chosen]
        classifier.fit(X, y)
    assert set(classifier.predict(X)) <= {0, 1, 2}


@each_strategy
def test_in_the_active_learner_of_modal(strategy):
    calls = []

    def query_strategy(learner, X, **options):
        calls.append(options)
        # A pair, or modAL takes two indices for one, and asks again for other numbers of them.
        return strategy.query(X, **options), None

    y = np.full(len(X), np.nan)
    for n_labeled in (0, 6, 12):
        labeled = np.flatnonzero(~np.isnan(y))
        # Made anew in each round: `teach` of modAL 0.4.2.1 needs scikit-learn before 1.8.
        known = {"X_training": X[labeled], "y_training": y[labeled]} if n_labeled else {}
        learner = ActiveLearner(LogisticRegression(), query_strategy, **known)
        chosen, points = learner.query(X, y=y, batch_size=6)
        np.testing.assert_array_equal(points, X[chosen])
        np.testing.assert_array_equal(chosen, strategy.query(X, y, 6))
        assert np.isnan(y[chosen]).all()
        y[chosen] = TRUTH[chosen]
    assert len(calls) == 3
    assert np.isfinite(y).sum() == 18


def test_a_learner_of_modal_as_the_classifier():
    """Its `predict_proba` is all that EntropySampling needs."""
    y = with_labels(20)
    learner = ActiveLearner(LogisticRegression(max_iter=1000))
    labeled = ~np.isnan(y)
    learner.estimator.fit(X[labeled], y[labeled])
    p = learner.predict_proba(X[~labeled])
    entropies = -(p * np.log(p)).sum(axis=1)
    expected = np.flatnonzero(~labeled)[np.argsort(-entropies)[:5]]
    np.testing.assert_array_equal(EntropySampling(random_state=0).query(X, y, 5), expected)


# Beside theirs


@pytest.mark.parametrize("n_neighbors", [3, 20])
@pytest.mark.parametrize("n_labeled", [0, 9])
def test_typiclust_of_scikit_activeml(n_neighbors, n_labeled):
    y = with_labels(n_labeled)
    ours = TypiClust(random_state=5, n_neighbors=n_neighbors).query(X, y, 10)
    kmeans = {"random_state": seed_of_kmeans(5), "n_init": 1}
    theirs = peers.TypiClust(k=n_neighbors, cluster_algo_dict=kmeans, random_state=0)
    theirs = theirs.query(X, y, batch_size=10)
    clusters = KMeans(n_labeled + 10, **kmeans).fit_predict(X)
    # Both take the largest clusters first; of equally large ones, they the one that chance says.
    sizes = np.bincount(clusters)
    np.testing.assert_array_equal(sizes[clusters[ours]], sizes[clusters[theirs]])
    theirs = dict(zip(clusters[theirs], theirs, strict=True))
    shared = [i for i in ours if clusters[i] in theirs]
    assert len(shared) >= 8
    assert all(theirs[clusters[i]] == i for i in shared)


@pytest.mark.parametrize("n_labeled", [0, 9])
def test_probcover_of_scikit_activeml(n_labeled):
    y = with_labels(n_labeled)
    strategy = ProbCover(random_state=5, n_classes=3, purity=0.897)
    ball = strategy.prepare(X).radius
    # They look for the radius on a grid, we for the largest at all.
    theirs = peers.ProbCover(
        n_classes=3,
        alpha=0.897,
        deltas=ball * np.array([0.3, 0.8, 1 - 1e-6, 1 + 1e-6, 2]),
        cluster_algo_dict={"random_state": seed_of_kmeans(5), "n_init": 1},
    )
    theirs.query(X, y)
    assert theirs.delta_max_ == pytest.approx(ball * (1 - 1e-6), rel=1e-9)

    ours = strategy.query(X, y, 12)
    given = ProbCover(random_state=5, radius=ball).query(X, y, 12)
    np.testing.assert_array_equal(given, ours)
    for i in ours:
        # Ties fall to chance here and there, so each step is compared by itself.
        # A radius alone, pure or not, makes theirs warn; 0 is always pure.
        theirs = peers.ProbCover(n_classes=3, alpha=1e-9, deltas=[0, ball], random_state=0)
        _, utilities = theirs.query(X, y, return_utilities=True)
        assert theirs.delta_max_ == ball
        assert utilities[0, i] == np.nanmax(utilities)
        y[i] = TRUTH[i]


@pytest.mark.parametrize("length_scale", [0.4, 1.5])
@pytest.mark.parametrize("n_labeled", [0, 9])
def test_max_herding_of_scikit_activeml(length_scale, n_labeled):
    # They cover unlabeled points, we all of them: labeled ones, covered already, add nothing.
    y = with_labels(n_labeled)
    theirs = peers.MaxHerding(
        normalize_samples=False,
        metric_dict={"gamma": 1 / (2 * length_scale**2)},
        random_state=0,
    )
    ours = MaxHerding(random_state=0, length_scale=length_scale)
    expected = theirs.query(X, y, batch_size=15)
    np.testing.assert_array_equal(ours.query(X, y, 15), expected)


def test_k_center_with_points_set_aside_is_theirs_without_them():
    y = with_labels(5)
    unlabeled = np.flatnonzero(np.isnan(y))
    sparsity = np.sort(cdist(X, X), axis=1)[:, 10]
    aside = unlabeled[np.argsort(-sparsity[unlabeled])[:15]]
    rest = np.setdiff1d(np.arange(len(X)), aside)
    theirs = peers.CoreSet(random_state=0).query(X[rest], y[rest], batch_size=20)
    ours = KCenterGreedy(set_aside=0.1).query(X, y, 20)
    np.testing.assert_array_equal(ours, rest[theirs])


@pytest.mark.parametrize(
    ("measure", "method"), [("margin", "margin_sampling"), ("entropy", "entropy")]
)
def test_uncertainty_in_one_cluster_is_uncertainty_sampling(measure, method):
    y = with_labels(20)
    classifier = LogisticRegression(max_iter=1000)
    theirs = peers.UncertaintySampling(method=method, random_state=0).query(
        X, y, SklearnClassifier(clone(classifier), classes=[0, 1, 2]), batch_size=10
    )
    ours = ClusterUncertainty(1, 0, measure=measure, classifier=classifier).query(X, y, 10)
    np.testing.assert_array_equal(ours, theirs)

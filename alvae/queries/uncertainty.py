"""Points about which a classifier is uncertain, in the whole pool or inside clusters."""

from typing import ClassVar

import numpy as np
from scipy.special import entr
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from alvae._checks import check_choice
from alvae.queries.base import QueryStrategy, seeded
from alvae.queries.coreset import ClusterStrategy, rounds


class EntropySampling(QueryStrategy):
    """Take the points whose predicted class is most uncertain: classical uncertainty sampling.

    A classifier is fitted to the labeled points, and the unlabeled points of highest predictive
    entropy are chosen [1]_ [2]_, the most uncertain first, ties in random order. While fewer than
    two classes are labeled there is nothing to be uncertain about, and points are drawn uniformly.

    Parameters
    ----------
    classifier : estimator with `predict_proba`, default=None
        Cloned and fitted in every query; a `random_state` of None in it is drawn from this
        strategy's. None: `LogisticRegression(max_iter=1000)`.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", University of Wisconsin-Madison, 2009.
    .. [2] D. D. Lewis and W. A. Gale, "A Sequential Algorithm for Training Text Classifiers",
       SIGIR 1994.
    """

    variants: ClassVar = {"entropy": {}}
    needs_labels = True

    def __init__(self, classifier=None, random_state=None):
        self.classifier = classifier
        self.random_state = random_state

    def check_params(self, n, batch_size=None):
        _check_classifier(self.classifier)

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        entropy = _uncertainty("entropy", self.classifier, X, y, unlabeled, rng)
        if entropy is None:
            return rng.choice(unlabeled, batch_size, replace=False)
        most_uncertain = np.lexsort((rng.random(len(entropy)), -entropy))
        return unlabeled[most_uncertain[:batch_size]]


class ClusterUncertainty(ClusterStrategy):
    """Take the most uncertain points of each K-means cluster, equally many of each.

    What the paper proposes in its conclusion: a core-set first, then uncertainty inside its
    clusters. While fewer than two classes are labeled there is nothing to be uncertain about, and
    the query is that of `KMeansCoreset`: the first of two stages. Later queries fit a classifier to
    the labeled points and take from each cluster the unlabeled points of smallest margin between
    the two likeliest classes [1]_, or of highest entropy, ties in random order.

    Parameters
    ----------
    n_clusters : int, default=20
        Number of clusters K, at most the batch size.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_init : int, default=1
        Runs of K-means, of which the best counts.
    measure : "margin" or "entropy", default="margin"
    classifier : estimator with `predict_proba`, default=None
        As in `EntropySampling`.

    References
    ----------
    .. [1] T. Scheffer, C. Decomain and S. Wrobel, "Active Hidden Markov Models for Information
       Extraction", IDA 2001.
    """

    variants: ClassVar = {
        "margin in clusters": {"measure": "margin"},
        "entropy in clusters": {"measure": "entropy"},
    }
    needs_labels = True

    def __init__(
        self, n_clusters=20, random_state=None, n_init=1, measure="margin", classifier=None
    ):
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init
        self.measure = measure
        self.classifier = classifier

    def check_params(self, n, batch_size=None):
        super().check_params(n, batch_size)
        check_choice("measure", self.measure, _UNCERTAINTY)
        _check_classifier(self.classifier)

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        groups = self._groups(y, prepared)
        of_unlabeled = _uncertainty(self.measure, self.classifier, X, y, unlabeled, rng)
        if of_unlabeled is None:
            return rounds(groups, batch_size, rng)
        uncertainty = np.zeros(len(X))
        uncertainty[unlabeled] = of_unlabeled
        best_first = [
            group[np.lexsort((rng.random(len(group)), -uncertainty[group]))] for group in groups
        ]
        return rounds(best_first, batch_size, rng, best_first=True)


def _margin(probabilities):
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return second - first


_UNCERTAINTY = {"margin": _margin, "entropy": lambda p: entr(p).sum(axis=1)}


def _check_classifier(classifier):
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise ValueError(f"classifier is {type(classifier).__name__}; it must have predict_proba")


def _uncertainty(measure, classifier, X, y, unlabeled, rng):
    """Of the unlabeled points, (n_unlabeled,); None while fewer than two classes are labeled."""
    labeled = ~np.isnan(y)
    classes, targets = np.unique(y[labeled], return_inverse=True)
    if len(classes) < 2:
        return None
    classifier = LogisticRegression(max_iter=1000) if classifier is None else clone(classifier)
    classifier = seeded(classifier, rng).fit(X[labeled], targets)
    return _UNCERTAINTY[measure](classifier.predict_proba(X[unlabeled]))

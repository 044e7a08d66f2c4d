"""Query strategies: which points of a pool to label next.

Every strategy is called as `query(X, y, batch_size)`, in whatever space X lives: pixels, latent
codes, other features. At a cold start nothing is labeled and y is None.
"""

import numpy as np
from scipy.special import entr
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression

from alvae._checks import check_integer, check_points

BLOCK_VALUES = 2**16  # values of X handled at a time: fits a CPU cache
MINI_BATCH = 2**16  # points up to which K-means takes all of them in every step
BATCH_PER_CLUSTER = 16  # points of a mini-batch for each cluster
SAMPLE = 10**6  # points at most from which mini-batches are drawn,
SAMPLE_VALUES = 2**27  # and their values at most


class QueryStrategy(BaseEstimator):
    """Base class of the query strategies: checks the input, then asks `_select`.

    A subclass stores its parameters in `__init__`, `random_state` among them, and writes
    `_select(X, y, unlabeled, batch_size, rng, **prepared)`: X as floats of shape (n, d), y as
    float64 of shape (n,), `unlabeled` the indices to choose from, `rng` a `numpy.random.Generator`.
    """

    def prepare(self, X):
        """Compute what all queries on the same X can share.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
            Keyword arguments for `query`. Empty unless a strategy says otherwise.
        """
        return {}

    def query(self, X, y=None, batch_size=1, **prepared):
        """Choose the points to label next.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The pool, labeled and unlabeled points alike; finite.
        y : array-like of shape (n,), default=None
            Labels as numbers, NaN where unlabeled. None: nothing is labeled.
        batch_size : int, default=1
            Number of points B to choose, at most the number of unlabeled points.
        **prepared
            What `prepare(X)` returned; computed here where it is left out.

        Returns
        -------
        ndarray of shape (batch_size,), int64
            Distinct indices into X of unlabeled points, in the order in which they were chosen.

        Raises
        ------
        ValueError
            If a parameter is outside its range.
        """
        X = check_points("X", X)
        y = _check_y(y, len(X))
        unlabeled = np.flatnonzero(np.isnan(y))
        if len(unlabeled) == 0:
            raise ValueError(f"y labels all {len(X)} points; at least one must be NaN (unlabeled)")
        check_integer("batch_size", batch_size, 1, len(unlabeled), "the number of unlabeled points")
        rng = _generator(self.random_state)
        chosen = self._select(X, y, unlabeled, int(batch_size), rng, **prepared)
        return np.asarray(chosen, dtype=np.int64)


class UniformSampling(QueryStrategy):
    """Draw uniformly at random, without replacement.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng):
        return rng.choice(unlabeled, batch_size, replace=False)


class KMeansCoreset(QueryStrategy):
    """Draw equally many points from each K-means cluster: the paper's core-set, Section 3.

    Every cluster gives m = B/K points, drawn uniformly at random. If K does not divide B, the
    B mod K points left over come from as many clusters chosen at random. A cluster with fewer
    points than its share gives them all, and the others make up for it evenly. The points come in
    rounds, one of each cluster in every round, the clusters always in one random order: so any K
    neighbors in the result span all clusters that are not used up, which makes contiguous
    cross-validation folds span them too.

    Pools of more than 65,536 points are clustered by mini-batch K-means [1]_, on a random sample of
    at most a million points and 2^27 values, and all are assigned; memory beside X and the sample
    is O(n).

    Parameters
    ----------
    n_clusters : int, default=20
        Number of clusters K, at most the batch size.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_init : int, default=1
        Runs of K-means, of which the best counts.

    References
    ----------
    .. [1] D. Sculley, "Web-Scale K-Means Clustering", WWW 2010.
    """

    def __init__(self, n_clusters=20, random_state=None, n_init=1):
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init

    def prepare(self, X):
        """Cluster X by K-means.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
            `clusters`: the cluster of each point, ndarray of shape (n,), int32; `members`: the
            points, cluster by cluster, ndarray of shape (n,).
        """
        X = check_points("X", X)
        check_integer("n_clusters", self.n_clusters, 1, len(X), "the number of points")
        rng = _generator(self.random_state)
        options = {"n_init": self.n_init, "random_state": int(rng.integers(2**31))}
        if len(X) <= MINI_BATCH:
            return _grouped(KMeans(self.n_clusters, **options).fit_predict(X))
        options["batch_size"] = BATCH_PER_CLUSTER * self.n_clusters
        kmeans = MiniBatchKMeans(self.n_clusters, compute_labels=False, **options)
        sample, most = X, max(self.n_clusters, min(SAMPLE, SAMPLE_VALUES // X.shape[1]))
        if len(X) > most:
            sample = X[np.sort(rng.choice(len(X), most, replace=False, shuffle=False))]
        return _grouped(kmeans.fit(sample).predict(X))

    def _select(self, X, y, unlabeled, batch_size, rng, clusters=None, members=None):
        check_integer("n_clusters", self.n_clusters, 1, batch_size, "batch_size")
        if clusters is None:
            prepared = self.prepare(X)
            clusters, members = prepared["clusters"], prepared["members"]
        clusters = _check_clusters(clusters, len(X), self.n_clusters)
        if members is None:
            members = _grouped(clusters)["members"]
        if len(unlabeled) < len(X):
            members = members[np.isnan(y[members])]
        ends = np.cumsum(np.bincount(clusters[unlabeled], minlength=self.n_clusters))
        return _rounds(np.split(members, ends[:-1]), batch_size, rng)


class KCenterGreedy(QueryStrategy):
    """Take the point farthest from all chosen so far, again and again: equation (1) [1]_.

    Chosen so far are the labeled points; at a cold start, one point drawn at random. Distances are
    Euclidean, from the differences themselves in the precision of X; among points that are equally
    far, rounding may decide. At a cold start the covering radius is at most twice the best
    possible [2]_. Time is O(n B d), plus O(n d) for each labeled point; memory beside X is O(n).

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of the first point, as `numpy.random.default_rng` takes it.

    References
    ----------
    .. [1] O. Sener and S. Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
       Approach", ICLR 2018.
    .. [2] T. F. Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theoretical
       Computer Science 38, 1985.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng):
        to_nearest = np.full(len(X), np.inf, dtype=X.dtype)  # squared distance to the chosen
        labeled = np.flatnonzero(~np.isnan(y))
        for i in labeled:
            _add_center(to_nearest, X, i)

        chosen = []
        while len(chosen) < batch_size:
            cold = len(labeled) + len(chosen) == 0
            farthest = rng.choice(unlabeled) if cold else to_nearest.argmax()
            chosen.append(farthest)
            _add_center(to_nearest, X, farthest)
        return chosen


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

    def __init__(self, classifier=None, random_state=None):
        self.classifier = classifier
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng):
        classifier = self.classifier
        if classifier is None:
            classifier = LogisticRegression(max_iter=1000)
        if not hasattr(classifier, "predict_proba"):
            raise ValueError(
                f"classifier is {type(classifier).__name__}; it must have predict_proba"
            )

        labeled = ~np.isnan(y)
        classes, targets = np.unique(y[labeled], return_inverse=True)
        if len(classes) < 2:
            return rng.choice(unlabeled, batch_size, replace=False)
        classifier = _seeded(clone(classifier), rng).fit(X[labeled], targets)
        entropy = entr(classifier.predict_proba(X[unlabeled])).sum(axis=1)
        most_uncertain = np.lexsort((rng.random(len(entropy)), -entropy))
        return unlabeled[most_uncertain[:batch_size]]


def _grouped(clusters):
    dtype = np.int32 if len(clusters) < 2**31 else np.int64
    return {
        "clusters": clusters,
        "members": np.argsort(clusters, kind="stable").astype(dtype, copy=False),
    }


def _rounds(groups, batch_size, rng):
    """Draw points from groups in rounds, one of each group that is not used up, in one order."""
    sizes = np.array([len(group) for group in groups])
    rounds = -(-batch_size // len(groups))
    while np.minimum(sizes, rounds).sum() < batch_size:
        rounds += 1
    drawn = np.full((rounds, len(groups)), -1)
    for turn, group in enumerate(rng.permutation(len(groups))):
        n = min(sizes[group], rounds)
        drawn[:n, turn] = rng.choice(groups[group], n, replace=False)
    return drawn[drawn >= 0][:batch_size]


def _add_center(to_nearest, X, center):
    """Lower the squared distances (n,) from X to the nearest center, X[center] being a new one."""
    rows = min(len(X), max(1, BLOCK_VALUES // X.shape[1]))
    # Rows of a few values are slow to go through one by one. The center is repeated, so that
    # differences and squares are taken of one long row, and a BLAS product adds the squares up.
    centers, ones = np.tile(X[center], (rows, 1)), np.ones(X.shape[1], dtype=X.dtype)
    for start in range(0, len(X), rows):
        block = slice(start, start + rows)
        squares = X[block] - centers[: len(X) - start]
        squares *= squares
        np.minimum(to_nearest[block], squares @ ones, out=to_nearest[block])
    to_nearest[center] = -1  # below every distance: never chosen again, duplicates or not


def _seeded(classifier, rng):
    """Give a seed to every random_state of the classifier, or of its parts, that is None."""
    unseeded = [
        name
        for name, value in sorted(classifier.get_params().items())
        if name.split("__")[-1] == "random_state" and value is None
    ]
    return classifier.set_params(**{name: int(rng.integers(2**31)) for name in unseeded})


def _generator(random_state):
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state is {random_state!r}; allowed are None, an integer of at least 0, "
            "a SeedSequence and a Generator"
        ) from None


def _check_y(y, n):
    if y is None:
        return np.full(n, np.nan)
    try:
        y = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("y is not numeric; it must hold numbers, NaN where unlabeled") from None
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}; it must have shape ({n},), one label per point")
    if np.isinf(y).any():
        raise ValueError("y contains infinity; it must hold numbers, NaN where unlabeled")
    return y


def _check_clusters(clusters, n, n_clusters):
    clusters = np.asarray(clusters)
    integers = clusters.shape == (n,) and clusters.dtype.kind in "iu"
    if not integers or clusters.min() < 0 or clusters.max() >= n_clusters:
        raise ValueError(
            f"clusters has shape {clusters.shape} and dtype {clusters.dtype}; it must be {n} "
            f"integers from 0 to n_clusters - 1 = {n_clusters - 1}, as prepare(X) returns them"
        )
    return clusters

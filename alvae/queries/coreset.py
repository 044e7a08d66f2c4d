"""The paper's core-set: points drawn from every K-means cluster."""

from typing import ClassVar

import numpy as np

from alvae._checks import check_choice, check_integer, check_labels, check_prepared
from alvae._clusters import Clusters, kmeans
from alvae.queries.base import QueryStrategy


class ClusterStrategy(QueryStrategy):
    """Base of the strategies that choose some points of each of K clusters.

    A subclass stores `n_clusters` and `n_init` among its parameters.
    """

    def check_params(self, n, batch_size=None):
        if batch_size is None:
            check_integer("n_clusters", self.n_clusters, 1, n, "the number of points")
        else:
            check_integer("n_clusters", self.n_clusters, 1, batch_size, "batch_size")
        check_integer("n_init", self.n_init, 1)

    def _prepare(self, X, graph, rng):
        return Clusters.of(kmeans(X, self.n_clusters, rng, self.n_init))

    def _groups(self, y, clusters):
        """The unlabeled points of every cluster."""
        check_prepared(isinstance(clusters, Clusters) and clusters.labels.shape == y.shape)
        check_prepared(clusters.labels.dtype.kind in "iu")
        check_prepared(0 <= clusters.labels.min() <= clusters.labels.max() < self.n_clusters)
        return clusters.members(self.n_clusters, among=np.isnan(y))


class KMeansCoreset(ClusterStrategy):
    """Draw equally many points from each K-means cluster: the paper's core-set, Section 3.

    Every cluster gives m = B/K points, drawn uniformly at random. If K does not divide B, the
    B mod K points left over come from as many clusters chosen at random. A cluster with fewer
    points than its share gives them all, and the others make up for it evenly. The points come in
    rounds, one of each cluster in every round, the clusters always in one random order: so any K
    neighbors in the result span all clusters that are not used up, which makes contiguous
    cross-validation folds span them too.

    With proportional allocation a cluster gives one point, and of the points left over a share in
    proportion to the unlabeled points that it still has, rounded by largest remainders. How many
    points a chosen one stands for is then its `sample_weight`.

    Pools of more than 65,536 points are clustered by mini-batches; memory beside X is O(n).

    Parameters
    ----------
    n_clusters : int, default=20
        Number of clusters K, at most the batch size.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_init : int, default=1
        Runs of K-means, of which the best counts.
    allocation : "equal" or "proportional", default="equal"
        How many points a cluster gives.
    """

    variants: ClassVar = {"core-set": {}, "core-set, proportional": {"allocation": "proportional"}}

    def __init__(self, n_clusters=20, random_state=None, n_init=1, allocation="equal"):
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init
        self.allocation = allocation

    def check_params(self, n, batch_size=None):
        super().check_params(n, batch_size)
        check_choice("allocation", self.allocation, ("equal", "proportional"))

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        groups = self._groups(y, prepared)
        if self.allocation == "equal":
            return rounds(groups, batch_size, rng)
        shares = proportional_shares(np.array([len(group) for group in groups]), batch_size)
        parts = [rng.choice(groups[k], shares[k], replace=False) for k in np.flatnonzero(shares)]
        # Mixed, so that contiguous folds mix the clusters.
        return np.concatenate(parts)[rng.permutation(batch_size)]

    def sample_weight(self, X, chosen, y=None, *, prepared):
        if self.allocation == "equal":
            return None
        groups = self._groups(check_labels(y, len(X)), prepared)
        sizes = np.array([len(group) for group in groups])
        of = prepared.labels[chosen]
        return sizes[of] / np.bincount(of, minlength=self.n_clusters)[of]


def rounds(groups, batch_size, rng, best_first=False):
    """Points of groups in rounds, one of each group that is not used up, the groups in one order.

    The points of a group are drawn at random, or taken from its start if `best_first`.
    """
    sizes = np.array([len(group) for group in groups])
    n_rounds = -(-batch_size // len(groups))
    while np.minimum(sizes, n_rounds).sum() < batch_size:
        n_rounds += 1
    drawn = np.full((n_rounds, len(groups)), -1)
    for turn, group in enumerate(rng.permutation(len(groups))):
        n = min(sizes[group], n_rounds)
        points = groups[group]
        drawn[:n, turn] = points[:n] if best_first else rng.choice(points, n, replace=False)
    return drawn[drawn >= 0][:batch_size]


def proportional_shares(sizes, batch_size):
    """How many points each group gives: one, and the rest in proportion, none more than it has."""
    shares = np.minimum(sizes, 1)
    left, room = batch_size - shares.sum(), sizes - shares
    ideal = left * room / max(room.sum(), 1)
    more = np.floor(ideal).astype(int)
    largest_remainders = np.argsort(more - ideal, kind="stable")
    more[largest_remainders[: left - more.sum()]] += 1
    return shares + more

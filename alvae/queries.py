"""Query strategies: which points of a pool to label next.

Every strategy is called as `query(X, y, batch_size)`, in whatever space X lives: pixels, latent
codes, other features. At a cold start nothing is labeled and y is None. Distances are Euclidean
and codes are taken as they are: a latent code of few dimensions that is normalized to length 1
loses the coordinate that tells a dense region from the empty middle.
"""

import warnings
from heapq import heapify, heappop, heapreplace
from itertools import count, pairwise

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist, pdist
from scipy.special import entr
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans, MiniBatchKMeans, spectral_clustering
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import gen_batches

from alvae._checks import check_integer, check_number, check_points
from alvae._graphs import knn_graph, nearest_neighbors

BLOCK_VALUES = 2**16  # values of X handled at a time: fits a CPU cache
MINI_BATCH = 2**16  # points up to which K-means takes all of them in every step
BATCH_PER_CLUSTER = 16  # points of a mini-batch for each cluster
SAMPLE = 10**6  # points at most from which mini-batches are drawn,
SAMPLE_VALUES = 2**27  # and their values at most
SPARSITY = 10  # a point is as sparse as this neighbor is far
PAIRS = 2**22  # distances formed at a time
STEPS = 50  # of K-means at most, where clusters need not be the best to the last point,
FEW_STEPS = 10  # or only small
MOST_SMALL = 2**12  # small clusters: their affinities are a dense matrix


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

    With proportional allocation a cluster gives one point, and of the points left over a share in
    proportion to the unlabeled points that it still has, rounded by largest remainders. How many
    points a chosen one stands for is then its weight, which a classifier can take as
    `sample_weight`.

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
    allocation : "equal" or "proportional", default="equal"
        How many points a cluster gives.

    Attributes
    ----------
    sample_weight_ : ndarray of shape (batch_size,)
        After a query with proportional allocation: unlabeled points of the cluster over chosen
        ones, for each chosen point.

    References
    ----------
    .. [1] D. Sculley, "Web-Scale K-Means Clustering", WWW 2010.
    """

    def __init__(self, n_clusters=20, random_state=None, n_init=1, allocation="equal"):
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init
        self.allocation = allocation

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
        return _grouped(_cluster(X, self.n_clusters, rng, self.n_init))

    def _select(self, X, y, unlabeled, batch_size, rng, clusters=None, members=None):
        if self.allocation not in ("equal", "proportional"):
            raise ValueError(
                f"allocation is {self.allocation!r}; allowed are 'equal' and 'proportional'"
            )
        groups = self._groups(X, y, unlabeled, batch_size, clusters, members)
        if self.allocation == "equal":
            return _rounds(groups, batch_size, rng)
        sizes = np.array([len(group) for group in groups])
        shares = _shares(sizes, batch_size)
        parts = [rng.choice(groups[k], shares[k], replace=False) for k in np.flatnonzero(shares)]
        drawn, of = np.concatenate(parts), np.repeat(np.arange(len(groups)), shares)
        order = rng.permutation(batch_size)  # so that contiguous folds mix the clusters
        self.sample_weight_ = (sizes[of] / shares[of])[order]
        return drawn[order]

    def _groups(self, X, y, unlabeled, batch_size, clusters, members):
        """The unlabeled points of every cluster."""
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
        return np.split(members, ends[:-1])


class KCenterGreedy(QueryStrategy):
    """Take the point farthest from all chosen so far, again and again: equation (1) [1]_.

    Chosen so far are the labeled points; at a cold start, one point drawn at random. Distances are
    Euclidean, from the differences themselves in the precision of X; among points that are equally
    far, rounding may decide. At a cold start the covering radius is at most twice the best
    possible [2]_. Time is O(n B d), plus O(n d) for each labeled point; memory beside X is O(n).

    The farthest points are outliers first. `set_aside` leaves the sparsest points, those with the
    largest distance to their tenth neighbor, out of the choice and out of what is to be covered,
    as long as there are others.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of the first point, as `numpy.random.default_rng` takes it.
    set_aside : float, default=0
        Share of the points that is set aside, at least 0 and below 1.

    References
    ----------
    .. [1] O. Sener and S. Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
       Approach", ICLR 2018.
    .. [2] T. F. Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theoretical
       Computer Science 38, 1985.
    """

    def __init__(self, random_state=None, set_aside=0.0):
        self.random_state = random_state
        self.set_aside = set_aside

    def prepare(self, X):
        """Measure how sparse X is around every point.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
            `sparsity`: the distance to the tenth neighbor, ndarray of shape (n,); nothing where no
            point is set aside.
        """
        X = check_points("X", X)
        check_number("set_aside", self.set_aside, 0)
        if self.set_aside >= 1:
            raise ValueError(f"set_aside is {self.set_aside!r}; it must be below 1")
        if self.set_aside == 0 or len(X) == 1:
            return {}
        return {"sparsity": nearest_neighbors(X, min(SPARSITY, len(X) - 1))[0][:, -1]}

    def _select(self, X, y, unlabeled, batch_size, rng, sparsity=None):
        to_nearest = np.full(len(X), np.inf, dtype=X.dtype)  # squared distance to the chosen
        if sparsity is None:
            sparsity = self.prepare(X).get("sparsity")
        if sparsity is not None:
            n_aside = min(int(self.set_aside * len(X) + 1e-9), len(unlabeled) - batch_size)
            sparsest = unlabeled[np.argsort(-sparsity[unlabeled], kind="stable")]
            to_nearest[sparsest[:n_aside]] = -1
            unlabeled = np.sort(sparsest[n_aside:])
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


class _OnePerCluster(QueryStrategy):
    """Base of the strategies that take the best point of each of many clusters.

    There are as many clusters as labeled points and points to choose together, so that `batch_size`
    of them hold no label. Clusters with the fewest labeled points come first, of these the largest;
    each gives its best point, and if all have, because some are empty, its next best.

    A subclass writes `_partition(X, n_clusters, rng, **prepared)`, the cluster of each point, and
    `_rank(X, members)`, a number for each point of a cluster, lowest for the best.
    """

    max_clusters = np.inf

    def _select(self, X, y, unlabeled, batch_size, rng, **prepared):
        labeled = ~np.isnan(y)
        n_clusters = min(np.count_nonzero(labeled) + batch_size, len(X), self.max_clusters)
        clusters = self._partition(X, n_clusters, rng, **prepared)
        sizes = np.bincount(clusters)
        n_labeled = np.bincount(clusters[labeled], minlength=len(sizes))
        members = np.split(np.argsort(clusters, kind="stable"), np.cumsum(sizes)[:-1])
        turns = [k for k in np.lexsort((-sizes, n_labeled)) if n_labeled[k] < sizes[k]]
        best_first, chosen = {}, []
        for nth in count():
            for k in turns:
                if k not in best_first:
                    ranked = members[k][np.argsort(self._rank(X, members[k]), kind="stable")]
                    best_first[k] = ranked[~labeled[ranked]]
                chosen.extend(best_first[k][nth : nth + 1])
                if len(chosen) == batch_size:
                    return chosen


class KMeansMedoids(_OnePerCluster):
    """Take the point nearest to the center of each of B K-means clusters [1]_.

    Where points are labeled, their number is added to the clusters, and the largest clusters
    without a label are chosen from. Pools of more than 65,536 points are clustered by mini-batches,
    as `KMeansCoreset` does it; memory beside X is O(n).

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_init : int, default=1
        Runs of K-means, of which the best counts.

    References
    ----------
    .. [1] F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019; here without
       its weights of uncertainty, for a cold start.
    """

    def __init__(self, random_state=None, n_init=1):
        self.random_state = random_state
        self.n_init = n_init

    def _partition(self, X, n_clusters, rng):
        return _cluster(X, n_clusters, rng, self.n_init, STEPS)

    def _rank(self, X, members):
        return _squared_distances_to_mean(X[members])


class TypiClust(_OnePerCluster):
    """Take the most typical point of each of B K-means clusters [1]_.

    The most typical point of a cluster is the one with the smallest mean distance to its nearest
    neighbors in the cluster: the densest one. Where points are labeled, their number is added to
    the clusters, and the largest clusters without a label are chosen from.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=20
        Neighbors of which the mean distance is taken, or as many as the cluster has.
    max_clusters : int, default=500
        Most clusters there may be.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active Learning on a Budget: Opposite Strategies
       Suit High and Low Budgets", ICML 2022.
    """

    def __init__(self, random_state=None, n_neighbors=20, max_clusters=500):
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.max_clusters = max_clusters

    def _partition(self, X, n_clusters, rng):
        check_integer("n_neighbors", self.n_neighbors, 1)
        check_integer("max_clusters", self.max_clusters, 1)
        return _cluster(X, n_clusters, rng, max_iter=STEPS)

    def _rank(self, X, members):
        n_neighbors = min(self.n_neighbors, len(members) - 1)
        if n_neighbors == 0:
            return np.zeros(1)
        return nearest_neighbors(X[members], n_neighbors)[0].mean(axis=1)


class SpectralMedoids(_OnePerCluster):
    """Take the most central point of each of B clusters of the nearest-neighbor graph.

    K-means cuts a class of elongated shape in two, and joins two classes that lie side by side. A
    nearest-neighbor graph has few edges between classes, and spectral clustering cuts it there
    [1]_. Not points but a few hundred small K-means clusters are cut, joined by the weight of the
    edges between them [2]_: so time stays near that of K-means, and memory beside X is O(n k). The
    point of a cluster that is nearest to its mean is chosen.

    Where points are labeled, their number is added to the clusters, and the largest clusters
    without a label are chosen from.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=10
        Neighbors k of each point in the graph.
    n_small_clusters : int, default=300
        Small clusters; four times the clusters to be cut where that is more, and at most 4,096.

    References
    ----------
    .. [1] A. Damle, V. Minden and L. Ying, "Simple, direct and efficient multi-way spectral
       clustering", Information and Inference 8, 2019.
    .. [2] D. Yan, L. Huang and M. I. Jordan, "Fast Approximate Spectral Clustering", KDD 2009.
    """

    def __init__(self, random_state=None, n_neighbors=10, n_small_clusters=300):
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.n_small_clusters = n_small_clusters

    def prepare(self, X):
        """Join every point of X with its nearest neighbors.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
            `graph`: symmetric weights, csr matrix of shape (n, n).
        """
        check_integer("n_neighbors", self.n_neighbors, 1)
        return {"graph": knn_graph(check_points("X", X), self.n_neighbors)}

    def _partition(self, X, n_clusters, rng, graph=None):
        check_integer("n_small_clusters", self.n_small_clusters, 1)
        if graph is None:
            graph = self.prepare(X)["graph"]
        n_small = min(max(self.n_small_clusters, 4 * n_clusters), len(X), MOST_SMALL)
        small = _cluster(X, n_small, rng, max_iter=FEW_STEPS)
        used, small = np.unique(small, return_inverse=True)
        if n_clusters >= len(used):  # nothing to join
            return small
        member_of = csr_matrix((np.ones(len(X)), (small, np.arange(len(X)))))
        between = (member_of @ graph @ member_of.T).toarray()
        # A thread between all of them, so that parts of the graph without an edge do no harm.
        between += 1e-6 * between.mean()
        cut = spectral_clustering(
            between,
            n_clusters=n_clusters,
            assign_labels="cluster_qr",
            random_state=int(rng.integers(2**31)),
        )
        return cut[small]

    def _rank(self, X, members):
        return _squared_distances_to_mean(X[members])


class ProbCover(QueryStrategy):
    """Take the point whose ball covers most points not yet covered, again and again [1]_.

    The balls have one radius: the largest at which the balls of a share `purity` of all points lie
    inside one K-means cluster, exactly. Labeled points cover from the start. Among equals, and once
    all is covered, chance decides. The balls are counted, and only those of points newly covered
    are listed, so that memory beside X is O(n); time grows with the pairs within the radius.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_classes : int, default=10
        Number of K-means clusters: the classes there are, or a guess.
    purity : float, default=0.95
        Share of pure balls, above 0 and at most 1.
    radius : float, default=None
        The radius itself, in the units of X, instead of the one that purity gives.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen and D. Weinshall, "Active Learning Through a Covering
       Lens", NeurIPS 2022.
    """

    def __init__(self, random_state=None, n_classes=10, purity=0.95, radius=None):
        self.random_state = random_state
        self.n_classes = n_classes
        self.purity = purity
        self.radius = radius

    def prepare(self, X):
        """Find the radius, and how many points each ball holds.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
            `ball`: the radius; `degrees`: points in the ball around each point, ndarray of shape
            (n,).
        """
        X = check_points("X", X)
        if self.radius is None:
            ball = self._pure_radius(X)
        else:
            check_number("radius", self.radius, 0)
            ball = self.radius
        lengths = KDTree(X).query_ball_point(X, ball, workers=-1, return_length=True)
        return {"ball": float(ball), "degrees": np.asarray(lengths, dtype=np.int64)}

    def _pure_radius(self, X):
        if len(X) == 1:
            return 0.0
        check_integer("n_classes", self.n_classes, 2, len(X), "the number of points")
        check_number("purity", self.purity, 0, inclusive=False)
        if self.purity > 1:
            raise ValueError(f"purity is {self.purity!r}; it must be at most 1")
        clusters = _cluster(X, self.n_classes, _generator(self.random_state))
        if clusters.min() == clusters.max():
            return 0.0  # all points are equal
        to_others = np.empty(len(X))  # distance to the nearest point of another cluster
        for k in np.unique(clusters):
            inside = clusters == k
            to_others[inside] = KDTree(X[~inside]).query(X[inside], workers=-1)[0]
        n_impure = int(np.floor((1 - self.purity) * len(X) + 1e-9))
        nearest = np.partition(to_others, min(n_impure, len(X) - 1))[min(n_impure, len(X) - 1)]
        return max(0.0, np.nextafter(nearest, 0))

    def _select(self, X, y, unlabeled, batch_size, rng, ball=None, degrees=None):
        if ball is None:
            ball, degrees = self.prepare(X).values()
        tree = KDTree(X)
        gains = degrees.copy()  # points not yet covered in each ball
        covered = np.zeros(len(X), dtype=bool)

        def cover(centers):
            lists = tree.query_ball_point(X[centers], ball, workers=-1)
            points = np.unique(
                np.concatenate([np.asarray(found, dtype=np.intp) for found in lists])
            )
            points = points[~covered[points]]
            covered[points] = True
            for block in _blocks(degrees[points]):
                lists = tree.query_ball_point(X[points[block]], ball, workers=-1)
                reached = np.concatenate([np.asarray(found, dtype=np.intp) for found in lists])
                np.subtract(gains, np.bincount(reached, minlength=len(X)), out=gains)

        labeled = np.flatnonzero(~np.isnan(y))
        for block in _blocks(degrees[labeled]):
            cover(labeled[block])
        chosen, free = [], np.isnan(y)
        while len(chosen) < batch_size:
            most = gains[free].max()
            best = rng.choice(np.flatnonzero(free & (gains == most)))
            chosen.append(best)
            free[best] = False
            cover([best])
        return chosen


class MaxHerding(QueryStrategy):
    """Take the candidate that raises the mean similarity of all points to the chosen most [1]_.

    The similarity of two points is the Gaussian kernel; that of a point to the chosen and labeled
    ones is the largest. Candidates are drawn at random from the unlabeled points. What a candidate
    adds can only fall, so that most need not be looked at again [2]_; the choice is the greedy one.
    The kernel of all points is never formed, and memory beside X is O(n).

    Parameters
    ----------
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_candidates : int, default=500
        Candidates; as many as are chosen where that is more.
    length_scale : float, default=None
        Of the kernel exp(-r^2 / (2 l^2)), in the units of X. None: a quarter of the median distance
        between candidates.

    References
    ----------
    .. [1] W. Bae, J. Noh and D. J. Sutherland, "Generalized Coverage for More Robust Low-Budget
       Active Learning", ECCV 2024.
    .. [2] M. Minoux, "Accelerated Greedy Algorithms for Maximizing Submodular Set Functions",
       Optimization Techniques, 1978.
    """

    def __init__(self, random_state=None, n_candidates=500, length_scale=None):
        self.random_state = random_state
        self.n_candidates = n_candidates
        self.length_scale = length_scale

    def _select(self, X, y, unlabeled, batch_size, rng):
        check_integer("n_candidates", self.n_candidates, 1)
        n_candidates = min(max(self.n_candidates, batch_size), len(unlabeled))
        candidates = rng.choice(unlabeled, n_candidates, replace=False)
        scale = self.length_scale
        if scale is None:
            scale = _median_distance(X[candidates]) / 4 or 1.0
        check_number("length_scale", scale, 0, inclusive=False)

        def similarity(centers, points):
            return np.exp(cdist(X[centers], X[points], "sqeuclidean") / (-2 * scale**2))

        rows = max(1, PAIRS // n_candidates)
        similar = np.zeros(len(X))  # of each point to the labeled and chosen
        labeled = np.flatnonzero(~np.isnan(y))
        gains = np.zeros(n_candidates)
        for block in gen_batches(len(X), rows):
            for start in range(0, len(labeled), n_candidates):
                nearer = similarity(labeled[start : start + n_candidates], block).max(axis=0)
                np.maximum(similar[block], nearer, out=similar[block])
            gains += np.maximum(similarity(candidates, block) - similar[block], 0).sum(axis=1)

        heap = [(-gain, c, 0) for c, gain in enumerate(gains)]
        heapify(heap)
        chosen = []
        while len(chosen) < batch_size:
            _, c, known_at = heap[0]
            kernel = similarity(candidates[[c]], slice(None))[0]
            if known_at == len(chosen):  # no other can add more
                heappop(heap)
                chosen.append(candidates[c])
                np.maximum(similar, kernel, out=similar)
            else:
                gain = np.maximum(kernel - similar, 0).sum()
                heapreplace(heap, (-gain, c, len(chosen)))
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
        entropy = _uncertainty("entropy", self.classifier, X, y, unlabeled, rng)
        if entropy is None:
            return rng.choice(unlabeled, batch_size, replace=False)
        most_uncertain = np.lexsort((rng.random(len(entropy)), -entropy))
        return unlabeled[most_uncertain[:batch_size]]


class ClusterUncertainty(KMeansCoreset):
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

    allocation = "equal"

    def __init__(
        self, n_clusters=20, random_state=None, n_init=1, measure="margin", classifier=None
    ):
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.n_init = n_init
        self.measure = measure
        self.classifier = classifier

    def _select(self, X, y, unlabeled, batch_size, rng, clusters=None, members=None):
        if self.measure not in _UNCERTAINTY:
            raise ValueError(
                f"measure is {self.measure!r}; allowed are {' and '.join(map(repr, _UNCERTAINTY))}"
            )
        check_integer("n_clusters", self.n_clusters, 1, batch_size, "batch_size")
        certain = _uncertainty(self.measure, self.classifier, X, y, unlabeled, rng)
        if certain is None:
            return super()._select(X, y, unlabeled, batch_size, rng, clusters, members)
        uncertainty = np.zeros(len(X))
        uncertainty[unlabeled] = certain
        groups = [
            group[np.lexsort((rng.random(len(group)), -uncertainty[group]))]
            for group in self._groups(X, y, unlabeled, batch_size, clusters, members)
        ]
        return _rounds(groups, batch_size, rng, best_first=True)


class BestReconstructed(QueryStrategy):
    """Swap every point that a strategy chooses for the best reconstructed one around it.

    Some images have a code among those of another class: a 9 amid the 3s. Where one label speaks
    for a cluster, such an image costs the whole cluster. The decoder makes of its code an image of
    that place, a 3, so that its reconstruction error is large. Each chosen point is swapped, in the
    order of choice, for the unlabeled point of least error among its nearest neighbors that are not
    chosen yet, itself included.

    Parameters
    ----------
    strategy : QueryStrategy
        Its own random state is not used.
    errors : array-like of shape (n,)
        Reconstruction error of every point of the pool; see `reconstruction_errors`.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=50
        Points to choose from.
    """

    def __init__(self, strategy, errors, random_state=None, n_neighbors=50):
        self.strategy = strategy
        self.errors = errors
        self.random_state = random_state
        self.n_neighbors = n_neighbors

    def prepare(self, X):
        """What the strategy prepares, with this random state.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        dict
        """
        return clone(self.strategy).set_params(random_state=self.random_state).prepare(X)

    def _select(self, X, y, unlabeled, batch_size, rng, **prepared):
        check_integer("n_neighbors", self.n_neighbors, 1)
        try:
            errors = np.asarray(self.errors, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"errors is not numeric; it must be {len(X)} finite numbers") from None
        if errors.shape != (len(X),) or not np.isfinite(errors).all():
            raise ValueError(
                f"errors has shape {errors.shape}; it must be {len(X)} finite numbers, one a point"
            )
        strategy = clone(self.strategy).set_params(random_state=rng)
        chosen = strategy.query(X, y, batch_size, **(prepared or self.prepare(X)))
        # So many that enough are left when others have taken theirs.
        n = min(self.n_neighbors + batch_size - 1, len(unlabeled))
        around = unlabeled[nearest_neighbors(X[unlabeled], n, X[chosen])[1]]
        taken = np.zeros(len(X), dtype=bool)
        for i, near in enumerate(around):
            near = near[~taken[near]][: self.n_neighbors]
            chosen[i] = near[errors[near].argmin()]
            taken[chosen[i]] = True
        return chosen


def _margin(probabilities):
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return second - first


_UNCERTAINTY = {"margin": _margin, "entropy": lambda p: entr(p).sum(axis=1)}


def _uncertainty(measure, classifier, X, y, unlabeled, rng):
    """Of the unlabeled points, (n_unlabeled,); None while fewer than two classes are labeled."""
    if classifier is None:
        classifier = LogisticRegression(max_iter=1000)
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(f"classifier is {type(classifier).__name__}; it must have predict_proba")
    labeled = ~np.isnan(y)
    classes, targets = np.unique(y[labeled], return_inverse=True)
    if len(classes) < 2:
        return None
    classifier = _seeded(clone(classifier), rng).fit(X[labeled], targets)
    return _UNCERTAINTY[measure](classifier.predict_proba(X[unlabeled]))


def _cluster(X, n_clusters, rng, n_init=1, max_iter=300):
    """The K-means cluster of each point, (n,); in a large pool, learned from mini-batches."""
    options = {"n_init": n_init, "random_state": int(rng.integers(2**31)), "max_iter": max_iter}
    with warnings.catch_warnings():
        # Fewer distinct points than clusters: some clusters are empty, which callers provide for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if len(X) <= MINI_BATCH:
            return KMeans(n_clusters, **options).fit_predict(X)
        options |= {"batch_size": BATCH_PER_CLUSTER * n_clusters, "max_iter": 100}
        kmeans = MiniBatchKMeans(n_clusters, compute_labels=False, **options)
        sample, most = X, max(n_clusters, min(SAMPLE, SAMPLE_VALUES // X.shape[1]))
        if len(X) > most:
            sample = X[np.sort(rng.choice(len(X), most, replace=False, shuffle=False))]
        return kmeans.fit(sample).predict(X)


def _shares(sizes, batch_size):
    """How many points each group gives: one, and the rest in proportion, none more than it has."""
    shares = np.minimum(sizes, 1)
    while (left := batch_size - shares.sum()) > 0:
        room = sizes - shares
        ideal = np.minimum(left * room / room.sum(), room)
        more = np.floor(ideal).astype(int)
        rest = left - more.sum()
        # Largest remainders first; groups without room have none.
        order = np.argsort(-(ideal - more) - (room > more), kind="stable")[:rest]
        more[order] += room[order] > more[order]
        shares += more
    return shares


def _grouped(clusters):
    dtype = np.int32 if len(clusters) < 2**31 else np.int64
    return {
        "clusters": clusters,
        "members": np.argsort(clusters, kind="stable").astype(dtype, copy=False),
    }


def _rounds(groups, batch_size, rng, best_first=False):
    """Points of groups in rounds, one of each group that is not used up, the groups in one order.

    The points of a group are drawn at random, or taken from its start if `best_first`.
    """
    sizes = np.array([len(group) for group in groups])
    rounds = -(-batch_size // len(groups))
    while np.minimum(sizes, rounds).sum() < batch_size:
        rounds += 1
    drawn = np.full((rounds, len(groups)), -1)
    for turn, group in enumerate(rng.permutation(len(groups))):
        n = min(sizes[group], rounds)
        points = groups[group]
        drawn[:n, turn] = points[:n] if best_first else rng.choice(points, n, replace=False)
    return drawn[drawn >= 0][:batch_size]


def _squared_distances_to_mean(X):
    return np.square(X - X.mean(axis=0)).sum(axis=1)


def _median_distance(X):
    return float(np.median(pdist(X))) if len(X) > 1 else 0.0


def _blocks(costs):
    """Slices of points whose costs add up to about PAIRS, at least one point each."""
    ends = np.flatnonzero(np.diff(np.cumsum(costs) // PAIRS)) + 1
    return [slice(*ends) for ends in pairwise([0, *ends, len(costs)]) if ends[0] < ends[1]]


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

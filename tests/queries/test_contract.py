"""What every query strategy promises: those that `alvae.queries` exports, found there."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from queries_by_hand import covered_most, grid_points, herded, pool
from scipy.spatial.distance import cdist
from skactiveml import pool as peers
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks as checks

from alvae import queries
from alvae.book.comparison import line_up
from alvae.queries import (
    BestReconstructed,
    ClusterUncertainty,
    EntropySampling,
    KCenterGreedy,
    KMeansCoreset,
    KMeansMedoids,
    MaxHerding,
    ProbCover,
    QueryStrategy,
    SpectralMedoids,
    TypiClust,
    UniformSampling,
    as_strategy,
)

ERRORS = np.random.default_rng(9).random(60)  # of reconstruction, one a point of `pool`
KNOWN = {"n_clusters": 4, "n_classes": 4, "errors": ERRORS, "random_state": 3}
KNOWN |= {"n_candidates": 20, "n_small_clusters": 20}  # so that chance has a part, in a small pool
EXPORTED = {name: getattr(queries, name) for name in queries.__all__ if name[0].isupper()}

# Every strategy under every name that it has, and some with other parameters.
STRATEGIES = line_up(queries, **KNOWN) | {
    "entropy of a forest": EntropySampling(RandomForestClassifier(n_estimators=5), random_state=3),
    "spectral, few neighbors": SpectralMedoids(3, n_neighbors=3, n_small_clusters=1),
    "ProbCover, radius": ProbCover(random_state=3, radius=0.7),
    "forest in clusters": ClusterUncertainty(
        4, 3, measure="entropy", classifier=RandomForestClassifier(5)
    ),
    "k-center, reconstructed": BestReconstructed(KCenterGreedy(), ERRORS, random_state=3),
    "core-set, reconstructed": BestReconstructed(KMeansCoreset(4), ERRORS, 3, n_neighbors=5),
    "peer": as_strategy(peers.RandomSampling()).set_params(random_state=3),
}
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


# What is found


def test_every_strategy_that_is_exported_is_found():
    kinds = {type(strategy) for strategy in line_up(queries, **KNOWN).values()}
    assert kinds == set(EXPORTED.values()) - {QueryStrategy}


def test_no_name_is_written_twice():
    names = [name for kind in EXPORTED.values() for name in kind.variants]
    assert len(names) == len(set(names))


def test_what_needs_labels_says_so():
    """At a cold start the others do not choose what uniform sampling or the core-set chooses."""
    X, _ = pool()
    baselines = {tuple(STRATEGIES[name].query(X, None, 8)) for name in ("uniform", "core-set")}
    for name, strategy in line_up(queries, **KNOWN).items():
        if name not in ("uniform", "core-set"):
            as_baseline = tuple(strategy.query(X, None, 8)) in baselines
            assert as_baseline == strategy.needs_labels, name


@each_strategy
@pytest.mark.parametrize(
    "check",
    [
        checks.check_parameters_default_constructible,
        checks.check_no_attributes_set_in_init,
        checks.check_get_params_invariance,
        checks.check_set_params,
        checks.check_estimator_cloneable,
        checks.check_estimator_repr,
        checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_conventions_of_scikit_learn(strategy, check):
    """Its checks of parameters; those of fitting do not apply, as strategies are not fitted."""
    if isinstance(strategy, BestReconstructed) and "default" in check.__name__:
        pytest.skip("it cannot be made without a strategy and errors")
    check(type(strategy).__name__, clone(strategy))


# Every strategy


@each_strategy
@pytest.mark.parametrize("n_labeled", [0, 1, 25])
@pytest.mark.parametrize("batch_size", [4, 11, 35])
def test_indices_are_distinct_and_unlabeled(strategy, n_labeled, batch_size):
    X, y = pool(n_labeled=n_labeled)
    chosen = strategy.query(X, y, batch_size)
    assert chosen.shape == (batch_size,)
    assert chosen.dtype == np.int64
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()


@each_strategy
def test_the_whole_pool_can_be_asked_for(strategy):
    X, y = pool(n_labeled=20)
    chosen = strategy.query(X, y, batch_size=40)
    assert sorted(chosen) == list(np.flatnonzero(np.isnan(y)))


@each_strategy
@pytest.mark.parametrize("n_labeled", [0, 25])
def test_seed_determines_the_result(strategy, n_labeled):
    X, y = pool(n_labeled=n_labeled)
    first = strategy.query(X, y, 10)
    np.testing.assert_array_equal(strategy.query(X, y, 10), first)
    np.testing.assert_array_equal(clone(strategy).query(X, y, 10), first)
    np.testing.assert_array_equal(strategy.query(X, y, 10, prepared=strategy.prepare(X)), first)


@each_strategy
def test_seeds_differ_at_a_cold_start(strategy):
    X, _ = pool()
    queries = {
        tuple(clone(strategy).set_params(random_state=s).query(X, None, 8)) for s in range(5)
    }
    assert len(queries) > 1


@each_strategy
def test_every_kind_of_random_state(strategy):
    X, _ = pool()

    def query(random_state):
        return clone(strategy).set_params(random_state=random_state).query(X, None, 8)

    np.testing.assert_array_equal(query(np.random.SeedSequence(5)), query(5))
    first, second = query(np.random.default_rng(5)), query(np.random.default_rng(5))
    np.testing.assert_array_equal(first, second)
    assert len(query(None)) == 8


@each_strategy
def test_a_generator_moves_on_from_query_to_query(strategy):
    X, _ = pool()
    strategy = clone(strategy).set_params(random_state=np.random.default_rng(5))
    assert len({tuple(strategy.query(X, None, 8)) for _ in range(5)}) > 1


def test_clone_keeps_a_seed_sequence():
    X, _ = pool()
    strategy = UniformSampling(np.random.SeedSequence(5))
    np.testing.assert_array_equal(clone(strategy).query(X, None, 8), strategy.query(X, None, 8))


def test_get_params_and_clone():
    strategy = KMeansCoreset(n_clusters=7, random_state=2, n_init=3)
    expected = {"n_clusters": 7, "random_state": 2, "n_init": 3, "allocation": "equal"}
    assert strategy.get_params() == expected
    assert clone(strategy).get_params() == strategy.get_params()
    assert strategy.set_params(n_clusters=5).n_clusters == 5
    nested = EntropySampling(LogisticRegression(C=2.0)).get_params()
    assert nested["classifier__C"] == 2.0
    swapped = BestReconstructed(TypiClust(n_neighbors=7), [0.5, 1.0])
    assert swapped.get_params()["strategy__n_neighbors"] == 7
    assert clone(swapped).errors == [0.5, 1.0]


@each_strategy
def test_y_none_is_a_cold_start(strategy):
    X, y = pool()
    np.testing.assert_array_equal(strategy.query(X, None, 9), strategy.query(X, y, 9))


@each_strategy
def test_input_is_left_as_it_was(strategy):
    X, y = pool(n_labeled=20)
    X_before, y_before, params = X.copy(), y.copy(), strategy.get_params()
    strategy.query(X, y, 9)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert strategy.get_params() == params


# Uniform sampling


def test_uniform_sampling_is_uniform():
    X, y = pool(n=10, n_labeled=2)
    strategy = UniformSampling(np.random.default_rng(0))
    counts = np.bincount(np.concatenate([strategy.query(X, y, 2) for _ in range(4000)]))
    counts = counts[np.isnan(y)]
    # 8 points, expected 1000 times each, standard deviation sqrt(4000 * 1/4 * 3/4) = 27.
    assert np.abs(counts - 1000).max() < 5 * 27


# Bad input


@each_strategy
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(5), "X has shape"),
        (np.zeros((5, 2, 2)), "X has shape"),
        (np.zeros((0, 2)), "X has shape"),
        (np.zeros((5, 0)), "X has shape"),
        ([[1, 2], [3]], "X has rows"),
        (np.array([["a", "b"]] * 5), "X has dtype"),
        (np.full((5, 2), np.nan), "X contains NaN"),
        (np.array([[0, 1.0], [np.inf, 0]]), "X contains NaN or inf"),
        (np.array([[0, 1.0], [-np.inf, 0]]), "X contains NaN or inf"),
    ],
)
def test_bad_X(strategy, X, message):
    with pytest.raises(ValueError, match=message) as error:
        strategy.query(X)
    assert "\n" not in str(error.value)


@each_strategy
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), "y has shape"),
        (np.full((60, 1), np.nan), "y has shape"),
        (["a"] * 60, "y is not numeric"),
        (np.full(60, np.inf), "y contains infinity"),
        (np.zeros(60), "y labels all 60 points"),
    ],
)
def test_bad_y(strategy, y, message):
    with pytest.raises(ValueError, match=message):
        strategy.query(pool()[0], y)


@each_strategy
@pytest.mark.parametrize("batch_size", [0, -1, 41, 2.0, "5", None, True])
def test_bad_batch_size(strategy, batch_size):
    X, y = pool(n_labeled=20)
    with pytest.raises(ValueError, match="batch_size is .* from 1 to 40"):
        strategy.query(X, y, batch_size)


@each_strategy
@pytest.mark.parametrize("random_state", [-1, "seed", 0.5])
def test_bad_random_state(strategy, random_state):
    with pytest.raises(ValueError, match="random_state is"):
        clone(strategy).set_params(random_state=random_state).query(pool()[0], None, 5)


# Any order of the points


@settings(max_examples=12, deadline=None)
@example(368, 21, 1)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 20))
def test_the_order_of_points_does_not_matter(seed, n_labeled, batch_size):
    X, y = pool(n_labeled=n_labeled, seed=seed)
    order = np.random.default_rng(seed + 1).permutation(60)
    distances = cdist(X, X)

    def assert_same(strategy, unique_best=None):
        chosen = strategy.query(X, y, batch_size)
        same = order[strategy.query(X[order], y[order], batch_size)] == chosen
        # Until several points are equally good.
        until = None if unique_best is None else np.argmin([*unique_best(chosen), False])
        assert same[:until].all()

    assert_same(KCenterGreedy())
    sparsest = np.sort(np.sort(distances, axis=1)[np.isnan(y), 10])[::-1]
    n_aside = min(6, len(sparsest) - batch_size)
    # Two points that are the tenth neighbors of each other are equally sparse.
    if n_aside == 0 or sparsest[n_aside - 1] - sparsest[n_aside] > 1e-9:
        assert_same(KCenterGreedy(set_aside=0.1))
    assert_same(ProbCover(radius=1.0), lambda chosen: covered_most(distances <= 1, y, chosen)[1])
    K = np.exp(-2 * distances**2)
    herding = MaxHerding(length_scale=0.5)
    assert_same(herding, lambda chosen: herded(K, y, chosen)[1] > 1e-9)


# Odd pools


def swapping(strategy, n):
    """Strategies whose parameters depend on the number of points, made for n of them."""
    if isinstance(strategy, BestReconstructed):
        return clone(strategy).set_params(errors=np.arange(n))
    return strategy


@each_strategy
@pytest.mark.parametrize("n_distinct", [1, 2, 3])
@pytest.mark.parametrize("labels", [[], [0.0, 1.0]])
def test_pools_of_few_distinct_points(strategy, n_distinct, labels):
    X = np.random.default_rng(0).normal(size=(n_distinct, 2))[np.arange(30) % n_distinct]
    y = np.full(30, np.nan)
    y[: len(labels)] = labels
    for batch_size in (4, 13, 30 - len(labels)):
        chosen = swapping(strategy, 30).query(X.astype(np.float32), y, batch_size)
        assert len(set(chosen)) == batch_size
        assert np.isnan(y[chosen]).all()


ONE_CLUSTER = {"n_clusters": 1, "strategy__n_clusters": 1}


@each_strategy
def test_a_single_point(strategy):
    params = strategy.get_params()
    strategy = clone(strategy).set_params(**{k: v for k, v in ONE_CLUSTER.items() if k in params})
    # Of a larger pool, all but one labeled.
    X, y = pool(n=60, n_labeled=59)
    assert list(strategy.query(X, y)) == list(np.flatnonzero(np.isnan(y)))
    assert list(swapping(strategy, 1).query([[1.0, 2.0]])) == [0]


@each_strategy
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_any_pool(strategy, data):
    X = grid_points(data, least=4, most=25)
    n = len(X)
    labels = st.sampled_from([np.nan, 0.0, 1.0])
    y = np.array(data.draw(st.lists(labels, min_size=n, max_size=n), label="y"))
    y[:4] = np.nan
    batch_size = data.draw(st.integers(4, int(np.isnan(y).sum())), label="B")
    chosen = swapping(strategy, n).query(X, y, batch_size)
    assert len(set(chosen)) == batch_size
    assert np.isnan(y[chosen]).all()


# Bad parameters


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (TypiClust(n_neighbors=0), "n_neighbors is 0; "),
        (TypiClust(max_clusters=0), "max_clusters is 0; "),
        (SpectralMedoids(n_neighbors=0), "n_neighbors is 0; "),
        (SpectralMedoids(n_neighbors=2.0), "n_neighbors is 2.0; "),
        (SpectralMedoids(n_small_clusters=0), "n_small_clusters is 0; "),
        (ProbCover(purity=0), "purity is 0; "),
        (ProbCover(purity=1.5), "purity is 1.5; "),
        (ProbCover(purity=np.nan), "purity is nan; "),
        (ProbCover(radius=-1), "radius is -1; "),
        (ProbCover(radius=np.inf), "radius is inf; "),
        (ProbCover(radius="1"), "radius is '1'; "),
        (ProbCover(n_classes=1), "n_classes is 1; "),
        (ProbCover(n_classes=61), "n_classes is 61; .* the number of points"),
        (KCenterGreedy(set_aside=1), "set_aside is 1; it must be below 1"),
        (KCenterGreedy(set_aside=-0.1), "set_aside is -0.1; "),
        (KCenterGreedy(set_aside=None), "set_aside is None; "),
        (KMeansCoreset(4, allocation="x"), "allocation is 'x'; allowed are 'equal' and"),
        (KMeansCoreset(4, n_init=0), "n_init"),
        (KMeansMedoids(n_init=0), "n_init"),
        (ClusterUncertainty(4, measure="x"), "measure is 'x'; allowed are 'margin' and 'entropy'"),
        (ClusterUncertainty(0), "n_clusters is 0; "),
        (ClusterUncertainty(4, classifier=LinearSVC()), "classifier is LinearSVC; "),
        (MaxHerding(length_scale=0), "length_scale is 0; "),
        (MaxHerding(length_scale=np.nan), "length_scale is nan; "),
        (MaxHerding(n_candidates=0), "n_candidates is 0; "),
        (BestReconstructed(KCenterGreedy(), ERRORS, n_neighbors=0), "n_neighbors is 0; "),
        (BestReconstructed(KCenterGreedy(), ERRORS[:59]), "errors has shape .59,.; .* 60 finite"),
        (BestReconstructed(KCenterGreedy(), np.full(60, np.nan)), "errors .* 60 finite numbers"),
        (BestReconstructed(KCenterGreedy(), ["a"] * 60), "errors is not numeric; .* 60 finite"),
        (BestReconstructed(KCenterGreedy(), ERRORS[:, None]), "errors has shape .60, 1.; "),
        (BestReconstructed(KCenterGreedy(set_aside=2), ERRORS), "set_aside is 2; "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("n_labeled", [0, 20])
def test_bad_parameters(strategy, message, n_labeled):
    X, y = pool(n_labeled=n_labeled)
    with pytest.raises(ValueError, match=message) as error:
        strategy.query(X, y, 5)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", [n for n in STRATEGIES if STRATEGIES[n].prepare(pool()[0]) is not None]
)
def test_what_others_prepared_is_refused(name):
    X, _ = pool()
    others = [np.zeros(3), "x", STRATEGIES["spectral"].prepare(X + 1)]
    for prepared in others:
        with pytest.raises(ValueError, match="^prepared is ") as error:
            STRATEGIES[name].query(X, None, 8, prepared=prepared)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("chosen", [[0, 0], [0], [0, 1, 2], [0, 59]])
def test_a_choice_that_breaks_the_contract_is_an_error(chosen):
    class Broken(UniformSampling):
        def _select(self, X, y, unlabeled, batch_size, rng, prepared):
            return chosen

    X, y = pool()
    y[59] = 1.0
    with pytest.raises(RuntimeError, match="^Broken chose .* 2 distinct unlabeled points"):
        Broken(0).query(X, y, 2)

"""Cuts with bounds on the sizes, against linear programming and what is known of the data."""

import warnings
from math import ceil, floor

import numpy as np
import pytest
from graphs_by_hand import brute_force_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning
from test_graph_classifiers import moons
from test_svc import blobs

from alvae import NeighborGraph, PoissonLearning, PoissonMBO
from alvae.classifiers import mbo
from alvae.classifiers.graph import poisson_potentials
from alvae.classifiers.mbo import STEPS, TIE, best_labels


def best_sum(scores, least, most):
    """The greatest sum of scores under bounds on the sizes: a transport problem."""
    n, n_classes = scores.shape
    once = np.kron(np.eye(n), np.ones(n_classes))
    sizes = np.kron(np.ones(n), np.eye(n_classes))
    found = linprog(
        -scores.ravel(),
        A_ub=np.vstack([sizes, -sizes]),
        b_ub=np.r_[np.full(n_classes, most), np.full(n_classes, -least)],
        A_eq=once,
        b_eq=np.ones(n),
    )
    assert found.success
    return -found.fun


def sums_within_bounds(scores, slack):
    """The sum of the scores that the labels reach, which keep the bounds, and the greatest sum."""
    n, n_classes = scores.shape
    least, most = floor(slack[0] * n / n_classes), ceil(slack[1] * n / n_classes)
    labels = best_labels(scores, least, most)
    sizes = np.bincount(labels, minlength=n_classes)
    assert sizes.min() >= least
    assert sizes.max() <= most
    reached = scores[np.arange(n), labels].sum()
    return reached, best_sum(scores, least, most)


def one_label_each(target):
    """Labels of which that of the first point of each class is known."""
    y = np.full(len(target), np.nan)
    known = np.unique(target, return_index=True)[1]
    y[known] = target[known]
    return y


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 40),
    n_classes=st.integers(2, 6),
    tilt=st.floats(0, 3),
    slack=st.tuples(st.floats(0, 1), st.floats(1, 3)),
)
def test_sizes_are_within_bounds_and_the_labels_are_the_best(seed, n, n_classes, tilt, slack):
    rng = np.random.default_rng(seed)
    scores = rng.random((n, n_classes)) + tilt * np.arange(n_classes)
    reached, best = sums_within_bounds(scores, slack)
    assert reached == pytest.approx(best, abs=1e-6)


def test_where_no_bound_is_met_each_takes_its_best():
    scores = np.random.default_rng(0).random((30, 3))
    labels = best_labels(scores, 0, 30)
    np.testing.assert_array_equal(labels, scores.argmax(axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_one_label_is_enough_for_each_of_two_moons(seed):
    X, target, y = moons(seed)
    new_X, new_target, _ = moons(seed + 100, 200)
    fitted = PoissonMBO().fit(X, y)
    assert np.mean(fitted.transduction_ == target) > 0.99
    assert fitted.score(new_X, new_target) > 0.97


@pytest.mark.parametrize(("prior", "expected"), [("balanced", "prior"), ("labels", "cells")])
def test_without_bounds_it_is_the_scheme_of_merriman_bence_and_osher(prior, expected):
    X, target, _ = blobs(3, 3, 25, separation=2)
    rng, y = np.random.default_rng(3), np.full(len(X), np.nan)
    known = rng.choice(len(X), 9, replace=False)
    known = np.union1d(known, np.unique(target, return_index=True)[1])
    y[known] = target[known]
    graph = NeighborGraph(X)
    weights = graph.weights(10).toarray()
    average = weights / weights.sum(axis=1, keepdims=True)
    potentials = PoissonLearning(class_prior=prior, tol=1e-9).fit(X, y, prepared=graph).scores_
    potentials = potentials / np.abs(potentials).max()
    fixed = np.eye(3)[np.searchsorted(np.unique(target), target[known])]
    fitted = PoissonMBO(
        class_prior=prior, tol=1e-9, expected_sizes=expected, size_bounds=(0, np.inf)
    ).fit(X, y, prepared=graph)
    cut = potentials.argmax(axis=1)
    for _ in range(fitted.n_iter_):
        arrived = np.eye(3)[cut]
        for _ in range(STEPS):
            arrived = average @ arrived
            arrived[known] = fixed
        cut = (arrived + TIE * potentials).argmax(axis=1)
        cut[known] = fixed.argmax(axis=1)
    np.testing.assert_array_equal(fitted.transduction_, np.unique(target)[cut])


@pytest.mark.parametrize("bounds", [(0.9, 1.1), (0.5, 3), (1, 1)])
def test_classes_of_the_pool_keep_their_bounds(bounds):
    X, target, _ = blobs(1, 4, 40, separation=1)
    y = np.full(len(X), np.nan)
    y[:60] = target[:60]
    found = PoissonMBO(expected_sizes="prior", size_bounds=bounds).fit(X, y).transduction_
    sizes = np.array([np.count_nonzero(found == name) for name in np.unique(target)])
    share = len(X) / 4
    assert sizes.min() >= np.floor(bounds[0] * share)
    assert sizes.max() <= np.ceil(bounds[1] * share)


@pytest.fixture
def one_cell(monkeypatch):
    """Points of an island are level, and ties are broken in the order of the cells: here, of X."""
    monkeypatch.setattr(NeighborGraph, "cells", property(lambda graph: np.zeros(len(graph.X), int)))


def test_a_rare_class_keeps_its_size_within_wide_bounds_and_not_within_narrow_ones(one_cell):
    rng = np.random.default_rng(0)
    sizes = {0: 200, 1: 200, 2: 30}
    X = np.concatenate([rng.normal(6 * k, 1, (n, 2)) for k, n in sizes.items()])
    target = np.repeat([*sizes], [*sizes.values()])
    y = one_label_each(target)
    wide, narrow = (
        PoissonMBO(expected_sizes="prior", size_bounds=bounds).fit(X, y).transduction_
        for bounds in ((0.1, 1.5), (0.8, 1.5))
    )
    assert np.mean(wide == target) > 0.98
    assert np.count_nonzero(narrow == 2) == int(0.8 * len(X) / 3)


@pytest.mark.parametrize("scale", [1e-300, 3e-12, 1e-10, 1e10])
@pytest.mark.parametrize("seed", [11, 24, 38])
def test_no_scale_of_scores_is_too_small(seed, scale):
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(4, 30)), int(rng.integers(3, 8))
    scores = rng.random((n, n_classes)) + 0.5 * np.arange(n_classes)
    expected = best_labels(scores, n // n_classes, -(-n // n_classes))
    labels = best_labels(scale * scores, n // n_classes, -(-n // n_classes))
    np.testing.assert_array_equal(labels, expected)


@settings(max_examples=40, deadline=None)
@given(
    scores=st.integers(2, 5).flatmap(
        lambda n_classes: st.lists(
            st.lists(st.integers(0, 3), min_size=n_classes, max_size=n_classes),
            min_size=1,
            max_size=15,
        )
    ),
    slack=st.tuples(st.floats(0, 1), st.floats(1, 3)),
)
def test_ties_are_cut_within_bounds_at_no_loss(scores, slack):
    scores = np.array(scores, dtype=float)
    reached, best = sums_within_bounds(scores, slack)
    assert reached == pytest.approx(best)


def islands(sizes):
    """Parts of the graph that no edge joins, one label each."""
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(100 * k, 1, (n, 2)) for k, n in enumerate(sizes)])
    target = np.repeat(np.arange(len(sizes)), sizes)
    return X, target, one_label_each(target)


def test_labels_that_are_given_are_kept_whatever_the_bounds():
    X, target, _ = islands([160, 40])
    narrow = PoissonMBO(expected_sizes="prior", size_bounds=(0.9, 1.1))
    np.testing.assert_array_equal(narrow.fit(X, target.astype(float)).transduction_, target)


@pytest.mark.parametrize("bounds", [(0.1, 2), (0, np.inf), (0, 1e308), [0, 10**20]])
def test_within_wide_bounds_unequal_parts_stay_whole(bounds):
    X, target, y = islands([160, 40])
    fitted = PoissonMBO(expected_sizes="prior", size_bounds=bounds).fit(X, y)
    np.testing.assert_array_equal(fitted.transduction_, target)
    np.testing.assert_array_equal(fitted.predict(X), target)


def test_points_that_no_label_reaches_are_not_counted():
    X, target, y = islands([60, 60, 200])
    y[120:] = np.nan
    found = PoissonMBO(expected_sizes="prior", size_bounds=(0.9, 1.1)).fit(X, y).transduction_
    np.testing.assert_array_equal(found[:120], target[:120])
    assert set(found[120:]) == {1}  # the nearest labeled point


def test_new_points_follow_the_cut(one_cell):
    X, _, y = islands([160, 40])  # narrow bounds cut an island in two
    fitted = PoissonMBO(expected_sizes="prior", size_bounds=(0.9, 1.1)).fit(X, y)
    assert np.count_nonzero(fitted.transduction_[:160] == 1) == 50
    np.testing.assert_array_equal(fitted.predict(X), fitted.transduction_)


def spread_labels(rng, sizes, per_class=4):
    """Classes that touch, of unequal size, and labels all over each."""
    X = np.concatenate([rng.normal(3 * k, 1, (n, 2)) for k, n in enumerate(sizes)])
    target = np.repeat(np.arange(len(sizes)), sizes)
    y = np.full(len(X), np.nan)
    for k, n in enumerate(sizes):
        some = rng.choice(np.flatnonzero(target == k), max(1, per_class * n // 100), replace=False)
        y[some] = k
    return X, target, y


@pytest.mark.parametrize("seed", range(6))
def test_potentials_of_classes_add_up_from_those_of_their_labels(seed):
    rng = np.random.default_rng(seed)
    X, _, _ = islands([60, 40, 30])
    graph = NeighborGraph(X)
    graph = graph.weights(5), graph.cells
    labeled = rng.choice(len(X), 9, replace=False)
    codes = np.r_[0, 1, 2, rng.integers(0, 3, 6)]
    weights = rng.random(9) + 0.1
    each = poisson_potentials(*graph, labeled, np.arange(9), np.ones(9), 1e-12)[0]
    solved = poisson_potentials(*graph, labeled, codes, weights, 1e-12)
    added = poisson_potentials(*graph, labeled, codes, weights, 1e-12, each)
    np.testing.assert_allclose(added[0], solved[0], atol=1e-8 * np.abs(solved[0]).max())
    np.testing.assert_array_equal(added[1], solved[1])


@pytest.mark.parametrize("seed", range(4))
def test_sizes_are_free_between_equal_ones_and_those_of_the_cells(seed):
    X, _, y = spread_labels(np.random.default_rng(seed), [300, 100, 30])
    labeled = np.flatnonzero(~np.isnan(y))
    own = np.full(len(X), np.nan)
    own[labeled] = np.arange(len(labeled))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nearly as many classes as labels
        cells = PoissonLearning().fit(X, own).transduction_.astype(int)
    sizes = np.bincount(y[labeled][cells].astype(int))
    equal = len(X) / 3
    found = PoissonMBO(size_bounds=(1, 1)).fit(X, y).transduction_
    counts = np.bincount(found.astype(int))
    assert (counts >= np.floor(np.minimum(sizes, equal))).all()
    assert (counts <= np.ceil(np.maximum(sizes, equal))).all()


def by_paths(X, labeled):
    """The nearest labeled point of each, along the edges: lengths -log(w), by relaxation."""
    weights = brute_force_graph(X, 10)
    with np.errstate(divide="ignore"):
        lengths = mbo.LEAST_LENGTH - np.log(weights / weights.max())
    from_label = np.full((len(labeled), len(X)), np.inf)
    from_label[np.arange(len(labeled)), labeled] = 0
    for _ in range(len(X)):
        shorter = np.array([(row[:, None] + lengths).min(axis=0) for row in from_label])
        if (shorter >= from_label).all():
            break
        from_label = np.minimum(from_label, shorter)
    return from_label.argmin(axis=0)


@pytest.mark.parametrize("expected", ["cells", "prior"])
@pytest.mark.parametrize("per_class", [4, 50])  # cells by potentials, and along the edges
def test_bounds_are_about_the_guesses_at_the_sizes(expected, per_class, monkeypatch):
    X, _, y = spread_labels(np.random.default_rng(1), [300, 100, 30], per_class)
    X = np.concatenate([X, X[:50] + 100])  # an island without a label: not counted
    y = np.r_[y, np.full(50, np.nan)]
    labeled = np.flatnonzero(~np.isnan(y))
    n_labels = np.bincount(y[labeled].astype(int))
    guesses = [430 * n_labels / n_labels.sum()]  # as class_prior="labels" has it
    if expected == "cells" and per_class == 50:
        guesses.append(np.bincount(y[labeled][by_paths(X, labeled)[:430]].astype(int)))
    elif expected == "cells":
        own = np.full(len(X), np.nan)
        own[labeled] = labeled
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nearly as many classes as labels
            cells = PoissonLearning().fit(X, own).transduction_[:430].astype(int)
        guesses.append(np.bincount(y[cells].astype(int)))
    asked = []
    original = mbo.best_labels
    monkeypatch.setattr(mbo, "best_labels", lambda *a: (asked.append(a[1:]), original(*a))[1])
    PoissonMBO(class_prior="labels", expected_sizes=expected, size_bounds=(0.7, 1.5)).fit(X, y)
    least, most = np.min(guesses, axis=0), np.max(guesses, axis=0)
    for bounds in asked:
        np.testing.assert_allclose(bounds[0], np.floor(0.7 * least) - n_labels)
        np.testing.assert_allclose(bounds[1], np.ceil(1.5 * most) - n_labels)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(20, 70), min_size=2, max_size=6))
def test_sizes_that_are_given_are_kept_to_the_point(sizes):
    X, target, y = islands(sizes)
    exact = PoissonMBO(class_prior=sizes, size_bounds=(1, 1)).fit(X, y)
    np.testing.assert_array_equal(exact.transduction_, target)


@pytest.mark.parametrize("prior", [[1, 99], [1e-300, 1]])
@pytest.mark.parametrize("bounds", [(0, np.inf), (0, 1e300)])
def test_no_bound_is_none_whatever_the_prior(prior, bounds):
    X, target, y = islands([160, 40])
    fitted = PoissonMBO(class_prior=prior, size_bounds=bounds).fit(X, y)
    np.testing.assert_array_equal(fitted.transduction_, target)


@pytest.mark.parametrize("n_labels", [100, 101, 160])
def test_even_labels_of_unequal_classes_leave_the_sizes_unequal(n_labels):
    # Classes of 800, 70 and 70, a third of the labels each: their numbers say nothing of the sizes.
    X, target, _ = spread_labels(np.random.default_rng(2), [800, 70, 70])
    y = np.full(len(X), np.nan)
    for label in range(3):
        some = np.flatnonzero(target == label)[: n_labels // 3 + (label < n_labels % 3)]
        y[some] = label
    found = PoissonMBO().fit(X, y).transduction_
    assert np.mean(found == target) > 0.9


def test_a_class_labeled_beyond_its_bound_leaves_the_others_theirs():
    X, target, _ = spread_labels(np.random.default_rng(0), [150, 150, 30])
    y = one_label_each(target)
    y[:130] = 0
    fitted = PoissonMBO(expected_sizes="prior", size_bounds=(0.9, 1.1)).fit(X, y)
    assert np.bincount(fitted.transduction_.astype(int)).tolist() == [130, 100, 100]


def test_a_few_points_that_go_to_and_fro_end_it(monkeypatch):
    X, target, _ = blobs(0, 2, 50, separation=3)
    cuts = np.zeros((2, len(X) - 2), dtype=int)
    cuts[1, :3] = 1
    turns = iter(range(100))
    monkeypatch.setattr(mbo, "best_labels", lambda *a: cuts[next(turns) % 2].copy())
    assert PoissonMBO().fit(X, one_label_each(target)).n_iter_ <= 3


def test_sizes_that_are_known_can_be_given():
    X, target, _ = spread_labels(np.random.default_rng(0), [300, 100, 30])
    y = one_label_each(target)
    known = PoissonMBO(class_prior=[300, 100, 30], size_bounds=(1, 1))
    found = known.fit(X, y).transduction_
    assert np.bincount(found.astype(int)).tolist() == [300, 100, 30]
    assert np.mean(found == target) > np.mean(PoissonMBO().fit(X, y).transduction_ == target)


def test_a_cut_that_has_not_settled_warns():
    X, target, _ = spread_labels(np.random.default_rng(0), [300, 100, 30])
    y = one_label_each(target)
    with pytest.warns(ConvergenceWarning, match="not settled after max_iter=1"):
        PoissonMBO(max_iter=1).fit(X, y)


@pytest.mark.parametrize("per_class", [4, 50])  # cells by potentials, and along the edges
def test_labels_that_are_spread_tell_a_rare_class_from_a_large_one(per_class):
    X, target, y = spread_labels(np.random.default_rng(0), [400, 100], per_class)
    cells, prior = (
        np.mean(PoissonMBO(expected_sizes=expected).fit(X, y).transduction_ == target)
        for expected in ("cells", "prior")
    )
    assert cells > 0.95
    assert prior < cells - 0.1

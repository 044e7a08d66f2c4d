"""Labels on a graph against dense algebra."""

import warnings

import numpy as np
import pytest
from graphs_by_hand import brute_force_graph, brute_force_weights
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import cg
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from test_svc import blobs

from alvae import NeighborGraph
from alvae.classifiers import (
    GraphLabelSpreading,
    GridSearchSVC,
    PoissonLearning,
    PoissonMBO,
    as_pool_classifier,
)
from alvae.classifiers.graph import poisson_potentials
from alvae.queries import KMeansCoreset


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(5, 20), min_size=1, max_size=4),  # of clusters far apart
    n_neighbors=st.integers(2, 6),
    n_labels=st.integers(1, 9),
    n_classes=st.integers(1, 4),
    prior=st.sampled_from(["balanced", "labels", "numbers"]),
    weighted=st.booleans(),
)
def test_potentials_solve_the_poisson_equation(
    seed, sizes, n_neighbors, n_labels, n_classes, prior, weighted
):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(sum(sizes), 2))
    X[:, 0] += 1000 * np.repeat(np.arange(len(sizes)), sizes)
    labeled = rng.choice(len(X), min(n_labels, len(X)), replace=False)
    labels = rng.integers(0, n_classes, len(labeled)) - 9.0
    y = np.full(len(X), np.nan)
    y[labeled] = labels
    classes = sorted(set(labels))
    weights = rng.random(len(X)) + 0.1 if weighted else None
    numbers = rng.random(len(classes)) + 0.1
    fitted = PoissonLearning(
        n_neighbors, class_prior=numbers if prior == "numbers" else prior, tol=1e-12
    ).fit(X, y, weights)

    # What each label counts: in proportion to its weight, all of a class together the prior.
    point_weights = weights if weighted else np.ones(len(X))
    total = {c: sum(point_weights[i] for i in labeled if y[i] == c) for c in classes}
    share = {
        "balanced": dict.fromkeys(classes, 1),
        "labels": total,
        "numbers": dict(zip(classes, numbers, strict=True)),
    }[prior]
    counts = {
        i: point_weights[i] / total[y[i]] * share[y[i]] / sum(share.values()) for i in labeled
    }
    W = brute_force_graph(X, n_neighbors)
    n_parts, part = connected_components(W)
    expected = np.zeros((len(X), len(classes)))
    for p in range(n_parts):
        points = np.flatnonzero(part == p)
        here = [i for i in labeled if part[i] == p]
        one_hot = {i: np.array([float(y[i] == c) for c in classes]) for i in here}
        if not here:  # the nearest labeled point
            nearest = labeled[cdist(X[points], X[labeled]).argmin(axis=1)]
            expected[points] = [[y[i] == c for c in classes] for i in nearest]
        elif len({y[i] for i in here}) == 1:
            expected[points] = one_hot[here[0]]
        else:
            mean = sum(counts[i] * one_hot[i] for i in here) / sum(counts[i] for i in here)
            b = np.zeros(expected.shape)
            for i in here:
                b[i] = counts[i] * (one_hot[i] - mean)
            part_W = W[np.ix_(points, points)]
            degrees = part_W.sum(axis=1)
            u = np.linalg.pinv(np.diag(degrees) - part_W) @ b[points]
            expected[points] = u - degrees @ u / degrees.sum()
            scores = fitted.scores_[points]
            np.testing.assert_allclose(degrees @ scores, 0, atol=1e-8 * abs(scores).max())
    assert fitted.classes_.tolist() == classes
    np.testing.assert_allclose(fitted.scores_, expected, rtol=1e-6, atol=1e-7 * abs(expected).max())
    first, second = np.sort(np.c_[expected, np.full(len(X), -np.inf)], axis=1)[:, :-3:-1].T
    clear = first - second > 1e-6 * abs(expected).max()
    winners = np.array(classes)[expected.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.transduction_[clear], winners[clear])


@pytest.mark.parametrize("seed", range(8))
def test_any_cells_give_the_same_potentials(seed):
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(50 * k, 1, (n, 2)) for k, n in enumerate((90, 60, 40))])
    edges = NeighborGraph(X).weights(4)
    labeled = rng.choice(len(X), 12, replace=False)
    codes = np.r_[0, 1, 2, rng.integers(0, 3, 9)]
    one_cell, some = np.zeros(len(X), dtype=int), rng.integers(0, 25, len(X))  # in several parts
    plain, coarse = (
        poisson_potentials(edges, cells, labeled, codes, np.ones(12), 1e-12)[0]
        for cells in (one_cell, some)
    )
    np.testing.assert_allclose(coarse, plain, atol=1e-8 * np.abs(plain).max())


def test_cells_save_steps(monkeypatch):
    X = np.c_[np.arange(2000.0), np.zeros(2000)]  # on a line, where a step goes to neighbors only
    graph, steps = NeighborGraph(X), []

    def counted(*arguments, **options):
        return cg(*arguments, callback=lambda _: steps.append(1), **options)

    monkeypatch.setattr("alvae.classifiers.graph.cg", counted)
    ends = np.array([0, 1999]), np.array([0, 1]), np.ones(2)
    taken = []
    for cells in (np.zeros(2000, dtype=int), graph.cells):
        poisson_potentials(graph.weights(6), cells, *ends, 1e-3)
        taken.append(len(steps))
        steps.clear()
    assert taken[1] < taken[0] / 4


@pytest.mark.parametrize("seed", range(3))
def test_potentials_are_the_limit_of_the_iteration_of_the_paper(seed):
    # Algorithm 1 of Calder et al., 2020; its sources have a size of 1 for each of the m labels.
    X, target, _ = blobs(seed, 3, 10, n_features=2, separation=1.0)
    labeled = np.random.default_rng(seed).choice(len(X), 9, replace=False)
    y = np.full(len(X), np.nan)
    y[labeled] = target[labeled]
    F = np.eye(3)[target[labeled]].T  # (classes, m)
    F = F[F.any(axis=1)]
    B = np.zeros((len(F), len(X)))
    B[:, labeled] = F - F.mean(axis=1, keepdims=True)
    W = brute_force_graph(X, 6)
    assert connected_components(W)[0] == 1
    degrees = W.sum(axis=1)
    U = np.zeros((len(X), len(F)))
    for _ in range(20_000):
        step = (B.T - (degrees[:, None] * U - W @ U)) / degrees[:, None]
        U += step
        if abs(step).max() < 1e-12 * abs(U).max():
            break
    else:
        pytest.fail("the iteration has no limit")
    fitted = PoissonLearning(n_neighbors=6, class_prior="labels", tol=1e-10).fit(X, y)
    np.testing.assert_allclose(fitted.scores_ * 9, U, rtol=1e-6, atol=1e-8 * abs(U).max())


def moons(seed, n=300):
    """Two moons, what they are, and labels of which one per moon is known."""
    X, target = make_moons(n, noise=0.05, random_state=seed)
    rng, y = np.random.default_rng(seed), np.full(n, np.nan)
    known = [rng.choice(np.flatnonzero(target == moon)) for moon in (0, 1)]
    y[known] = target[known]
    return X, target, y


@pytest.mark.parametrize("seed", range(5))
def test_one_label_is_enough_for_each_of_two_moons(seed):
    X, target, y = moons(seed)
    new_X, new_target, _ = moons(seed + 100, 200)
    fitted = PoissonLearning().fit(X, y)
    assert np.mean(fitted.transduction_ == target) > 0.95
    assert fitted.score(new_X, new_target) > 0.95
    known = ~np.isnan(y)
    assert KNeighborsClassifier(1).fit(X[known], y[known]).score(X, target) < 0.9


GRAPH_CLASSIFIERS = [PoissonLearning(5), PoissonMBO(5), GraphLabelSpreading(5)]
on_graphs = pytest.mark.parametrize("classifier", GRAPH_CLASSIFIERS, ids=lambda c: type(c).__name__)


@on_graphs
def test_new_points_take_the_mean_score_of_their_neighbors(classifier):
    X, _, y = moons(0)
    new_X = np.random.default_rng(0).uniform([-1.5, -1], [2.5, 1.5], size=(200, 2))
    fitted = clone(classifier).fit(X, y)
    bridge = brute_force_weights(cdist(new_X, X), 5)
    means = bridge @ fitted.scores_ / bridge.sum(axis=1, keepdims=True)
    predicted = fitted.predict(new_X)
    np.testing.assert_array_equal(predicted, fitted.classes_[means.argmax(axis=1)])
    assert set(predicted) == {0, 1}


@on_graphs
def test_a_new_point_where_a_point_of_a_dense_cluster_is_gets_its_class(classifier):
    X, target, _ = blobs(0, 4, 15, separation=30)
    y = np.full(len(X), np.nan)
    known = np.unique(target, return_index=True)[1]
    y[known] = target[known]
    fitted = clone(classifier).fit(X, y)
    np.testing.assert_array_equal(fitted.transduction_, target)
    np.testing.assert_array_equal(fitted.predict(X), target)


@on_graphs
def test_what_fits_share_can_be_prepared(classifier):
    X, _, y = moons(1)
    new_X = moons(2, 50)[0]
    graph = classifier.prepare(X, new_X)
    assert isinstance(graph, NeighborGraph)
    before = graph.weights(5).copy(), graph.bridge(new_X, 5).copy()
    computed, given_graph = clone(classifier).fit(X, y), clone(classifier)
    assert given_graph.fit(X, y, prepared=graph) is given_graph
    np.testing.assert_array_equal(given_graph.scores_, computed.scores_)
    np.testing.assert_array_equal(
        given_graph.predict(new_X, prepared=graph), computed.predict(new_X)
    )
    assert clone(classifier).prepare(X, graph=graph) is graph
    for now, old in zip((graph.weights(5), graph.bridge(new_X, 5)), before, strict=True):
        assert (now != old).nnz == 0  # for the next fit


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
@given(seed=st.integers(0, 10**6), n_labels=st.integers(1, 12))
def test_the_order_of_the_pool_does_not_matter(seed, n_labels):
    X, target, new_X = blobs(seed, 3, 12)
    rng = np.random.default_rng(seed)
    y, weights = np.full(len(X), np.nan), rng.random(len(X)) + 0.1
    labeled = rng.choice(len(X), n_labels, replace=False)
    y[labeled] = target[labeled]
    order = rng.permutation(len(X))
    graph, other_graph = NeighborGraph(X), NeighborGraph(X[order])
    for classifier in (PoissonLearning(tol=1e-12), GraphLabelSpreading(alpha=0.9)):
        w = weights if isinstance(classifier, PoissonLearning) else np.ones(len(X))
        classifier.set_params(n_neighbors=4)
        one = classifier.fit(X, y, w, prepared=graph).scores_
        other = classifier.fit(X[order], y[order], w[order], prepared=other_graph).scores_
        close = {"rtol": 1e-6, "atol": 1e-7 * abs(one).max()}
        np.testing.assert_allclose(other, one[order], **close)
        new, other_new = graph.bridge(new_X, 4) @ one, other_graph.bridge(new_X, 4) @ other
        np.testing.assert_allclose(other_new, new, **close)


@pytest.mark.parametrize("class_prior", ["balanced", "labels", [2, 1, 1]])
def test_only_ratios_of_weights_and_of_priors_count(class_prior):
    X, target, _ = blobs(4, 3, 12)
    y = np.where(np.arange(len(X)) < 12, target, np.nan)
    weights = np.random.default_rng(4).random(len(X)) + 0.1
    learner = PoissonLearning(class_prior=class_prior)
    scores = learner.fit(X, y, weights).scores_.copy()
    np.testing.assert_array_equal(learner.fit(X, y, 2 * weights).scores_, scores)
    if not isinstance(class_prior, str):
        learner.set_params(class_prior=np.multiply(4, class_prior))
        np.testing.assert_array_equal(learner.fit(X, y, weights).scores_, scores)
    # A point that counts nothing is an unlabeled one.
    weights[:3] = 0
    without = np.where(np.arange(len(X)) < 3, np.nan, y)
    np.testing.assert_array_equal(
        learner.fit(X, y, weights).scores_, clone(learner).fit(X, without, weights).scores_
    )


@on_graphs
def test_one_labeled_class_is_predicted_everywhere(classifier):
    X, _, new_X = blobs(0, 2, 9)
    for n_labels in (1, 3, len(X)):
        fitted = clone(classifier).fit(X, np.where(np.arange(len(X)) < n_labels, 7.0, np.nan))
        assert fitted.classes_.tolist() == [7]
        assert set(fitted.transduction_) == set(fitted.predict(new_X)) == {7}


@on_graphs
@pytest.mark.parametrize("n", [1, 2, 30])
def test_labels_on_points_that_are_all_the_same(classifier, n):
    X, y = np.ones((n, 2)), np.arange(n) % 2 + 0.0
    y[n // 2 + 1 :] = np.nan
    fitted = clone(classifier).fit(X, y)
    assert np.isfinite(fitted.scores_).all()
    assert set(fitted.predict([[1.0, 1.0], [3.0, 0.0]])) <= {0, 1}


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [-2, 3, 5, 8], list("abcd")])
def test_the_names_of_the_classes_do_not_matter(labels):
    X, target, new_X = blobs(2, 4, 10)
    expected = PoissonLearning().fit(X, target).predict(new_X)
    fitted = PoissonLearning().fit(X.tolist(), [labels[code] for code in target])
    assert fitted.predict(new_X.tolist()).tolist() == [labels[code] for code in expected]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
@given(
    seed=st.integers(0, 10**6),
    n_neighbors=st.integers(3, 8),
    alpha=st.sampled_from([0.2, 0.9, 0.99]),
    n_labels=st.integers(2, 12),
)
def test_label_spreading_is_that_of_scikit_learn(seed, n_neighbors, alpha, n_labels):
    X, target, _ = blobs(seed, 3, 10, separation=0.5)
    y = np.full(len(X), np.nan)
    labeled = np.random.default_rng(seed).choice(len(X), n_labels, replace=False)
    y[labeled] = target[labeled]
    graph = brute_force_graph(X, n_neighbors)
    theirs = LabelSpreading(kernel=lambda X, Y: graph, alpha=alpha, max_iter=1000)
    theirs.fit(X, np.where(np.isnan(y), -1, y).astype(int))
    ours = GraphLabelSpreading(n_neighbors, alpha).fit(X, y, 3 * (target > -1))
    reached = theirs.label_distributions_.any(axis=1)  # theirs may stop before a label arrives
    assert reached[labeled].all()
    found = theirs.label_distributions_[reached]
    np.testing.assert_allclose(ours.scores_[reached], found, atol=1e-9)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.transduction_[reached], theirs.transduction_[reached])


def test_label_spreading_takes_no_weights_that_differ():
    X, y, _ = blobs(0, 2, 9)
    with pytest.raises(ValueError, match="^sample_weight is not constant"):
        GraphLabelSpreading().fit(X, y, np.arange(len(X)) + 1)


def test_label_spreading_where_no_label_arrives():
    X = np.r_[np.arange(6.0), 1000 + np.arange(6.0)][:, None]
    fitted = GraphLabelSpreading(2).fit(X, [3, *[np.nan] * 4, 5, *[np.nan] * 6])
    np.testing.assert_array_equal(fitted.transduction_, [3, 3, 3, 5, 5, 5, *[5] * 6])


def test_parameters_and_clone_of_the_graph_classifiers():
    learner = PoissonLearning(3, class_prior=[1, 2], tol=0.1)
    assert clone(learner).get_params() == {"n_neighbors": 3, "class_prior": [1, 2], "tol": 0.1}
    defaults = {"n_neighbors": 10, "class_prior": "balanced", "tol": 1e-3}
    assert PoissonLearning().get_params() == defaults
    spreading = clone(GraphLabelSpreading(4, alpha=0.5, max_iter=900))
    assert spreading.get_params() == {"n_neighbors": 4, "alpha": 0.5, "max_iter": 900}
    X, y, _ = blobs(0, 2, 9)
    for classifier in (learner, spreading):
        classifier.fit(X, y)
        with pytest.raises(NotFittedError):
            clone(classifier).predict(X)


@pytest.mark.parametrize(
    "classifier", [PoissonLearning(4), PoissonMBO(4), GraphLabelSpreading(4)], ids=repr
)
def test_where_no_label_reaches_the_nearest_decides(classifier):
    """Four islands in a row, of which the first and the last have a label."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2)) * 0.1 + np.repeat([[0.0, 0], [1, 0], [4, 0], [5, 0]], 10, axis=0)
    y = np.full(40, np.nan)
    y[[3, 37]] = 7, 8
    fitted = classifier.fit(X, y)
    assert fitted.transduction_.tolist() == [7] * 20 + [8] * 20
    assert fitted.predict(X).tolist() == [7] * 20 + [8] * 20
    np.testing.assert_array_equal(fitted.scores_[10:20], [[1, 0]] * 10)


def test_label_spreading_says_that_it_did_not_converge():
    X, y, _ = blobs(0, 2, 20)
    y = np.where(np.arange(len(y)) % 10 == 0, y, np.nan)
    with pytest.warns(ConvergenceWarning, match="without convergence"):
        GraphLabelSpreading(4, alpha=0.99, max_iter=3).fit(X, y)


@pytest.mark.parametrize(
    "classifier",
    [
        PoissonLearning(),
        PoissonMBO(),
        GraphLabelSpreading(),
        GridSearchSVC(),
        as_pool_classifier(SVC()),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("labels", "warns"), [([-1, 0, 1], True), ([-1, 1], False), ([0, 1, 2], False)]
)
def test_minus_one_among_others_is_a_class_said_out_loud(classifier, labels, warns):
    X, codes, _ = blobs(0, len(labels), 9)
    y = np.array(labels)[codes]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, y)
        KMeansCoreset(3, random_state=0).query(X, np.where(np.arange(len(y)) < 20, y, np.nan), 3)
    said = [str(w.message) for w in caught if "-1, which counts as a class" in str(w.message)]
    assert len(said) == 2 * warns
    assert all(w.filename == __file__ for w in caught)


X_BAD, Y_BAD = np.arange(20.0).reshape(10, 2), np.array([0, 1] + 8 * [np.nan])


@on_graphs
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.where(X_BAD == 7, np.nan, X_BAD)}, "^Input X contains (NaN|infinity)"),
        ({"X": np.where(X_BAD == 7, np.inf, X_BAD)}, "^Input X contains (NaN|infinity)"),
        ({"X": X_BAD[:, 0]}, "^X is .*: Expected 2D array"),
        ({"y": Y_BAD[:9]}, "^y is .*: Found input variables with inconsistent numbers of samples"),
        ({"y": np.stack([Y_BAD, Y_BAD])}, "^y should be a 1d array"),
        ({"y": None}, "requires y to be passed"),
        ({"y": np.full(10, np.nan)}, "^y is NaN everywhere; at least one point must be labeled$"),
        ({"y": np.where(Y_BAD == 1, np.inf, Y_BAD)}, "^y contains infinity"),
        ({"y": Y_BAD / 2}, "^Unknown label type: continuous"),
        ({"sample_weight": np.ones(9)}, "^sample_weight"),
        ({"sample_weight": -np.ones(10)}, "sample_weight"),
        ({"sample_weight": np.full(10, np.nan)}, "sample_weight"),
        ({"sample_weight": np.isnan(Y_BAD)}, "[Ss]ample.weight"),
        (
            {"prepared": np.ones((9, 9))},
            "^prepared is a ndarray; it must be",
        ),
        (
            {"prepared": NeighborGraph(X_BAD[::-1])},
            "^prepared is .* of other points",
        ),
    ],
)
def test_bad_data_of_the_graph_classifiers(classifier, changes, message):
    with pytest.raises(ValueError, match=message):
        clone(classifier).fit(**{"X": X_BAD, "y": Y_BAD, **changes})


@on_graphs
def test_bad_new_points_of_the_graph_classifiers(classifier):
    fitted = clone(classifier).fit(X_BAD, Y_BAD)
    with pytest.raises(ValueError, match="^X has 1 features, but .* is expecting 2 features"):
        fitted.predict(X_BAD[:, :1])
    with pytest.raises(ValueError, match="^Input X contains (NaN|infinity)"):
        fitted.predict([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="^X_new has shape"):
        fitted.prepare(X_BAD, X_BAD[0])


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        *((c(n_neighbors=n), f"^n_neighbors is {n!r}; allowed are integers of at least 1$")
          for c in (PoissonLearning, PoissonMBO, GraphLabelSpreading)
          for n in (0, -1, 2.0, True, None)),
        *((PoissonLearning(tol=tol), f"^tol is {tol!r}; allowed are finite numbers greater than 0$")
          for tol in (0, -1, np.nan, "small", None)),
        (PoissonLearning(class_prior="equal"), "^class_prior is 'equal'; allowed are 'balanced'"),
        *((PoissonLearning(class_prior=prior), "^class_prior is .* must be 2 positive numbers")
          for prior in ([1], [1, 2, 3], [1, -1], [1, 0], [1, np.nan], [1, np.inf], ["a", "b"],
                        [[1], [1, 2]], {"a": 1}, None, np.arange(40) / 3)),
        *((GraphLabelSpreading(alpha=alpha), "^alpha is") for alpha in (0, 1, "x")),
        (GraphLabelSpreading(max_iter=0), "^max_iter is"),
        (PoissonMBO(max_iter=0), "^max_iter is"),
        (PoissonMBO(expected_sizes="true"), "^expected_sizes is"),
        *((PoissonMBO(size_bounds=bounds), "^size_bounds is .* must be two numbers")
          for bounds in (None, 1, (1,), (1.1, 2), (0, 0.9), (-1, 2), (0, np.nan), ("a", 2), "12",
                         (True, 2), (0, True))),
    ],
)  # fmt: skip
def test_bad_parameters_of_the_graph_classifiers(classifier, message):
    with pytest.raises(ValueError, match=message) as caught:
        classifier.fit(X_BAD, Y_BAD)
    assert "\n" not in str(caught.value)

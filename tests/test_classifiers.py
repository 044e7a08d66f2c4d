"""The fast grid search against scikit-learn's, and labels on a graph against dense algebra."""

import warnings

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_graphs import brute_force_graph, brute_force_weights

import alvae.classifiers
from alvae.classifiers import DEFAULT_GRID, GraphLabelSpreading, GridSearchSVC, PoissonLearning

GRIDS = [
    None,
    {},
    {"C": [1, 1.0, 10, 10]},  # ties: the first must win
    {"kernel": ["linear", "rbf"], "C": [0.01, 1, 100]},
    {"gamma": ["scale", "auto", 0.1, 1], "C": np.logspace(-1, 1, 2)},
    [{"kernel": ["linear"], "C": [10]}, {"gamma": [0.5, 2.0]}],
]


def blobs(seed, n_classes, n_least, n_features=3, separation=1.5):
    """Overlapping Gaussian classes of at least `n_least` points each, and points held out."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(n_classes), n_least + rng.integers(0, 8, n_classes)))
    centers = separation * rng.normal(size=(n_classes, n_features))
    X = centers[y] + rng.normal(size=(len(y), n_features))
    return X, y, 2 * rng.normal(size=(150, n_features))


def both(X, y, grid, cv):
    """The fast search, in which nothing may warn, and that of scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = GridSearchSVC(grid, cv).fit(X, y)
    return ours, GridSearchCV(SVC(), DEFAULT_GRID if grid is None else grid, cv=cv).fit(X, y)


def assert_equal_searches(ours, theirs, held_out):
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name in set(ours.cv_results_) - {"params"}:
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name], name)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    predicted = ours.predict(held_out)
    np.testing.assert_array_equal(predicted, theirs.predict(held_out))
    assert predicted.dtype == theirs.classes_.dtype


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a seed does not become simpler by shrinking
)
@given(
    seed=st.integers(0, 10**6),
    n_classes=st.integers(2, 10),
    n_features=st.integers(1, 30),
    separation=st.sampled_from([0.0, 1.0, 5.0]),  # 0: chance, with ties between candidates
    twist=st.sampled_from(["none", "duplicates", "constant feature", "missing class", "rare"]),
    kernels=st.lists(st.sampled_from(["linear", "rbf"]), min_size=1, max_size=2),
    Cs=st.lists(st.sampled_from([0.01, 0.5, 1, 1.0, 10, 300]), min_size=1, max_size=3),
    gammas=st.lists(st.sampled_from(["scale", "auto", 0.02, 1, 5.0]), min_size=1, max_size=2),
    cv=st.sampled_from([2, 3, 5]),
)
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_equals_scikit_learn(
    seed, n_classes, n_features, separation, twist, kernels, Cs, gammas, cv
):
    X, y, held_out = blobs(seed, n_classes, cv, n_features, separation)
    if twist == "duplicates":
        X[: len(X) // 3] = X[-1]
    elif twist == "constant feature":
        X[:, 0] = held_out[:, 0] = -3
    elif twist == "missing class" and n_classes > 2:
        y[y == 1] = 0
    elif twist == "rare" and n_classes > 2:  # a class with fewer examples than folds
        y[np.flatnonzero(y == 0)[1:]] = 1
    grid = {"kernel": kernels, "C": Cs, "gamma": gammas}
    assert_equal_searches(*both(X, y, grid, cv), held_out)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=60), st.integers(2, 12))
def test_folds_are_those_of_stratified_k_fold(labels, n_folds):
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    n_folds = min(n_folds, np.bincount(codes).max())
    if n_folds < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = list(StratifiedKFold(n_folds).split(codes, codes))
    folds = alvae.classifiers._stratified_folds(codes, first, n_folds)
    for fold, (_, test) in enumerate(expected):
        np.testing.assert_array_equal(np.flatnonzero(folds == fold), test)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("n_classes", [1, 2, 4])
def test_inner_products_are_enough_to_predict(grid, n_classes, monkeypatch):
    X, y, held_out = blobs(3, n_classes, 6)
    search = GridSearchSVC(grid).fit(X, y)
    products, norms = X[search.support_] @ held_out.T, (held_out**2).sum(axis=1)
    expected = SVC(**search.best_params_).fit(X, y).predict(held_out) if n_classes > 1 else 0
    np.testing.assert_array_equal(search.predict_from(products, norms), expected)
    monkeypatch.setattr(alvae.classifiers, "BLOCK_VALUES", 100)
    np.testing.assert_array_equal(search.predict_from(products, norms), expected)
    np.testing.assert_array_equal(search.predict(held_out), expected)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", ["duplicates", "constant", "float32", "strings", "lists", "scale"])
def test_equals_scikit_learn_on_odd_data(kind, grid, n_classes):
    X, y, held_out = blobs(n_classes, n_classes, 6)
    if kind == "duplicates":  # some with one label twice, some with two labels
        X[len(X) // 2 :] = X[: len(X) - len(X) // 2]
    elif kind == "constant":
        X[:, 0] = held_out[:, 0] = 7
    elif kind == "float32":
        X, held_out = X.astype(np.float32), held_out.astype(np.float32)
    elif kind == "strings":
        y = np.array(["ten", "a", "Zebra", "b", "", "c", "d"])[y]
    elif kind == "lists":
        X, y = X.tolist(), (3 * y - 5).tolist()
    elif kind == "scale":
        X, held_out = X * [1e-3, 1, 5], held_out * [1e-3, 1, 5]
    assert_equal_searches(*both(X, y, grid, 3), held_out)


@pytest.mark.parametrize("candidate", [{"kernel": ["linear"]}, {"kernel": ["rbf"]}, {"C": [100]}])
@pytest.mark.parametrize("seed", range(8))
def test_equals_scikit_learn_on_a_lattice_wherever_no_decision_is_tied(seed, candidate):
    X, y, held_out = (np.round(array) for array in blobs(seed, 4, 6, n_features=2))
    ours = GridSearchSVC(candidate, cv=2).fit(X, y)
    svc = SVC(decision_function_shape="ovo", **{name: v[0] for name, v in candidate.items()})
    decisions = svc.fit(X, y).decision_function(held_out)
    clear = (np.abs(decisions) > 1e-3).all(axis=1)  # 1e-3 is the tolerance of the training itself
    assert clear.sum() > 50
    np.testing.assert_array_equal(ours.predict(held_out)[clear], svc.predict(held_out)[clear])


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("n_least", [1, 6])
def test_without_the_private_module_the_answers_are_the_same(n_classes, grid, n_least, monkeypatch):
    X, y, held_out = blobs(0, n_classes, n_least)
    fast = GridSearchSVC(grid).fit(X, y)
    monkeypatch.setattr(alvae.classifiers, "_libsvm", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_equal_searches(GridSearchSVC(grid).fit(X, y), fast, held_out)


@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_a_class_with_fewer_examples_than_folds():
    X, y, held_out = blobs(0, 3, 8)
    y[y == 2] = 0
    y[:3] = 2
    assert_equal_searches(*both(X, y, None, 5), held_out)


@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_a_class_with_one_example():
    X, y, held_out = blobs(1, 3, 8)
    y[y == 2] = 1
    X[4], y[4] = 50, 2
    ours, theirs = both(X, y, None, 4)
    assert_equal_searches(ours, theirs, held_out)
    assert ours.predict([[50, 50, 50]]) == 2


@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_folds_are_at_most_as_many_as_the_largest_class_has_examples():
    X, y, held_out = blobs(2, 2, 10)
    few = np.concatenate([np.flatnonzero(y == 0)[:3], np.flatnonzero(y == 1)[:2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = GridSearchSVC(cv=5).fit(X[few], y[few])
    theirs = GridSearchCV(SVC(), DEFAULT_GRID, cv=3).fit(X[few], y[few])
    assert_equal_searches(ours, theirs, held_out)


@pytest.mark.filterwarnings("error")
def test_training_folds_of_one_class_only():
    # Two folds; the single example of class 1 is tested where only class 0 was seen.
    X, y = np.array([[0.0], [0.1], [5.0]]), [0, 0, 1]
    ours = GridSearchSVC(cv=2).fit(X, y)
    # The first fold tests points 0 and 2, the second point 1.
    np.testing.assert_array_equal(ours.cv_results_["split0_test_score"], [0.5] * 4)
    np.testing.assert_array_equal(ours.predict(X), y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("grid", GRIDS)
def test_one_example_of_every_class_takes_the_first_candidate(grid):
    X, y, held_out = np.diag([1.0, 2, 3]), ["a", "b", "c"], blobs(0, 2, 1)[2]
    ours = GridSearchSVC(grid).fit(X, y)
    first = ours.cv_results_["params"][0]
    assert ours.best_params_ == first
    assert np.isnan(ours.best_score_)
    np.testing.assert_array_equal(ours.cv_results_["rank_test_score"], 1)
    np.testing.assert_array_equal(ours.predict(held_out), SVC(**first).fit(X, y).predict(held_out))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 2, 9])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_one_class_is_predicted_everywhere(n, kernel):
    X, _, held_out = blobs(0, 1, 9)
    ours = GridSearchSVC({"kernel": [kernel], "C": [1, 10]}).fit(X[:n], ["only"] * n)
    assert ours.predict(held_out).tolist() == ["only"] * len(held_out)
    assert ours.best_params_ == {"C": 1, "kernel": kernel}
    assert np.isnan(ours.best_score_) if n == 1 else ours.best_score_ == 1


@pytest.mark.filterwarnings("error")
def test_points_that_are_all_the_same():
    ours = GridSearchSVC().fit(np.ones((30, 2)), np.arange(30) % 3)
    assert set(ours.predict(np.ones((4, 2)))) <= {0, 1, 2}


@parametrize_with_checks(
    [GridSearchSVC()],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "cv is an integer, not a list of splits"
    },
)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def test_parameters_and_clone():
    search = GridSearchSVC({"C": [3]}, cv=4)
    assert clone(search).get_params() == {"param_grid": {"C": [3]}, "cv": 4}
    assert GridSearchSVC().get_params() == {"param_grid": None, "cv": 5}
    X, y, _ = blobs(0, 3, 6)
    fitted = search.fit(X, y)
    assert fitted is search
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y)
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)
    with pytest.raises(ValueError, match="expecting 3 features"):
        fitted.predict(X[:, :2])


def test_results_do_not_hand_out_the_grid_itself():
    X, y, _ = blobs(0, 2, 6)
    search = GridSearchSVC().fit(X, y)
    search.best_params_["C"] = search.cv_results_["params"][0]["C"] = -1
    assert DEFAULT_GRID == {"kernel": ["linear", "rbf"], "C": [1, 10]}
    assert search.fit(X, y).best_params_["C"] > 0


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([], "param_grid is empty"),
        (3, "param_grid is 3"),
        ("C", "param_grid is 'C'"),
        ({"C": 1}, "param_grid is .* 'C' needs to be a list"),
        ({"C": []}, "param_grid is .* 'C' need"),
        ({"kernel": "rbf"}, "param_grid is .* 'kernel' needs to be a list"),
        ({"degree": [2]}, "names 'degree'; allowed are 'kernel', 'C', 'gamma'"),
        ({1: [2]}, "names 1; allowed"),
        ([{"C": [1]}, {"kernel": ["poly"]}], "kernel in param_grid is 'poly'; .*'linear', 'rbf'"),
        ({"kernel": [["rbf"]]}, r"kernel in param_grid is \['rbf'\]"),
        ({"kernel": [1]}, "kernel in param_grid is 1"),
        ({"C": [1, 0]}, "C in param_grid is 0; allowed: a positive number"),
        ({"C": [True]}, "C in param_grid is True"),
        ({"C": ["scale"]}, "C in param_grid is 'scale'"),
        ({"C": [np.nan]}, "C in param_grid is nan"),
        ({"C": [np.inf]}, "C in param_grid is inf"),
        ({"gamma": [-0.1]}, "gamma in param_grid is -0.1; .*'scale', 'auto', a positive number"),
        ({"gamma": ["auto", "best"]}, "gamma in param_grid is 'best'"),
    ],
)
def test_bad_grids(grid, message):
    with pytest.raises(ValueError, match=message) as caught:
        GridSearchSVC(grid).fit([[0.0], [1.0]], [0, 1])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cv", [1, 0, -3, True, 5.0, "5", None])
def test_bad_folds(cv):
    with pytest.raises(ValueError, match=f"^cv is {cv!r}; allowed are integers of at least 2$"):
        GridSearchSVC(cv=cv).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[0.0], [np.nan]], [0, 1], "NaN"),
        ([[0.0], [1.0]], [0, 1, 1], "inconsistent numbers of samples"),
        ([0.0, 1.0], [0, 1], "2D array"),
        ([[0.0], [1.0]], [0.5, 1.25], "[Uu]nknown label type"),
    ],
)
def test_bad_data(X, y, message):
    with pytest.raises(ValueError, match=message):
        GridSearchSVC().fit(X, y)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a seed does not become simpler by shrinking
)
@given(
    seed=st.integers(0, 10**6),
    n_classes=st.integers(2, 6),
    spread=st.sampled_from([0.1, 2.0]),  # standard deviation of the logarithm of the weights
    grid=st.sampled_from([None, {"C": [0.01, 1]}, {"gamma": [0.02, "scale"], "C": [1, 300]}]),
    cv=st.sampled_from([2, 4]),
    n_unlabeled=st.sampled_from([0, 10]),
    n_weightless=st.sampled_from([0, 7]),
)
def test_weighted_search_equals_scikit_learn(
    seed, n_classes, spread, grid, cv, n_unlabeled, n_weightless
):
    X, y, held_out = blobs(seed, n_classes, cv, separation=1.0)
    rng = np.random.default_rng(seed)
    weights = np.exp(spread * rng.normal(size=len(X)))
    theirs = GridSearchCV(SVC(), DEFAULT_GRID if grid is None else grid, cv=cv)
    theirs.fit(X, y, sample_weight=weights)

    # Points without a label or a weight, strewn in, change nothing.
    n_more = n_unlabeled + n_weightless
    where = np.sort(rng.integers(0, len(X) + 1, n_more))
    more_y = rng.permutation(np.r_[np.full(n_unlabeled, np.nan), rng.integers(0, 9, n_weightless)])
    more_weights = np.where(np.isnan(more_y), rng.integers(0, 3, n_more), 0)
    all_X = np.insert(X, where, 5 * rng.normal(size=(n_more, 3)), axis=0)
    all_y = np.insert(y.astype(float), where, more_y)
    ours = GridSearchSVC(grid, cv).fit(all_X, all_y, np.insert(weights, where, more_weights))

    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
    predicted = theirs.predict(held_out)
    np.testing.assert_array_equal(ours.predict(held_out), predicted)
    # The support vectors are rows of the whole X.
    support = all_X[ours.support_]
    np.testing.assert_array_equal(support, X[theirs.best_estimator_.support_])
    norms = (held_out**2).sum(axis=1)
    np.testing.assert_array_equal(ours.predict_from(support @ held_out.T, norms), predicted)


def test_weights_without_the_private_module(monkeypatch):
    X, y, held_out = blobs(5, 3, 6)
    weights = np.random.default_rng(5).random(len(X)) + 0.1
    weights[:3] = 0
    fast = GridSearchSVC().fit(X, y, weights)
    monkeypatch.setattr(alvae.classifiers, "_libsvm", None)
    slow = GridSearchSVC().fit(X, y, weights)
    assert_equal_searches(slow, fast, held_out)
    np.testing.assert_array_equal(slow.support_, fast.support_)


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 13)])
def test_unlabeled_points_are_left_out(weights):
    X, _, held_out = blobs(1, 1, 12)
    X, y = X[:12], np.array([np.nan, 1, 0, 1, np.nan, 0, 0, 1, 1, np.nan, 0, 1])
    labeled = np.flatnonzero(~np.isnan(y))
    search = GridSearchSVC(cv=2).fit(X, y, weights)
    part = None if weights is None else weights[labeled]
    of_labeled = GridSearchSVC(cv=2).fit(X[labeled], y[labeled], part)
    assert_equal_searches(search, of_labeled, held_out)
    np.testing.assert_array_equal(search.support_, labeled[of_labeled.support_])


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
    labels = rng.integers(0, n_classes, len(labeled)) - 2.0
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


GRAPH_CLASSIFIERS = [PoissonLearning(5), GraphLabelSpreading(5)]
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
    shared = classifier.prepare(X, new_X)
    assert set(shared) == {"graph", "bridge"}
    assert set(classifier.prepare(X)) == {"graph"}
    before = [shared[name].copy() for name in ("graph", "bridge")]
    computed, given_graph = clone(classifier).fit(X, y), clone(classifier)
    assert given_graph.fit(X, y, graph=shared["graph"]) is given_graph
    np.testing.assert_array_equal(given_graph.scores_, computed.scores_)
    np.testing.assert_array_equal(
        given_graph.predict(new_X, bridge=shared["bridge"]), computed.predict(new_X)
    )
    for name, old in zip(("graph", "bridge"), before, strict=True):  # for the next fit
        assert (shared[name] != old).nnz == 0


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
    prepared = PoissonLearning(4).prepare(X, new_X)
    other_prepared = PoissonLearning(4).prepare(X[order], new_X)
    for classifier in (PoissonLearning(tol=1e-12), GraphLabelSpreading(alpha=0.9)):
        w = weights if isinstance(classifier, PoissonLearning) else np.ones(len(X))
        one = classifier.fit(X, y, w, prepared["graph"]).scores_
        other = classifier.fit(X[order], y[order], w[order], other_prepared["graph"]).scores_
        close = {"rtol": 1e-6, "atol": 1e-7 * abs(one).max()}
        np.testing.assert_allclose(other, one[order], **close)
        np.testing.assert_allclose(
            other_prepared["bridge"] @ other, prepared["bridge"] @ one, **close
        )


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


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [-1, 3, 5, 8], list("abcd")])
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
    np.testing.assert_allclose(ours.scores_, theirs.label_distributions_, atol=1e-9)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.transduction_, theirs.transduction_)


def test_label_spreading_takes_no_weights_that_differ():
    X, y, _ = blobs(0, 2, 9)
    with pytest.raises(ValueError, match="^sample_weight is not constant"):
        GraphLabelSpreading().fit(X, y, np.arange(len(X)) + 1)


def test_label_spreading_where_no_label_arrives():
    X = np.r_[np.arange(6.0), 1000 + np.arange(6.0)][:, None]
    fitted = GraphLabelSpreading(2).fit(X, [3, *[np.nan] * 4, 5, *[np.nan] * 6])
    assert (fitted.scores_[6:] == 0).all()
    np.testing.assert_array_equal(fitted.transduction_[:6], [3, 3, 3, 5, 5, 5])


def test_parameters_and_clone_of_the_graph_classifiers():
    learner = PoissonLearning(3, class_prior=[1, 2], tol=0.1)
    assert clone(learner).get_params() == {"n_neighbors": 3, "class_prior": [1, 2], "tol": 0.1}
    defaults = {"n_neighbors": 10, "class_prior": "balanced", "tol": 1e-3}
    assert PoissonLearning().get_params() == defaults
    spreading = clone(GraphLabelSpreading(4, alpha=0.5, max_iter=9))
    assert spreading.get_params() == {"n_neighbors": 4, "alpha": 0.5, "max_iter": 9}
    X, y, _ = blobs(0, 2, 9)
    for classifier in (learner, spreading):
        classifier.fit(X, y)
        with pytest.raises(NotFittedError):
            clone(classifier).predict(X)


X_BAD, Y_BAD = np.arange(20.0).reshape(10, 2), np.array([0, 1] + 8 * [np.nan])


@on_graphs
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.where(X_BAD == 7, np.nan, X_BAD)}, "^X contains NaN or infinity"),
        ({"X": np.where(X_BAD == 7, np.inf, X_BAD)}, "^X contains NaN or infinity"),
        ({"X": X_BAD[:, 0]}, "^X has shape"),
        ({"y": Y_BAD[:9]}, r"^y has shape \(9,\); it must have shape \(10,\)$"),
        ({"y": Y_BAD[:, None]}, r"^y has shape \(10, 1\)"),
        ({"y": None}, r"^y has shape \(\)"),
        ({"y": np.full(10, np.nan)}, "^y is NaN everywhere; at least one point must be labeled$"),
        ({"y": np.where(Y_BAD == 1, np.inf, Y_BAD)}, "^y contains infinity"),
        ({"y": Y_BAD / 2}, "^Unknown label type: continuous"),
        ({"sample_weight": np.ones(9)}, "^sample_weight"),
        ({"sample_weight": -np.ones(10)}, "sample_weight"),
        ({"sample_weight": np.full(10, np.nan)}, "sample_weight"),
        ({"sample_weight": np.isnan(Y_BAD)}, "[Ss]ample.weight"),
        ({"graph": np.ones((9, 9))}, r"^graph has shape \(9, 9\); X has 10 points$"),
    ],
)
def test_bad_data_of_the_graph_classifiers(classifier, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        clone(classifier).fit(**{"X": X_BAD, "y": Y_BAD, **changes})
    assert "\n" not in str(caught.value)


@on_graphs
def test_bad_new_points_of_the_graph_classifiers(classifier):
    fitted = clone(classifier).fit(X_BAD, Y_BAD)
    with pytest.raises(ValueError, match="^X has 1 features; the pool that was learned has 2$"):
        fitted.predict(X_BAD[:, :1])
    with pytest.raises(ValueError, match="^X contains NaN or infinity"):
        fitted.predict([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="^X_new has shape"):
        fitted.prepare(X_BAD, X_BAD[0])
    for pool, new in [(X_BAD, X_BAD[:3]), (X_BAD[:8], X_BAD)]:
        bridge = fitted.prepare(pool, new)["bridge"]
        message = rf"^bridge has shape \({len(new)}, {len(pool)}\); .* \(10, 10\)$"
        with pytest.raises(ValueError, match=message):
            fitted.predict(X_BAD, bridge=bridge)


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        *((c(n_neighbors=n), f"^n_neighbors is {n!r}; allowed are integers of at least 1$")
          for c in (PoissonLearning, GraphLabelSpreading) for n in (0, -1, 2.0, True, None)),
        *((PoissonLearning(tol=tol), f"^tol is {tol!r}; allowed are finite numbers greater than 0$")
          for tol in (0, -1, np.nan, "small", None)),
        (PoissonLearning(class_prior="equal"), "^class_prior is 'equal'; allowed are 'balanced'"),
        *((PoissonLearning(class_prior=prior), "^class_prior is .* must be 2 positive numbers")
          for prior in ([1], [1, 2, 3], [1, -1], [1, 0], [1, np.nan], [1, np.inf], ["a", "b"],
                        [[1], [1, 2]], {"a": 1}, None, np.arange(40) / 3)),
        *((GraphLabelSpreading(alpha=alpha), "'alpha'") for alpha in (0, 1, "x")),
        (GraphLabelSpreading(max_iter=0), "'max_iter'"),
    ],
)  # fmt: skip
def test_bad_parameters_of_the_graph_classifiers(classifier, message):
    with pytest.raises(ValueError, match=message) as caught:
        classifier.fit(X_BAD, Y_BAD)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        ([np.nan] * 4, None, "^y is NaN everywhere; at least one point must be labeled$"),
        ([0, 1, np.nan], None, "y|inconsistent"),
        ([0, 1, np.nan, np.inf], None, "y contains infinity"),
        ([0, 1, np.nan, 1], [1, 1, 1], "^sample_weight"),
        ([0, 1, 0, 1], [1, 1, 1], "^sample_weight"),
        ([0, 1, np.nan, 1], [1, -1, 1, 1], "sample_weight"),
        ([0, 1, np.nan, 1], [1, np.nan, 1, 1], "sample_weight"),
        ([0, 1, np.nan, 1], [0, 0, 1, 0], "[Ss]ample.weight"),
    ],
)
def test_bad_labels_and_weights(y, weights, message):
    with pytest.raises(ValueError, match=message) as caught:
        GridSearchSVC().fit(np.arange(4.0)[:, None], y, weights)
    assert "\n" not in str(caught.value)

"""The fast grid search against scikit-learn's."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.svm import SVC

import alvae.classifiers.svc
from alvae.classifiers import GridSearchSVC, PoissonLearning, as_pool_classifier
from alvae.classifiers.svc import DEFAULT_GRID, InnerProducts

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
    max_examples=60,
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
    folds = alvae.classifiers.svc._stratified_folds(codes, first, n_folds)
    for fold, (_, test) in enumerate(expected):
        np.testing.assert_array_equal(np.flatnonzero(folds == fold), test)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("n_classes", [1, 2, 4])
def test_inner_products_are_enough_to_predict(grid, n_classes, monkeypatch):
    X, y, held_out = blobs(3, n_classes, 6)
    search = GridSearchSVC(grid).fit(X, y)
    products = InnerProducts(X @ held_out.T, (held_out**2).sum(axis=1))
    expected = SVC(**search.best_params_).fit(X, y).predict(held_out) if n_classes > 1 else 0
    np.testing.assert_array_equal(search.predict(None, prepared=products), expected)
    monkeypatch.setattr(alvae.classifiers.svc, "BLOCK_VALUES", 100)
    np.testing.assert_array_equal(search.predict(None, prepared=products), expected)
    np.testing.assert_array_equal(search.predict(held_out), expected)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("grid", GRIDS[2:])
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
    monkeypatch.setattr(alvae.classifiers.libsvm, "_libsvm", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slow = GridSearchSVC(grid).fit(X, y)
        assert_equal_searches(slow, fast, held_out)
        decided = slow.decision_function(held_out)
        np.testing.assert_allclose(decided, fast.decision_function(held_out), atol=1e-9)


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
    max_examples=40,
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
    products = InnerProducts(all_X @ held_out.T, (held_out**2).sum(axis=1))
    np.testing.assert_array_equal(ours.predict(None, prepared=products), predicted)


def test_weights_without_the_private_module(monkeypatch):
    X, y, held_out = blobs(5, 3, 6)
    weights = np.random.default_rng(5).random(len(X)) + 0.1
    weights[:3] = 0
    fast = GridSearchSVC().fit(X, y, weights)
    monkeypatch.setattr(alvae.classifiers.libsvm, "_libsvm", None)
    slow = GridSearchSVC().fit(X, y, weights)
    assert_equal_searches(slow, fast, held_out)
    np.testing.assert_array_equal(slow.support_, fast.support_)


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_strings_among_which_labels_are_missing(missing):
    X, codes, held_out = blobs(1, 2, 6)
    names = np.array(["left", "right"])[codes]
    y = np.append(names.astype(object), [missing] * len(held_out))
    search = GridSearchSVC(cv=2).fit(np.concatenate([X, held_out]), y)
    assert search.classes_.tolist() == ["left", "right"]
    expected = GridSearchSVC(cv=2).fit(X, names).predict(held_out)
    np.testing.assert_array_equal(search.predict(held_out), expected)
    masked = np.ma.array(codes, mask=codes == 1)
    with pytest.raises(ValueError, match="^y is a masked array; allowed is one without"):
        GridSearchSVC().fit(X, masked)
    with pytest.raises(ValueError, match="^y has the string 'nan'"):
        GridSearchSVC().fit(X, [*names[1:], np.nan])


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


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        ([np.nan] * 4, None, "^y is NaN everywhere; at least one point must be labeled$"),
        ([0, 1, np.nan], None, "^y is .* inconsistent"),
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


@pytest.mark.parametrize("cv", [2, 5])
def test_folds_are_dealt_out_in_the_order_of_choice(cv):
    X, target, held_out = blobs(6, 3, 20)
    order = np.random.default_rng(0).choice(len(X), 30, replace=False)
    y = np.full(len(X), np.nan)
    y[order] = target[order]
    weights = np.random.default_rng(1).random(len(X))
    in_pool = GridSearchSVC(cv=cv).fit(X, y, weights, order=order)
    alone = GridSearchSVC(cv=cv).fit(X[order], 1.0 * target[order], weights[order])
    assert_equal_searches(in_pool, alone, held_out)
    np.testing.assert_array_equal(in_pool.support_, order[alone.support_])
    for wrong in (order[:-1], np.append(order[:-1], order[0]), 5, "ab", order + 0.5):
        with pytest.raises(ValueError, match="^order is .* name each labeled point once$"):
            GridSearchSVC().fit(X, y, order=wrong)


def test_products_are_made_where_they_pay(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    X, X_new = rng.normal(size=(40, 64)).astype(np.float32), rng.normal(size=(7, 64))
    search, room = GridSearchSVC(), {"n_labels": 40, "folder": tmp_path}
    made = search.prepare(X, X_new, **room)
    np.testing.assert_allclose(made.products, X.astype(float) @ X_new.T)
    np.testing.assert_allclose(made.squared_norms, (X_new**2).sum(axis=1))
    assert isinstance(made.products, np.memmap)
    assert search.prepare(X[:, :63], X_new[:, :63], **room) is None  # narrow
    assert search.prepare(X, X_new, **room | {"n_labels": 39}) is None  # looked at too seldom
    in_memory = search.prepare(X, X_new, n_labels=40)
    np.testing.assert_array_equal(in_memory.products, made.products)
    y = np.arange(40) % 3
    with pytest.raises(ValueError, match="^prepared is not what prepare returns"):
        search.fit(X, y).predict(X_new, prepared=made.products)
    monkeypatch.setattr(alvae.classifiers.svc, "PRODUCTS_BYTES", 8 * 40 * 7 - 1)
    assert search.prepare(X, X_new, **room) is None  # no room


SPLITTERS = [
    KFold(4, shuffle=True, random_state=1),
    StratifiedKFold(3, shuffle=True, random_state=0),
    StratifiedShuffleSplit(3, test_size=0.4, random_state=2),
    RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    [(np.arange(0, 40), np.arange(40, 48)), (np.arange(8, 48), np.arange(0, 8))],
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_splitters_are_those_of_scikit_learn(cv, n_classes):
    X, y, held_out = blobs(1, n_classes, 48 // n_classes)
    ours, theirs = both(X, y, {"kernel": ["linear", "rbf"], "C": [0.1, 10]}, cv)
    assert_equal_searches(ours, theirs, held_out)


def test_a_splitter_splits_the_labeled_points_in_their_order():
    X, y, held_out = blobs(3, 3, 20)
    order = np.random.default_rng(0).permutation(len(X))[:40]
    some = np.full(len(X), np.nan)
    some[order] = y[order]
    cv = KFold(4)
    ours = GridSearchSVC(cv=cv).fit(X, some, order=order)
    theirs = GridSearchCV(SVC(), DEFAULT_GRID, cv=cv).fit(X[order], some[order])
    assert_equal_searches(ours, theirs, held_out)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_decisions_are_those_of_scikit_learn(n_classes, kernel, monkeypatch):
    X, y, held_out = blobs(n_classes, n_classes, 15)
    grid = {"kernel": [kernel], "C": [2.0]}
    ours, theirs = GridSearchSVC(grid).fit(X, y), SVC(kernel=kernel, C=2.0).fit(X, y)
    expected = theirs.decision_function(held_out)
    np.testing.assert_allclose(ours.decision_function(held_out), expected, rtol=1e-6, atol=1e-8)
    monkeypatch.setattr(alvae.classifiers.svc, "BLOCK_VALUES", 100)
    np.testing.assert_allclose(ours.decision_function(held_out), expected, rtol=1e-6, atol=1e-8)
    products = InnerProducts(X @ held_out.T, np.einsum("ij,ij->i", held_out, held_out))
    prepared = ours.decision_function(held_out, prepared=products)
    np.testing.assert_allclose(prepared, expected, rtol=1e-6, atol=1e-8)


def test_decisions_where_there_is_one_class():
    X, _, held_out = blobs(0, 2, 5)
    fitted = GridSearchSVC().fit(X, np.full(len(X), 7))
    assert fitted.decision_function(held_out).shape == (len(held_out), 1)


@pytest.mark.parametrize(
    "classifier", [GridSearchSVC(), PoissonLearning(), as_pool_classifier(SVC())]
)
def test_tables_with_named_features_raise_no_warning(classifier):
    X, y, held_out = blobs(0, 3, 20)
    tables = [pd.DataFrame(points, columns=["a", "b", "c"]) for points in (X, held_out)]
    some = np.where(np.arange(len(y)) % 3 == 0, y, np.nan)
    expected = clone(classifier).fit(X, some).predict(held_out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = clone(classifier).fit(tables[0], some).predict(tables[1])
    np.testing.assert_array_equal(found, expected)
    if isinstance(classifier, GridSearchSVC):
        fitted = clone(classifier).fit(tables[0], some)
        assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(tables[1][["b", "a", "c"]])

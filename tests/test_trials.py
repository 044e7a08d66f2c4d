"""Learning curves against trials by hand, and what the store must and must not remember."""

import builtins
import copy
import functools
import os
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from skactiveml import pool as peers
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

import alvae._trial
import alvae.trials
from alvae import store
from alvae._clusters import Clusters
from alvae.classifiers import GridSearchSVC, PoissonLearning, svc
from alvae.classifiers.svc import DEFAULT_GRID
from alvae.coverage import covering_radius
from alvae.queries import (
    BestReconstructed,
    EntropySampling,
    KCenterGreedy,
    KMeansCoreset,
    QueryStrategy,
    UniformSampling,
)
from alvae.summaries import summarize
from alvae.trials import TrialProtocol, acquire, learning_curves

SECONDS = ["query_seconds", "seconds", "timed_on"]
COLUMNS = ["space", "strategy", "budget", "trial", "accuracy", "kernel", "C", *SECONDS]


class Fragile(UniformSampling):
    """Uniform sampling that fails at the batch size, and in the way, that $FRAGILE says."""

    def query(self, X, y=None, batch_size=1, *, prepared=None):
        size, error = os.environ.get("FRAGILE", "0 none").split()
        if size == str(batch_size):
            raise getattr(builtins, error)
        return super().query(X, y, batch_size, prepared=prepared)


class Spy(QueryStrategy):
    """Asks another strategy, and writes down what it was shown."""

    def __init__(self, strategy, seen, random_state=None):
        self.strategy = strategy
        self.seen = seen
        self.random_state = random_state

    def query(self, X, y=None, batch_size=1, *, prepared=None):
        chosen = self.strategy.query(X, y, batch_size, prepared=prepared)
        self.seen.append((y.copy(), chosen))
        return chosen


def mean_norm(X, chosen):
    return np.linalg.norm(X[chosen], axis=1).mean()


def blobs(n, seed, n_classes=3):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return rng.normal(size=(n, 2)) + 1.5 * labels[:, None], labels


def arguments(**changes):
    """A small experiment, as keyword arguments of learning_curves."""
    (X, labels), (X_test, test_labels) = blobs(90, 0), blobs(50, 1)
    return {
        "spaces": {"plane": (X, X_test), "line": (X[:, :1], X_test[:, :1])},
        "labels": labels,
        "test_labels": test_labels,
        "strategies": {"uniform": UniformSampling(), "coreset": KMeansCoreset(4)},
        "budgets": [8, 15],
        "n_trials": 3,
        "random_state": 7,
    } | changes


def run(n_jobs=1, **given):
    """Learning curves from the arguments of a small experiment."""
    names = {field.name for field in fields(TrialProtocol)}
    protocol = {name: given.pop(name) for name in names & given.keys()}
    return learning_curves(**given, protocol=TrialProtocol(**protocol), n_jobs=n_jobs)


def small(**changes):
    """One curve in one space."""
    one = arguments()
    one["spaces"] = {"plane": one["spaces"]["plane"]}
    one["strategies"] = {"uniform": UniformSampling()}
    return one | changes


@pytest.fixture
def calls(monkeypatch):
    """The budgets of all trials that are really run, in this process."""
    budgets, run = [], alvae._trial._run_trial

    def counting(number, budget, task):
        budgets.append(budget)
        return run(number, budget, task)

    monkeypatch.setattr(alvae._trial, "_run_trial", counting)
    return budgets


def stored(kind="trials", suffix=".csv"):
    return sorted((store.root() / kind).glob(f"*{suffix}"))


# Learning curves


def test_table_has_a_row_per_trial():
    table = run(**arguments())
    assert list(table.columns) == COLUMNS
    rows = [
        (space, strategy, budget, trial)
        for space in ("plane", "line")
        for strategy in ("uniform", "coreset")
        for budget in (8, 15)
        for trial in range(3)
    ]
    assert list(table[COLUMNS[:4]].itertuples(index=False, name=None)) == rows
    assert table["accuracy"].between(0, 1).all()
    assert (table["query_seconds"] <= table["seconds"]).all()
    assert (table["query_seconds"] >= 0).all()


@pytest.mark.slow
def test_numbers_do_not_depend_on_n_jobs(tmp_path, monkeypatch):
    # More trials than fit into one chunk; a store of its own for each.
    one = run(**arguments(n_trials=alvae.trials.CHUNK + 2))
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    two = run(**arguments(n_trials=alvae.trials.CHUNK + 2, n_jobs=2))
    assert stored()
    assert_frame_equal(one.drop(columns=SECONDS), two.drop(columns=SECONDS), check_exact=True)


@pytest.mark.parametrize("classifier", [GridSearchSVC(), SVC()])
def test_inner_products_computed_once_lead_to_the_same_table(classifier, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    labels, test_labels = np.arange(80) % 3, np.arange(50) % 3
    centers = rng.normal(size=(3, svc.WIDE))
    X, X_test = (
        (centers[y] + 2 * rng.normal(size=(len(y), svc.WIDE))).astype(np.float32)
        for y in (labels, test_labels)
    )
    strategies = {"core-set": KMeansCoreset(4)}
    given = {
        "spaces": {"wide/": (X, X_test)},
        "classifiers": {"": classifier},
        "strategies": strategies,
    }
    given = arguments() | given | {"labels": labels, "test_labels": test_labels}
    once = run(**given)
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    monkeypatch.setattr(svc, "PRODUCTS_BYTES", 0)
    each_time = run(**given)
    assert_frame_equal(once.drop(columns=SECONDS), each_time.drop(columns=SECONDS))
    assert 0.4 < once["accuracy"].mean() < 1


@pytest.mark.parametrize(
    ("space", "strategy"),
    [("plane", UniformSampling()), ("line", KMeansCoreset(4)), ("plane", KCenterGreedy())],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_a_trial_by_hand(space, strategy):
    given = arguments(strategies={"": strategy}, budgets=[20, 27], n_trials=2)
    table = run(**given).set_index(["space", "budget", "trial"])
    X, X_test = given["spaces"][space]
    for budget in (20, 27):
        for trial in range(2):
            # Seeds by spawning alone: budget, then trial; the clusters have the seed of budget 0.
            children = np.random.SeedSequence(7).spawn(budget + 1)
            seed = children[budget].spawn(trial + 1)[trial]
            prepared = clone(strategy).set_params(random_state=children[0]).prepare(X)
            hand = clone(strategy).set_params(random_state=np.random.default_rng(seed))
            chosen = hand.query(X, None, budget, prepared=prepared)
            search = GridSearchCV(SVC(), DEFAULT_GRID, cv=5)
            search.fit(X[chosen], given["labels"][chosen])
            row = table.loc[space, budget, trial]
            assert row["accuracy"] == np.mean(search.predict(X_test) == given["test_labels"])
            assert {"C": row["C"], "kernel": row["kernel"]} == search.best_params_


def test_spaces_and_strategies_are_paired_by_their_seeds():
    given = arguments()
    X, X_test = given["spaces"]["plane"]
    same = {"a": (X, X_test), "b": (X.copy(), X_test.copy() + 1e-12)}
    strategies = {"one": UniformSampling(), "two": Fragile()}
    table = run(**arguments(spaces=same, strategies=strategies, n_trials=6))
    accuracies = table.pivot_table("accuracy", ["budget", "trial"], ["space", "strategy"])
    assert (accuracies.nunique(axis=1) == 1).all()
    assert accuracies.iloc[:, 0].nunique() > 1  # while trials differ
    assert len(stored()) == 8


def test_test_labels_reach_nothing_but_the_accuracy():
    given = small(n_trials=4, batch_size=3, strategies={"entropy": EntropySampling()})
    permuted = np.random.default_rng(0).permutation(given["test_labels"])
    table = run(**given)
    other = run(**given | {"test_labels": permuted})
    unaffected = ["budget", "trial", "kernel", "C"]
    assert_frame_equal(table[unaffected], other[unaffected])

    X, X_test = given["spaces"]["plane"]
    for row, other_row in zip(table.itertuples(), other.itertuples(), strict=True):
        seed = np.random.SeedSequence(7, spawn_key=(row.budget, row.trial))
        strategy = EntropySampling(random_state=np.random.default_rng(seed))
        chosen = acquire(strategy, X, given["labels"], row.budget, batch_size=3)
        classifier = GridSearchSVC().fit(X[chosen], given["labels"][chosen])
        predicted = classifier.predict(X_test)
        assert row.accuracy == np.mean(predicted == given["test_labels"])
        assert other_row.accuracy == np.mean(predicted == permuted)
    assert (table["accuracy"] != other["accuracy"]).any()


@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_classifiers_of_scikit_learn():
    ours = run(**small(classifiers={"": GridSearchSVC({"C": [1, 5]}, cv=2)}))
    theirs = run(**small(classifiers={"": GridSearchCV(SVC(), {"C": [1, 5]}, cv=2)}))
    columns = ["budget", "trial", "accuracy", "C"]
    assert_frame_equal(ours[columns], theirs[columns])
    assert ours["kernel"].isna().all()  # not in the grid

    table = run(**small(classifiers={"": LogisticRegression()}))
    assert table[["kernel", "C"]].isna().all(axis=None)
    assert list(table.columns) == COLUMNS


def test_several_classifiers_learn_from_the_same_points():
    classifiers = {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}
    given = small(classifiers=classifiers, measures={"norm": mean_norm}, budgets=[9])
    table = run(**given)
    X, X_test = given["spaces"]["plane"]
    assert list(table["classifier"]) == ["svc", "poisson"] * 3
    alone = run(**small(budgets=[9]))
    svc = table[table["classifier"] == "svc"].reset_index(drop=True)
    ours, theirs = (frame[COLUMNS].drop(columns=SECONDS) for frame in (svc, alone))
    assert_frame_equal(ours, theirs, check_dtype=False)
    assert svc["pool_accuracy"].isna().all()
    for trial in range(3):
        seed = np.random.SeedSequence(7).spawn(10)[9].spawn(3)[trial]
        chosen = np.random.default_rng(seed).choice(90, 9, replace=False)
        y = np.full(90, np.nan)
        y[chosen] = given["labels"][chosen]
        fitted = PoissonLearning(5).fit(X, y)
        row = table[(table["trial"] == trial) & (table["classifier"] == "poisson")].iloc[0]
        assert row["accuracy"] == fitted.score(X_test, given["test_labels"])
        unlabeled = np.isnan(y)
        right = fitted.transduction_[unlabeled] == given["labels"][unlabeled]
        assert row["pool_accuracy"] == pytest.approx(right.mean())
        assert row["norm"] == pytest.approx(np.linalg.norm(X[chosen], axis=1).mean())
    summary = summarize(table, "pool_accuracy").set_index("classifier")["mean"]
    poisson = table[table["classifier"] == "poisson"]
    assert summary["poisson"] == pytest.approx(poisson["pool_accuracy"].mean())


def test_weights_of_a_strategy_reach_the_classifier(monkeypatch):
    seen = {}
    for kind in (GridSearchSVC, PoissonLearning):

        def fit(self, X, y, sample_weight=None, kind=kind, kind_fit=kind.fit, **options):
            seen[kind] = (y, sample_weight, options["order"])
            return kind_fit(self, X, y, sample_weight, **options)

        monkeypatch.setattr(kind, "fit", fit)
    strategy = KMeansCoreset(4, allocation="proportional")
    classifiers = {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}
    given = small(strategies={"c": strategy}, classifiers=classifiers, budgets=[8], n_trials=1)
    for batch_size in (None, 4):
        run(**given, batch_size=batch_size)
        X = given["spaces"]["plane"][0]
        seed = np.random.SeedSequence(7).spawn(1)[0]
        clusters = clone(strategy).set_params(random_state=seed).prepare(X).labels
        for y, weights, order in seen.values():
            assert sorted(order) == list(np.flatnonzero(~np.isnan(y)))
            sizes, shares = np.bincount(clusters), np.bincount(clusters[order])
            np.testing.assert_allclose(weights[order], (sizes / shares)[clusters[order]])


@pytest.mark.filterwarnings("ignore:The maximum purity:UserWarning")
@pytest.mark.parametrize(
    "strategy", [peers.TypiClust(), peers.ProbCover(n_classes=3), peers.RandomSampling()], ids=repr
)
def test_strategies_of_scikit_activeml_take_part(strategy, tmp_path, monkeypatch):
    given = small(
        strategies={"peer": strategy}, classifiers={"": PoissonLearning(5)}, budgets=[9], n_trials=2
    )
    table = run(**given)
    assert len(table) == 2
    assert table["accuracy"].between(0, 1).all()
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "again"))
    again = run(**given)
    assert_frame_equal(table.drop(columns=SECONDS), again.drop(columns=SECONDS))


def test_one_trial_and_one_label():
    table = run(**small(budgets=[1, 90], n_trials=1))
    assert table["budget"].tolist() == [1, 90]
    assert table["accuracy"][0] == pytest.approx(1 / 3, abs=0.02)  # one class everywhere


# What is kept


def test_nothing_is_computed_twice(calls):
    first = run(**arguments())
    assert calls == ([8] * 3 + [15] * 3) * 4  # two spaces, two strategies
    calls.clear()
    assert_frame_equal(run(**arguments()), first, check_exact=True)  # seconds too
    assert calls == []


def test_clusters_are_made_once_per_space_and_only_if_needed(monkeypatch):
    prepared, prepare = [], KMeansCoreset.prepare

    def counting(self, X, graph=None):
        prepared.append(np.shape(X))
        return prepare(self, X, graph)

    monkeypatch.setattr(KMeansCoreset, "prepare", counting)
    run(**arguments())
    assert prepared == [(90, 2), (90, 1)]
    run(**arguments())
    assert len(prepared) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_resumes_after_an_interruption(error, calls, monkeypatch):
    given = small(strategies={"fragile": Fragile()}, budgets=[4, 8, 12, 20])
    monkeypatch.setenv("FRAGILE", f"12 {error.__name__}")
    with pytest.raises(error):
        run(**given)
    assert calls == [4] * 3 + [8] * 3 + [12]
    assert len(stored()) == 2
    assert not [path for path in (store.root() / "trials").iterdir() if path.name[0] == "."]

    calls.clear()
    monkeypatch.delenv("FRAGILE")
    resumed = run(**given)
    assert calls == [12] * 3 + [20] * 3
    uninterrupted = run(**given | {"strategies": {"fragile": UniformSampling()}})
    columns = ["budget", "trial", "accuracy", "kernel", "C"]
    assert_frame_equal(resumed[columns], uninterrupted[columns], check_exact=True)


def test_resumes_after_a_classifier_failed(calls, monkeypatch):
    given = small(budgets=[4, 8, 12])
    fit = GridSearchSVC.fit

    def failing(self, X, y, **options):
        if np.isfinite(y).sum() == 12:
            raise KeyboardInterrupt
        return fit(self, X, y, **options)

    monkeypatch.setattr(GridSearchSVC, "fit", failing)
    with pytest.raises(KeyboardInterrupt):
        run(**given)
    monkeypatch.setattr(GridSearchSVC, "fit", fit)
    calls.clear()
    assert len(run(**given)) == 9
    assert calls == [12] * 3


def changed_data():
    """The small experiment with one value changed somewhere."""
    X, X_test = small()["spaces"]["plane"]
    nudge = np.zeros_like(X)
    nudge[-1, -1] = 1e-9
    yield {"spaces": {"plane": (X + nudge, X_test)}}
    yield {"spaces": {"plane": (X, X_test + nudge[-len(X_test) :])}}
    yield {"spaces": {"plane": (X.astype(np.float32), X_test)}}
    for name in ("labels", "test_labels"):
        values = small()[name].copy()
        values[-1] = (values[-1] + 1) % 3
        yield {name: values}


@pytest.mark.parametrize(
    "change",
    [
        {"n_trials": 2},
        {"random_state": 8},
        {"batch_size": 5},
        {"budgets": [9]},
        {"strategies": {"uniform": Fragile()}},
        {"strategies": {"uniform": KMeansCoreset(4)}},
        {"classifiers": {"": GridSearchSVC(cv=4)}},
        {"classifiers": {"": GridSearchSVC({"C": [1]})}},
        {"classifiers": {"": LogisticRegression()}},
        *changed_data(),
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_another_experiment_has_another_key(change, calls):
    given = small(n_trials=1, budgets=[8])
    run(**given)
    calls.clear()
    run(**given | change)
    assert len(calls) == (given | change)["n_trials"]
    assert len(stored()) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"strategies": {"k": KMeansCoreset(4)}}, {"strategies": {"k": KMeansCoreset(5)}}),
        (
            {"strategies": {"k": KMeansCoreset(4)}},
            {"strategies": {"k": KMeansCoreset(4, n_init=2)}},
        ),
        (
            {"strategies": {"e": EntropySampling(LogisticRegression(C=1))}},
            {"strategies": {"e": EntropySampling(LogisticRegression(C=2))}},
        ),
        (
            {"classifiers": {"": RandomForestClassifier(3, random_state=0)}},
            {"classifiers": {"": RandomForestClassifier(3, random_state=1)}},
        ),
        (
            {"classifiers": {"svc": GridSearchSVC(), "poisson": PoissonLearning()}},
            {"classifiers": {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}},
        ),
        ({"measures": {"radius": covering_radius}}, {"measures": {"radius": mean_norm}}),
        (
            {"strategies": {"b": BestReconstructed(UniformSampling(), np.arange(90.0))}},
            {"strategies": {"b": BestReconstructed(UniformSampling(), np.arange(90.0)[::-1])}},
        ),
    ],
    ids=[
        "n_clusters",
        "n_init",
        "nested",
        "classifier's seed",
        "one of several classifiers",
        "measure",
        "array",
    ],
)
def test_every_parameter_is_in_the_key(one, other, calls):
    given = small(n_trials=1, budgets=[8])
    run(**given | one)
    run(**given | one)
    assert len(calls) == 1
    run(**given | other)
    assert len(calls) == 2


def test_names_order_and_seed_of_the_strategy_are_not_in_the_key(calls):
    run(**small())
    calls.clear()
    X, X_test = small()["spaces"]["plane"]
    again = run(
        **small(
            spaces={"other name": (X.copy(order="F"), X_test.tolist())},
            strategies={"another": UniformSampling(random_state=5)},
            classifiers={"": GridSearchSVC()},
            labels=small()["labels"].tolist(),
            budgets=(15, np.int64(8)),
        )
    )
    assert calls == []
    assert again["budget"].tolist() == [8] * 3 + [15] * 3
    assert set(again["space"]) == {"other name"}
    assert set(again["strategy"]) == {"another"}


# Acquiring labels


@pytest.mark.parametrize("batch_size", [1, 4, 5, 20, 50, None])
@pytest.mark.parametrize(
    "strategy", [UniformSampling(0), KCenterGreedy(0), EntropySampling(random_state=0)], ids=str
)
def test_acquire_shows_only_labels_that_were_asked_for(strategy, batch_size):
    X, labels = blobs(40, 0)
    seen = []
    chosen = acquire(Spy(strategy, seen), X, labels, 20, batch_size)
    assert chosen.dtype == np.int64
    assert len(set(chosen)) == len(chosen) == 20
    assert set(chosen) <= set(range(40))

    size, known = batch_size or 20, 0
    for y, new in seen:
        np.testing.assert_array_equal(np.flatnonzero(~np.isnan(y)), np.sort(chosen[:known]))
        np.testing.assert_array_equal(y[chosen[:known]], labels[chosen[:known]])
        np.testing.assert_array_equal(new, chosen[known : known + size])
        known += len(new)
    assert known == 20
    assert len(seen) == -(-20 // size)


def test_acquire_does_not_depend_on_labels_that_were_not_asked_for():
    X, labels = blobs(60, 0)
    chosen = acquire(EntropySampling(random_state=np.random.default_rng(0)), X, labels, 21, 4)
    changed = np.full_like(labels, 9)
    changed[chosen] = labels[chosen]
    again = acquire(EntropySampling(random_state=np.random.default_rng(0)), X, changed, 21, 4)
    np.testing.assert_array_equal(again, chosen)


def test_acquire_passes_on_what_was_prepared():
    X, labels = blobs(40, 0)
    clusters = np.repeat(np.arange(4), 10)  # not what K-means would find
    strategy, prepared = KMeansCoreset(4, random_state=0), Clusters.of(clusters)
    chosen = acquire(strategy, X, labels, 12, 4, prepared=prepared)
    np.testing.assert_array_equal(np.bincount(clusters[chosen]), [3, 3, 3, 3])


def test_acquire_prepares_once(monkeypatch):
    X, labels = blobs(40, 0)
    strategy, times = KMeansCoreset(4, random_state=0), []
    prepare = KMeansCoreset._prepare
    monkeypatch.setattr(
        KMeansCoreset, "_prepare", lambda *given: times.append(1) or prepare(*given)
    )
    chosen = acquire(strategy, X, labels, 12, 4)
    assert len(times) == 1
    prepared = strategy.prepare(X)
    np.testing.assert_array_equal(chosen, acquire(strategy, X, labels, 12, 4, prepared=prepared))


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {}}, "spaces is {}; allowed is a dict with 1 or more"),
        ({"strategies": {}}, "strategies is {}; allowed is a dict with 1 or more"),
        ({"labels": np.ma.zeros(90, int)}, "labels is a masked array"),
        ({"test_labels": []}, r"test_labels has shape \(0,\)"),
        ({"budgets": []}, r"budgets is \[\]; allowed is a list"),
        ({"budgets": [8, 8]}, "budgets is .*distinct"),
        ({"budgets": [0, 8]}, "budgets is 0; allowed are integers of at least 1"),
        ({"budgets": [8, 91]}, "budgets is 91; .* from 1 to 90, the number of points"),
        ({"classifiers": {}}, "classifiers is {}; allowed is a dict with 1 or more"),
        ({"classifiers": [GridSearchSVC()]}, "classifiers is .GridSearchSVC"),
        ({"classifiers": {"": GridSearchSVC}}, "classifiers has .*; allowed are instances"),
        ({"strategies": {"u": UniformSampling}}, r"strategies\[.*; allowed are instances"),
        (
            {"spaces": {"x": (np.zeros((90, 2)), np.zeros((50, 3)))}},
            r"spaces\['x'\] has pool .* 3;",
        ),
        ({"spaces": {"x": (np.zeros(90), np.zeros(50))}}, r"spaces\['x'\] has shape \(90,\)"),
        ({"strategies": {"k": KMeansCoreset(9)}}, "n_clusters is 9; .* from 1 to 8, batch_size"),
        ({"strategies": {"k": KMeansCoreset(4)}, "batch_size": 5}, "n_clusters is 4; .* 1 to 3"),
        ({"strategies": {"b": BestReconstructed(KCenterGreedy(), [1.0])}}, "errors has shape"),
        ({"budgets": [8.0]}, "budgets is 8.0"),
        ({"budgets": 8}, "budgets is 8; allowed is a list"),
        ({"strategies": [UniformSampling()]}, r"strategies is \[UniformSampling"),
        ({"strategies": {"u": UniformSampling}}, r"strategies\[.* is <class .*UniformSampling"),
        ({"strategies": {3: UniformSampling()}}, "strategies has the key 3"),
        ({"classifiers": {"a\rb": SVC(), "c": SVC()}}, r"classifiers has the key 'a\\rb'"),
        ({"measures": {"a\ud800": covering_radius}}, "measures has the key"),
        ({"measures": {"": covering_radius}}, "measures has ''"),
        ({"labels": np.arange(90) + 2**53}, "labels is from 9007199254740992 to .*; allowed is"),
        ({"test_labels": np.full(50, 2**63, np.uint64)}, "test_labels is from 9223372036854775808"),
        ({"spaces": {"x": (np.full((90, 2), 1e200),) * 2}}, r"spaces\['x'\] has values up to 1e"),
        ({"spaces": np.zeros((90, 2))}, "spaces is array"),
        (
            {"spaces": {"x": np.zeros((90, 2))}},
            r"spaces\['x'\] is a ndarray; it must be \(X, X_test\)",
        ),
        ({"classifiers": GridSearchSVC()}, "classifiers is GridSearchSVC"),
        ({"classifiers": {"": GridSearchSVC()} | {"b": GridSearchSVC()}}, "has the name ''"),
        ({"classifiers": {"svc": GridSearchSVC}}, "classifiers has <class"),
        ({"measures": {"radius": 3}}, r"measures\['radius'\] is 3; it must be callable"),
        ({"measures": [covering_radius]}, "measures is "),
        ({"n_trials": 0}, "n_trials is 0; allowed are integers of at least 1"),
        ({"n_trials": 2.5}, "n_trials is 2.5"),
        ({"n_trials": True}, "n_trials is True"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"random_state": -1}, "random_state is -1"),
        ({"random_state": None}, "random_state is None"),
        ({"labels": blobs(89, 0)[1]}, r"spaces\['plane'\] has 90 pool and 50 test points"),
        ({"test_labels": blobs(49, 0)[1]}, r"spaces\['plane'\].* and 49 test_labels"),
        ({"labels": ["a"] * 90}, "labels has .* dtype <U1"),
        ({"labels": np.full(90, np.nan)}, "labels has .* dtype float64"),
        ({"test_labels": np.zeros((50, 1), int)}, r"test_labels has shape \(50, 1\)"),
    ],
)
def test_bad_input(change, message, calls):
    with pytest.raises(ValueError, match=message) as caught:
        run(**small(**change))
    assert "\n" not in str(caught.value)
    assert calls == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_spaces_must_be_finite(value, part, calls):
    space = [array.copy() for array in small()["spaces"]["plane"]]
    space[part][3, 1] = value
    with pytest.raises(ValueError, match=r"spaces\['x'\] contains NaN or infinity"):
        run(**small(spaces={"x": space}))
    assert calls == []


@pytest.mark.parametrize("value", [None, "007", 1j, [1.0], np.ones(2)], ids=str)
def test_a_measure_that_gives_no_number(value):
    with pytest.raises(ValueError, match=r"^measures\['odd'\] gave .*; it must give a number"):
        run(**small(measures={"odd": lambda X, chosen: value}))


@pytest.mark.parametrize(
    "value", [True, np.float32(3), np.int64(3), np.True_, Fraction(3, 2)], ids=str
)
def test_a_measure_that_gives_a_number(value):
    table = run(**small(measures={"odd": lambda X, chosen: value}))
    assert (table["odd"] == value).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": None}, "strategy is None"),
        ({"strategy": UniformSampling}, "strategy is <class"),
        ({"X": None}, "X has shape"),
        ({"X": [[0.0], [np.nan]]}, "X contains NaN"),
        ({"oracle": [0, 1, np.nan]}, "oracle is from nan"),
        ({"oracle": [0, 1]}, r"oracle has shape \(2,\)"),
        ({"oracle": ["a", "b", "c"]}, "oracle has .* dtype <U1"),
        ({"budget": 4}, "budget is 4; .* from 1 to 3"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_bad_input_of_acquire(change, message):
    given = {"strategy": UniformSampling(0), "X": np.eye(3), "oracle": [0, 1, 2], "budget": 2}
    assert len(acquire(**given)) == 2
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        acquire(**given | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "2", None])
def test_a_number_of_workers_that_is_none(n_jobs):
    with pytest.raises(ValueError, match="^n_jobs is .*; allowed are integers but 0"):
        run(**small(), n_jobs=n_jobs)


def test_a_classifier_without_parameters_is_refused():
    class Bare:
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    with pytest.raises(ValueError, match="^classifiers has .*get_params"):
        run(**small(classifiers={"": Bare()}))


class Scaled(KNeighborsClassifier):
    """A classifier that changes what it is asked about."""

    def predict(self, X):
        X *= 2
        return super().predict(X)


def test_a_classifier_cannot_change_what_the_next_trial_sees():
    given = small(classifiers={"": Scaled(1)})
    before = copy.deepcopy(given["spaces"])
    with pytest.raises(ValueError, match="read-only"):
        run(**given)
    for array, expected in zip(given["spaces"]["plane"], before["plane"], strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.flags.writeable  # for the caller it is as it was


def test_a_measure_cannot_change_what_the_classifier_sees(tmp_path, monkeypatch):
    def turned(X, chosen):
        chosen[:] = chosen[0]
        return 1.0

    changed = run(**small(measures={"odd": turned}))
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    assert (changed["accuracy"] == run(**small())["accuracy"]).all()


class Odd(KNeighborsClassifier):
    """A classifier that predicts in another shape or kind."""

    def __init__(self, n_neighbors=1, change=None):
        super().__init__(n_neighbors)
        self.change = change

    def predict(self, X):
        return self.change(super().predict(X))


@pytest.mark.parametrize(
    "change",
    [lambda y: y[:, None], lambda y: y[:1], lambda y: y.astype(str), lambda y: y[0]],
    ids=["column", "short", "text", "number"],
)
def test_predictions_of_another_shape_are_refused(change):
    with pytest.raises(ValueError, match="^a classifier predicted an array of shape"):
        run(**small(classifiers={"": Odd(change=change)}))


def test_the_rest_of_a_first_write_that_was_killed_is_no_hindrance(often, monkeypatch):
    given = small(strategies={"fragile": FragileAt()}, budgets=[8])
    interrupted_after(1, monkeypatch, **given)
    (folder,) = {path.parent for path in (store.root() / "unfinished").rglob("*.csv")}
    (folder / ".0123456789ab.000009.csv").write_text("trial,acc")
    assert len(run(**given)) == 3


def test_seconds_of_another_machine_are_measured_again_if_asked_for(often, monkeypatch):
    given = small(strategies={"fragile": FragileAt()}, budgets=[8])
    interrupted_after(2, monkeypatch, **given)
    monkeypatch.setattr(store, "machine", lambda: "another")
    assert run(**given, timed=True)["seconds"].notna().all()


class Remembering:
    """A measure that keeps what it has computed."""

    @functools.cached_property
    def center(self):
        return 1.0

    def __call__(self, X, chosen):
        return self.center


def test_a_measure_that_keeps_something_is_told_as_it_was_before(calls):
    run(**small(measures={"odd": Remembering()}))
    n = len(calls)
    run(**small(measures={"odd": Remembering()}))
    assert len(calls) == n


def test_what_is_stored_needs_no_room(monkeypatch):
    run(**small())
    monkeypatch.setattr(store, "ROOM", 2**80)
    run(**small())
    with pytest.raises(ValueError, match="bytes left"):
        run(**small(random_state=1))


@pytest.mark.parametrize("attribute", ["_Curve", "_task", "_load", "run_trials", "Carried"])
def test_whatever_makes_the_table_is_in_its_key(attribute):
    code = [part["code"] for part in store.readable([*alvae.trials.CODE])]
    assert any(name.endswith(f".{attribute}") for names in code for name in names)


def test_what_fits_a_classifier_of_scikit_learn_is_in_the_key():
    run(**small(classifiers={"": LogisticRegression()}))
    kept = [*(store.root() / "trials").glob(f"*{store.ABOUT}")]
    assert kept
    for about in kept:
        assert "alvae.classifiers.base._LabeledOnly" in about.read_text()


def test_forests_in_a_grid_are_seeded(tmp_path, monkeypatch):
    """As a classifier without a seed is: the same trials again give the same numbers."""
    grid = GridSearchCV(
        Pipeline([("it", RandomForestClassifier(2))]),
        {"it": [RandomForestClassifier(3), RandomForestClassifier(4)]},
        cv=2,
    )
    tables = []
    for name in "ab":
        monkeypatch.setenv("ALVAE_STORE", str(tmp_path / name))
        tables.append(run(**small(classifiers={"": grid}, budgets=[30])))
    assert_frame_equal(*(table[["trial", "accuracy"]] for table in tables))


# What an interrupted run keeps of a point


@pytest.fixture
def often(monkeypatch):
    """Let trials be kept one by one."""
    monkeypatch.setattr(alvae.trials, "KEEP_SECONDS", 0)
    monkeypatch.setattr(alvae.trials, "CHUNK", 1)


class FragileAt(UniformSampling):
    """Uniform sampling that is interrupted at the query that $FRAGILE says."""

    def query(self, X, y=None, batch_size=1, *, prepared=None):
        if os.environ.get("FRAGILE") == str(len(list(store.root().rglob("0*.csv")))):
            raise KeyboardInterrupt
        return super().query(X, y, batch_size, prepared=prepared)


def interrupted_after(n, monkeypatch, **given):
    monkeypatch.setenv("FRAGILE", str(n))
    with pytest.raises(KeyboardInterrupt):
        run(**given)
    monkeypatch.delenv("FRAGILE")


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_point_goes_on_with_the_trial_that_was_interrupted(n, often, calls, monkeypatch):
    classifiers = {"svc": GridSearchSVC(), "poisson": PoissonLearning()}
    given = small(
        strategies={"fragile": FragileAt()}, budgets=[8], n_trials=6, classifiers=classifiers
    )
    interrupted_after(n, monkeypatch, **given)
    calls.clear()
    resumed = run(**given)
    assert len(calls) == 6 - n
    whole = run(**given | {"strategies": {"fragile": UniformSampling()}})
    columns = ["budget", "trial", "classifier", "accuracy", "pool_accuracy", "kernel", "C"]
    assert_frame_equal(resumed[columns], whole[columns], check_exact=True)
    assert not list((store.root() / "unfinished").rglob("*.csv"))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_damaged_trials_are_run_again(suffix, often, calls, monkeypatch):
    given = small(strategies={"fragile": FragileAt()}, budgets=[8], n_trials=5)
    interrupted_after(3, monkeypatch, **given)
    path = sorted((store.root() / "unfinished").rglob(f"*{suffix}"))[1]
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    whole = [p for p in path.parent.glob("*.csv") if p.stem != path.name.split(".")[0]]
    before = [p.read_bytes() for p in whole]
    with pytest.warns(UserWarning, match="is left out"):
        interrupted_after(4, monkeypatch, **given)
    assert [p.read_bytes() for p in whole] == before  # new ones take no place of good ones
    calls.clear()
    with pytest.warns(UserWarning, match="is left out"):
        run(**given)
    assert len(calls) == 2


def test_trials_that_cannot_be_kept_are_not_lost(often, monkeypatch):
    expected = run(**small())
    monkeypatch.setenv("ALVAE_STORE", os.environ["ALVAE_STORE"] + "-again")

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(store, "keep", full)
    with pytest.warns(UserWarning, match="no space left"):
        table = run(**small())
    assert_frame_equal(table.drop(columns=SECONDS), expected.drop(columns=SECONDS))


def test_seconds_of_another_machine_are_left_out(monkeypatch):
    first = run(**small())
    assert first[SECONDS].notna().all(axis=None)
    monkeypatch.setattr(store, "machine", lambda: "another")
    again = run(**small())
    assert again[SECONDS].isna().all(axis=None)
    assert_frame_equal(again.drop(columns=SECONDS), first.drop(columns=SECONDS))


# Names


def test_names_that_mean_missing_elsewhere():
    classifiers = {name: GridSearchSVC() for name in ("None", "NA", "nan", "1", "1.0")}
    for _ in range(2):
        table = run(**small(classifiers=classifiers))
        assert list(table["classifier"][:5]) == list(classifiers)
    assert list(summarize(table)["classifier"].unique()) == list(classifiers)


@pytest.mark.parametrize("name", [*COLUMNS, "classifier", "pool_accuracy"])
def test_a_measure_cannot_have_the_name_of_a_column(name):
    with pytest.raises(ValueError, match=f"measures has '{name}'; allowed are names other than"):
        TrialProtocol(budgets=[3], measures={name: covering_radius})


# Chance, and cores


def test_a_classifier_without_a_seed_gets_one():
    given = small(classifiers={"": RandomForestClassifier(3)}, n_trials=4)
    table = run(**given)
    os.environ["ALVAE_STORE"] += "-again"  # undone by the fixture
    assert_frame_equal(run(**given).drop(columns=SECONDS), table.drop(columns=SECONDS))


@pytest.mark.filterwarnings("ignore:.*changed while it was made")  # what was seen is in the class
def test_a_classifier_leaves_the_cores_to_the_workers():
    seen = []

    class Greedy(LogisticRegression):
        n_cores = seen

        def __init__(self, n_jobs=-1):
            super().__init__()
            self.n_jobs = n_jobs

        def fit(self, X, y):
            seen.append(self.n_jobs)
            self.n_jobs = None
            return super().fit(X, y)

    table = run(**small(classifiers={"": Greedy()}))
    assert set(seen) == {1}
    assert len(table) == 6
    seen.clear()
    run(**small(strategies={"entropy": EntropySampling(Greedy())}, batch_size=4))
    assert set(seen) == {1}

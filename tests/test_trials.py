"""Learning curves against trials by hand, and what the store must and must not remember."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import sem
from skactiveml import pool as peers
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import alvae.trials
from alvae import store
from alvae.classifiers import DEFAULT_GRID, GridSearchSVC, PoissonLearning
from alvae.coverage import covering_radius
from alvae.pools import Pool
from alvae.queries import (
    BestReconstructed,
    EntropySampling,
    KCenterGreedy,
    KMeansCoreset,
    QueryStrategy,
    UniformSampling,
)
from alvae.trials import (
    acquire,
    both_spaces,
    first_budget_reaching,
    fit_stored,
    learning_curves,
    paired_differences,
    summarize,
)
from alvae.vae import ConvVAE

SECONDS = ["query_seconds", "seconds"]
COLUMNS = ["space", "strategy", "budget", "trial", "accuracy", "kernel", "C", *SECONDS]


class Fragile(UniformSampling):
    """Uniform sampling that can be told to fail."""

    error = None
    at = None

    def query(self, X, y=None, batch_size=1, **prepared):
        if batch_size == self.at:
            raise self.error
        return super().query(X, y, batch_size, **prepared)


class Spy(QueryStrategy):
    """Asks another strategy, and writes down what it was shown."""

    def __init__(self, strategy, seen, random_state=None):
        self.strategy = strategy
        self.seen = seen
        self.random_state = random_state

    def query(self, X, y=None, batch_size=1, **prepared):
        chosen = self.strategy.query(X, y, batch_size, **prepared)
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
        "n_jobs": 1,
    } | changes


def small(**changes):
    """One curve in one space."""
    one = arguments()
    one["spaces"] = {"plane": one["spaces"]["plane"]}
    one["strategies"] = {"uniform": UniformSampling()}
    return one | changes


@pytest.fixture
def calls(monkeypatch):
    """The budgets of all trials that are really run, in this process."""
    budgets, run = [], alvae.trials._run_trial

    def counting(number, budget, settings, **shared):
        budgets.append(budget)
        return run(number, budget, settings, **shared)

    monkeypatch.setattr(alvae.trials, "_run_trial", counting)
    return budgets


def stored(kind="trials", suffix=".csv"):
    return sorted((store.root() / kind).glob(f"*{suffix}"))


# Learning curves


def test_table_has_a_row_per_trial():
    table = learning_curves(**arguments())
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


def test_numbers_do_not_depend_on_n_jobs(tmp_path, monkeypatch):
    # More trials than fit into one chunk; a store of its own for each.
    one = learning_curves(**arguments(n_trials=alvae.trials.CHUNK + 2))
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    two = learning_curves(**arguments(n_trials=alvae.trials.CHUNK + 2, n_jobs=2))
    assert stored()
    assert_frame_equal(one.drop(columns=SECONDS), two.drop(columns=SECONDS), check_exact=True)


@pytest.mark.parametrize("classifier", [GridSearchSVC(), SVC()])
def test_inner_products_computed_once_lead_to_the_same_table(classifier, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    labels, test_labels = np.arange(80) % 3, np.arange(50) % 3
    centers = rng.normal(size=(3, alvae.trials.WIDE))
    X, X_test = (
        (centers[y] + 2 * rng.normal(size=(len(y), alvae.trials.WIDE))).astype(np.float32)
        for y in (labels, test_labels)
    )
    strategies = {"core-set": KMeansCoreset(4)}
    given = {"spaces": {"wide/": (X, X_test)}, "classifier": classifier, "strategies": strategies}
    given = arguments() | given | {"labels": labels, "test_labels": test_labels}
    once = learning_curves(**given)
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    monkeypatch.setattr(alvae.trials, "PRODUCTS_BYTES", 0)
    each_time = learning_curves(**given)
    assert_frame_equal(once.drop(columns=SECONDS), each_time.drop(columns=SECONDS))
    assert 0.4 < once["accuracy"].mean() < 1


@pytest.mark.parametrize("space", ["plane", "line"])
@pytest.mark.parametrize("strategy", ["uniform", "coreset", "greedy"])
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
def test_a_trial_by_hand(space, strategy):
    strategies = {
        "uniform": UniformSampling(),
        "coreset": KMeansCoreset(4),
        "greedy": KCenterGreedy(),
    }
    given = arguments(strategies={strategy: strategies[strategy]}, budgets=[20, 27])
    table = learning_curves(**given).set_index(["space", "budget", "trial"])
    X, X_test = given["spaces"][space]
    for budget in (20, 27):
        for trial in range(3):
            # Seeds by spawning alone: budget, then trial; the clusters have the seed of budget 0.
            children = np.random.SeedSequence(7).spawn(budget + 1)
            seed = children[budget].spawn(trial + 1)[trial]
            prepared = clone(strategies[strategy]).set_params(random_state=children[0]).prepare(X)
            hand = clone(strategies[strategy]).set_params(random_state=np.random.default_rng(seed))
            chosen = hand.query(X, None, budget, **prepared)
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
    table = learning_curves(**arguments(spaces=same, strategies=strategies, n_trials=6))
    accuracies = table.pivot_table("accuracy", ["budget", "trial"], ["space", "strategy"])
    assert (accuracies.nunique(axis=1) == 1).all()
    assert accuracies.iloc[:, 0].nunique() > 1  # while trials differ
    assert len(stored()) == 8


def test_test_labels_reach_nothing_but_the_accuracy():
    given = small(n_trials=4, batch_size=3, strategies={"entropy": EntropySampling()})
    permuted = np.random.default_rng(0).permutation(given["test_labels"])
    table = learning_curves(**given)
    other = learning_curves(**given | {"test_labels": permuted})
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
    ours = learning_curves(**small(classifier=GridSearchSVC({"C": [1, 5]}, cv=2)))
    theirs = learning_curves(**small(classifier=GridSearchCV(SVC(), {"C": [1, 5]}, cv=2)))
    columns = ["budget", "trial", "accuracy", "C"]
    assert_frame_equal(ours[columns], theirs[columns])
    assert ours["kernel"].isna().all()  # not in the grid

    table = learning_curves(**small(classifier=LogisticRegression()))
    assert table[["kernel", "C"]].isna().all(axis=None)
    assert list(table.columns) == COLUMNS


def test_several_classifiers_learn_from_the_same_points():
    classifiers = {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}
    given = small(classifier=classifiers, measures={"norm": mean_norm}, budgets=[9])
    table = learning_curves(**given)
    X, X_test = given["spaces"]["plane"]
    assert list(table["classifier"]) == ["svc", "poisson"] * 3
    alone = learning_curves(**small(budgets=[9]))
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
    seen = []
    for kind in (GridSearchSVC, PoissonLearning):

        def fit(self, X, y, sample_weight=None, kind_fit=kind.fit, **kwargs):
            seen.append((X, y, sample_weight))
            return kind_fit(self, X, y, sample_weight, **kwargs)

        monkeypatch.setattr(kind, "fit", fit)
    strategy = KMeansCoreset(4, allocation="proportional")
    classifiers = {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}
    given = small(strategies={"c": strategy}, classifier=classifiers, budgets=[8], n_trials=1)
    learning_curves(**given)
    (of_labeled, _, weights), (of_all, y, all_weights) = seen
    assert len(of_labeled) == 8
    assert len(of_all) == 90
    assert weights.sum() == pytest.approx(90)
    np.testing.assert_array_equal(all_weights[~np.isnan(y)].sum(), weights.sum())
    seen.clear()
    learning_curves(**given | {"batch_size": 4})  # weights of the last batch say nothing
    assert [weights for *_, weights in seen] == [None, None]


@pytest.mark.filterwarnings("ignore:The maximum purity:UserWarning")
@pytest.mark.parametrize(
    "strategy", [peers.TypiClust(), peers.ProbCover(n_classes=3), peers.RandomSampling()], ids=repr
)
def test_strategies_of_scikit_activeml_take_part(strategy, tmp_path, monkeypatch):
    given = small(strategies={"peer": strategy}, classifier=PoissonLearning(5))
    table = learning_curves(**given)
    assert len(table) == 6
    assert table["accuracy"].between(0, 1).all()
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "again"))
    again = learning_curves(**given)
    assert_frame_equal(table.drop(columns=SECONDS), again.drop(columns=SECONDS))


def test_one_trial_and_one_label():
    table = learning_curves(**small(budgets=[1, 90], n_trials=1))
    assert table["budget"].tolist() == [1, 90]
    assert table["accuracy"][0] == pytest.approx(1 / 3, abs=0.02)  # one class everywhere


# What is kept


def test_nothing_is_computed_twice(calls):
    first = learning_curves(**arguments())
    assert calls == ([8] * 3 + [15] * 3) * 4  # two spaces, two strategies
    calls.clear()
    assert_frame_equal(learning_curves(**arguments()), first, check_exact=True)  # seconds too
    assert calls == []


def test_clusters_are_made_once_per_space_and_only_if_needed(monkeypatch):
    prepared, prepare = [], KMeansCoreset.prepare

    def counting(self, X):
        prepared.append(np.shape(X))
        return prepare(self, X)

    monkeypatch.setattr(KMeansCoreset, "prepare", counting)
    learning_curves(**arguments())
    assert prepared == [(90, 2), (90, 1)]
    learning_curves(**arguments())
    assert len(prepared) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no more memory")])
def test_resumes_after_an_interruption(error, calls, monkeypatch):
    given = small(strategies={"fragile": Fragile()}, budgets=[4, 8, 12, 20])
    monkeypatch.setattr(Fragile, "error", error)
    monkeypatch.setattr(Fragile, "at", 12)
    with pytest.raises(type(error)):
        learning_curves(**given)
    assert calls == [4] * 3 + [8] * 3 + [12]
    assert len(stored()) == 2
    assert not [path for path in (store.root() / "trials").iterdir() if path.name[0] == "."]

    calls.clear()
    monkeypatch.setattr(Fragile, "at", None)
    resumed = learning_curves(**given)
    assert calls == [12] * 3 + [20] * 3
    uninterrupted = learning_curves(**given | {"strategies": {"fragile": UniformSampling()}})
    columns = ["budget", "trial", "accuracy", "kernel", "C"]
    assert_frame_equal(resumed[columns], uninterrupted[columns], check_exact=True)


def test_resumes_after_a_classifier_failed(calls, monkeypatch):
    given = small(budgets=[4, 8, 12])
    fit = GridSearchSVC.fit

    def failing(self, X, y):
        if len(X) == 12:
            raise KeyboardInterrupt
        return fit(self, X, y)

    monkeypatch.setattr(GridSearchSVC, "fit", failing)
    with pytest.raises(KeyboardInterrupt):
        learning_curves(**given)
    monkeypatch.setattr(GridSearchSVC, "fit", fit)
    calls.clear()
    assert len(learning_curves(**given)) == 9
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
        {"budgets": [9, 16]},
        {"strategies": {"uniform": Fragile()}},
        {"strategies": {"uniform": KMeansCoreset(4)}},
        {"classifier": GridSearchSVC(cv=4)},
        {"classifier": GridSearchSVC({"C": [1]})},
        {"classifier": LogisticRegression()},
        *changed_data(),
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_another_experiment_has_another_key(change, calls):
    learning_curves(**small())
    calls.clear()
    learning_curves(**small(**change))
    assert len(calls) == 2 * small(**change)["n_trials"]
    assert len(stored()) == 4


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
            {"classifier": RandomForestClassifier(3, random_state=0)},
            {"classifier": RandomForestClassifier(3, random_state=1)},
        ),
        (
            {"classifier": {"svc": GridSearchSVC(), "poisson": PoissonLearning()}},
            {"classifier": {"svc": GridSearchSVC(), "poisson": PoissonLearning(5)}},
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
    learning_curves(**small(**one))
    learning_curves(**small(**one))
    assert len(calls) == 6
    learning_curves(**small(**other))
    assert len(calls) == 12


def test_changed_source_is_in_the_key(calls, monkeypatch):
    learning_curves(**small())
    digested = []
    monkeypatch.setattr(store, "source_digest", lambda *names: digested.extend(names) or "changed")
    learning_curves(**small())
    assert len(calls) == 12
    assert set(digested) == {"_graphs", "queries", "classifiers", "coverage", "trials"}


def test_names_order_and_seed_of_the_strategy_are_not_in_the_key(calls):
    learning_curves(**small())
    calls.clear()
    X, X_test = small()["spaces"]["plane"]
    again = learning_curves(
        **small(
            spaces={"other name": (X.copy(order="F"), X_test.tolist())},
            strategies={"another": UniformSampling(random_state=5)},
            classifier=GridSearchSVC(),
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
    chosen = acquire(KMeansCoreset(4, random_state=0), X, labels, 12, 4, clusters=clusters)
    np.testing.assert_array_equal(np.bincount(clusters[chosen]), [3, 3, 3, 3])


# From the table


def random_curves(seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (space, strategy, budget, trial, rng.random())
        for space in ("latent", "input")
        for strategy in ("uniform", "coreset")
        for budget in (20, 100, 40)
        for trial in range(5)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS[:5])
    return table, table.sample(frac=1, random_state=seed)


def test_summarize():
    table, shuffled = random_curves()
    for curves in (table, shuffled):
        summary = summarize(curves)
        assert list(summary.columns) == [*COLUMNS[:3], "mean", "std", "sem", "n_trials"]
        assert len(summary) == 12
        for row in summary.itertuples():
            point = (row.space, row.strategy, row.budget)
            values = [r.accuracy for r in curves.itertuples() if tuple(r[1:4]) == point]
            assert row.mean == pytest.approx(np.mean(values), rel=1e-12)
            assert row.std == pytest.approx(np.std(values, ddof=1), rel=1e-12)
            assert row.sem == pytest.approx(sem(values), rel=1e-12)
            assert row.n_trials == 5
    assert summarize(table)["space"].tolist() == ["latent"] * 6 + ["input"] * 6


def test_summary_of_one_trial():
    summary = summarize(random_curves()[0].query("trial == 0"))
    assert summary[["std", "sem"]].isna().all(axis=None)
    assert (summary["n_trials"] == 1).all()


@pytest.mark.parametrize("seed", range(10))
def test_first_budget_reaching(seed):
    summary = summarize(random_curves(seed)[seed % 2])
    for level in (0, 0.5, 0.6, summary["mean"].max(), 1.1):
        first = first_budget_reaching(summary, level)
        assert list(first.columns) == COLUMNS[:3]
        expected = {}
        for row in summary.itertuples():
            budgets = expected.setdefault((row.space, row.strategy), [])
            if row.mean >= level:
                budgets.append(row.budget)
        assert list(zip(first["space"], first["strategy"], strict=True)) == list(expected)
        for found, budgets in zip(first["budget"], expected.values(), strict=True):
            assert (found is pd.NA) if not budgets else (found == min(budgets))


def test_paired_differences():
    table, shuffled = random_curves()
    one, other = ("latent", "coreset"), ("input", "uniform")
    result = paired_differences(shuffled, one, other)
    assert result["budget"].tolist() == [20, 40, 100]
    for row in result.itertuples():
        at = table[table["budget"] == row.budget].set_index(["space", "strategy"])["accuracy"]
        difference = at.loc[[one]].to_numpy() - at.loc[[other]].to_numpy()
        assert row.mean == pytest.approx(difference.mean(), rel=1e-12)
        assert row.sem == pytest.approx(difference.std(ddof=1) / np.sqrt(5), rel=1e-12)
    backwards = paired_differences(table, other, one)
    np.testing.assert_allclose(backwards["mean"], -result["mean"])
    with pytest.raises(ValueError, match=r"\('latent', 'greedy'\) is not one of the curves"):
        paired_differences(table, ("latent", "greedy"), other)


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {}}, "spaces is empty"),
        ({"strategies": {}}, "strategies is empty"),
        ({"budgets": []}, "budgets is empty"),
        ({"budgets": [8, 8]}, "budgets is .*distinct"),
        ({"budgets": [0, 8]}, "budgets is 0; allowed are integers from 1 to 90"),
        ({"budgets": [8, 91]}, "budgets is 91"),
        ({"budgets": [8.0]}, "budgets is 8.0"),
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
        learning_curves(**small(**change))
    assert "\n" not in str(caught.value)
    assert calls == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_spaces_must_be_finite(value, part, calls):
    space = [array.copy() for array in small()["spaces"]["plane"]]
    space[part][3, 1] = value
    with pytest.raises(ValueError, match=r"spaces\['x'\] holds NaN or infinity"):
        learning_curves(**small(spaces={"x": space}))
    assert calls == []


# The VAE


def test_a_vae_is_fitted_once(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0)
    first = fit_stored(vae, images)
    assert not hasattr(vae, "encoder_")  # the one that was handed over stays as it was
    direct = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(images)
    np.testing.assert_array_equal(first.transform(images), direct.transform(images))

    def fail(self, images):
        raise AssertionError("it is fitted again")

    monkeypatch.setattr(ConvVAE, "fit", fail)
    second = fit_stored(ConvVAE(latent_dim=2, epochs=1, random_state=0), images.copy())
    np.testing.assert_array_equal(second.transform(images), first.transform(images))
    assert second.history_ == first.history_
    changed = images.copy()
    changed[0, 0, 0] ^= 1
    for other, pictures in [
        (ConvVAE(latent_dim=2, epochs=1, random_state=1), images),
        (ConvVAE(latent_dim=2, epochs=1, random_state=0, beta=0.5), images),
        (ConvVAE(latent_dim=2, epochs=1, random_state=0), changed),
    ]:
        with pytest.raises(AssertionError, match="fitted again"):
            fit_stored(other, pictures)


def test_a_vae_without_a_seed_is_always_fitted():
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    vae = ConvVAE(latent_dim=2, epochs=1)
    latents = [fit_stored(vae, images).transform(images) for _ in range(2)]
    assert (latents[0] != latents[1]).any()
    assert not hasattr(vae, "encoder_")
    assert not stored("vae", ".pt")


def test_both_spaces():
    images = np.random.default_rng(0).integers(0, 256, (18, 6, 5), dtype=np.uint8)
    labels = np.arange(18) % 2
    pool = Pool(images[:12], labels[:12], images[12:], labels[12:])
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(pool.images)
    spaces = both_spaces(pool, vae)
    assert list(spaces) == ["input", "latent"]
    for part, pictures in enumerate((images[:12], images[12:])):
        pixels = pictures.reshape(len(pictures), -1) / np.float32(255)
        np.testing.assert_allclose(spaces["input"][part], pixels, rtol=1e-6)
        np.testing.assert_array_equal(spaces["latent"][part], vae.encode(pictures)[0])
        assert spaces["input"][part].dtype == spaces["latent"][part].dtype == np.float32

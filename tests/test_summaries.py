"""Summaries against loops over the rows of the table."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem

from alvae.summaries import first_budget_reaching, paired_differences, summarize

PAIR = ("latent", "uniform"), ("input", "uniform")
COLUMNS = ["space", "strategy", "budget", "trial", "accuracy"]


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


def test_trials_without_a_value_do_not_count():
    table, _ = random_curves()
    table.loc[table["trial"] == 3, "accuracy"] = np.nan
    assert (summarize(table)["n_trials"] == 4).all()


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
    with pytest.raises(ValueError, match=r"one is \('latent', 'greedy'\); allowed are"):
        paired_differences(table, ("latent", "greedy"), other)


def of_two_classifiers():
    """The same curves for two classifiers, of which one is better by a tenth everywhere."""
    table, _ = random_curves()
    better = table.assign(accuracy=table["accuracy"] + 0.1)
    names = zip(("None", "NA"), (table, better), strict=True)
    return table, pd.concat([part.assign(classifier=name) for name, part in names])


def test_classifiers_are_kept_apart():
    table, both = of_two_classifiers()
    summary = summarize(both)
    assert len(summary) == 24
    for level in (0.4, 0.5, 0.6):
        first = first_budget_reaching(summary, level)
        for name, shift in (("None", 0), ("NA", 0.1)):
            alone = first_budget_reaching(summarize(table), level - shift)
            ours = first[first["classifier"] == name].drop(columns="classifier")
            pd.testing.assert_frame_equal(ours.reset_index(drop=True), alone)
    curve = ("latent", "uniform")
    gain = paired_differences(both, (*curve, "NA"), (*curve, "None"))
    np.testing.assert_allclose(gain["mean"], 0.1)
    with pytest.raises(ValueError, match=r"one is \('latent', 'uniform'\); allowed are the curves"):
        paired_differences(both, curve, curve)


def test_a_name_that_was_read_as_missing_is_a_curve_like_others():
    table = random_curves()[0]
    unnamed = table.assign(strategy=table["strategy"].replace("uniform", np.nan))
    assert unnamed["strategy"].isna().any()
    for one, other in zip(summarize(unnamed)["mean"], summarize(table)["mean"], strict=True):
        assert one == other
    levels = first_budget_reaching(summarize(unnamed), 0.5)["budget"]
    pd.testing.assert_series_equal(levels, first_budget_reaching(summarize(table), 0.5)["budget"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda table: summarize(table, "radius"), "value is 'radius'; allowed are the columns"),
        (lambda table: summarize(table.drop(columns="budget")), "it must have .*budget"),
        (lambda table: summarize(table, "space"), "value is 'space'; allowed are the columns"),
        (lambda table: summarize(table[:0]), "curves has 0 rows"),
        (lambda table: paired_differences(pd.concat([table, table]), *PAIR), "a trial twice"),
        (
            lambda table: paired_differences(
                table[(table["space"] == "latent") == (table["trial"] < 2)], *PAIR
            ),
            "have no trial in common",
        ),
        (lambda table: summarize(None), "curves is None; it must be a DataFrame"),
        (lambda table: paired_differences([table], "a", "b"), "curves is .*; it must be a Data"),
        (lambda table: first_budget_reaching(table, 0.9), "summary has 60 rows .* mean"),
        (lambda table: paired_differences(table, "latent", ("a", "b")), "one is 'latent'"),
    ],
)
def test_bad_tables_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_curves()[0])

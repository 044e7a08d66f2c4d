"""Averages, pairs and tables of the long studies, against loops."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from alvae.book import RESULTS
from alvae.book.results import (
    crosstab,
    of_each_vae,
    over_seeds,
    paired_gains,
    paper_points,
    parts_of_gain,
    read_results,
)


def seeds_and_strategies():
    rng = np.random.default_rng(0)
    rows = [(b, s, t) for b in (5, 20) for s in "abc" for t in range(4)]
    table = pd.DataFrame(rows, columns=["budget", "strategy", "seed"])
    return table.assign(mean=rng.normal(size=len(table)), std=rng.random(len(table)), n_trials=3)


def test_spread_over_seeds_beside_spread_over_trials():
    table = seeds_and_strategies()
    result = over_seeds(table, ["budget", "strategy"])
    assert len(result) == 6
    for row in result.itertuples():
        one = table[(table["budget"] == row.budget) & (table["strategy"] == row.strategy)]
        assert row.n_seeds == 4
        assert row.mean == pytest.approx(np.mean(one["mean"]))
        means = np.var(one["mean"], ddof=1) - np.mean(one["std"] ** 2 / 3)
        assert row.std_seeds == pytest.approx(np.sqrt(max(0, means)))
        assert row.sem == pytest.approx(np.std(one["mean"], ddof=1) / 2)
        assert row.std_trials == pytest.approx(np.sqrt(np.mean(one["std"] ** 2)))
    wide = crosstab(result, "strategy", "budget")
    assert list(wide.columns) == ["strategy", 5, 20]
    first = result.iloc[0]
    assert wide.loc[0, 5].split() == [f"{first['mean']:.3f}", "±", f"{first['sem']:.3f}"]


def test_gains_are_paired_by_seed():
    table = seeds_and_strategies()
    gains, found = paired_gains(table, "b", ["budget"]), []
    assert set(gains["strategy"]) == {"a", "c"}
    for row in gains.itertuples():
        of = table[table["budget"] == row.budget].set_index("seed").groupby("strategy")["mean"]
        difference = of.get_group("b") - of.get_group(row.strategy)
        assert row.mean == pytest.approx(difference.mean())
        assert row.sem == pytest.approx(difference.std() / 2)
        alone = ttest_rel(of.get_group("b"), of.get_group(row.strategy)).pvalue
        found.append((alone, row.p))
    found.sort()
    for i, (_, p) in enumerate(found):  # as Holm writes it
        steps = [(len(found) - j) * found[j][0] for j in range(i + 1)]
        assert p == pytest.approx(min(1, max(steps)))
    assert crosstab(gains, "strategy", "budget", sign=True).iloc[0, 1][0] in "+-"
    level = gains.assign(mean=-1e-5)
    assert crosstab(level, "strategy", "budget", sign=True).iloc[0, 1].startswith("+0.000")
    single = crosstab(gains.assign(sem=np.nan), "strategy", "budget")
    assert single.iloc[0, 1] == f"{gains['mean'].iloc[0]:.3f}"


def test_the_spread_over_seeds_is_free_of_that_over_trials():
    """Drawn with a known spread over VAEs and over trials, both are found again."""
    rng = np.random.default_rng(0)
    trials = rng.normal(rng.normal(0, 2, (4000, 1)), 3, (4000, 5))
    columns = {"mean": trials.mean(axis=1), "std": trials.std(axis=1, ddof=1), "n_trials": 5}
    result = over_seeds(pd.DataFrame({"all": 1, "seed": range(4000), **columns}), ["all"]).iloc[0]
    assert result["std_seeds"] == pytest.approx(2, rel=0.05)
    assert result["std_trials"] == pytest.approx(3, rel=0.05)


def test_results_of_several_studies_are_one_table():
    results = read_results({"0, 3, 9": "points-three", "ten": "points-ten"})
    assert list(results["digits"].unique()) == ["0, 3, 9", "ten"]
    assert len(results) == sum(
        len(pd.read_csv(RESULTS / f"points-{name}.csv")) for name in ("three", "ten")
    )


def test_the_points_of_the_paper_are_those_that_its_claims_name():
    found = paper_points([9, 0, 3]).set_index(["space", "strategy", "budget"])["mean"].to_dict()
    assert found == {  # as in the text of the paper, Section 4
        ("latent", "uniform", 40): 0.96,
        ("input", "uniform", 120): 0.96,
        ("latent", "core-set", 20): 0.96,
        ("latent", "core-set", 200): 0.976,
    }
    assert paper_points([0, 3, 7, 9]) is None


def test_a_curve_of_each_vae():
    rows = [(s, b, space, s + b / 100) for s in (3, 4) for b in (20, 40) for space in "ab"]
    table = pd.DataFrame(rows, columns=["seed", "budget", "space", "mean"])
    wide = of_each_vae(table, space="b")
    assert wide.to_dict("index") == {3: {20: 3.2, 40: 3.4}, 4: {20: 4.2, 40: 4.4}}
    with pytest.raises(ValueError, match="no rows of .'space': 'c'"):
        of_each_vae(table, space="c")


def gains_of(values):
    """A table of two changes, a and b, and what they are worth."""
    rows = [(a, b, 5, 7, values[a, b]) for a in (0, 1) for b in (0, 1)]
    table = pd.DataFrame(rows, columns=["a", "b", "seed", "budget", "mean"])
    parts = parts_of_gain(table, {"a": 0, "b": 0}, {"a": 1, "b": 1}, ["budget"])
    assert set(parts["seed"]) == {5}
    assert set(parts["budget"]) == {7}
    return parts.set_index("part")[["gain", "made_first", "made_last"]]


def test_parts_of_a_gain_are_shapley_values():
    gain = gains_of({(0, 0): 1.0, (1, 0): 3.0, (0, 1): 2.0, (1, 1): 9.0})
    # a adds 2 first and 7 second, b 1 first and 6 second.
    assert gain.loc["a"].tolist() == [4.5, 2, 7]
    assert gain.loc["b"].tolist() == [3.5, 1, 6]


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8))
def test_parts_of_three_changes_add_up_and_follow_the_formula(numbers):
    worth = dict(zip(product((0, 1), repeat=3), numbers, strict=True))
    table = pd.DataFrame([(*k, 0, v) for k, v in worth.items()], columns=[*"abc", "seed", "mean"])
    parts = parts_of_gain(table, dict.fromkeys("abc", 0), dict.fromkeys("abc", 1), [])
    gain = parts.set_index("part")["gain"]
    assert gain.sum() == pytest.approx(worth[1, 1, 1] - worth[0, 0, 0], abs=1e-9)
    # Shapley's formula: 1/3, 1/6, 1/6 and 1/3 for those who came before.
    weights = {(0, 0): 1 / 3, (1, 0): 1 / 6, (0, 1): 1 / 6, (1, 1): 1 / 3}
    of_a = sum(w * (worth[1, *others] - worth[0, *others]) for others, w in weights.items())
    assert gain["a"] == pytest.approx(of_a, abs=1e-9)

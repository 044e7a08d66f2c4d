"""Verdicts, beside scipy's tests and by simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from alvae.book.verdicts import judge


def judged(values, rule="at least", theirs=0.0, **more):
    claim = {"claim": "c", "ours": "x", "rule": rule, "theirs": theirs} | more
    return judge([claim], {"x": values}).iloc[0]


@pytest.mark.parametrize(
    ("rule", "theirs", "value", "verdict"),
    [
        ("about", 0.71, 0.725, "holds"),
        ("about", 0.71, 0.74, "does not hold"),
        ("at least", 0.96, 0.96, "holds"),
        ("at least", 0.96, 0.9599, "does not hold"),
        ("at most", 3, 2, "holds"),
        ("at most", 3, 4, "does not hold"),
        ("about", 1, float("nan"), "does not hold"),
    ],
)
def test_a_known_number_is_compared_as_it_is(rule, theirs, value, verdict):
    row = judged(value, rule, theirs, tolerance=0.02)
    assert row["verdict"] == verdict
    np.testing.assert_equal([row["ours"], row["low"], row["high"]], [value] * 3)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 8),
    shift=st.floats(-3, 3),
    rule=st.sampled_from(["at least", "at most"]),
)
def test_one_condition_is_judged_by_the_one_sided_t_test(seed, n, shift, rule):
    values = pd.Series(np.random.default_rng(seed).normal(shift, 1, n))
    better, worse = ("greater", "less") if rule == "at least" else ("less", "greater")
    row = judged(values, rule, 0.25)
    test = ttest_1samp(values, 0.25, alternative=better)
    contrary = ttest_1samp(values, 0.25, alternative=worse)
    expected = "undecided"
    if test.pvalue < 0.05:
        expected = "holds"
    elif contrary.pvalue < 0.05:
        expected = "does not hold"
    assert row["verdict"] == expected
    interval = ttest_1samp(values, 0.25).confidence_interval(0.90)  # 5 % on either side
    assert [row["low"], row["high"]] == pytest.approx([*interval])
    assert row["ours"] == pytest.approx(values.mean())


def test_many_conditions_hold_if_each_does_and_fail_by_bonferroni():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(0, 1, (5, 10)), columns=[*range(20, 220, 20)])
    noise -= noise.mean()  # of each column: what is added is the mean
    assert judged(noise + 5)["verdict"] == "holds"
    mixed = noise + 5
    mixed[60] = noise[60]
    assert judged(mixed)["verdict"] == "undecided"
    assert judged(mixed)["where"] == "60"
    t_of_one = 3 * noise[60].sem()  # p = 0.02: enough for one condition, not for the worst of ten
    mixed[60] = noise[60] - t_of_one
    assert judged(mixed)["verdict"] == "undecided"
    assert judged(mixed[[60]])["verdict"] == "does not hold"
    assert judged(noise - 5)["verdict"] == "does not hold"


@pytest.mark.parametrize(("few", "verdict"), [(0.5, "holds"), (0.02, "undecided")])
def test_each_condition_counts_the_vaes_that_it_has(few, verdict):
    rng = np.random.default_rng(0)
    values = pd.DataFrame({"many": 9 + rng.normal(size=15), "few": np.nan})
    values.loc[:2, "few"] = few + 0.1 * np.array([-1, 0, 1])
    row = judged(values)
    assert row["verdict"] == verdict
    assert (row["where"], row["n"], row["ours"]) == ("few", 3, pytest.approx(few))
    interval = ttest_1samp(values["few"].dropna(), 0).confidence_interval(0.90)
    assert row["low"] == pytest.approx(interval.low)


def test_the_worst_condition_has_a_name():
    columns = pd.MultiIndex.from_tuples([("three", "three, core-set", 200), ("five", "x", 40)])
    values = pd.DataFrame([[1.0, 2.0], [1.5, 2.5]], columns=columns)
    assert judged(values)["where"] == "three, core-set, 200"
    assert judged(values["five"])["where"] == "x, 40"
    assert judged(pd.Series([1.0, 2.0]))["where"] == ""


@given(
    seed=st.integers(0, 10**6), k=st.integers(1, 6), rule=st.sampled_from(["at least", "at most"])
)
def test_the_interval_says_what_the_verdict_says(seed, k, rule):
    rng = np.random.default_rng(seed)
    values = pd.DataFrame(rng.normal(rng.normal(0, 1, k), rng.random(k), (4, k)))
    row = judged(values, rule, 0.0)
    low, high = (row["low"], row["high"]) if rule == "at least" else (-row["high"], -row["low"])
    expected = "holds" if low > 0 else "does not hold" if high < 0 else "undecided"
    assert row["verdict"] == expected
    assert row["low"] <= row["ours"] <= row["high"]
    # Each test apart, by scipy.
    side, other = ("greater", "less") if rule == "at least" else ("less", "greater")
    if (ttest_1samp(values, 0, alternative=side).pvalue < 0.05).all():
        assert row["verdict"] == "holds"
    elif (ttest_1samp(values, 0, alternative=other).pvalue < 0.05 / k).any():
        assert row["verdict"] == "does not hold"
    else:
        assert row["verdict"] == "undecided"


def test_of_alternatives_all_have_to_agree():
    up, down = pd.Series([1.0, 1.1, 0.9]), pd.Series([-1.0, -1.1, -0.9])
    for ways, verdict in (
        ([up, up], "holds"),
        ([up, down], "undecided"),
        ([down, down], "does not hold"),
    ):
        row = judged(pd.concat(ways, axis=1), alternatives=True)
        assert row["verdict"] == verdict
        assert row["low"] <= row["ours"] <= row["high"]
    mixed = judged(pd.concat([up, down], axis=1), alternatives=True)
    apart = [judged(way) for way in (up, down)]
    assert mixed["low"] == apart[1]["low"]
    assert mixed["high"] == pytest.approx(apart[0]["high"])


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_errors_are_as_frequent_as_the_level_says(shared):
    """Of ten conditions, which share a part of their noise as budgets share VAEs."""
    rng = np.random.default_rng(1)

    def share(verdict, shift):
        def one():
            common, own = rng.normal(size=(5, 1)), rng.normal(size=(5, 10))
            return pd.DataFrame(shift + shared**0.5 * common + (1 - shared) ** 0.5 * own)

        return np.mean([judged(one())["verdict"] == verdict for _ in range(500)])

    # False, and hard to tell: one condition at the border, the others far on the claimed side.
    assert 0.02 < share("holds", np.r_[0.0, np.full(9, 9.0)]) < 0.08
    # True, and hard to tell: all conditions at the border.
    assert share("does not hold", np.zeros(10)) < 0.08


def test_ratios_are_compared_by_their_logarithms():
    ratios = pd.Series([0.5, 2.0, 0.25, 4.0])
    row = judged(ratios, "at most", 1, group="ratio")
    assert row["ours"] == pytest.approx(1)
    assert row["low"] * row["high"] == pytest.approx(1)
    assert row["verdict"] == "undecided"


def test_vaes_that_all_agree_decide():
    assert judged(pd.Series([0.97, 0.97]), "at least", 0.96)["verdict"] == "holds"
    assert judged(pd.Series([0.95, 0.95]), "at least", 0.96)["verdict"] == "does not hold"
    assert judged(pd.Series([0.5, 0.5]), "at least", 0.5)["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("values", "changes", "message"),
    [
        (1.0, {"rule": "near"}, "rule is 'near'"),
        (1.0, {"ours": "y"}, "no result 'y'"),
        (pd.Series([1.0]), {}, "x has shape .1, 1.; .*two VAEs"),
        (pd.Series([1.0, np.nan]), {}, "x has shape .2, 1.; .*numbers"),
        (pd.Series([1.0, -1.0]), {"group": "ratio", "theirs": 1}, "positive"),
        (pd.Series([1.0, 2.0]), {"rule": "about"}, "x is an estimate"),
    ],
)
def test_bad_input(values, changes, message):
    claim = {"claim": "c", "ours": "x", "rule": "at least", "theirs": 0.5} | changes
    with pytest.raises(ValueError, match=message):
        judge([claim], {"x": values})

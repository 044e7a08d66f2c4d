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
    interval = ttest_1samp(values, 0.25).confidence_interval(0.95)
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


def test_a_true_claim_is_rarely_refuted_and_a_false_one_rarely_held():
    """At the border, where errors are most frequent, of ten conditions that all are there."""
    rng = np.random.default_rng(1)
    draws = [pd.DataFrame(rng.normal(0, 1, (5, 10))) for _ in range(400)]
    verdicts = pd.Series([judged(one)["verdict"] for one in draws])
    assert (verdicts == "does not hold").mean() < 0.08
    assert (verdicts == "holds").mean() < 0.08


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

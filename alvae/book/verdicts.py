"""Whether a claim holds, from what several VAEs gave: no more certain than they are."""

import numpy as np
import pandas as pd
from scipy.stats import t

from alvae.book.cells import listing

LEVEL = 0.05  # of the tests
RULES = ("about", "at least", "at most")


def judge(claims, ours):
    """Compare the paper's claims with our results.

    A number that is known is compared as it is. Where several VAEs gave a value each, a claim about
    one condition holds if a one-sided t-test says so. A claim about many conditions, such as all
    budgets, holds if the test of each of them says so; no correction is due, as all have to [1]_.
    It does not hold if the test of one of them says the contrary, with Bonferroni's correction for
    their number. Else it is undecided. Every claim has the level of 5% for itself.

    If the conditions are `alternatives`, of which the paper does not say which is its own, a claim
    does not hold only if the test of each of them says so.

    Parameters
    ----------
    claims : list of dict
        As in `book/claims.yml`.
    ours : dict of str to float, Series or DataFrame
        For every claim's `ours` a number that is known; or a row for each VAE (or other independent
        repeat), and a column for each condition. Each condition counts the VAEs that it has, two or
        more; NaN where it has fewer than another.

    Returns
    -------
    pandas.DataFrame
        `claim`, `short`, `group`, `rule`, `theirs`; `ours`, the mean for the condition that is the
        worst for the claim, of ratios the geometric one, and `where`, its name, such as "five,
        core-set, 200"; `low` and `high`, which say how good the worst condition is at least and at
        most (the best one of alternatives): both are on the claimed side exactly if the claim
        holds, and both on the other exactly if it does not; `n` repeats in the worst condition; and
        `verdict`: "holds", "undecided" or "does not hold".

    Raises
    ------
    ValueError
        If a claim names a result that is not there, or an unknown rule; or if a condition has only
        one VAE.

    References
    ----------
    .. [1] R. L. Berger, "Multiparameter Hypothesis Testing and Acceptance Sampling", Technometrics
       24, 1982: intersection-union tests.
    """
    rows = []
    for claim in claims:
        name, rule = claim["ours"], claim["rule"]
        if name not in ours:
            raise ValueError(f"no result {name!r}; there are {listing(ours)}")
        if rule not in RULES:
            raise ValueError(f"rule is {rule!r}; allowed are {listing(RULES)}")
        known = np.ndim(ours[name]) == 0
        found = _exact(claim, ours[name]) if known else _estimated(claim, ours[name])
        told = {key: claim.get(key) for key in ("claim", "short", "group", "rule", "theirs")}
        rows.append(told | found)
    return pd.DataFrame(rows)


def _exact(claim, value):
    distance = value - claim["theirs"]
    margin = {
        "about": claim.get("tolerance", 0) - abs(distance),
        "at least": distance,
        "at most": -distance,
    }
    holds = margin[claim["rule"]] >= 0  # False where the value is missing
    return {
        "ours": value,
        "where": "",
        "low": value,
        "high": value,
        "n": 0,
        "verdict": "holds" if holds else "does not hold",
    }


def _estimated(claim, values):
    name, rule = claim["ours"], claim["rule"]
    values = values.to_frame("") if isinstance(values, pd.Series) else values
    if rule == "about":
        raise ValueError(f"rule is 'about', and {name} is an estimate; allowed is a number")
    is_ratio = claim.get("group") == "ratio"
    if (values.count() < 2).any() or (is_ratio and (values <= 0).any(axis=None)):
        what = "positive ones" if is_ratio else "numbers"
        raise ValueError(f"{name} has shape {values.shape}; allowed are {what} of two VAEs or more")
    theirs = claim["theirs"]
    values, theirs = (np.log(values), np.log(theirs)) if is_ratio else (values, theirs)
    sign = 1 if rule == "at least" else -1
    margins = sign * (values - theirs)
    mean, error, free = margins.mean(), margins.sem(), margins.count() - 1
    least = (mean - t.isf(LEVEL, free) * error).min()
    if claim.get("alternatives"):
        most = (mean + t.isf(LEVEL, free) * error).max()
    else:
        most = (mean + t.isf(LEVEL / len(mean), free) * error).min()
    ends = theirs + sign * np.array([mean.min(), least, most])
    value, low, high = np.exp(ends) if is_ratio else ends
    return {
        "ours": value,
        "where": _name(mean.idxmin()),
        "low": min(low, high),
        "high": max(low, high),
        "n": int(margins.count()[mean.idxmin()]),
        "verdict": "holds" if least > 0 else "does not hold" if most < 0 else "undecided",
    }


def _name(condition):
    """What a column is called: its levels, each part of them once."""
    levels = condition if isinstance(condition, tuple) else (condition,)
    return ", ".join(dict.fromkeys(part for level in levels for part in str(level).split(", ")))

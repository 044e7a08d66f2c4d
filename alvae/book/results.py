"""Reads the tables of the long studies, and averages, pairs and lays out what is in them.

And what the paper states of its curves.

Nothing here loads torch: a page that only reads tables opens at once.
"""

from itertools import permutations

import numpy as np
import pandas as pd
import yaml
from scipy.stats import t

from alvae.book import CLAIMS, RESULTS

POINTS = {  # the studies of points, by their digits
    "0, 3, 9": "points-three",
    "0, 3, 7, 9": "points-four",
    "0, 2, 3, 7, 9": "points-five",
    "all ten": "points-ten",
}

# Points of curves in the paper: space, strategy and number of labels, and the claim that names the
# accuracy. That of uniform draws of pixels is "the same" as in the latent space.
CURVES = {
    ("latent", "uniform", 40): "uniform_latent_40",
    ("input", "uniform", 120): "uniform_latent_40",
    ("latent", "core-set", 20): "coreset_latent_20",
    ("latent", "core-set", 200): "coreset_latent_200",
}


def claimed():
    """The numbers of the paper, by the names of its claims in `book/claims.yml`."""
    claims = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    return {claim["ours"]: claim["theirs"] * claim.get("scale", 1) for claim in claims}


def paper_points(digits):
    """The points of learning curves that the paper gives in numbers.

    Parameters
    ----------
    digits : list of int

    Returns
    -------
    pandas.DataFrame or None
        `space`, `strategy`, `budget` and `mean`. None: it has none for these digits.
    """
    if sorted(digits) != [0, 3, 9]:
        return None
    theirs = claimed()
    rows = [(*curve, theirs[name]) for curve, name in CURVES.items()]
    return pd.DataFrame(rows, columns=["space", "strategy", "budget", "mean"])


def read_results(names):
    """The tables of studies that differ in the digits, as one.

    Parameters
    ----------
    names : dict of str to str
        The name of each study, by what its digits are called.

    Returns
    -------
    pandas.DataFrame
        With `digits` as the first column.
    """
    parts = {digits: pd.read_csv(RESULTS / f"{name}.csv") for digits, name in names.items()}
    return pd.concat(parts, names=["digits"]).reset_index("digits")


def over_seeds(table, by, value="mean"):
    """Mean over the VAEs and its standard error; of accuracies, the two parts of their spread.

    Parameters
    ----------
    table : DataFrame
        A row for each VAE, with the columns named by the other arguments.
    by : list of str
        Columns that tell apart what is averaged.
    value : str, default="mean"
        The column that is averaged: that of accuracies, beside which `std` and `n_trials` stand, or
        another.

    Returns
    -------
    pandas.DataFrame
        `by`, `mean`, `sem` and `n_seeds`. For accuracies also `std_trials`, the root of the mean
        variance over the trials of one VAE, and `std_seeds`, the standard deviation over VAEs that
        is left of that of the means when what the trials add to it is taken off.
    """
    grouped = table.groupby(by, sort=False)
    result = grouped[value].agg(["mean", "sem", "size"])
    result = result.rename(columns={"size": "n_seeds"})
    if value == "mean":
        squares = table[by].assign(trials=table["std"] ** 2)
        squares["added"] = squares["trials"] / table["n_trials"]
        part = squares.groupby(by, sort=False)[["trials", "added"]].mean()
        result["std_trials"] = part["trials"] ** 0.5
        result["std_seeds"] = (grouped[value].var() - part["added"]).clip(lower=0) ** 0.5
    return result.reset_index()


def crosstab(means, rows, columns, sign=False, decimals=3):
    """A table of the book: "0.975 ± 0.002", the mean over the VAEs and its standard error.

    Parameters
    ----------
    means : DataFrame
        From `over_seeds`.
    rows, columns : str
        What its rows and its columns tell apart.
    sign : bool, default=False
        Whether the sign is always shown, as for differences.
    decimals : int, default=3

    Returns
    -------
    pandas.DataFrame
        Of text; what was not measured is missing.
    """
    rounded = means["mean"].round(decimals) + 0  # no -0.000
    texts = [
        f"{mean:{'+' if sign else ''}.{decimals}f}"
        + ("" if np.isnan(sem) else f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sem:.{decimals}f}")
        for mean, sem in zip(rounded, means["sem"], strict=True)
    ]
    cells = means.assign(text=texts)
    order = [cells[column].unique() for column in (rows, columns)]
    wide = cells.pivot(index=rows, columns=columns, values="text")
    return wide.loc[order[0], order[1]].rename_axis(columns=None).reset_index()


def paired_gains(table, strategy, by):
    """By how much a strategy is better than each other one, from VAE to VAE.

    Parameters
    ----------
    table : DataFrame
        `strategy`, `seed`, `mean` and the columns named in `by`.
    strategy : str
    by : list of str

    Returns
    -------
    pandas.DataFrame
        `by`, `strategy` (the other), `mean`, `sem` and number `n_seeds` of the differences, one for
        each VAE, and `p` of the paired t-test, two-sided and corrected for all differences that are
        in the table [1]_.

    References
    ----------
    .. [1] S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal
       of Statistics 6, 1979.
    """
    wide = table.pivot_table("mean", [*by, "seed"], "strategy", sort=False)
    gains = wide.drop(columns=strategy).rsub(wide[strategy], axis=0)
    gains = gains.stack().dropna().rename("gain").reset_index()
    grouped = gains.groupby([*by, "strategy"], sort=False)["gain"]
    result = grouped.agg(["mean", "sem", "size"]).reset_index()
    result = result.rename(columns={"size": "n_seeds"})
    alone = 2 * t.sf(abs(result["mean"]) / result["sem"], result["n_seeds"] - 1)
    order = alone.argsort()
    corrected = np.maximum.accumulate(alone[order] * np.arange(len(alone), 0, -1))
    result.loc[order, "p"] = corrected.clip(max=1)
    return result


def of_each_vae(table, value="mean", columns="budget", **curve):
    """The values of one curve, apart for each VAE.

    Parameters
    ----------
    table : DataFrame
        `seed`, the columns that are named in `curve` and by the other arguments.
    value : str, default="mean"
        The column of the values.
    columns : str, default="budget"
        What the columns of the result tell apart.
    **curve
        Of the rows that count: what is in some columns, such as ``space="latent"``.

    Returns
    -------
    pandas.DataFrame
        A row for each VAE.

    Raises
    ------
    ValueError
        If there is no such row.
    """
    rows = table
    for name, wanted in curve.items():
        rows = rows[rows[name] == wanted]
    if rows.empty:
        raise ValueError(f"the table has no rows of {curve}")
    return rows.pivot(index="seed", columns=columns, values=value)


def parts_of_gain(table, first, last, by):
    """What each of several changes adds to the accuracy, when all are made, by Shapley values [1]_.

    A change may be worth more after another one. So its part is the mean of what it adds, over all
    orders in which they can be made; the parts add up to the whole gain.

    Parameters
    ----------
    table : DataFrame
        `seed`, `mean`, the columns named in `by`, and those of the changes, with every combination
        of what they have before and after.
    first, last : dict of str to object
        By the name of its column what each change begins and ends with.
    by : list of str
        Columns that tell apart what is divided.

    Returns
    -------
    pandas.DataFrame
        `by`, `seed`, `part`, the name of the changed column, and `gain`; beside it `made_first` and
        `made_last`, what the change adds before all others and after them. A row for each VAE.

    References
    ----------
    .. [1] L. S. Shapley, "A Value for n-Person Games", Contributions to the Theory of Games II,
       1953.
    """
    names = list(first)
    found = []
    for key, rows in table.groupby([*by, "seed"], sort=False):
        means = rows.set_index(names)["mean"]
        for name in names:
            gains = {}
            for order in permutations(names):
                before = order[: order.index(name)]
                at = {**first, **{other: last[other] for other in before}}
                after = {**at, name: last[name]}
                gains[order] = means[(*after.values(),)] - means[(*at.values(),)]
            ends = [next(g for o, g in gains.items() if o[i] == name) for i in (0, -1)]
            found.append((*key, name, np.mean([*gains.values()]), *ends))
    return pd.DataFrame(found, columns=[*by, "seed", "part", "gain", "made_first", "made_last"])

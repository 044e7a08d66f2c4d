"""Reads the tables of the long studies, and averages, pairs and lays out what is in them.

And what the paper states of its curves.

Nothing here loads torch: a page that only reads tables opens at once.
"""

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

# The claims that are points of curves: space, strategy, and the budget or, for a number of labels,
# the accuracy that they bring.
CURVES = {
    "uniform_latent_40": ("latent", "uniform", {"budget": 40}),
    "uniform_input_labels": ("input", "uniform", {"mean": 0.96}),
    "coreset_latent_20": ("latent", "core-set", {"budget": 20}),
    "coreset_latent_200": ("latent", "core-set", {"budget": 200}),
}


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
    claims = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    theirs = {claim["ours"]: claim["theirs"] for claim in claims}
    rows = [
        {"space": space, "strategy": strategy, "budget": theirs[name], "mean": theirs[name]} | known
        for name, (space, strategy, known) in CURVES.items()
    ]
    return pd.DataFrame(rows)


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


def crosstab(means, rows, columns, sign=False):
    """A table of the book: "0.975 ± 0.002", the mean over the VAEs and its standard error.

    Parameters
    ----------
    means : DataFrame
        From `over_seeds`.
    rows, columns : str
        What its rows and its columns tell apart.
    sign : bool, default=False
        Whether the sign is always shown, as for differences.

    Returns
    -------
    pandas.DataFrame
        Of text; what was not measured is missing.
    """
    texts = [
        f"{mean:{'+' if sign else ''}.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sem:.3f}"
        for mean, sem in zip(means["mean"], means["sem"], strict=True)
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

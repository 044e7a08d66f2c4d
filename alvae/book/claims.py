"""What the tables of the studies say to each claim of the paper."""

import numpy as np
import pandas as pd

from alvae.book.results import claimed, of_each_vae

DIGITS = "three", "four", "five"
# Grids with gamma = 1 / d, scikit-learn's default before version 0.22.
GAMMAS = {
    "param_grid = {'kernel': ['linear', 'rbf'], 'C': [1], 'gamma': ['auto']}": "C = 1, gamma = 1/d",
    "param_grid = {'kernel': ['linear', 'rbf'], 'C': [1, 10], 'gamma': ['auto']}": "gamma = 1/d",
}
MOST_SPREAD = 140  # the paper's curves with a standard deviation end there


def lead(table, digits, others=("uniform", "core-set"), ours="core-set", space="input", **curve):
    """By how much a strategy in the latent space is ahead of others, from VAE to VAE.

    Parameters
    ----------
    table : DataFrame
        With the columns `digits`, `space`, `strategy`, `budget`, `seed` and `mean`.
    digits : str
    others : sequence of str, default=("uniform", "core-set")
        The strategies that it is compared with.
    space : str, default="input"
        Theirs.
    ours : str, default="core-set"
    **curve
        What else tells the rows apart, such as ``classifier="SVC"``.

    Returns
    -------
    pandas.DataFrame
        A row for each VAE, a column for each other and number of labels.
    """
    curve |= {"digits": digits}
    ahead = of_each_vae(table, space="latent", strategy=ours, **curve)
    gaps = [ahead - of_each_vae(table, space=space, strategy=other, **curve) for other in others]
    return pd.concat(gaps, axis=1, keys=[f"{digits}, {other}" for other in others])


def labels_for(curves, levels):
    """How many labels curves need for an accuracy, interpolated between the budgets.

    Parameters
    ----------
    curves : DataFrame
        A row for each curve, a column for each number of labels.
    levels : Series
        The accuracy that each is to reach.

    Returns
    -------
    pandas.Series
        Where each curve first reaches its level: at least the first budget, NaN if at none.
    """
    budgets = curves.columns.to_numpy(float)

    def first(curve, level):
        reached = np.flatnonzero(curve >= level)
        if not len(reached):
            return np.nan
        at = reached[0]
        ends = slice(max(at - 1, 0), at + 1)
        return np.interp(level, curve[ends], budgets[ends])

    found = {seed: first(curves.loc[seed].to_numpy(), levels[seed]) for seed in curves.index}
    return pd.Series(found)


def measured(paper, kinds, grids):
    """What was measured for the claims of the paper that are about its curves.

    Parameters
    ----------
    paper, kinds : DataFrame
        The tables of the paper's own method and of other classifiers, with the column `digits`:
        three, four and five.
    grids : DataFrame
        The table of other grids of the SVC, three digits.

    Returns
    -------
    dict of str to float, Series or DataFrame
        By the names of `book/claims.yml`, for `alvae.book.verdicts.judge`. Where several sets of
        digits take part, each has all its VAEs: NaN where one has fewer than another.
    """

    def three(space, strategy, value="mean"):
        return of_each_vae(paper, value, digits="three", space=space, strategy=strategy)

    def radius(digits, strategy):
        return of_each_vae(paper, "radius", digits=digits, space="latent", strategy=strategy)

    uniform, pixels = three("latent", "uniform"), three("input", "uniform")
    level = pd.Series(claimed()["uniform_latent_40"], pixels.index)
    by_gamma = {name: of_each_vae(grids, space="input", variant=name) for name in GAMMAS}
    for_level = {name: labels_for(curves, level) for name, curves in by_gamma.items()}
    for_level = pd.DataFrame({"book's grid": labels_for(pixels, level)} | for_level)
    for_level = for_level.rename(columns=GAMMAS)
    nmi = paper[paper["digits"] == "three"].groupby(["space", "seed"])["nmi"].first()
    spread = three("latent", "uniform", "std") / three("input", "uniform", "std")
    classifiers = [name for name in kinds["classifier"].unique() if name != "SVC"]
    tried = {(k, d): lead(kinds, d, classifier=k) for k in classifiers for d in DIGITS}
    to_k_center = {d: radius(d, "core-set") / radius(d, "k-center") for d in DIGITS}
    in_latent = {d: lead(paper, d, ["uniform"], space="latent") for d in DIGITS}
    return {
        "nmi_input": nmi["input"].mean(),
        "nmi_latent": nmi["latent"],
        "uniform_latent_40": uniform[40],
        "uniform_input_labels": for_level / claimed()["uniform_input_labels"],
        "coreset_latent_20": three("latent", "core-set")[20],
        "coreset_latent_200": three("latent", "core-set")[200],
        "uniform_lead": lead(paper, "three", ["uniform"], "uniform"),
        **{f"lead_{digits}": lead(paper, digits) for digits in DIGITS},
        "lead_kinds": pd.concat(tried, axis=1),
        "lead_latent": pd.concat(in_latent, axis=1),
        "spread_ratio": spread.loc[:, :MOST_SPREAD],
        "coreset_spread": three("latent", "core-set", "std")[200] / claimed()["coreset_spread"],
        "radius_uniform": radius("three", "core-set") / radius("three", "uniform"),
        "radius_k_center": pd.concat(to_k_center, axis=1),
    }

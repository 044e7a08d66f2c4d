"""From the table of all trials to means, errors, differences, and budgets that are enough."""


def summarize(curves, value="accuracy"):
    """Mean, standard deviation and standard error of the accuracy over the trials.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`.
    value : str, default="accuracy"
        The column to summarize.

    Returns
    -------
    pandas.DataFrame
        `space`, `strategy`, `classifier` if there are several, `budget`, `mean`, `std`, `sem`,
        `n_trials`.
    """
    keys = [key for key in ("space", "strategy", "classifier", "budget") if key in curves]
    grouped = curves.groupby(keys, sort=False)[value]
    table = grouped.agg(["mean", "std", "sem", "size"]).reset_index()
    return table.rename(columns={"size": "n_trials"})


def first_budget_reaching(summary, accuracy):
    """The smallest budget at which each curve's mean accuracy reaches a level.

    Parameters
    ----------
    summary : DataFrame
        From `summarize`.
    accuracy : float

    Returns
    -------
    pandas.DataFrame
        `space`, `strategy`, `budget`; the budget is missing (<NA>) where the level is not reached.
    """
    curves = summary[["space", "strategy"]].drop_duplicates()
    reached = summary[summary["mean"] >= accuracy]
    first = reached.groupby(["space", "strategy"], as_index=False)["budget"].min()
    table = curves.merge(first, how="left", on=["space", "strategy"])
    return table.astype({"budget": "Int64"}).reset_index(drop=True)


def paired_differences(curves, one, other):
    """Mean difference of the accuracies of two curves, trial by trial, at every budget.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`, which pairs trials by their seeds.
    one, other : (space, strategy)
        The two curves.

    Returns
    -------
    pandas.DataFrame
        `budget`, `mean` of one minus other, and its standard error `sem`.

    Raises
    ------
    ValueError
        If a curve is not in the table.
    """
    table = curves.pivot_table(
        index=["budget", "trial"], columns=["space", "strategy"], values="accuracy"
    )
    for curve in (one, other):
        if curve not in table.columns:
            raise ValueError(f"{curve!r} is not one of the curves {list(table.columns)}")
    difference = (table[one] - table[other]).groupby("budget")
    return difference.agg(["mean", "sem"]).reset_index()

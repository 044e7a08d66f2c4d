"""From the table of all trials to means, errors, differences, and budgets that are enough."""

from math import inf

from pandas import DataFrame

from alvae._checks import check_number, shown

CURVE = ("space", "strategy", "classifier")  # what tells curves apart, as far as it is there


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
        and `n_trials`, those that have a value.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    _check("curves", curves, ("space", "strategy", "budget"))
    numbers = [*curves.select_dtypes(["number", "bool"])]
    if value not in numbers:
        raise ValueError(f"value is {shown(value)}; allowed are the columns {numbers}")
    grouped = curves.groupby([*_keys(curves), "budget"], sort=False, dropna=False)[value]
    table = grouped.agg(["mean", "std", "sem", "count"]).reset_index()
    return table.rename(columns={"count": "n_trials"})


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
        `space`, `strategy`, `classifier` if there are several, `budget`; the budget is missing
        (<NA>) where the level is not reached.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    _check("summary", summary, ("space", "strategy", "budget", "mean"))
    check_number("accuracy", accuracy, -inf)
    keys = _keys(summary)
    curves = summary[keys].drop_duplicates()
    reached = summary[summary["mean"] >= accuracy]
    first = reached.groupby(keys, as_index=False, dropna=False)["budget"].min()
    table = curves.merge(first, how="left", on=keys)
    return table.astype({"budget": "Int64"}).reset_index(drop=True)


def paired_differences(curves, one, other):
    """Mean difference of the accuracies of two curves, trial by trial, at every budget.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`, which pairs trials by their seeds.
    one, other : (space, strategy), or (space, strategy, classifier) if there are several
        The two curves.

    Returns
    -------
    pandas.DataFrame
        `budget`, `mean` of one minus other, and its standard error `sem`.

    Raises
    ------
    ValueError
        If a column is missing, or a curve is not in the table.
    """
    _check("curves", curves, ("space", "strategy", "budget", "trial", "accuracy"))
    if curves.duplicated([*_keys(curves), "budget", "trial"]).any():
        raise ValueError("curves has a trial twice; allowed is one row for each")
    trials = curves.set_index(["budget", "trial"])
    accuracies = dict(list(trials.groupby(_keys(curves), sort=False, dropna=False)["accuracy"]))
    for name, curve in (("one", one), ("other", other)):
        if not isinstance(curve, tuple | list) or list(curve) not in [
            list(key) for key in accuracies
        ]:
            raise ValueError(f"{name} is {shown(curve)}; allowed are the curves {list(accuracies)}")
    difference = (accuracies[tuple(one)] - accuracies[tuple(other)]).dropna()
    if difference.empty:
        raise ValueError(f"one and other, {one} and {other}, have no trial in common")
    difference = difference.groupby("budget")
    return difference.agg(["mean", "sem"]).reset_index()


def _keys(table):
    return [key for key in CURVE if key in table]


def _check(name, table, columns):
    if not isinstance(table, DataFrame):
        raise ValueError(f"{name} is {shown(table)}; it must be a DataFrame")
    missing = [column for column in columns if column not in table]
    if missing or len(table) == 0:
        raise ValueError(
            f"{name} has {len(table)} rows of {list(table)}; it must have at least one, of "
            f"{', '.join(columns)}"
        )

"""Figures of curves: accuracies, costs, measures, functions."""

from itertools import cycle

import pandas as pd
from matplotlib.ticker import MaxNLocator

from alvae.book.figures.checks import check_columns, check_numbers, check_positive
from alvae.book.figures.style import (
    INPUT,
    LATENT,
    LOOKS,
    SPACES,
    STRATEGIES,
    legend_below,
    level_line,
    logarithmic_x,
    looks_of,
    subplots,
)

TICKS_APART = 1.4  # at least, the numbers along the logarithmic axis of a panel
STAR = {
    "linestyle": "none",
    "marker": "*",
    "markersize": 13,
    "markerfacecolor": "white",
    "zorder": 5,
}


def training_history(history):
    """Draw the loss of a VAE and its two terms, epoch by epoch.

    Parameters
    ----------
    history : list of dict
        `epoch`, `loss`, `reconstruction` and `kl` (nats per image) of every epoch, as in
        `ConvVAE.history_`.

    Returns
    -------
    Figure
        A panel each for the loss, the reconstruction term and the KL divergence.

    Raises
    ------
    ValueError
        If the history is empty or lacks one of these.
    """
    table = pd.DataFrame(history)
    panels = {"loss": "loss", "reconstruction": "reconstruction term", "kl": "KL divergence"}
    check_columns("history", table, ["epoch", *panels])
    fig, axes = subplots(2.6, 1, 3)
    for ax, (column, title) in zip(axes, panels.items(), strict=True):
        ax.plot(table["epoch"], table[column], color=LATENT["color"], marker="o", markersize=3.5)
        ax.set(title=title, xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes[0].set_ylabel("nats per image")
    return fig


def learning_curves(summary, level=None, spread="std", zoom=None, paper=None):
    """Draw the mean accuracy against the number of labels, with a band of its spread.

    The color says the space; line style and marker say the strategy.

    Parameters
    ----------
    summary : DataFrame
        `space`, `strategy`, `budget`, `mean` and the column of the spread, from `summarize`.
    level : float, default=None
        An accuracy at which a dashed line stands.
    spread : {"std", "sem", None}, default="std"
        Column of which the band has one above and one below the mean; None: no band. Where the
        spread is missing, as after a single trial, there is no band.
    zoom : (low, high), default=None
        Accuracies that a second panel shows enlarged.
    paper : DataFrame, default=None
        `space`, `strategy`, `budget` and `mean` of what the paper states: stars, as far as they
        belong to curves that are drawn.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, a curve has a budget twice, as with several classifiers, or an
        argument is not one of these.
    """
    if spread not in ("std", "sem", None):
        raise ValueError(f"spread is {spread!r}; allowed are 'std', 'sem' and None")
    columns = ["space", "strategy", "budget", "mean"]
    check_columns("summary", summary, columns if spread is None else [*columns, spread])
    if summary.duplicated(["space", "strategy", "budget"]).any():
        raise ValueError(
            "summary has several rows for a budget of one curve; it must be of one classifier"
        )
    if level is not None:
        level = float(check_numbers("level", level, ()))
    if zoom is not None:
        low, high = check_numbers("zoom", zoom, (2,))
        if low >= high:
            raise ValueError(f"zoom is {zoom!r}; the lower accuracy must come first")
    if paper is not None:
        check_columns("paper", paper, columns)
        paper = paper.merge(summary[["space", "strategy"]].drop_duplicates())

    spaces = looks_of(summary["space"].unique(), SPACES)
    strategies = looks_of(summary["strategy"].unique(), STRATEGIES)
    fig, axes = subplots(4.4, 1, 1 if zoom is None else 2, squeeze=False)
    for ax in axes.flat:
        for (space, strategy), line in summary.groupby(["space", "strategy"], sort=False):
            line = line.sort_values("budget")
            look = strategies[strategy] | {"color": spaces[space]["color"]}
            ax.plot(line["budget"], line["mean"], label=f"{strategy}, {space} space", **look)
            if spread is not None:
                band = line["mean"] - line[spread], line["mean"] + line[spread]
                ax.fill_between(line["budget"], *band, color=look["color"], alpha=0.1, lw=0)
        if paper is not None and len(paper):
            for _, star in paper.iterrows():
                edge = spaces[star["space"]]["color"]
                ax.plot(star["budget"], star["mean"], color=edge, **STAR)
        if level is not None:
            level_line(ax, level)
            at_edge = {"xy": (1, level), "xycoords": ("axes fraction", "data")}
            beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
            ax.annotate(f"{level:g}", **at_edge, **beside, fontsize=9, color="0.3")
        ax.set(xlabel="number of labels $B$")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes[0, 0].set_ylabel("accuracy on the test set")
    if zoom is not None:
        axes[0, 1].set_ylim(zoom)
    if paper is not None and len(paper):
        axes[0, 0].plot([], [], color="0.3", label="stated in the paper", **STAR)
    legend_below(fig, axes[0, 0])
    return fig


def functions(x, series, xlabel, ylabel, mark=None):
    """Draw functions of one variable.

    Parameters
    ----------
    x : array-like of shape (n,)
    series : dict of str to array-like of shape (n,)
        The functions, by the names that the legend gives.
    xlabel, ylabel : str
    mark : float, default=None
        An x at which a dotted vertical line stands.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no function, or one has another shape than `x`.
    """
    x = check_numbers("x", x, (None,))
    if not series:
        raise ValueError("series is empty; it must hold at least one function")
    ys = {name: check_numbers(f"series[{name!r}]", y, x.shape) for name, y in series.items()}
    if mark is not None:
        mark = float(check_numbers("mark", mark, ()))
    fig, ax = subplots(3.8)
    for (name, y), look in zip(ys.items(), cycle(LOOKS), strict=False):
        ax.plot(x, y, label=name, color=look["color"], linestyle=look["linestyle"])
    if mark is not None:
        ax.axvline(mark, color="0.3", linestyle=":", linewidth=1.2, zorder=1)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(series) > 1:
        legend_below(fig, ax)
    return fig


def histogram_with_density(samples, x, density, xlabel):
    """Draw a histogram of samples and, over it, a density.

    Parameters
    ----------
    samples : array-like of shape (n_samples,)
    x, density : array-like of shape (n,)
        The density at the points x.
    xlabel : str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an array is not one-dimensional and finite, or `density` has another shape than `x`.
    """
    samples = check_numbers("samples", samples, (None,))
    x = check_numbers("x", x, (None,))
    density = check_numbers("density", density, x.shape)
    fig, ax = subplots(3.8)
    bars = {"color": LATENT["color"], "alpha": 0.35, "histtype": "stepfilled", "label": "samples"}
    ax.hist(samples, bins=min(60, max(10, len(samples) // 50)), density=True, **bars)
    ax.plot(x, density, color=INPUT["color"], label="density")
    ax.set(xlabel=xlabel, ylabel="density")
    legend_below(fig, ax)
    return fig


def measures(table, x, y, group=None, xlabel=None, ylabel=None, log=False):
    """Draw means of a measure with error bars of one standard deviation.

    Rows that share x and group are repeats, such as trials; a single row has no error bar. Groups
    that are named as spaces or strategies are colored as such.

    Parameters
    ----------
    table : DataFrame
    x : str
        A column of names, drawn side by side, or of numbers, drawn along an axis.
    y : str
        A column of numbers, such as accuracies, covering radii or seconds.
    group : str, default=None
        A column that tells the curves apart, such as the strategy.
    xlabel, ylabel : str, default=None
        None: the names of the columns.
    log : bool, default=False
        Logarithmic scale for y.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, y is not finite numbers, or not positive where `log` is set.
    """
    check_columns("table", table, [x, y] if group is None else [x, y, group])
    values = check_numbers(f"table[{y!r}]", table[y], (None,))
    if log and values.min() <= 0:
        raise ValueError(f"table[{y!r}] has {values.min():g}; with log all must be above 0")

    numeric = pd.api.types.is_numeric_dtype(table[x])
    ticks = table[x].unique()
    curves = {y: table} if group is None else dict(list(table.groupby(group, sort=False)))
    looks = looks_of(curves, SPACES | STRATEGIES)
    fig, ax = subplots(4.0)
    for k, (name, rows) in enumerate(curves.items()):
        repeats = rows.groupby(x, sort=numeric)[y].agg(["mean", "std"])
        at, look = repeats.index, looks[name]
        if not numeric:
            at = pd.Index(ticks).get_indexer(at) + 0.5 * ((k + 0.5) / len(curves) - 0.5)
            look = look | {"linestyle": "none", "markersize": 7}
        ax.errorbar(at, repeats["mean"], repeats["std"], capsize=3, label=name, **look)
    if log:
        ax.set_yscale("log")
    if not numeric:
        ax.set_xticks(range(len(ticks)), ticks)
        ax.set_xlim(-0.5, len(ticks) - 0.5)
        ax.grid(False, axis="x")
    ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
    if group is not None:
        legend_below(fig, ax)
    return fig


def costs(table, x, y, group, panel=None, xlabel=None, ylabel=None):
    """Draw how a cost grows, both axes logarithmic: medians of the repeats, and each of them.

    Parameters
    ----------
    table : DataFrame
        A row per measurement.
    x, y : str
        Columns of positive numbers, such as the number of points, and seconds.
    group : str
        A column that tells the curves apart, such as the method.
    panel : str, default=None
        A column that tells panels apart, such as the space.
    xlabel, ylabel : str, default=None
        None: the names of the columns.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, or x or y are not finite positive numbers.
    """
    check_columns("table", table, [x, y, group] + ([] if panel is None else [panel]))
    for column in (x, y):
        check_positive(f"table[{column!r}]", table[column])
    panels = {"": table} if panel is None else dict(list(table.groupby(panel, sort=False)))
    looks = looks_of(table[group].unique(), {})
    ticks = sorted(table[x].unique())
    fig, axes = subplots(3.8, 1, len(panels), sharex=True, sharey=True, squeeze=False)
    for ax, (title, part) in zip(axes[0], panels.items(), strict=True):
        for name, rows in part.groupby(group, sort=False):
            look = looks[name]
            medians = rows.groupby(x)[y].median()
            ax.plot(rows[x], rows[y], look["marker"], color=look["color"], alpha=0.3)
            ax.plot(medians.index, medians, label=name, **look)
        ax.set(yscale="log", xlabel=xlabel or x, title=title)
        logarithmic_x(ax, ticks)
    axes[0, 0].set_ylabel(ylabel or y)
    legend_below(fig, axes[0, 0])
    return fig


def panels(
    table, x, y, group, panel, level=None, joined=True, xlabel=None, ylabel=None, sharey=False
):
    """Draw one measure against another, a panel for each part of a table.

    Parameters
    ----------
    table : DataFrame
    x, y : str
        Columns of numbers. Rows that share x, group and panel are repeats, such as VAEs, of which
        the mean and a band of one standard deviation are drawn if `joined`; x is then positive, and
        its axis logarithmic.
    group : str
        A column that tells curves or points apart, such as the strategy.
    panel : str
        A column that tells panels apart, such as the digits.
    level : dict, default=None
        For panels, by name, a y at which a dashed line stands.
    joined : bool, default=True
        Curves through the means; or else a point for each row.
    xlabel, ylabel : str, default=None
        None: the names of the columns.
    sharey : bool, default=False
        Whether all panels have one y axis.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, or x or y are not finite numbers, x above 0 if `joined`.
    """
    check_columns("table", table, [x, y, group, panel])
    check_numbers(f"table[{y!r}]", table[y], (None,))
    check_numbers(f"table[{x!r}]", table[x], (None,))
    if joined:
        check_positive(f"table[{x!r}]", table[x])
    parts = dict(list(table.groupby(panel, sort=False)))
    columns = min(2, len(parts))
    rows = -(-len(parts) // columns)
    looks = looks_of(table[group].unique(), STRATEGIES)
    fig, axes = subplots(0.8 + 2.7 * rows, rows, columns, squeeze=False, sharey=sharey)
    for ax, (title, part) in zip(axes.flat, parts.items(), strict=False):
        for name, look in looks.items():
            lines = part[part[group] == name]
            if joined:
                repeats = lines.groupby(x)[y].agg(["mean", "std"])
                mean, std, color = repeats["mean"], repeats["std"].fillna(0), look["color"]
                ax.plot(mean.index, mean, label=name, **look)
                ax.fill_between(mean.index, mean - std, mean + std, color=color, alpha=0.15, lw=0)
            else:
                ax.plot(lines[x], lines[y], look["marker"], color=look["color"], label=name)
        if level and title in level:
            level_line(ax, level[title])
        ax.set_title(title)
        if joined:
            logarithmic_x(ax, sorted(part[x].unique()), TICKS_APART)
    for ax in axes.flat[len(parts) :]:
        ax.remove()
    for ax in axes.flat[len(parts) - columns : len(parts)]:  # the lowest of each column
        ax.set_xlabel(xlabel or x)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel or y)
    legend_below(fig, axes[0, 0])
    return fig

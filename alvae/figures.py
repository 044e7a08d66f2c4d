"""Every figure of the book, drawn from arrays and tidy tables.

Each function returns a matplotlib `Figure` that pyplot no longer holds, so that a notebook shows it
once: where it is the last expression of a cell. Classes, spaces and strategies keep their colours
from figure to figure; all of these are told apart without red and green.
"""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib import colormaps, rcParams
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA

WIDTH = 7.0  # inches, the width of a page
STAMP = "smoke run: not the paper's settings"
STYLE = {
    "figure.dpi": 150,
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.title_fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.9",
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}

# Class k has colour k: the ten colours of Petroff (arXiv:2107.02270), in an order that keeps the
# digits 0, 3, 9, then 7, then 2, farthest apart for every kind of colour vision.
CLASS_COLORS = (
    "#3f90da", "#e76300", "#832db6", "#ffa90e", "#a96b59",
    "#717581", "#b9ac70", "#92dadd", "#94a4a2", "#bd1f01",
)  # fmt: skip


def _look(color, linestyle, marker):
    return {"color": color, "linestyle": linestyle, "marker": marker}


LATENT, INPUT = _look("#0072b2", "-", "o"), _look("#d55e00", "--", "s")
CORESET, UNIFORM = _look("#332288", "-", "o"), _look("#e69f00", "--", "s")
KCENTER, ENTROPY = _look("#555555", "-.", "^"), _look("#4fa8d8", ":", "D")
LOOKS = (LATENT, INPUT, CORESET, UNIFORM, KCENTER, ENTROPY)
SPACES = {"latent": LATENT, "input": INPUT}
STRATEGIES = {
    "core-set": CORESET,
    "uniform": UNIFORM,
    "k-center": KCENTER,
    "entropy": ENTROPY,
    "ProbCover": _look("#cc79a7", ":", "v"),
    "MaxHerding": _look("#7a5c00", "--", "P"),
    "TypiClust": _look("#009e73", ":", "X"),
    "medoids": _look("#0072b2", "-.", "D"),
    "spectral, reconstructed": _look("#d55e00", "-", "s"),
}

_stamp = ""


def use_style(profile="full"):
    """Set matplotlib's defaults for the figures of the book.

    Parameters
    ----------
    profile : {"full", "smoke"}, default="full"
        With "smoke" every figure made from now on says that it is not of the paper's settings.

    Raises
    ------
    ValueError
        If the profile is another.
    """
    global _stamp
    if profile not in ("full", "smoke"):
        raise ValueError(f"profile is {profile!r}; allowed are 'full' and 'smoke'")
    _stamp = STAMP if profile == "smoke" else ""
    rcParams.update(STYLE)


def latent_space(Z, labels, max_points=4000, random_state=0, class_names=()):
    """Draw points of a latent space, coloured by class.

    One dimension gives a histogram per class, two or three a scatter plot, and more the first three
    principal components, which the axes name as such.

    Parameters
    ----------
    Z : array-like of shape (n, d)
        The points; finite.
    labels : array-like of int, shape (n,)
        The class of each point.
    max_points : int, default=4000
        Points to draw; of more, a random subset is drawn. A histogram counts them all.
    random_state : int, default=0
        Seed of the subset and of the order in which points cover each other.
    class_names : sequence of str, default=()
        ``class_names[label]`` stands in the legend. Empty: the labels themselves.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays do not fit together, or `max_points` is less than 1.
    """
    Z, labels, colors, names = _check_points(Z, labels, class_names)
    shown = _subset(len(Z), max_points, random_state)
    P, axis_labels = _project(Z, 3)
    if P.shape[1] == 1:
        fig, ax = _subplots(4.0)
        edges = np.histogram_bin_edges(P, bins=60)
        for label, color in colors.items():
            ax.hist(P[labels == label, 0], edges, color=color, alpha=0.4, histtype="stepfilled")
            ax.hist(P[labels == label, 0], edges, color=color, histtype="step", linewidth=1.4)
        ax.set(xlabel=axis_labels[0], ylabel="images")
    else:
        dots = {"c": [colors[label] for label in labels[shown]], "linewidths": 0}
        if P.shape[1] == 2:
            fig, ax = _subplots(5.0)
            ax.scatter(*P[shown].T, s=9, alpha=0.7, **dots)
            ax.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
            ax.set_aspect("equal", "datalim")
        else:
            fig, ax = _subplots(4.8, subplot_kw={"projection": "3d"})
            ax.scatter(*P[shown].T, s=9, alpha=0.6, depthshade=False, **dots)
            ax.set(xlabel=axis_labels[0], ylabel=axis_labels[1], zlabel=axis_labels[2])
            ax.locator_params(nbins=5)
            ax.set_box_aspect((1, 1, 0.85), zoom=1.1)
    _class_legend(fig, colors, names)
    return fig


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
    _check_columns("history", table, ["epoch", *panels])
    fig, axes = _subplots(2.6, 1, 3)
    for ax, (column, title) in zip(axes, panels.items(), strict=True):
        ax.plot(table["epoch"], table[column], color=LATENT["color"], marker="o", markersize=3.5)
        ax.set(title=title, xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes[0].set_ylabel("nats per image")
    return fig


def image_rows(images, row_titles=None, column_titles=None):
    """Draw images in rows and columns, gray or in color.

    Parameters
    ----------
    images : array-like of shape (rows, columns, H, W) or (rows, columns, H, W, C)
        uint8, or floats in [0, 1]; C is 1 or 3.
    row_titles, column_titles : list of str, default=None
        One for each row, to its left; one for each column, above it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the images have another shape or range, or titles another number.
    """
    images = _check_images(images)
    rows, columns, height, width = images.shape[:4]
    titles = {"row_titles": (row_titles, rows), "column_titles": (column_titles, columns)}
    for name, (given, number) in titles.items():
        if given is not None and len(given) != number:
            raise ValueError(
                f"{name} has length {len(given)}; it must have {number}, as images has"
            )

    # One canvas: as many axes as images would take seconds to lay out.
    gap = max(1, round(0.07 * max(height, width)))
    gaps = [(0, 0), (0, 0), (0, gap), (0, gap), (0, 0)]
    canvas = np.pad(images, gaps, constant_values=1).swapaxes(1, 2)
    canvas = canvas.reshape(rows * (height + gap), columns * (width + gap), -1)[:-gap, :-gap]

    inches = min(WIDTH, 0.95 * columns + 0.7 * bool(row_titles))
    tall = min(1.3 * WIDTH, inches * canvas.shape[0] / canvas.shape[1] + 0.3)
    fig, ax = _subplots(tall, width=inches)
    ax.imshow(canvas.squeeze(-1) if canvas.shape[-1] == 1 else canvas, "gray", vmin=0, vmax=1)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=rcParams["font.size"])
    ax.xaxis.tick_top()
    x, y = (np.arange(k) * (size + gap) + (size - 1) / 2
            for k, size in ((columns, width), (rows, height)))  # fmt: skip
    ax.set_xticks(*((x, column_titles) if column_titles is not None else ([],)))
    ax.set_yticks(*((y, row_titles) if row_titles is not None else ([],)))
    return fig


def learning_curves(summary, level=None, spread="std", zoom=None):
    """Draw the mean accuracy against the number of labels, with a band of its spread.

    The colour says the space; line style and marker say the strategy.

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

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or an argument is not one of these.
    """
    if spread not in ("std", "sem", None):
        raise ValueError(f"spread is {spread!r}; allowed are 'std', 'sem' and None")
    columns = ["space", "strategy", "budget", "mean"]
    _check_columns("summary", summary, columns if spread is None else [*columns, spread])
    if level is not None:
        level = float(_check_numbers("level", level, ()))
    if zoom is not None:
        low, high = _check_numbers("zoom", zoom, (2,))
        if low >= high:
            raise ValueError(f"zoom is {zoom!r}; the lower accuracy must come first")

    spaces = _looks(summary["space"].unique(), SPACES)
    strategies = _looks(summary["strategy"].unique(), STRATEGIES)
    fig, axes = _subplots(4.4, 1, 1 if zoom is None else 2, squeeze=False)
    for ax in axes.flat:
        for (space, strategy), line in summary.groupby(["space", "strategy"], sort=False):
            line = line.sort_values("budget")
            look = strategies[strategy] | {"color": spaces[space]["color"]}
            ax.plot(line["budget"], line["mean"], label=f"{strategy}, {space} space", **look)
            if spread is not None:
                band = line["mean"] - line[spread], line["mean"] + line[spread]
                ax.fill_between(line["budget"], *band, color=look["color"], alpha=0.1, lw=0)
        if level is not None:
            _level_line(ax, level)
            at_edge = {"xy": (1, level), "xycoords": ("axes fraction", "data")}
            beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
            ax.annotate(f"{level:g}", **at_edge, **beside, fontsize=9, color="0.3")
        ax.set(xlabel="number of labels $B$")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes[0, 0].set_ylabel("accuracy on the test set")
    if zoom is not None:
        axes[0, 1].set_ylim(zoom)
    _legend_below(fig, axes[0, 0])
    return fig


def curves(x, series, xlabel, ylabel, mark=None):
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
    x = _check_numbers("x", x, (None,))
    if not series:
        raise ValueError("series is empty; it must hold at least one function")
    ys = {name: _check_numbers(f"series[{name!r}]", y, x.shape) for name, y in series.items()}
    if mark is not None:
        mark = float(_check_numbers("mark", mark, ()))
    fig, ax = _subplots(3.8)
    for (name, y), look in zip(ys.items(), cycle(LOOKS), strict=False):
        ax.plot(x, y, label=name, color=look["color"], linestyle=look["linestyle"])
    if mark is not None:
        ax.axvline(mark, color="0.3", linestyle=":", linewidth=1.2, zorder=1)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(series) > 1:
        _legend_below(fig, ax)
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
    samples = _check_numbers("samples", samples, (None,))
    x = _check_numbers("x", x, (None,))
    density = _check_numbers("density", density, x.shape)
    fig, ax = _subplots(3.8)
    bars = {"color": LATENT["color"], "alpha": 0.35, "histtype": "stepfilled", "label": "samples"}
    ax.hist(samples, bins=min(60, max(10, len(samples) // 50)), density=True, **bars)
    ax.plot(x, density, color=INPUT["color"], label="density")
    ax.set(xlabel=xlabel, ylabel="density")
    _legend_below(fig, ax)
    return fig


def selections(Z, labels, chosen, max_points=4000, random_state=0, class_names=()):
    """Draw the points that strategies chose, over the pool; a panel for each strategy.

    The pool is faint dots, the chosen points are large and edged in black, both coloured by class.
    More than two dimensions are shown by the first two principal components; a single one is
    spread out by class.

    Parameters
    ----------
    Z : array-like of shape (n, d)
        The pool; finite.
    labels : array-like of int, shape (n,)
    chosen : dict of str to array-like of int
        Indices into Z, by the name of the strategy.
    max_points : int, default=4000
        Points of the pool to draw; of more, a random subset is drawn. All chosen points are drawn.
    random_state : int, default=0
        Seed of the subset.
    class_names : sequence of str, default=()
        ``class_names[label]`` stands in the legend. Empty: the labels themselves.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays do not fit together, `chosen` is empty or holds other than indices into Z, or
        `max_points` is less than 1.
    """
    Z, labels, colors, names = _check_points(Z, labels, class_names)
    chosen = {
        name: _check_integers(f"chosen[{name!r}]", indices, (None,), len(Z))
        for name, indices in chosen.items()
    }
    if not chosen:
        raise ValueError("chosen is empty; it must hold the indices of at least one strategy")
    shown = _subset(len(Z), max_points, random_state)
    P, axis_labels = _project(Z, 2)
    if P.shape[1] == 1:
        rank = np.searchsorted(list(colors), labels)
        P = np.column_stack([P, rank + np.random.default_rng(0).uniform(-0.3, 0.3, len(P))])
        axis_labels = [*axis_labels, "class"]

    columns = min(len(chosen), 3 if len(chosen) != 4 else 2)
    rows = -(-len(chosen) // columns)
    side = min(WIDTH / columns, 4.0)
    grid = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = _subplots(1.1 * rows * side, rows, columns, **grid)
    color = np.array([colors[label] for label in labels])
    for ax, (name, indices) in zip(axes.flat, chosen.items(), strict=False):
        ax.scatter(*P[shown].T, s=6, c=color[shown], alpha=0.22, linewidths=0)
        ax.scatter(*P[indices].T, s=30, c=color[indices], edgecolors="black", linewidths=0.9)
        ax.set(title=name, xlabel=axis_labels[0])
        if Z.shape[1] == 1:
            ax.set_yticks(range(len(colors)), names)
        ax.label_outer()
    for ax in axes[:, 0]:
        ax.set_ylabel(axis_labels[1])
    for ax in axes.flat[len(chosen) :]:
        ax.remove()
    _class_legend(fig, colors, names)
    return fig


def measures(table, x, y, group=None, xlabel=None, ylabel=None, log=False):
    """Draw means of a measure with error bars of one standard deviation.

    Rows that share x and group are repeats, such as trials; a single row has no error bar. Groups
    that are named as spaces or strategies are coloured as such.

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
    _check_columns("table", table, [x, y] if group is None else [x, y, group])
    values = _check_numbers(f"table[{y!r}]", table[y], (None,))
    if log and values.min() <= 0:
        raise ValueError(f"table[{y!r}] has {values.min():g}; with log all must be above 0")

    numeric = pd.api.types.is_numeric_dtype(table[x])
    ticks = table[x].unique()
    curves = {y: table} if group is None else dict(list(table.groupby(group, sort=False)))
    looks = _looks(curves, SPACES | STRATEGIES)
    fig, ax = _subplots(4.0)
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
        _legend_below(fig, ax)
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
    _check_columns("table", table, [x, y, group] + ([] if panel is None else [panel]))
    for column in (x, y):
        _check_positive(f"table[{column!r}]", table[column])
    panels = {"": table} if panel is None else dict(list(table.groupby(panel, sort=False)))
    looks = _looks(table[group].unique(), {})
    ticks = sorted(table[x].unique())
    fig, axes = _subplots(3.8, 1, len(panels), sharex=True, sharey=True, squeeze=False)
    for ax, (title, part) in zip(axes[0], panels.items(), strict=True):
        for name, rows in part.groupby(group, sort=False):
            look = looks[name]
            medians = rows.groupby(x)[y].median()
            ax.plot(rows[x], rows[y], look["marker"], color=look["color"], alpha=0.3)
            ax.plot(medians.index, medians, label=name, **look)
        ax.set(yscale="log", xlabel=xlabel or x, title=title)
        _logarithmic_x(ax, ticks)
    axes[0, 0].set_ylabel(ylabel or y)
    _legend_below(fig, axes[0, 0])
    return fig


def panels(
    table, x, y, group, panel, level=None, joined=True, xlabel=None, ylabel=None, sharey=False
):
    """Draw one measure against another, a panel for each part of a table.

    Parameters
    ----------
    table : DataFrame
    x, y : str
        Columns of numbers. Rows that share x, group and panel are repeats, of which the mean is
        drawn if `joined`; x is then positive, and its axis logarithmic.
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
    _check_columns("table", table, [x, y, group, panel])
    _check_numbers(f"table[{y!r}]", table[y], (None,))
    _check_numbers(f"table[{x!r}]", table[x], (None,))
    if joined:
        _check_positive(f"table[{x!r}]", table[x])
    parts = dict(list(table.groupby(panel, sort=False)))
    columns = min(2, len(parts))
    rows = -(-len(parts) // columns)
    looks = _looks(table[group].unique(), STRATEGIES)
    fig, axes = _subplots(0.8 + 2.7 * rows, rows, columns, squeeze=False, sharey=sharey)
    for ax, (title, part) in zip(axes.flat, parts.items(), strict=False):
        for name, look in looks.items():
            lines = part[part[group] == name]
            if joined:
                lines = lines.groupby(x)[y].mean()
                ax.plot(lines.index, lines, label=name, **look)
            else:
                ax.plot(lines[x], lines[y], look["marker"], color=look["color"], label=name)
        if level and title in level:
            _level_line(ax, level[title])
        ax.set_title(title)
        if joined:
            _logarithmic_x(ax, sorted(part[x].unique()))
    for ax in axes.flat[len(parts) :]:
        ax.remove()
    for ax in axes[-1]:
        ax.set_xlabel(xlabel or x)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel or y)
    _legend_below(fig, axes[0, 0])
    return fig


def _subplots(height, rows=1, columns=1, width=WIDTH, **kwargs):
    """Figure and axes, as of `plt.subplots`, of a figure that pyplot has let go."""
    fig = plt.figure(figsize=(width, height + 0.25 * bool(_stamp)), layout="constrained")
    plt.close(fig)
    if _stamp:
        fig.suptitle(_stamp, x=0.01, ha="left", fontsize=9, style="italic", color="#b00000")
    return fig, fig.subplots(rows, columns, **kwargs)


def _looks(names, known):
    """Known names look as they always do; the others take what is left, in turn."""
    used = known.values() if set(names) & set(known) else ()
    spare = cycle([look for look in LOOKS if look not in used] or LOOKS)
    return {name: known[name] if name in known else next(spare) for name in names}


def _level_line(ax, level):
    ax.axhline(level, color="0.3", linestyle=(0, (6, 4)), linewidth=1, zorder=1)


def _logarithmic_x(ax, ticks):
    """A logarithmic x axis that is labeled at these values and nowhere else."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:,g}" if tick < 1e4 else f"{tick:,.0f}" for tick in ticks])
    ax.set_xticks([], minor=True)


def _project(Z, most):
    """Coordinates to draw, at most this many, and the labels of their axes."""
    if Z.shape[1] <= most:
        return Z, [f"$z_{k}$" if Z.shape[1] > 1 else "$z$" for k in range(1, Z.shape[1] + 1)]
    pca = PCA(most, svd_solver="full").fit(Z)
    shares = 100 * pca.explained_variance_ratio_
    return pca.transform(Z), [f"PC {k} ({share:.0f} %)" for k, share in enumerate(shares, 1)]


def _subset(n, max_points, random_state):
    if not isinstance(max_points, int | np.integer) or max_points < 1:
        raise ValueError(f"max_points is {max_points!r}; allowed are integers of at least 1")
    return np.random.default_rng(random_state).permutation(n)[:max_points]


def _class_colors(classes):
    """Class k has colour k; beyond ten classes there is no palette, but a colour map."""
    if classes[-1] < len(CLASS_COLORS):
        return {label: CLASS_COLORS[label] for label in classes}
    if len(classes) <= len(CLASS_COLORS):
        return dict(zip(classes, CLASS_COLORS, strict=False))
    spectrum = colormaps["turbo"](np.linspace(0, 1, len(classes)))
    return {label: tuple(color) for label, color in zip(classes, spectrum, strict=True)}


def _class_legend(fig, colors, names):
    dots = [Line2D([], [], color=c, marker="o", linestyle="none") for c in colors.values()]
    columns = -(-len(names) // 20)
    fig.legend(dots, names, loc="outside right center", title="class", ncols=columns)


def _legend_below(fig, ax):
    handles, labels = ax.get_legend_handles_labels()
    columns = min(len(labels), 2 if max(map(len, labels)) > 18 else 4)
    fig.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=3)


def _check_numbers(name, values, shape):
    """As an array of finite numbers of this shape, in which None stands for any length."""
    try:
        values = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal length; it must be one array") from None
    lengths = zip(values.shape, shape, strict=False)
    if values.ndim != len(shape) or any(n < 1 or n != (m or n) for n, m in lengths):
        required = f"({', '.join(str(m or 'any') for m in shape)})"
        raise ValueError(f"{name} has shape {values.shape}; it must have shape {required}")
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN, infinity or no numbers; it must be finite numbers")
    return values


def _check_positive(name, values):
    """Raise a ValueError unless they are finite numbers above 0, one-dimensional."""
    if _check_numbers(name, values, (None,)).min() <= 0:
        raise ValueError(f"{name} must be above 0 to be drawn on a logarithmic axis")


def _check_integers(name, values, shape, n):
    values = _check_numbers(name, values, shape)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= n:
        raise ValueError(
            f"{name} is {values.dtype} from {values.min()} to {values.max()}; "
            f"allowed are integers from 0 to {n - 1}"
        )
    return values


def _check_points(Z, labels, class_names):
    """Z and labels as arrays, the colours of the classes by label, and their names."""
    Z = _check_numbers("Z", Z, (None, None))
    most = len(class_names) or np.iinfo(np.int64).max
    labels = _check_integers("labels", labels, (len(Z),), most)
    classes = np.unique(labels).tolist()
    names = [class_names[label] if len(class_names) else str(label) for label in classes]
    return Z, labels, _class_colors(classes), names


def _check_images(images):
    """Floats of shape (rows, columns, H, W, C)."""
    try:
        images = np.asarray(images)
    except ValueError:
        raise ValueError("images has images of unequal shape; they must have one") from None
    color = images.ndim == 5 and images.shape[-1] in (1, 3)
    if not (images.ndim == 4 or color) or images.size == 0:
        raise ValueError(
            f"images has shape {images.shape}; it must have shape (rows, columns, H, W) or "
            "(rows, columns, H, W, C) with C = 1 or 3"
        )
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    elif images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"images has dtype {images.dtype} and values from {images.min()} to {images.max()}; "
            "allowed are uint8, and floats from 0 to 1"
        )
    return images if color else images[..., np.newaxis]


def _check_columns(name, table, columns):
    missing = [column for column in columns if column not in table]
    if missing or len(table) == 0:
        raise ValueError(
            f"{name} has {len(table)} rows of {list(table)}; "
            f"it must have at least one row, of {columns}"
        )

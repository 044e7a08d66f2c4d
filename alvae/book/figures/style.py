"""How the figures of the book look: sizes, colors, legends.

Classes, spaces and strategies keep their colors from figure to figure; all of these are told apart
without red and green.
"""

from itertools import count

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from alvae._checks import check_choice

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

# Class k has color k: the ten colors of Petroff (arXiv:2107.02270), in an order that keeps the
# digits 0, 3, 9, then 7, then 2, farthest apart for every kind of color vision.
CLASS_COLORS = (
    "#3f90da", "#e76300", "#832db6", "#ffa90e", "#a96b59",
    "#717581", "#b9ac70", "#92dadd", "#94a4a2", "#bd1f01",
)  # fmt: skip


def look_of(color, linestyle, marker):
    return {"color": color, "linestyle": linestyle, "marker": marker}


LATENT, INPUT = look_of("#0072b2", "-", "o"), look_of("#d55e00", "--", "s")
CORESET, UNIFORM = look_of("#332288", "-", "o"), look_of("#e69f00", "--", "s")
KCENTER, ENTROPY = look_of("#555555", "-.", "^"), look_of("#4fa8d8", ":", "D")
# Of what has no name below. Color, and line and marker, are of one alone: for print in gray, too.
LOOKS = (
    LATENT,
    INPUT,
    look_of("#332288", "-.", "v"),
    look_of("#e69f00", ":", "^"),
    look_of("#555555", "-", "P"),
    look_of("#4fa8d8", "--", "X"),
)
SPACES = {"latent": LATENT, "input": INPUT}
STRATEGIES = {
    "core-set": CORESET,
    "uniform": UNIFORM,
    "k-center": KCENTER,
    "entropy": ENTROPY,
    "ProbCover": look_of("#cc79a7", ":", "v"),
    "MaxHerding": look_of("#7a5c00", "--", "P"),
    "TypiClust": look_of("#009e73", ":", "X"),
    "medoids": look_of("#0072b2", "-.", "D"),
    "spectral": look_of("#d55e00", "-", "s"),
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
    check_choice("profile", profile, ("full", "smoke"))
    _stamp = STAMP if profile == "smoke" else ""
    rcParams.update(STYLE)


def subplots(height, rows=1, columns=1, width=WIDTH, **kwargs):
    """Figure and axes, as of `plt.subplots`, of a figure that pyplot has let go."""
    fig = plt.figure(figsize=(width, height + 0.25 * bool(_stamp)), layout="constrained")
    plt.close(fig)
    if _stamp:
        fig.suptitle(_stamp, x=0.01, ha="left", fontsize=9, style="italic", color="#b00000")
    return fig, fig.subplots(rows, columns, **kwargs)


def looks_of(names, known):
    """Known names look as they always do; the others take what is left, in turn."""
    used = [known[name] for name in names if name in known]
    spare = _laps([look for look in LOOKS if not any(_alike(look, one) for one in used)] or LOOKS)
    return {name: known[name] if name in known else next(spare) for name in names}


def _laps(looks):
    """The looks, and then again, each color with the line and marker of another."""
    for lap in count():
        for k, look in enumerate(looks):
            yield look | {"color": looks[(k + lap) % len(looks)]["color"]}


def _alike(a, b):
    return a["color"] == b["color"] or (a["linestyle"], a["marker"]) == (
        b["linestyle"],
        b["marker"],
    )


def level_line(ax, level):
    ax.axhline(level, color="0.3", linestyle=(0, (6, 4)), linewidth=1, zorder=1)


def logarithmic_x(ax, ticks, apart=1.0):
    """A logarithmic x axis with ticks at these ascending values and nowhere else.

    A tick has no number where it is less than `apart` times the last that has one.
    """
    ax.set_xscale("log")
    labels, last = [], 0
    for tick in ticks:
        clear = tick >= apart * last
        labels.append((f"{tick:,g}" if tick < 1e4 else f"{tick:,.0f}") if clear else "")
        last = tick if clear else last
    ax.set_xticks(ticks, labels)
    ax.set_xticks([], minor=True)


def class_colors(classes):
    """Class k has color k; beyond ten classes there is no palette, but a color map."""
    if classes[-1] < len(CLASS_COLORS):
        return {label: CLASS_COLORS[label] for label in classes}
    if len(classes) <= len(CLASS_COLORS):
        return dict(zip(classes, CLASS_COLORS, strict=False))
    spectrum = colormaps["turbo"](np.linspace(0, 1, len(classes)))
    return {label: tuple(color) for label, color in zip(classes, spectrum, strict=True)}


def class_legend(fig, colors, names):
    dots = [Line2D([], [], color=c, marker="o", linestyle="none") for c in colors.values()]
    columns = -(-len(names) // 20)
    fig.legend(dots, names, loc="outside right center", title="class", ncols=columns)


def legend_below(fig, ax):
    handles, labels = ax.get_legend_handles_labels()
    columns = min(len(labels), 2 if max(map(len, labels)) > 18 else 4)
    fig.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=3)

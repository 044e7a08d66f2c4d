"""Forest plots: estimates with their intervals, one below the other, beside what was claimed."""

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from alvae.book.figures.checks import check_columns, check_numbers
from alvae.book.figures.style import subplots

VERDICTS = {
    "holds": {"color": "#0072b2", "marker": "o"},
    "undecided": {"color": "#555555", "marker": "s", "markerfacecolor": "white"},
    "does not hold": {"color": "#d55e00", "marker": "D"},
}
SIDES = {
    "at least": "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
    "at most": "\N{BLACK LEFT-POINTING SMALL TRIANGLE}",
}
ROW, HEAD = 0.3, 0.55  # inches


def forest(table, xlabels, ratios=()):
    """Draw estimates with their intervals, and what each was claimed to reach.

    Parameters
    ----------
    table : DataFrame
        `short`, the name of a row; `group`, its panel; `theirs`, what was claimed, and `rule`, "at
        least" or "at most", on which side of it; `ours`, `low`, `high`; and `verdict`, one of
        "holds", "undecided" and "does not hold".
    xlabels : dict of str to str
        The panels, from the top, and what is along the axis of each.
    ratios : collection of str, default=()
        The panels whose axis is logarithmic, in powers of two.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or not finite, a group has no panel or a panel no row.
    """
    numbers = "theirs", "ours", "low", "high"
    check_columns("table", table, ["short", "group", "rule", "verdict", *numbers])
    for column in numbers:
        check_numbers(f"table[{column!r}]", table[column], (None,))
    if set(xlabels) != set(table["group"]):
        raise ValueError(f"xlabels has {[*xlabels]}; it must have {sorted(set(table['group']))}")
    parts = {name: table[table["group"] == name] for name in xlabels}
    heights = [HEAD + ROW * len(part) for part in parts.values()]
    fig, axes = subplots(
        sum(heights) + 0.4, len(parts), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for ax, (name, part) in zip(axes[:, 0], parts.items(), strict=True):
        for y, row in enumerate(part.itertuples()):
            look = VERDICTS[row.verdict]
            ax.plot([row.low, row.high], [y, y], color=look["color"], solid_capstyle="butt")
            ax.plot(row.ours, y, linestyle="none", **look)
            ax.plot(row.theirs, y, "k|", markersize=13, markeredgewidth=1.5)
            ax.annotate(
                SIDES[row.rule], (row.theirs, y), (4 if row.rule == "at least" else -4, 0),
                textcoords="offset points", ha="left" if row.rule == "at least" else "right",
                va="center", fontsize=9, color="0.5", zorder=1,
            )  # fmt: skip
        ax.set_yticks(range(len(part)), part["short"])
        ax.set_ylim(len(part) - 0.4, -0.6)
        ax.grid(False, axis="y")
        ax.set_xlabel(xlabels[name])
        if name in ratios:
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_locator(LogLocator(base=2, numticks=12))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(_power_of_two))
    shown = [name for name in VERDICTS if name in set(table["verdict"])]
    handles = [axes[0, 0].plot([], [], linestyle="none", **VERDICTS[name])[0] for name in shown]
    handles += axes[0, 0].plot([], [], "k|", markersize=13, markeredgewidth=1.5)
    fig.legend(handles, [*shown, "the paper"], loc="outside lower center", ncols=len(handles))
    return fig


def _power_of_two(x, _):
    """For a tick: 1/4 rather than 0.25."""
    return f"{x:g}" if x >= 1 else f"1/{1 / x:g}"

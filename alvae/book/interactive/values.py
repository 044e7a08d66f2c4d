"""The values behind the points of a figure, for those who point at them."""

from matplotlib import rcParams

from alvae.book.figures.checks import check_columns, check_numbers
from alvae.book.interactive.element import Element


def values(fig, table, x, y, names, spread=None, panel=None):
    """Let the figure before this say what the points are that its table holds.

    Parameters
    ----------
    fig : Figure
        As the cell before shows it; it has a point for each row of the table, in its one panel.
        Rows outside of it are left out.
    table : DataFrame
    x, y : str
        The columns of the axes.
    names : list of str
        Columns that say which curve a point belongs to.
    spread : str, default=None
        A column of what stands after ± in the text.
    panel : str, default=None
        A column that holds the title of the panel of each row. None: all panels show all rows.

    Returns
    -------
    Element

    Raises
    ------
    ValueError
        If a column is missing, or x or y are not finite numbers.
    """
    columns = [x, y, *names, *([spread] if spread else []), *([panel] if panel else [])]
    check_columns("table", table, columns)
    for column in (x, y):
        check_numbers(f"table[{column!r}]", table[column], (None,))
    left, bottom, width, height = _shown(fig)
    points, curve = [], -1
    for ax in fig.axes:
        rows = table if panel is None else table[table[panel] == ax.get_title()]
        for name, line in rows.groupby(names, sort=False):
            inside = [
                row for _, row in line.sort_values(x).iterrows() if _inside(ax, row[x], row[y])
            ]
            curve += bool(inside)
            for row in inside:
                right, up = ax.transData.transform((row[x], row[y])) / fig.dpi
                text = [", ".join(map(str, name)), f"{x} {row[x]:g}", f"{y} {row[y]:.4f}"]
                if panel is not None:
                    text.insert(0, ax.get_title())
                if spread is not None and row[spread] == row[spread]:  # of one trial there is none
                    text[-1] += f" \N{PLUS-MINUS SIGN} {row[spread]:.4f}"
                place = {"x": (right - left) / width, "y": 1 - (up - bottom) / height}
                points.append({"curve": curve, "text": text, **place})
    return Element("values", {"points": points}, f"The values of {len(points)} points", False)


def _shown(fig):
    """The part of a figure that a notebook shows, in inches: it trims the margin."""
    fig.draw_without_rendering()
    box = fig.get_tightbbox().padded(rcParams["savefig.pad_inches"])
    return box.x0, box.y0, box.width, box.height


def _inside(ax, x, y):
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    return left <= x <= right and bottom <= y <= top

"""What a notebook hands to its prose: values and tables.

No cell of a page that only reads tables loads torch: nothing here does.
"""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

RECORDED = {"alvae": "recorded"}  # metadata of the outputs of `record`


def record(**values):
    """Keep values for the prose of a page, which cites them as ``{glue:text}`name:.2f` ``.

    In the notebook itself they are shown below the cell; a page leaves that output out.

    Parameters
    ----------
    **values : scalar, str, or list
        NumPy scalars become Python numbers, and a list becomes text such as "0, 3 and 9".
    """
    from IPython.display import publish_display_data
    from myst_nb import glue

    for name, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        value = listing(value) if isinstance(value, list | tuple) else value
        glue(name, value, display=False)
        publish_display_data({"text/plain": f"{name} = {value}"}, RECORDED)


def finding(statement, holds, study=None):
    """Make sure that the data say what a page says.

    Parameters
    ----------
    statement : str
        As in "it does not hold that ...".
    holds : bool
    study : Experiment, default=None
        What the page runs. With other parameters than those of the book things may come out
        otherwise, and the page then says so.

    Raises
    ------
    AssertionError
        It does not hold, where the book says it.
    """
    from alvae.book.experiment import is_of_the_book

    if not holds and (study is None or is_of_the_book(study)):
        raise AssertionError(f"the page says, and the data do not, that {statement}")
    if not holds:
        print(f"With these parameters it does not hold that {statement}.")


def table(frame, caption, name, decimals=3):
    """A table of the book, with a caption and a number, from a DataFrame.

    Parameters
    ----------
    frame : DataFrame
        The index is not shown; a missing value is shown as a dash.
    caption : str
        May hold Markdown.
    name : str
        What ``{numref}`` cites it by.
    decimals : int, default=3
        Of the floats.

    Returns
    -------
    IPython.display.Markdown
        In a cell with the metadata ``{"mystnb": {"markdown_format": "myst"}}``.
    """
    from IPython.display import Markdown

    def text(value):
        if pd.isna(value):
            return "–"
        if isinstance(value, float):
            return f"{value:.{decimals}f}"
        return str(value).replace("<", "&lt;").replace("|", r"\|")  # names are not HTML

    align = ["right" if is_numeric_dtype(dtype) else "left" for dtype in frame.dtypes]
    rows = (
        frame.astype(object)
        .map(text)
        .to_markdown(index=False, disable_numparse=True, colalign=align)
    )
    return Markdown(f":::{{table}} {caption}\n:name: {name}\n\n{rows}\n:::")


def listing(items):
    """Items as prose: "0, 3 and 9"."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def brief(items, most=3):
    """The first items as prose, and how many more there are: "a, b, c and 4 more"."""
    more = len(items) - most
    return listing([*items[:most], f"{more} more"] if more > 0 else items)

"""A picture to look into: data, a style sheet and one script, in the output of a cell.

Nothing is fetched: a page that holds it works without a network, and so does a live notebook.
"""

import base64
import hashlib
import html
import json

import numpy as np
from matplotlib.colors import to_hex

from alvae.book import INTERACTIVE

LARGEST = 32767  # of an integer of 16 bits


class Element:
    """What a cell shows as a picture to look into.

    On a page of the book it takes the place of the image of the figure before it, under the same
    number and caption; that image stays what is printed, and what readers without scripts see.

    Parameters
    ----------
    picture : str
        Name of a script in this folder, without its ending.
    data : dict
        What the script draws; JSON.
    about : str
        What a text-only reader of a notebook sees.
    replaces : bool, default=True
        False: the image stays, and the script draws over it.
    """

    def __init__(self, picture, data, about, replaces=True):
        self.picture = picture
        self.data = data
        self.about = about
        self.replaces = replaces

    def __repr__(self):
        return f"<{self.about}>"

    def _repr_html_(self):
        data = json.dumps(self.data, ensure_ascii=False, sort_keys=True, allow_nan=False)
        data = data.replace("<", "\\u003c")  # no end of the script in the middle of it
        style, *scripts = (
            (INTERACTIVE / name).read_text(encoding="utf-8")
            for name in ("shared.css", "shared.js", f"{self.picture}.js")
        )
        # The same each time, and another for each picture.
        name = f"{self.picture}-{hashlib.sha256(data.encode()).hexdigest()[:8]}"
        options = json.dumps({"replaces": self.replaces})
        code = "\n".join(['"use strict";', *scripts, f'start("{name}", {options});'])
        return (
            f'<div class="alvae-interactive" id="{name}" role="group" '
            f'aria-label="{html.escape(self.about)}" hidden></div>\n'
            f"<style>\n{style}</style>\n"
            f'<script type="application/json" id="{name}-data">{data}</script>\n'
            f"<script>\n(() => {{\n{code}\n}})();\n</script>"
        )


def in_classes(labels, colors, names):
    """What a script needs to know of the classes of points.

    Parameters
    ----------
    labels : ndarray of int
    colors : dict of int to color
        By label, in order.
    names : list of str
        In the same order.

    Returns
    -------
    dict
        `labels` as places among the classes, `classes`, their names, and `colors`.
    """
    return {
        "labels": packed(np.searchsorted(list(colors), labels), "u2"),
        "classes": names,
        "colors": [to_hex(color) for color in colors.values()],
    }


def plain(titles):
    """Titles of axes without the marks of LaTeX."""
    return [title.replace("$", "").replace("_", "") for title in titles]


def quantized(shares):
    """Numbers from -1 to 1 as integers of 16 bits, in base64; those outside are at the ends."""
    return packed(np.rint(np.clip(shares, -1, 1) * LARGEST), "i2")


def packed(values, dtype):
    """Numbers as little-endian bytes in base64, a third of what they would take as digits."""
    return base64.b64encode(values.astype(f"<{dtype}").tobytes()).decode()

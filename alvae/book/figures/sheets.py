"""A sheet of the images that strategies pick."""

import numpy as np
from matplotlib.patches import Rectangle

from alvae.book.cells import listing
from alvae.book.figures.checks import check_chosen, check_integers
from alvae.book.figures.points import check_classes
from alvae.book.figures.style import WIDTH, subplots
from alvae.pools import as_floats, check_images

MISSED = "#b00000"
UNDER, GAP = 0.38, 0.15  # room for the number under an image, and between strategies, in images


def picks(images, labels, chosen, clusters, columns=10, class_names=()):
    """Draw the images that strategies chose, framed in the colors of their classes.

    Below each image stands the number of its cluster; the images of a strategy come by class and
    then by cluster. Beside them stands which classes have none.

    Parameters
    ----------
    images : array of shape (n, H, W) or (n, H, W, C)
        The pool: uint8, or floats in [0, 1]; C is 1 or 3.
    labels : array-like of int, shape (n,)
        The class of each image.
    chosen : dict of str to array-like of int
        Indices of images, by the name of the strategy.
    clusters : array-like of int, shape (n,)
        The cluster of each image, from 0; they are counted from 1 in the figure.
    columns : int, default=10
        Images in a row.
    class_names : sequence of str, default=()
        ``class_names[label]`` names a class. Empty: the labels themselves.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays do not fit together, or `chosen` is empty or holds other than indices.
    """
    images = check_images("images", images)
    labels, colors, names = check_classes(labels, len(images), class_names)
    clusters = check_integers("clusters", clusters, (len(images),), np.iinfo(np.int64).max)
    chosen = check_chosen(chosen, len(images))
    rows = sum(-(-len(indices) // columns) for indices in chosen.values())
    tall = rows * (1 + UNDER) + GAP * (len(chosen) - 1)
    fig, ax = subplots(0.62 * WIDTH / (columns + 1) * tall + 0.1)
    top = 0  # of the next strategy; downward
    for strategy, indices in chosen.items():
        indices = indices[np.lexsort((clusters[indices], labels[indices]))]
        for k, i in enumerate(indices):
            row, column = divmod(k, columns)
            x, y = column * 1.1, top + row * (1 + UNDER)
            image = as_floats(images[[i]])[0]
            image = image.squeeze(-1) if image.shape[2:] == (1,) else image
            ax.imshow(image, "gray", vmin=0, vmax=1, extent=(x, x + 1, y + 1, y))
            frame = {"fill": False, "edgecolor": colors[labels[i]], "linewidth": 2.2}
            ax.add_patch(Rectangle((x, y), 1, 1, **frame))
            ax.text(x + 0.5, y + 1.06, clusters[i] + 1, ha="center", va="top", fontsize=7)
        below = top + -(-len(indices) // columns) * (1 + UNDER)
        beside = {"y": (top + below - UNDER) / 2, "va": "center", "fontsize": 9}
        ax.text(-0.2, s=strategy, ha="right", **beside)
        classes = zip(colors, names, strict=True)
        missed = [name for label, name in classes if label not in labels[indices]]
        if missed:
            text = f"no {listing(missed)}"
            ax.text(columns * 1.1, s=text, color=MISSED, weight="bold", **beside)
        top = below + GAP
    ax.set(xlim=(-0.05, columns * 1.1 - 0.05), ylim=(top - GAP, -0.05), aspect="equal")
    ax.set_axis_off()
    return fig

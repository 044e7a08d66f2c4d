"""The latent space as a cloud of points to turn, each of which shows its image."""

import numpy as np

from alvae._checks import check_integer
from alvae.book.figures.checks import check_integers, check_numbers
from alvae.book.figures.points import check_points, projection
from alvae.book.interactive.element import Element, in_classes, plain, quantized
from alvae.book.interactive.sheets import data_uri, sprite_sheet
from alvae.pools import check_images


def point_cloud(
    Z, labels, images, chosen=(), centers=None, max_points=3000, random_state=0, class_names=()
):
    """Points of a latent space to rotate and to zoom; the one pointed at shows its image.

    Of more than three dimensions the first three principal components are shown.

    Parameters
    ----------
    Z : array-like of shape (n, d)
        The points; finite.
    labels : array-like of int, shape (n,)
        The class of each point.
    images : array of shape (n, H, W) or (n, H, W, C)
        uint8; shown in 16 shades of gray, or in color, and at most 32 pixels wide.
    chosen : array-like of int, default=()
        Indices of points that are drawn large, on top.
    centers : array-like of shape (k, d), default=None
        Centers of clusters, drawn as crosses.
    max_points : int, default=3000
        Of more, a random subset is shown, beside the chosen ones.
    random_state : int, default=0
        Seed of the subset.
    class_names : sequence of str, default=()
        ``class_names[label]`` stands in the legend. Empty: the labels themselves.

    Returns
    -------
    Element

    Raises
    ------
    ValueError
        If the arrays do not fit together, `chosen` holds other than indices into Z, or
        `max_points` is less than 1.
    """
    Z, labels, colors, names = check_points(Z, labels, class_names)
    images = check_images("images", images)
    if len(images) != len(Z) or images.dtype != np.uint8:
        given = f"{len(images)} images of {images.dtype}"
        raise ValueError(f"images has {given}; it must have {len(Z)} of uint8, one for each point")
    chosen = np.asarray(chosen, int) if len(chosen) == 0 else chosen
    if len(chosen):
        chosen = check_integers("chosen", chosen, (None,), len(Z))
    if centers is not None:
        centers = check_numbers("centers", centers, (None, Z.shape[1]))
    check_integer("max_points", max_points, 1)
    others = np.setdiff1d(np.arange(len(Z)), chosen)
    others = np.random.default_rng(random_state).permutation(others)
    shown = np.concatenate([chosen, others[: max(0, max_points - len(chosen))]])

    coordinates, axes = projection(Z, 3)
    P = _in_three(coordinates(Z))
    C = _in_three(coordinates(centers)) if centers is not None else np.empty((0, 3))
    low, high = P[shown].min(axis=0), P[shown].max(axis=0)
    # One scale for all axes: distances are what a latent space is about.
    middle, half = (low + high) / 2, max((high - low).max() / 2, 1e-9)

    def placed(points):
        return quantized((points - middle) / half)

    png, columns, tile = sprite_sheet(images[shown])
    data = {
        "n": len(shown),
        "n_chosen": len(chosen),
        "points": placed(P[shown]),
        "centers": placed(C),
        "middle": middle.tolist(),
        "half": float(half),
        "dimensions": min(Z.shape[1], 3),
        "axes": plain(axes),
        "sheet": data_uri(png),
        "columns": columns,
        "tile": tile,
    } | in_classes(labels[shown], colors, names)
    about = f"The latent space to look into: {len(shown)} points of {len(names)} classes"
    return Element("cloud", data, about)


def _in_three(P):
    return np.pad(P, [(0, 0), (0, 3 - P.shape[1])])

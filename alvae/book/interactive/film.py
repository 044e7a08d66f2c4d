"""Points that move, frame by frame, under a slider."""

import numpy as np

from alvae.book.figures.points import check_frames, projection
from alvae.book.interactive.element import Element, in_classes, plain, quantized


def film(frames, labels, titles, class_names=()):
    """The same points at several times, with a slider for the time.

    Parameters and errors are those of the figure, `alvae.book.figures.film`.

    Returns
    -------
    Element
    """
    frames, labels, colors, names = check_frames(frames, labels, titles, class_names)
    coordinates, axes = projection(frames[-1], 2)
    P = np.array([coordinates(frame) for frame in frames])
    P = np.pad(P, [(0, 0), (0, 0), (0, 2 - P.shape[2])])
    low, high = P.min(axis=(0, 1)), P.max(axis=(0, 1))
    half = max((high - low).max() / 2, 1e-9)
    data = {
        "frames": quantized((P - (low + high) / 2) / half),
        "titles": list(titles),
        "axes": plain(axes),
    } | in_classes(labels, colors, names)
    about = f"{len(titles)} times to look into, from {titles[0]} to {titles[-1]}"
    return Element("film", data, about)

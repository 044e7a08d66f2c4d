"""Figures of points and of images."""

import numpy as np
from matplotlib import rcParams
from sklearn.decomposition import PCA

from alvae._checks import check_integer
from alvae.book.figures.checks import check_chosen, check_integers, check_numbers
from alvae.book.figures.style import WIDTH, class_colors, class_legend, subplots
from alvae.pools import as_floats, check_images


def latent_space(Z, labels, max_points=4000, random_state=0, class_names=()):
    """Draw points of a latent space, colored by class.

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
    Z, labels, colors, names = check_points(Z, labels, class_names)
    shown = _subset(len(Z), max_points, random_state)
    coordinates, axis_labels = projection(Z, 3)
    P = coordinates(Z)
    if P.shape[1] == 1:
        fig, ax = subplots(4.0)
        edges = np.histogram_bin_edges(P, bins=60)
        for label, color in colors.items():
            ax.hist(P[labels == label, 0], edges, color=color, alpha=0.4, histtype="stepfilled")
            ax.hist(P[labels == label, 0], edges, color=color, histtype="step", linewidth=1.4)
        ax.set(xlabel=axis_labels[0], ylabel="images")
    else:
        dots = {"c": [colors[label] for label in labels[shown]], "linewidths": 0}
        if P.shape[1] == 2:
            fig, ax = subplots(5.0)
            ax.scatter(*P[shown].T, s=9, alpha=0.7, **dots)
            ax.set(xlabel=axis_labels[0], ylabel=axis_labels[1])
            ax.set_aspect("equal", "datalim")
        else:
            fig, ax = subplots(4.8, subplot_kw={"projection": "3d"})
            ax.scatter(*P[shown].T, s=9, alpha=0.6, depthshade=False, **dots)
            ax.set(xlabel=axis_labels[0], ylabel=axis_labels[1], zlabel=axis_labels[2])
            ax.locator_params(nbins=5)
            ax.set_box_aspect((1, 1, 0.85), zoom=1.1)
    class_legend(fig, colors, names)
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
    images = np.asarray(images)
    if images.ndim not in (4, 5):
        raise ValueError(
            f"images has shape {images.shape}; it must have shape (rows, columns, H, W) or "
            "(rows, columns, H, W, C)"
        )
    rows, columns, height, width = images.shape[:4]
    flat = check_images("images", images.reshape(rows * columns, *images.shape[2:]))
    images = as_floats(flat).reshape(rows, columns, height, width, -1)
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
    fig, ax = subplots(tall, width=inches)
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


def selections(Z, labels, chosen, max_points=4000, random_state=0, class_names=()):
    """Draw the points that strategies chose, over the pool; a panel for each strategy.

    The pool is faint dots, the chosen points are large and edged in black, both colored by class.
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
    Z, labels, colors, names = check_points(Z, labels, class_names)
    chosen = check_chosen(chosen, len(Z))
    shown = _subset(len(Z), max_points, random_state)
    coordinates, axis_labels = projection(Z, 2)
    P = coordinates(Z)
    if P.shape[1] == 1:
        rank = np.searchsorted(list(colors), labels)
        P = np.column_stack([P, rank + np.random.default_rng(0).uniform(-0.3, 0.3, len(P))])
        axis_labels = [*axis_labels, "class"]

    columns = min(len(chosen), 3 if len(chosen) != 4 else 2)
    rows = -(-len(chosen) // columns)
    side = min(WIDTH / columns, 4.0)
    grid = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = subplots(1.1 * rows * side, rows, columns, **grid)
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
    class_legend(fig, colors, names)
    return fig


def film(frames, labels, titles, class_names=()):
    """Draw the same points at several times, side by side.

    More than two dimensions are shown by the first two principal components of the last frame.

    Parameters
    ----------
    frames : array-like of shape (frames, n, d)
    labels : array-like of int, shape (n,)
        The class of each point.
    titles : list of str
        One for each frame.
    class_names : sequence of str, default=()
        ``class_names[label]`` stands in the legend. Empty: the labels themselves.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays do not fit together.
    """
    frames, labels, colors, names = check_frames(frames, labels, titles, class_names)
    coordinates, axis_labels = projection(frames[-1], 2)
    columns = min(len(frames), 3)
    rows = -(-len(frames) // columns)
    grid = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = subplots(2.1 * rows, rows, columns, **grid)
    dots = {"c": [colors[label] for label in labels], "s": 4, "alpha": 0.7, "linewidths": 0}
    for ax, frame, title in zip(axes.flat, frames, titles, strict=False):
        P = coordinates(frame)
        ax.scatter(P[:, 0], P[:, 1] if P.shape[1] > 1 else np.zeros(len(P)), **dots)
        ax.set(title=title, xlabel=axis_labels[0], ylabel=axis_labels[-1])
        ax.label_outer()
    for ax in axes.flat[len(frames) :]:
        ax.remove()
    class_legend(fig, colors, names)
    return fig


def check_frames(frames, labels, titles, class_names):
    """Frames and labels as arrays, the colors of the classes by label, and their names."""
    frames = check_numbers("frames", frames, (None, None, None))
    if len(titles) != len(frames):
        raise ValueError(f"titles has length {len(titles)}; it must have {len(frames)}, as frames")
    return frames, *check_points(frames[-1], labels, class_names)[1:]


def projection(Z, most):
    """From points to at most this many coordinates to draw, a function; labels of their axes."""
    if Z.shape[1] <= most:
        names = [f"$z_{k}$" if Z.shape[1] > 1 else "$z$" for k in range(1, Z.shape[1] + 1)]
        return np.asarray, names
    pca = PCA(most, svd_solver="full").fit(Z)
    shares = 100 * pca.explained_variance_ratio_
    return pca.transform, [f"PC {k} ({share:.0f}%)" for k, share in enumerate(shares, 1)]


def _subset(n, max_points, random_state):
    check_integer("max_points", max_points, 1)
    return np.random.default_rng(random_state).permutation(n)[:max_points]


def check_points(Z, labels, class_names):
    """Z and labels as arrays, the colors of the classes by label, and their names."""
    Z = check_numbers("Z", Z, (None, None))
    return Z, *check_classes(labels, len(Z), class_names)


def check_classes(labels, n, class_names):
    """Labels of n points as an array, the colors of the classes by label, and their names."""
    most = len(class_names) or np.iinfo(np.int64).max
    labels = check_integers("labels", labels, (n,), most)
    classes = np.unique(labels).tolist()
    names = [class_names[label] if len(class_names) else str(label) for label in classes]
    return labels, class_colors(classes), names

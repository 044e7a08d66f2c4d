"""Figures of what the filters of networks answer."""

import numpy as np

from alvae.book.figures.checks import check_numbers
from alvae.book.figures.style import subplots


def answers(activations):
    """Draw how strongly each filter answers to each image; a filter that never does is a white row.

    Parameters
    ----------
    activations : dict of str to array-like of shape (filters, images)
        For each panel, by its title, numbers of at least 0.

    Returns
    -------
    Figure
        Filters from the most active to the least; each answer is shown as the square root of its
        share of the strongest of the filter.

    Raises
    ------
    ValueError
        If there is no panel, or one holds no numbers of at least 0.
    """
    if not activations:
        raise ValueError("activations is empty; it must have a panel at least")
    fig, axes = subplots(3.6, 1, len(activations), sharey=True, squeeze=False)
    for ax, (title, strengths) in zip(axes[0], activations.items(), strict=True):
        strengths = check_numbers(f"activations[{title!r}]", strengths, (None, None))
        if strengths.min() < 0:
            raise ValueError(f"activations[{title!r}] has {strengths.min()}; allowed is 0 or more")
        largest = strengths.max(axis=1, keepdims=True)
        shares = np.divide(strengths, largest, out=np.zeros(strengths.shape), where=largest > 0)
        order = np.argsort(-shares.mean(axis=1), kind="stable")
        # The square root, so that weak answers are seen.
        look = {"aspect": "auto", "interpolation": "nearest", "vmin": 0, "vmax": 1}
        ax.imshow(shares[order] ** 0.5, "Blues", **look)
        ax.set(title=title, xlabel="image")
        ax.grid(False)
    axes[0][0].set_ylabel("filter")
    return fig

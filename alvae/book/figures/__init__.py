"""Every figure of the book, drawn from arrays and tidy tables; nothing is computed here.

Each function returns a matplotlib `Figure` that pyplot no longer holds, so that a notebook shows it
once: where it is the last expression of a cell.
"""

from alvae.book.figures.curves import (
    costs,
    functions,
    histogram_with_density,
    learning_curves,
    measures,
    panels,
    training_history,
)
from alvae.book.figures.filters import answers
from alvae.book.figures.forests import forest
from alvae.book.figures.points import film, image_rows, latent_space, selections
from alvae.book.figures.sheets import picks
from alvae.book.figures.style import use_style

__all__ = [
    "answers",
    "costs",
    "film",
    "forest",
    "functions",
    "histogram_with_density",
    "image_rows",
    "latent_space",
    "learning_curves",
    "measures",
    "panels",
    "picks",
    "selections",
    "training_history",
    "use_style",
]

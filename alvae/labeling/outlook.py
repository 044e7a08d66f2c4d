"""What accuracy to expect of predictions, and of more labels: or that it cannot be told."""

from typing import NamedTuple

import numpy as np

from alvae.accuracy import expected_accuracy
from alvae.labeling.labels import UNCLEAR
from alvae.labeling.wording import counted

MORE = 20  # labels of which the gain is told
PAYS = 0.005  # of accuracy, for so many labels
ENOUGH = 5  # labels of each class, from which on an estimate is worth something
OTHERS = 0.2  # share of labels of images that were not asked for, up to which one is made


class Outlook(NamedTuple):
    """What is said of it.

    Parameters
    ----------
    lines : list of str
        Sentences; none if all images are labeled.
    is_estimate : bool
        Whether they say what accuracy to expect, and not that it cannot be told.
    """

    lines: list
    is_estimate: bool


def outlook(project, known, classifier, graph, y, n):
    """What accuracy to expect, and what n more labels may add.

    It is told from how well the labels agree, which says nothing if somebody picked the images,
    such as the clearest ones, or all of a few classes.

    Parameters
    ----------
    project : Project
    known : dict of str to str
        Labels, by the names of images.
    classifier : PoissonMBO
    graph : NeighborGraph
    y : ndarray of shape (n,)
        Labels that it was fitted to, NaN where there is none.
    n : int

    Returns
    -------
    Outlook
    """
    if not np.isnan(y).any():
        return Outlook([], False)
    labeled = [name for name, label in known.items() if label != UNCLEAR]
    n_others = 0 if project.asked is None else len({*labeled} - {*project.asked})
    if n_others > OTHERS * len(labeled):
        of = f"{n_others:,} of {counted(len(labeled), 'label')}"
        are = f"{of} {'is of an image' if n_others == 1 else 'are of images'}"
        line = f"no accuracy can be told: {are} that select did not choose"
        return Outlook([line, "check some predictions that you draw at random"], False)
    expected = expected_accuracy(classifier, graph.X, y, more=n)
    accuracy, low, high = (f"{share:.0%}" for share in expected[:3])
    pays = expected.gain >= PAYS * n / MORE
    few = np.isfinite(y).sum() < ENOUGH * len(classifier.classes_)
    lines = [
        f"about {accuracy} of the labels that are predicted should be right; "
        f"the 90% interval goes from {low} to {high}",
        "this was learned from printed letters and signs; on other images it may be further off"
        + f", and with fewer than {ENOUGH} labels for each class too low" * bool(few),
        f"{counted(n, 'more label')} may add up to {100 * expected.gain:.1f} points"
        + ("" if pays else ": labeling more hardly pays any longer"),
    ]
    return Outlook(lines, True)

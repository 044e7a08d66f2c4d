"""What accuracy to expect of predictions, with an interval, when no label can be spared for a test.

A few labels, chosen for what they teach, are too few and too peculiar to measure an accuracy with.
But some of what they say of each other, and what the graph says of the predictions, goes with the
accuracy: how much of the pool half of the labels would label otherwise, how many of the labels in
the other half they find, how far two classifiers differ, how many edges run between classes. How it
does is learned from pools of which all labels are known: ``data/accuracies.csv``, which is about
letters and signs of printed fonts, as ``alvae/data/README.md`` says.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.utils.validation import check_is_fitted

from alvae._checks import check_integer, check_labels, check_points, shown
from alvae.classifiers import PoissonLearning, PoissonMBO

TABLE = Path(__file__).parent / "data" / "accuracies.csv"
SPLITS = 3  # of the labels into halves
COVERAGE = 0.9
LEAST = 0.05  # what is added to shares: of smaller ones one cannot tell which is smaller
FOLDS = 10


class Expectation(NamedTuple):
    """What to expect of a classifier.

    Parameters
    ----------
    accuracy : float
        On the points of the pool that have no label.
    low, high : float
        An interval in which it lies for nine pools in ten that are like those learned from.
    gain : float
        What more labels may add to it, as a share: an upper bound, below which most gains stay.
    """

    accuracy: float
    low: float
    high: float
    gain: float


def expected_accuracy(classifier, X, y, *, more=20):
    """What accuracy to expect on the unlabeled points of a pool.

    Labels must be few, and chosen by `select`, or by a strategy that spreads them as it does: in
    one batch or in several.

    What to expect was learned from small images of letters and signs of printed fonts: no
    handwriting, no digits, no things, no photographs. On clothes the interval held as often as it
    should. On handwritten digits with 20 labels or fewer it was often too low, and never too high;
    the book has the numbers, on its page about images of your own. On images unlike all of these
    it may be further off.

    Parameters
    ----------
    classifier : PoissonMBO
        With its default parameters, fitted to X and y.
    X : array-like of shape (n, d)
        The pool.
    y : array-like of shape (n,)
        Labels as numbers, NaN where unlabeled; of two classes or more.
    more : int, default=20
        How many more labels `gain` is about.

    Returns
    -------
    Expectation
        `accuracy`; `low` and `high`, the ends of an interval of 90%; and `gain`, what so many more
        labels may add to the accuracy: a share, as the others are, and an upper bound.

    Raises
    ------
    ValueError
        If the data are not usable, the classifier was not fitted to them or has other parameters,
        or no point is unlabeled.
    """
    if not isinstance(classifier, PoissonMBO):
        raise ValueError(f"classifier is {shown(classifier)}; it must be a PoissonMBO")
    check_is_fitted(classifier)
    own, usual = classifier.get_params(), PoissonMBO().get_params()
    if other := [name for name in own if not np.array_equal(own[name], usual[name])]:
        raise ValueError(
            f"classifier has {other[0]}={shown(own[other[0]])}; what to expect was learned with "
            f"{usual[other[0]]!r}"
        )
    check_integer("more", more, 1)
    graph, predicted, X = classifier._graph, classifier.transduction_, check_points("X", X)
    if len(graph.X) != len(X):
        raise ValueError(f"classifier was fitted to {len(graph.X)} points, and X has {len(X)}")
    if not np.array_equal(graph.X, X):
        raise ValueError("classifier was fitted to other points; it must be fitted to X and y")
    y = check_labels(y, len(graph.X))
    labeled = np.flatnonzero(~np.isnan(y))
    n_classes = len(np.unique(y[labeled]))
    if n_classes < 2:
        raise ValueError(f"y has {n_classes} classes; two or more are needed")
    if len(labeled) == len(y):
        raise ValueError("y labels all points; at least one must be NaN (unlabeled)")
    if (predicted[labeled] != y[labeled]).any():
        raise ValueError("classifier was fitted to other labels; it must be fitted to X and y")
    return expectation(evidence(predicted, graph, y), more)


def evidence(predicted, graph, y):
    """What can be seen without other labels.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        By PoissonMBO.
    graph : NeighborGraph
    y : ndarray of shape (n,)

    Returns
    -------
    dict of str to float
        "n_labels"; "found", the share of labels that the labels in the other half predict;
        "moved", the share of the pool that half of the labels label otherwise than all; "differ",
        the share on which PoissonLearning and PoissonMBO differ; "cut", the share of the weight of
        the graph between points of different classes.
    """
    labeled = np.flatnonzero(~np.isnan(y))
    by_all = _spread(graph, y, labeled)
    # In an order that is that of no table, the same points are split in the same way.
    labeled = labeled[np.lexsort(graph.X[labeled].T)]
    rng, found, moved = np.random.default_rng(0), [], []
    for _ in range(SPLITS):
        order = rng.permutation(labeled)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for half, other in (halves, halves[::-1]):
            by_half = _spread(graph, y, half)
            found.extend(by_half[other] == y[other])
            moved.append(np.mean(by_half != by_all))
    edges = graph.weights().tocoo()
    between = predicted[edges.row] != predicted[edges.col]
    return {
        "n_labels": len(labeled),
        "found": np.mean(found),
        "moved": np.mean(moved),
        "differ": np.mean(predicted != by_all),
        "cut": edges.data[between].sum() / edges.data.sum(),
    }


def _spread(graph, y, some):
    """The classes of all points, from some of the labels."""
    known = np.full(len(y), np.nan)
    known[some] = y[some]
    return PoissonLearning().fit(graph.X, known, prepared=graph).transduction_


def expectation(seen, more=20):
    """The Expectation from evidence, by what was learned from pools with known labels."""
    model = learned()
    seen = pd.DataFrame([seen])
    (error,) = model.error.predict(_signs(seen))
    (spread,) = np.exp(model.spread.predict(_doubts(seen)))
    ends = _share(error + spread * np.array([0, *model.ends]))
    (gain,) = model.gain.predict(_growth(seen, more))
    accuracy, high, low = (1 - ends).tolist()
    return Expectation(accuracy, low, high, float(np.clip(gain, 0, 1 - accuracy)))


class Learned(NamedTuple):
    """Models of the error, of how far it may be off, and of the gain."""

    error: LinearRegression
    spread: LinearRegression
    ends: np.ndarray
    gain: LinearRegression


@cache
def learned():
    """Learn from the table of known accuracies.

    The logit of the error is linear in the evidence. How far it is off is seen on pools that were
    left out, as a multiple of a spread, which depends on the number of labels and on the cut: the
    ends of the interval are quantiles of that. Each pool counts the same.

    Returns
    -------
    Learned
    """
    table = pd.read_csv(TABLE)
    signs, errors = _signs(table), _logit(1 - table["accuracy"])
    weights = 1 / table.groupby("pool")["pool"].transform("size")
    weighted = {"sample_weight": weights}
    left_out = cross_val_predict(
        LinearRegression(),
        signs,
        errors,
        groups=table["pool"],
        cv=GroupKFold(FOLDS),
        params=weighted,
    )
    off = (errors - left_out).to_numpy()
    spread = LinearRegression().fit(_doubts(table), np.log(np.abs(off) + LEAST), weights)
    off = off / np.exp(spread.predict(_doubts(table)))
    order = np.argsort(off)
    below = np.cumsum(weights.to_numpy()[order]) / weights.sum()
    ends = off[order][np.searchsorted(below, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])]
    then = table[table["more"] > 0]
    gain = LinearRegression(fit_intercept=False).fit(
        _growth(then, then["more"]),
        then["accuracy_then"] - then["accuracy"],
        weights[then.index],
    )
    return Learned(LinearRegression().fit(signs, errors, weights), spread, ends, gain)


def _signs(seen):
    n_found = seen["found"] * seen["n_labels"]
    missed = 1 - (n_found + 0.5) / (seen["n_labels"] + 1)  # never none, never all
    logs = (np.log(seen[name] + LEAST) for name in ("moved", "differ", "cut"))
    return np.column_stack([_logit(missed), *logs])


def _doubts(seen):
    """Why the error may be far off: few labels; no edges between classes to judge by."""
    return np.log(np.column_stack([seen["n_labels"], seen["cut"] + LEAST]))


def _growth(seen, more):
    """Of the logarithm of the number of labels, as far as they still move something."""
    return (seen["moved"] * np.log1p(more / seen["n_labels"])).to_numpy()[:, None]


def _logit(share):
    return np.log((share + LEAST) / (1 - share + LEAST))


def _share(logit):
    return ((1 + 2 * LEAST) / (1 + np.exp(-logit)) - LEAST).clip(0, 1)

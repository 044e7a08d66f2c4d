"""Classifiers for few labels, each fitted to a pool of which most labels are NaN.

`GridSearchSVC` is the paper's: an SVC whose kernel and C are chosen by cross-validation. It learns
from the labeled points alone. `PoissonLearning` and `GraphLabelSpreading` spread the labels over
the nearest-neighbor graph of the whole pool; `PoissonMBO` then moves the borders between classes to
where few edges cross them, within bounds on the sizes of classes.

A classifier that is listed here is found by the contract tests and the comparison.
"""

from alvae.classifiers.base import PoolClassifier, as_pool_classifier
from alvae.classifiers.graph import GraphLabelSpreading, PoissonLearning
from alvae.classifiers.mbo import PoissonMBO
from alvae.classifiers.svc import GridSearchSVC

__all__ = [
    "GraphLabelSpreading",
    "GridSearchSVC",
    "PoissonLearning",
    "PoissonMBO",
    "PoolClassifier",
    "as_pool_classifier",
]

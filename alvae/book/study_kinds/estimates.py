"""A study of the accuracy that the command expects, beside what it is."""

import numpy as np
import pandas as pd

from alvae._trial import acquire
from alvae.accuracy import expected_accuracy
from alvae.book.study_kinds._shared import fitted, latent_space
from alvae.classifiers import PoissonMBO
from alvae.queries import SpectralMedoids

MORE = 20  # labels that come after


def estimate_study(experiment, points, batches):
    """What `expected_accuracy` says of parts of a pool, and what the accuracy is.

    Each trial draws three classes or more, of equal size or, every other time, not, and a random
    number of images between the two of `points`. Labels are chosen as `select` does, in one batch
    or in up to so many `batches`, and then twenty more.
    """
    pool, rows = experiment.pool, []
    codes = latent_space(fitted(experiment), experiment)["latent"][0]
    for trial in range(experiment.n_trials):
        rng = np.random.default_rng([experiment.random_state, trial])
        equal = trial % 2 == 0
        some = _part(pool.labels, points, equal, rng)
        labels = pool.labels[some]
        drawn = {"n": len(some), "n_classes": len(np.unique(labels)), "equal": equal}
        for budget in experiment.budgets:
            how = {"budget": budget, "batches": int(rng.integers(1, batches + 1))}
            rows.append(how | drawn | _estimate(codes[some], labels, **how, rng=rng))
    return pd.DataFrame(rows)


def _part(labels, points, equal, rng):
    """Indices of random images of random classes."""
    classes = np.unique(labels)
    n, k = rng.integers(*points, endpoint=True), rng.integers(3, len(classes), endpoint=True)
    shares = np.full(k, 1 / k) if equal else 0.8 * rng.dirichlet(np.ones(k)) + 0.2 / k
    parts = []
    for label, share in zip(rng.choice(classes, k, replace=False), shares, strict=True):
        members = np.flatnonzero(labels == label)
        parts.append(rng.choice(members, min(round(share * n), len(members)), replace=False))
    return np.concatenate(parts)


def _estimate(X, labels, budget, batches, rng):
    strategy = SpectralMedoids(random_state=int(rng.integers(2**31)))
    graph = strategy.prepare(X)
    chosen = acquire(strategy, X, labels, budget, -(-budget // batches), prepared=graph)
    y = np.full(len(X), np.nan)
    y[chosen] = labels[chosen]

    def accuracy():
        classifier = PoissonMBO().fit(X, y, prepared=graph)
        return classifier, (classifier.transduction_ == labels)[np.isnan(y)].mean()

    classifier, before = accuracy()
    told = expected_accuracy(classifier, X, y, more=MORE)
    classes = len(np.unique(labels[chosen]))
    more = strategy.query(X, y, MORE, prepared=graph)
    y[more] = labels[more]
    return {
        "classes": classes,
        "pool_accuracy": before,
        "expected": told.accuracy,
        "low": told.low,
        "high": told.high,
        "gain": told.gain,
        "gained": accuracy()[1] - before,
    }

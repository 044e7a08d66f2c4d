"""Learning curves: how accurate a classifier is after how many labels, in which space, over trials.

A trial asks a query strategy for B points, trains a classifier on their labels and measures its
accuracy on the test set. :func:`learning_curves` repeats this for every space, strategy and budget
and gives a tidy table. What is done is kept in the store and never computed twice.
"""

import math
from functools import cache, partial
from itertools import chain, product
from time import perf_counter

import numpy as np
import pandas as pd
import scipy
import sklearn
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from alvae import store
from alvae._checks import check_integer
from alvae.classifiers import GridSearchSVC

CHUNK = 20  # trials at most that a worker runs between two reports


def fit_stored(vae, images):
    """Fit a VAE, or take it from the store if this very one was fitted to these images before.

    Parameters
    ----------
    vae : ConvVAE
        Unfitted; with a `random_state` of None it is fitted anew and not stored.
    images : array of shape (n, H, W) or (n, H, W, C)

    Returns
    -------
    ConvVAE
        Fitted.
    """
    if vae.random_state is None:
        return clone(vae).fit(images)
    import torch  # here, so that the workers of learning_curves do without it

    recipe = {
        "vae": vae.get_params(),
        "images": images,
        "source": store.source_digest("vae"),
        "torch": torch.__version__,
    }
    return store.fetch(
        "vae",
        recipe,
        ".pt",
        make=lambda: clone(vae).fit(images),
        save=lambda fitted, path: fitted.save(path),
        load=type(vae).load,
    )


def both_spaces(pool, vae):
    """Pool and test images in the input space and in the latent space of a fitted VAE.

    Parameters
    ----------
    pool : Pool
    vae : ConvVAE

    Returns
    -------
    dict
        "input": pixels in [0, 1], "latent": posterior means; each a pair of float32 arrays of
        shapes (n, D) and (n_test, D), or (n, d) and (n_test, d).
    """
    latent = vae.transform(pool.images), vae.transform(pool.test_images)
    return {"input": pool.flatten(), "latent": latent}


def acquire(strategy, X, oracle, budget, batch_size=None, **prepared):
    """Indices of `budget` points, asked for at once or a few at a time.

    Parameters
    ----------
    strategy : QueryStrategy
    X : array of shape (n, d)
    oracle : array of shape (n,)
        The label of every point. A strategy sees those of the points that it has chosen.
    budget : int
        Number of labels B.
    batch_size : int, default=None
        Labels per query. None: all in one query, at a cold start.
    **prepared
        What `strategy.prepare(X)` returned.

    Returns
    -------
    ndarray of shape (budget,)
        Distinct indices into X, in the order in which they were chosen.
    """
    y = np.full(len(X), np.nan)
    chosen = np.empty(0, dtype=np.int64)
    while len(chosen) < budget:
        n = min(batch_size or budget, budget - len(chosen))
        new = strategy.query(X, y, batch_size=n, **prepared)
        y[new] = oracle[new]
        chosen = np.append(chosen, new)
    return chosen


def learning_curves(
    spaces,
    labels,
    test_labels,
    strategies,
    budgets,
    n_trials=500,
    batch_size=None,
    classifier=None,
    random_state=0,
    n_jobs=-1,
):
    """Accuracy on the test set for every space, strategy, budget and trial.

    Trial t at budget B has the same seed in every space and for every strategy, so that
    differences between these are paired. Work that queries on the same pool can share, such as the
    clusters of `KMeansCoreset`, is done once per space. The numbers do not depend on `n_jobs`.

    Parameters
    ----------
    spaces : dict of str to (X, X_test)
        Arrays of shapes (n, d) and (n_test, d) for each space, as `both_spaces` gives them.
    labels : array of shape (n,)
        Labels of the pool: what the oracle answers.
    test_labels : array of shape (n_test,)
        Used for the accuracy and for nothing else.
    strategies : dict of str to QueryStrategy
    budgets : list of int
        Numbers of labels B, each from 1 to n.
    n_trials : int, default=500
    batch_size : int, default=None
        Labels per query; None asks for all at once (see `acquire`).
    classifier : classifier, default=None
        None: `GridSearchSVC()`.
    random_state : int, default=0
        Seed of everything.
    n_jobs : int, default=-1
        Workers; -1 is one per core.

    Returns
    -------
    pandas.DataFrame
        A row per trial: `space`, `strategy`, `budget`, `trial`, `accuracy`, the chosen `kernel` and
        `C`, `query_seconds` (the choice of the points) and `seconds` (the whole trial).

    Raises
    ------
    ValueError
        If a parameter is out of range or arrays do not fit together.
    """
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    classifier = GridSearchSVC() if classifier is None else classifier
    _check(spaces, labels, test_labels, strategies, budgets, n_trials, batch_size, random_state)
    conditions = {
        "n_trials": n_trials,
        "batch_size": batch_size,
        "classifier": _description(classifier),
        "random_state": random_state,
        "labels": store.readable(labels),
        "test_labels": store.readable(test_labels),
        "source": store.source_digest("queries", "classifiers", "trials"),
        "versions": [np.__version__, scipy.__version__, sklearn.__version__],
    }
    spaces = {
        # The classifier computes in double precision: the test points are converted once.
        space: (np.ascontiguousarray(X), np.ascontiguousarray(X_test, dtype=np.float64))
        for space, (X, X_test) in spaces.items()
    }
    digests = {space: [store.readable(X) for X in pair] for space, pair in spaces.items()}
    parts = []
    n_points = len(spaces) * len(strategies) * len(budgets)
    bar = tqdm(total=n_points, desc="Learning curves", unit="point")
    with Parallel(n_jobs=n_jobs) as parallel, bar:
        for (space, (X, X_test)), name in product(spaces.items(), strategies):
            strategy = clone(strategies[name]).set_params(random_state=None)
            seeded = clone(strategy).set_params(random_state=_seed(random_state, 0))
            prepare = cache(partial(seeded.prepare, X))  # once, and only where it is needed
            trial = partial(
                _run_trial,
                X=X,
                labels=labels,
                X_test=X_test,
                test_labels=test_labels,
                strategy=strategy,
                batch_size=batch_size,
                classifier=classifier,
                random_state=random_state,
            )
            data = {"X": digests[space][0], "X_test": digests[space][1]}
            data["strategy"] = _description(strategy)
            for budget in sorted(budgets):
                part = store.fetch(
                    "trials",
                    conditions | data | {"budget": budget},
                    ".csv",
                    make=partial(_run_point, parallel, n_trials, trial, prepare, budget),
                    save=lambda table, path: table.to_csv(path, index=False),
                    load=pd.read_csv,
                )
                part.insert(0, "space", space)
                part.insert(1, "strategy", name)
                parts.append(part)
                bar.update()
    return pd.concat(parts, ignore_index=True)


def _run_point(parallel, n_trials, trial, prepare, budget):
    """All trials of one point of a learning curve."""
    with threadpool_limits(1):
        prepared = prepare()
    trial = partial(trial, prepared=prepared, budget=budget)
    n_chunks = max(math.ceil(n_trials / CHUNK), min(n_trials, effective_n_jobs(parallel.n_jobs)))
    chunks = np.array_split(np.arange(n_trials), n_chunks)
    rows = parallel(delayed(_run_trials)(trial, chunk) for chunk in chunks)
    return pd.DataFrame(list(chain.from_iterable(rows)))


def _run_trials(trial, numbers):
    """Some trials in one worker; with one BLAS thread, so that sums are taken in the same order."""
    with threadpool_limits(1), sklearn.config_context(assume_finite=True):
        return [trial(number) for number in numbers]


def _run_trial(
    number, X, labels, X_test, test_labels, strategy, prepared, budget, batch_size, classifier,
    random_state,
):  # fmt: skip
    start = perf_counter()
    generator = np.random.default_rng(_seed(random_state, budget, number))
    strategy = clone(strategy).set_params(random_state=generator)
    chosen = acquire(strategy, X, labels, budget, batch_size, **prepared)
    queried = perf_counter()
    fitted = clone(classifier).fit(X[chosen], labels[chosen])
    predicted = fitted.predict(X_test)
    end = perf_counter()
    params = getattr(fitted, "best_params_", {})
    return {
        "budget": budget,
        "trial": int(number),
        "accuracy": float(np.mean(predicted == test_labels)),
        "kernel": params.get("kernel"),
        "C": params.get("C"),
        "query_seconds": queried - start,
        "seconds": end - start,
    }


def summarize(curves):
    """Mean, standard deviation and standard error of the accuracy over the trials.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`.

    Returns
    -------
    pandas.DataFrame
        `space`, `strategy`, `budget`, `mean`, `std`, `sem`, `n_trials`.
    """
    grouped = curves.groupby(["space", "strategy", "budget"], sort=False)["accuracy"]
    table = grouped.agg(["mean", "std", "sem", "size"]).reset_index()
    return table.rename(columns={"size": "n_trials"})


def first_budget_reaching(summary, accuracy):
    """The smallest budget at which each curve's mean accuracy reaches a level.

    Parameters
    ----------
    summary : DataFrame
        From `summarize`.
    accuracy : float

    Returns
    -------
    pandas.DataFrame
        `space`, `strategy`, `budget`; the budget is missing (<NA>) where the level is not reached.
    """
    curves = summary[["space", "strategy"]].drop_duplicates()
    reached = summary[summary["mean"] >= accuracy]
    first = reached.groupby(["space", "strategy"], as_index=False)["budget"].min()
    table = curves.merge(first, how="left", on=["space", "strategy"])
    return table.astype({"budget": "Int64"}).reset_index(drop=True)


def paired_differences(curves, one, other):
    """Mean difference of the accuracies of two curves, trial by trial, at every budget.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`, which pairs trials by their seeds.
    one, other : (space, strategy)
        The two curves.

    Returns
    -------
    pandas.DataFrame
        `budget`, `mean` of one minus other, and its standard error `sem`.
    """
    table = curves.pivot_table(
        index=["budget", "trial"], columns=["space", "strategy"], values="accuracy"
    )
    for curve in (one, other):
        if curve not in table.columns:
            raise ValueError(f"{curve!r} is not one of the curves {list(table.columns)}")
    difference = (table[one] - table[other]).groupby("budget")
    return difference.agg(["mean", "sem"]).reset_index()


def _seed(random_state, *path):
    """A descendant of the one seed: what SeedSequence.spawn gives along this path."""
    return np.random.SeedSequence(random_state, spawn_key=path)


def _description(estimator):
    """Class and parameters of an estimator in full, as text."""
    params = {name: repr(value) for name, value in estimator.get_params().items()}
    return {"class": f"{type(estimator).__module__}.{type(estimator).__qualname__}", **params}


def _check(spaces, labels, test_labels, strategies, budgets, n_trials, batch_size, random_state):
    for name, value in (("labels", labels), ("test_labels", test_labels)):
        if value.ndim != 1 or value.dtype.kind not in "biu":
            raise ValueError(
                f"{name} has shape {value.shape} and dtype {value.dtype}; it must be a list of "
                "integers"
            )
    for name, (X, X_test) in spaces.items():
        if len(X) != len(labels) or len(X_test) != len(test_labels):
            raise ValueError(
                f"spaces[{name!r}] has {len(X)} pool and {len(X_test)} test points; there are "
                f"{len(labels)} labels and {len(test_labels)} test_labels"
            )
        if not (np.isfinite(X).all() and np.isfinite(X_test).all()):
            raise ValueError(f"spaces[{name!r}] holds NaN or infinity; all values must be finite")
    for name, value in (("spaces", spaces), ("strategies", strategies), ("budgets", budgets)):
        if len(value) == 0:
            raise ValueError(f"{name} is empty; there must be at least one")
    if len(set(budgets)) < len(budgets):
        raise ValueError(f"budgets is {budgets}; they must be distinct")
    for budget in budgets:
        check_integer("budgets", budget, 1, len(labels))
    check_integer("n_trials", n_trials, 1)
    check_integer("random_state", random_state, 0)
    smallest = min(budgets), "the smallest of the budgets"
    if batch_size is not None:
        check_integer("batch_size", batch_size, 1)
        smallest = min(batch_size, *(b % batch_size or batch_size for b in budgets)), "the batches"
    for strategy in strategies.values():
        if hasattr(strategy, "n_clusters"):
            check_integer("n_clusters", strategy.n_clusters, 1, *smallest)

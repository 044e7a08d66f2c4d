"""Learning curves: how accurate a classifier is after how many labels, in which space, over trials.

A trial asks a query strategy for B points, trains a classifier on their labels and measures its
accuracy on the test set. :func:`learning_curves` repeats this for every space, strategy and budget
and gives a tidy table. What is done is kept in the store and never computed twice.

Trials run on the cores of this machine, or on a Dask cluster where `scheduler` names one.
"""

from contextlib import ExitStack, nullcontext
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
import sklearn
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from alvae import store
from alvae._checks import check_integer
from alvae.classifiers import GridSearchSVC
from alvae.queries import KMeansCoreset, QueryStrategy

CHUNK = 10  # trials at most that a worker runs between two reports
WIDE = 64  # features from which inner products are computed once for all trials,
PRODUCTS_BYTES = 2**31  # if they take no more than this
BLOCK = 4096  # points handled at a time: bounds the memory
CONNECT = 10  # seconds to wait for a scheduler
SOURCES = ("_graphs", "queries", "classifiers", "coverage", "trials")  # what trials depend on


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

    from alvae.vae import training_dtype

    recipe = {
        "vae": vae.get_params(),
        "precision": str(training_dtype(vae.torch_device())),
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


def encode(vae, images, scheduler=None):
    """Latent codes of images: ``vae.transform(images)``, on a Dask cluster if there is one.

    Parameters
    ----------
    vae : ConvVAE
        Fitted.
    images : array of shape (n, H, W) or (n, H, W, C)
        May be memory-mapped.
    scheduler : str, default=None
        See `learning_curves`.

    Returns
    -------
    float32 ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If no scheduler answers, or `images` are not of the size that the VAE was trained on.
    """
    with _cluster(scheduler) as client:
        return _encode(vae, images, client)


def _encode(vae, images, client):
    if client is None:
        return vae.transform(images)
    starts = range(0, len(images), BLOCK)
    # The images travel in the tasks: data that one worker alone has would be lost with it.
    blocks = (partial(_transform, images=images[start : start + BLOCK]) for start in starts)
    vae = vae.on_cpu()  # a worker may have no GPU
    with parallel_config("dask", client=client, scatter=[vae]):
        return np.concatenate(Parallel()(delayed(block)(vae) for block in blocks))


def _transform(vae, images):
    return vae.transform(images)


def both_spaces(pool, vae, scheduler=None):
    """Pool and test images in the input space and in the latent space of a fitted VAE.

    Parameters
    ----------
    pool : Pool
    vae : ConvVAE
    scheduler : str, default=None
        Of a Dask cluster that encodes the images; see `learning_curves`.

    Returns
    -------
    dict
        "input": pixels in [0, 1], "latent": posterior means; each a pair of float32 arrays of
        shapes (n, D) and (n_test, D), or (n, d) and (n_test, d).
    """
    with _cluster(scheduler) as client:
        latent = tuple(_encode(vae, images, client) for images in (pool.images, pool.test_images))
    return {"input": pool.flatten(), "latent": latent}


def reconstruction_errors(vae, images):
    """Squared error of each image and what the VAE makes of its code, summed over pixels.

    Parameters
    ----------
    vae : ConvVAE
        Fitted.
    images : uint8 array of shape (n, H, W) or (n, H, W, C)
        May be memory-mapped.

    Returns
    -------
    float32 ndarray of shape (n,)
        Of pixels in [0, 1].
    """
    errors = np.empty(len(images), dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        block = np.asarray(images[start : start + BLOCK])
        decoded = vae.inverse_transform(vae.transform(block)).reshape(len(block), -1)
        pixels = block.reshape(len(block), -1).astype(np.float32) / 255
        errors[start : start + BLOCK] = np.square(decoded - pixels).sum(axis=1)
    return errors


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
    scheduler=None,
    measures=None,
):
    """Accuracy on the test set for every space, strategy, budget and trial.

    Trial t at budget B has the same seed in every space and for every strategy, so that
    differences between these are paired. Work that queries on the same pool can share, such as the
    clusters of `KMeansCoreset`, is done once per space. The numbers do not depend on `n_jobs` or
    `scheduler`, but for a test point exactly on a border between classes, where rounding decides.

    Parameters
    ----------
    spaces : dict of str to (X, X_test)
        Arrays of shapes (n, d) and (n_test, d) for each space, as `both_spaces` gives them.
    labels : array of shape (n,)
        Labels of the pool: what the oracle answers.
    test_labels : array of shape (n_test,)
        Used for the accuracy and for nothing else.
    strategies : dict of str to QueryStrategy
        Those of scikit-activeml will do, too. Where one sets `sample_weight_`, the weights of all
        points that it chose at once, the classifier is fitted with them.
    budgets : list of int
        Numbers of labels B, each from 1 to n.
    n_trials : int, default=500
    batch_size : int, default=None
        Labels per query; None asks for all at once (see `acquire`).
    classifier : classifier or dict of str to classifier, default=None
        None: `GridSearchSVC()`. Several learn from the same points. One that has a method `prepare`
        is fitted to the whole pool, as `PoissonLearning` is, others to the labeled points.
    random_state : int, default=0
        Seed of everything.
    n_jobs : int, default=-1
        Workers on this machine; -1 is one per core.
    scheduler : str, default=None
        Address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers run the trials.
    measures : dict of str to callable, default=None
        Further columns: ``measure(X, chosen)``, a number, such as `covering_radius`.

    Returns
    -------
    pandas.DataFrame
        A row per trial: `space`, `strategy`, `budget`, `trial`, `accuracy`, the chosen `kernel` and
        `C`, `query_seconds` (the choice of the points) and `seconds` (the whole trial). With
        several classifiers a row for each, and their names under `classifier`. Where one is fitted
        to the whole pool, `pool_accuracy`, the accuracy on its unlabeled points.

    Raises
    ------
    ValueError
        If a parameter is out of range, arrays do not fit together, or no scheduler answers.
    """
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    classifiers = classifier if isinstance(classifier, dict) else {"": classifier}
    classifiers = {k: GridSearchSVC() if c is None else c for k, c in classifiers.items()}
    measures = measures or {}
    _check(spaces, labels, test_labels, strategies, budgets, n_trials, batch_size, random_state)
    conditions = {
        "n_trials": n_trials,
        "batch_size": batch_size,
        "classifiers": {name: _description(c) for name, c in classifiers.items()},
        "measures": {
            name: f"{measure.__module__}.{measure.__qualname__}"
            for name, measure in measures.items()
        },
        "random_state": random_state,
        "labels": store.readable(labels),
        "test_labels": store.readable(test_labels),
        "source": store.source_digest(*SOURCES),
        "versions": [np.__version__, scipy.__version__, sklearn.__version__],
    }
    parts = []
    n_points = len(spaces) * len(strategies) * len(budgets)
    bar = tqdm(total=n_points, desc="Learning curves", unit="point")
    with bar, _cluster(scheduler) as client, TemporaryDirectory(prefix="alvae-") as folder:
        for space, (X, X_test) in spaces.items():
            path = Path(folder) / f"{len(parts)}.npy"
            n_looks = n_trials * sum(budgets) * len(strategies)
            data = _Data(X, labels, X_test, test_labels, path, n_looks, classifiers)
            digests = {name: store.readable(data.arrays[name]) for name in ("X", "X_test")}
            for name in strategies:
                strategy = clone(strategies[name]).set_params(random_state=None)
                settings = _Settings(strategy, batch_size, classifiers, measures, random_state)
                recipe = digests | {"strategy": _description(strategy)}
                with _Curve(data, settings, n_jobs, client) as curve:
                    for budget in sorted(budgets):
                        part = store.fetch(
                            "trials",
                            conditions | recipe | {"budget": budget},
                            ".csv",
                            make=partial(curve.point, budget, n_trials),
                            save=lambda table, path: table.to_csv(path, index=False),
                            load=pd.read_csv,
                        )
                        part.insert(0, "space", space)
                        part.insert(1, "strategy", name)
                        parts.append(part)
                        bar.update()
    return pd.concat(parts, ignore_index=True)


class _Settings(NamedTuple):
    strategy: object
    batch_size: int | None
    classifiers: dict
    measures: dict
    random_state: int


class _Data:
    """A space, as the workers need it."""

    def __init__(self, X, labels, X_test, test_labels, path, n_looks, classifiers):
        self.arrays = {
            "X": np.ascontiguousarray(X),
            "labels": labels,
            # The classifier computes in double precision: the test points are converted once.
            "X_test": np.ascontiguousarray(X_test, dtype=np.float64),
            "test_labels": test_labels,
        }
        self.path, self.n_looks = path, n_looks
        self.classifiers = classifiers

    @cached_property
    def graphs(self):
        """What classifiers that are fitted to the whole pool can share, by their names."""
        X, X_test = self.arrays["X"], self.arrays["X_test"]
        return {
            name: classifier.prepare(X, X_test)
            for name, classifier in self.classifiers.items()
            if hasattr(classifier, "prepare")
        }

    @cached_property
    def products(self):
        """Inner products of pool and test points (n, n_test), in a file that workers can map.

        Nothing where a product costs as little as a look at it, where fewer are looked at than
        would be computed, where no classifier takes them, or where there is no room.
        """
        X, X_test = self.arrays["X"], self.arrays["X_test"]
        if not any(hasattr(c, "predict_from") for c in self.classifiers.values()):
            return {}
        room = min(PRODUCTS_BYTES, disk_usage(self.path.parent).free // 2)
        if X.shape[1] < WIDE or self.n_looks < len(X) or 8 * len(X) * len(X_test) > room:
            return {}
        products = np.lib.format.open_memmap(
            self.path, mode="w+", dtype=np.float64, shape=(len(X), len(X_test))
        )
        for start in range(0, len(X), BLOCK):
            rows = slice(start, start + BLOCK)
            products[rows] = X[rows].astype(np.float64) @ X_test.T
        return {"products": products, "squared_norms": np.einsum("ij,ij->i", X_test, X_test)}


class _Curve(ExitStack):
    """The trials of one strategy in one space. What they share is made when the first one runs."""

    def __init__(self, data, settings, n_jobs, client):
        super().__init__()
        self.data, self.settings = data, settings
        self.n_jobs, self.client = n_jobs, client

    @cached_property
    def shared(self):
        seed = _seed(self.settings.random_state, 0)
        with threadpool_limits(1):
            prepared = {}
            if isinstance(self.settings.strategy, QueryStrategy):
                strategy = clone(self.settings.strategy).set_params(random_state=seed)
                prepared = strategy.prepare(self.data.arrays["X"])
            # On a cluster the products would have to travel.
            products = self.data.products if self.client is None else {}
            graphs = self.data.graphs
        return self.data.arrays | products | {"prepared": prepared, "graphs": graphs}

    @cached_property
    def parallel(self):
        if self.client is None:
            return self.enter_context(Parallel(self.n_jobs))
        arrays = list(self.shared.values())  # every worker has them, so that none is needed
        self.enter_context(parallel_config("dask", client=self.client, scatter=arrays))
        return self.enter_context(Parallel())

    def point(self, budget, n_trials):
        """All trials at one budget, a row each."""
        n_workers = effective_n_jobs(self.parallel.n_jobs)
        n_chunks = max(-(-n_trials // CHUNK), min(n_trials, n_workers))
        chunks = np.array_split(np.arange(n_trials), n_chunks)
        rows = self.parallel(
            delayed(_run_trials)(chunk, budget, self.settings, **self.shared) for chunk in chunks
        )
        return pd.DataFrame(list(chain.from_iterable(rows)))


def _cluster(address):
    """A client of the Dask scheduler at this address, as a context; None without an address."""
    if not address:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            f"scheduler is {address!r}, which takes Dask: pip install 'alvae[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"scheduler is {address!r}; no Dask scheduler answers there") from error
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError:
        client.close()
        raise ValueError(f"scheduler is {address!r}; it has no workers") from None
    return client


def _run_trials(numbers, budget, settings, **shared):
    """Some trials in one worker; with one BLAS thread, so that sums are taken in the same order."""
    with threadpool_limits(1), sklearn.config_context(assume_finite=True):
        trials = (_run_trial(number, budget, settings, **shared) for number in numbers)
        return list(chain.from_iterable(trials))


def _run_trial(number, budget, settings, X, labels, prepared, graphs, **data):
    """A row for each classifier."""
    start = perf_counter()
    generator = np.random.PCG64(_seed(settings.random_state, budget, number))
    ours = isinstance(settings.strategy, QueryStrategy)
    source = np.random.Generator(generator) if ours else np.random.RandomState(generator)
    strategy = clone(settings.strategy).set_params(random_state=source)
    chosen = acquire(strategy, X, labels, budget, settings.batch_size, **prepared)
    weights = getattr(strategy, "sample_weight_", None)
    if weights is not None and len(weights) < budget:
        weights = None  # of the last of several batches
    row = {"budget": budget, "trial": int(number)}
    row |= {name: measure(X, chosen) for name, measure in settings.measures.items()}
    queried = perf_counter()
    rows = []
    for name, classifier in settings.classifiers.items():
        begin = perf_counter()
        shared = graphs.get(name)
        result = _learn(clone(classifier), chosen, weights, X, labels, shared=shared, **data)
        seconds = {"query_seconds": queried - start}
        seconds["seconds"] = perf_counter() - begin + queried - start
        rows.append(row | ({"classifier": name} if name else {}) | result | seconds)
    return rows


def _learn(
    classifier, chosen, weights, X, labels, X_test, test_labels,
    shared=None, products=None, squared_norms=None,
):  # fmt: skip
    """Fit a classifier to the chosen points and measure it."""
    result = {}
    weighed = {} if weights is None else {"sample_weight": weights}
    if shared is not None:
        y = np.full(len(X), np.nan)
        y[chosen] = labels[chosen]
        if weights is not None:
            weighed = {"sample_weight": np.ones(len(X))}
            weighed["sample_weight"][chosen] = weights
        classifier.fit(X, y, graph=shared["graph"], **weighed)
        predicted = classifier.predict(X_test, bridge=shared["bridge"])
        right = classifier.transduction_ == labels
        result["pool_accuracy"] = float(np.delete(right, chosen).mean())
    else:
        classifier.fit(X[chosen], labels[chosen], **weighed)
        if products is None or not hasattr(classifier, "predict_from"):
            predicted = classifier.predict(X_test)
        else:
            support = products[chosen[classifier.support_]]
            predicted = classifier.predict_from(support, squared_norms)
    params = getattr(classifier, "best_params_", {})
    return {
        "accuracy": float(np.mean(predicted == test_labels)),
        **result,
        "kernel": params.get("kernel"),
        "C": params.get("C"),
    }


def summarize(curves, value="accuracy"):
    """Mean, standard deviation and standard error of the accuracy over the trials.

    Parameters
    ----------
    curves : DataFrame
        From `learning_curves`.
    value : str, default="accuracy"
        The column to summarize.

    Returns
    -------
    pandas.DataFrame
        `space`, `strategy`, `classifier` if there are several, `budget`, `mean`, `std`, `sem`,
        `n_trials`.
    """
    keys = [key for key in ("space", "strategy", "classifier", "budget") if key in curves]
    grouped = curves.groupby(keys, sort=False)[value]
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
    params = {
        name: store.readable(value) if isinstance(value, np.ndarray) else repr(value)
        for name, value in estimator.get_params().items()
    }
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
        if isinstance(strategy, KMeansCoreset):
            check_integer("n_clusters", strategy.n_clusters, 1, *smallest)

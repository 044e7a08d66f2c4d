"""How fast and how far: what is done here beside what one would do without it, in one run.

Seconds say more about the machine than about the method. So contestants take turns
(:func:`take_turns`), and what counts are their ratios, and the share of the machine's own limit
(:func:`product_rate`).
"""

import re
import resource
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from alvae import vae
from alvae._checks import check_integer
from alvae._clusters import MINI_BATCH, SAMPLE
from alvae._graphs import ALL_PAIRS, NeighborGraph
from alvae.book.comparison import cold_starts
from alvae.classifiers import GridSearchSVC
from alvae.classifiers.svc import DEFAULT_GRID, InnerProducts
from alvae.coverage import covering_radius
from alvae.queries import KCenterGreedy, KMeansCoreset

LATENT_DIM = 7  # of the clouds of points that stand for large pools, if nothing else is said
LARGE_K, N_CENTERS = 1000, 100
SMALLEST = 100_000  # points of the largest pool
KMEANS_WHOLE, KMEANS_SAMPLE = MINI_BATCH, SAMPLE  # points that K-means takes, for the page
GRAPH_WHOLE = int(ALL_PAIRS**0.5)  # points of which all are compared with all


def take_turns(contestants, repeats=3):
    """Time contestants in turns, so that a slow moment of the machine meets all of them.

    Parameters
    ----------
    contestants : dict of str to callable
        Called without arguments, once before anything is timed.
    repeats : int, default=3

    Returns
    -------
    pandas.DataFrame
        `contestant`, `repeat`, `seconds`.
    """
    for contestant in contestants.values():
        contestant()
    rows = []
    for repeat in range(repeats):
        for name, contestant in contestants.items():
            start = perf_counter()
            contestant()
            rows.append((name, repeat, perf_counter() - start))
    return pd.DataFrame(rows, columns=["contestant", "repeat", "seconds"])


def product_rate(dtype=torch.float32, n=2048, repeats=7, device="cpu"):
    """Rate at which this machine multiplies matrices, in FLOP/s: the median over repeats.

    Parameters
    ----------
    dtype : torch.dtype, default=torch.float32
    n : int, default=2048
        The matrices are n x n.
    repeats : int, default=7
    device : str, default="cpu"
    """
    a, b = (torch.rand(n, n, device=device).to(dtype) for _ in range(2))
    seconds = take_turns({"product": lambda: (a @ b)[0, 0].item()}, repeats)["seconds"]
    return 2 * n**3 / seconds.median()


def training_flops(image_shape=(28, 28), latent_dim=3):
    """Floating-point operations to train the VAE on one image, both passes, as PyTorch counts."""
    height, width, channels = (*image_shape, 1)[:3]
    x = torch.zeros(1, channels, height, width)
    encoder, decoder = _networks(image_shape, latent_dim)
    with FlopCounterMode(display=False) as counter:
        mu, log_var = encoder(x)
        logits = decoder(vae.sample_posterior(mu, log_var))
        (logits.sum() + vae.gaussian_kl(mu, log_var).sum()).backward()
    return counter.get_total_flops()


def our_training(images, batch_size=64, dtype=None, device="cpu"):
    """One epoch of `ConvVAE`, in the precision that it chooses itself or in another.

    Parameters
    ----------
    images : uint8 array of shape (n, H, W) or (n, H, W, C)
    batch_size : int, default=64
    dtype : torch.dtype, default=None
        None: its own choice.
    device : str, default="cpu"
    """
    dtype = dtype or vae.training_dtype(torch.device(device))
    with patch.object(vae, "training_dtype", return_value=dtype):
        vae.ConvVAE(epochs=1, batch_size=batch_size, device=device, random_state=0).fit(images)


def plain_training(images, batch_size=64):
    """One epoch of the same network and loss in everyday PyTorch: float32, DataLoader, RMSprop.

    Parameters
    ----------
    images : uint8 array of shape (n, H, W) or (n, H, W, C)
    batch_size : int, default=64
    """
    x = torch.from_numpy(images / np.float32(255)).reshape(*images.shape[:3], -1)
    loader = DataLoader(TensorDataset(x.permute(0, 3, 1, 2)), batch_size, shuffle=True)
    encoder, decoder = _networks(images.shape[1:], 3)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.RMSprop(parameters)
    for (batch,) in loader:
        mu, log_var = encoder(batch)
        logits = decoder(vae.sample_posterior(mu, log_var))
        loss = (vae.reconstruction_loss(logits, batch) + vae.gaussian_kl(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _networks(image_shape, latent_dim):
    shape = (*image_shape, 1)[:3]
    return vae.Encoder(shape, latent_dim), vae.Decoder(shape, latent_dim)


def grid_searches(spaces, labels, test_labels, budgets, n_trials=5, random_state=0):
    """`GridSearchSVC` and `GridSearchCV(SVC())` on the same labels, trial by trial.

    Both train on the same points, drawn at random from every class in proportion, and predict the
    test set. As in `learning_curves`, the inner products of pool and test points are there before
    the trials, and not in the seconds; how long they take is in `attrs["products_seconds"]`.

    Parameters
    ----------
    spaces, labels, test_labels : as `alvae.learning_curves` takes them
    budgets : list of int
    n_trials : int, default=5
    random_state : int, default=0

    Returns
    -------
    pandas.DataFrame
        A row per trial: `space`, `budget`, `trial`, `ours` and `scikit-learn` (seconds), `equal`
        (same best parameters, same accuracy).
    """
    rows, products_seconds = [], {}
    for space, (X, X_test) in spaces.items():
        X_test = X_test.astype(np.float64)
        start = perf_counter()
        norms = np.einsum("ij,ij->i", X_test, X_test)
        products = InnerProducts(X.astype(np.float64) @ X_test.T, norms)
        products_seconds[space] = perf_counter() - start
        for budget in budgets:
            for trial in range(n_trials):
                chosen, _ = train_test_split(
                    np.arange(len(X)),
                    train_size=budget,
                    stratify=labels,
                    random_state=random_state + trial,
                )
                points = X[chosen], labels[chosen]
                # scikit-learn refuses more folds than the largest class has examples.
                cv = min(5, np.unique(labels[chosen], return_counts=True)[1].max())
                y = np.full(len(X), np.nan)
                y[chosen] = labels[chosen]
                start = perf_counter()
                ours = GridSearchSVC(cv=cv).fit(X, y, order=chosen)
                predicted = ours.predict(X_test, prepared=products)
                middle = perf_counter()
                with warnings.catch_warnings():  # of classes with fewer examples than folds
                    warnings.simplefilter("ignore", UserWarning)
                    theirs = GridSearchCV(SVC(), DEFAULT_GRID, cv=cv).fit(*points)
                expected = theirs.predict(X_test)
                end = perf_counter()
                correct = [np.sum(p == test_labels) for p in (predicted, expected)]
                equal = ours.best_params_ == theirs.best_params_ and correct[0] == correct[1]
                times = middle - start, end - middle
                rows.append((space, budget, trial, *times, equal))
    columns = ["space", "budget", "trial", "ours", "scikit-learn", "equal"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["products_seconds"] = products_seconds
    return table


def cloud(n, latent_dim=LATENT_DIM, random_state=0):
    """Points that stand for codes of a large pool: (n, latent_dim), float32, in 20 clusters."""
    rng = np.random.default_rng(random_state)
    centers = 3 * rng.standard_normal((20, latent_dim), dtype=np.float32)
    X = rng.standard_normal((n, latent_dim), dtype=np.float32)
    for start in range(0, n, 2**20):
        block = X[start : start + 2**20]
        block += centers[rng.integers(len(centers), size=len(block))]
    return X


def _coreset(X):
    return KMeansCoreset(LARGE_K, random_state=0).query(X, batch_size=LARGE_K)


def _k_center(X):
    return KCenterGreedy(random_state=0).query(X, batch_size=N_CENTERS)


def _radius(X):
    return covering_radius(X, np.arange(N_CENTERS))


def _peer_k_center(X):
    from skactiveml.pool import CoreSet

    unlabeled = np.full(len(X), np.nan)
    return CoreSet(random_state=0).query(X, unlabeled, batch_size=N_CENTERS)


def _graph(X):
    return NeighborGraph(X).weights()


# What is measured on clouds of growing size.
TASKS = {
    f"core-set of {LARGE_K:,}": _coreset,
    f"k-center of {N_CENTERS}": _k_center,
    f"covering radius of {N_CENTERS}": _radius,
    f"k-center of {N_CENTERS}, scikit-activeml": _peer_k_center,
}


GRAPH = "nearest-neighbor graph"  # a task, too


def sizes(largest, profile="full"):
    """Three numbers of points, tenfold from one to the next, up to the largest.

    Parameters
    ----------
    largest : int
        At least 100,000.
    profile : "full" or "smoke", default="full"
        With "smoke" the largest is 100,000.
    """
    check_integer("largest", largest, SMALLEST)
    largest = SMALLEST if profile == "smoke" else largest
    return [largest // 100, largest // 10, largest]


def growth(tasks, sizes, latent_dim=LATENT_DIM):
    """Time and memory of tasks on clouds of growing size, each task in a process of its own.

    Parameters
    ----------
    tasks : list of str
        Of `TASKS`, `GRAPH`, or names of strategies for a cold start, which choose 100 points.
    sizes : list of int
        Numbers of points, ascending.
    latent_dim : int, default=7
        Dimension of the points.

    Returns
    -------
    pandas.DataFrame
        `task`, `n`, `seconds`, `data_bytes`, and `peak_bytes`: by how much the memory of the
        process was larger at its peak than before it had any data; and the day `timed_on`.
    """
    rows = [
        (task, *row)
        for task in tasks
        for row in in_new_process(_on_clouds, task, sizes, latent_dim)
    ]
    table = pd.DataFrame(rows, columns=["task", "n", "seconds", "data_bytes", "peak_bytes"])
    return table.assign(timed_on=date.today().isoformat())


def in_new_process(function, *args):
    """Call a function of a module in a process of its own, and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def _cold_start(name, X):
    known = {"n_clusters": 20, "n_classes": 20, "errors": np.arange(len(X)), "random_state": 0}
    return cold_starts(**known)[name].query(X, batch_size=N_CENTERS)


def _on_clouds(task, sizes, latent_dim):
    run = _graph if task == GRAPH else TASKS.get(task) or partial(_cold_start, task)
    run(cloud(2 * LARGE_K, latent_dim))  # what is loaded at the first use is not counted
    before = peak_memory()
    rows = []
    for n in sizes:
        X = cloud(n, latent_dim)
        start = perf_counter()
        run(X)
        rows.append((n, perf_counter() - start, X.nbytes, peak_memory() - before))
    return rows


def encoding(n, image_shape=(28, 28)):
    """Time and memory to encode n memory-mapped images, in a process of its own.

    The images, random bytes, lie in a temporary file; the VAE is hardly trained, which changes
    nothing about the time.

    Returns
    -------
    seconds : float
    peak_bytes : int
        By how much the memory was larger at its peak than before, pages of the file included.
    """
    with TemporaryDirectory() as folder:
        path = f"{folder}/images.npy"
        shape = (n, *image_shape)
        images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        rng = np.random.default_rng(0)
        for start in range(0, n, 2**14):
            block = images[start : start + 2**14]
            block[:] = rng.integers(256, size=block.shape, dtype=np.uint8)
        images.flush()
        return in_new_process(_encode, path)


def _encode(path):
    images = np.load(path, mmap_mode="r")
    fitted = vae.ConvVAE(epochs=1, random_state=0).fit(images[: 2 * vae.BLOCK])
    fitted.transform(images[: vae.BLOCK])
    before, start = peak_memory(), perf_counter()
    fitted.transform(images)
    return perf_counter() - start, peak_memory() - before


def whole_paper(studies, searches, rates, n_workers):
    """Seconds that the paper takes, step by step, and those that the usual way would take.

    Both are what was timed in turns, times how often it is done: a trial costs what its grid search
    costs in `searches` at its space and budget, interpolated.

    Parameters
    ----------
    studies : list of Experiment
        Each with a VAE, and the trials of two strategies in two spaces.
    searches : DataFrame
        From `grid_searches`.
    rates : dict of str to float
        "ours" and "usual": images per second in training.
    n_workers : int
        Cores that trials run on.

    Returns
    -------
    pandas.DataFrame
        `step`, `ours` and `usual`, in seconds.
    """
    passes = sum(study.epochs * len(study.pool) for study in studies)
    medians = searches.groupby(["space", "budget"]).median(numeric_only=True)

    def of_trials(search):
        of_spaces = [medians.loc[space, search] for space in medians.index.unique("space")]
        return sum(
            2 * study.n_trials * np.interp(study.budgets, known.index, known).sum()
            for study in studies
            for known in of_spaces
        )

    steps = [
        ("training the VAEs", passes / rates["ours"], passes / rates["usual"]),
        ("trials", of_trials("ours") / n_workers, of_trials("scikit-learn") / n_workers),
    ]
    return pd.DataFrame(steps, columns=["step", "ours", "usual"])


def peak_memory():
    """The most memory that this process has had, in bytes."""
    if sys.platform == "linux":
        # The maximum of getrusage is inherited from the process that started this one.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

"""Studies of the codes themselves: how training ends, and what their neighbors are."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from alvae._graphs import nearest_neighbors
from alvae.book.comparison import cold_starts
from alvae.book.normalization import draw_images, networks_to_compare
from alvae.book.study_kinds._shared import fitted, latent_space
from alvae.coverage import kmeans_nmi
from alvae.queries import SpectralMedoids
from alvae.spaces import fit_stored, latent_codes

N_NEIGHBORS = 10


def training_study(experiment, dimensions):
    """How the training of a VAE ends: known without labels, and with them.

    `kmeans` and `spectral` are accuracies of as many clusters as there are classes.
    """
    pool, rows = experiment.pool, []
    for dim in dimensions:
        other = replace(experiment, latent_dim=dim)
        vae = fitted(other)
        Z, Z_test = latent_space(vae, other)["latent"]
        known = {name: vae.history_[-1][name] for name in ("loss", "kl", "dead", "rank")}
        row = {"latent_dim": dim, **known, "nmi": kmeans_nmi(Z, pool.labels)}
        row["neighbors"] = _neighbors_accuracy(Z, Z_test, pool, N_NEIGHBORS)
        n_classes, seed = len(pool.classes), experiment.random_state
        found = KMeans(n_classes, n_init=10, random_state=seed).fit_predict(Z)
        row["kmeans"] = _clustering_accuracy(pool.labels, found)
        found = SpectralMedoids(seed).cluster(Z, n_classes)
        rows.append(row | {"spectral": _clustering_accuracy(pool.labels, found)})
    return pd.DataFrame(rows)


def normalization_study(experiment, n_images, longer):
    """How training on some images ends, with and without batch normalization.

    Some networks have `longer` times as many epochs. `dead_first` is the share of dead filters
    after the first epoch.
    """
    pool, rows = draw_images(experiment.pool, n_images, experiment.random_state), []
    kinds = networks_to_compare(experiment.latent_dim, experiment.epochs, longer)
    for name, vae in kinds.items():
        vae.set_params(random_state=experiment.random_state)
        with warnings.catch_warnings(action="ignore"):  # of dead filters
            vae = fit_stored(vae, pool.images)
        Z, Z_test = (latent_codes(vae, part) for part in (pool.images, pool.test_images))
        row = {"network": name, **{key: getattr(vae, key) for key in ("latent_dim", "epochs")}}
        row |= {"n": len(pool), "dead_first": vae.history_[0]["dead"]}
        row |= {measure: vae.history_[-1][measure] for measure in ("dead", "rank", "loss")}
        row["nmi"] = kmeans_nmi(Z, pool.labels)
        rows.append(row | {"neighbors": _neighbors_accuracy(Z, Z_test, pool, N_NEIGHBORS)})
    return pd.DataFrame(rows)


def _neighbors_accuracy(X, X_test, pool, n_neighbors):
    neighbors = KNeighborsClassifier(n_neighbors).fit(np.asarray(X), pool.labels)
    return neighbors.score(X_test, pool.test_labels)


def _clustering_accuracy(labels, clusters):
    """Share of the points whose cluster stands for their class, each cluster for another one."""
    table = contingency_matrix(labels, clusters)
    return table[linear_sum_assignment(table, maximize=True)].sum() / len(labels)


def shared_neighbors(X, Y, n_neighbors=N_NEIGHBORS, n_points=5000):
    """The mean share of a point's nearest neighbors that are the same in two spaces.

    Parameters
    ----------
    X, Y : array of shape (n, d)
        The same points in both.
    n_neighbors : int, default=10
    n_points : int, default=5000
        As many random points are asked at most.

    Returns
    -------
    float
    """
    some = np.random.default_rng(0).permutation(len(X))[:n_points]
    near = [
        NearestNeighbors(n_neighbors=n_neighbors + 1).fit(Z).kneighbors(Z[some])[1] for Z in (X, Y)
    ]
    shared = [len({*a} & {*b} - {i}) for i, a, b in zip(some, *near, strict=True)]
    return np.mean(shared) / n_neighbors


def cost_study(experiment, sizes):
    """Time and memory of the strategies for a cold start, on clouds of growing size."""
    from alvae.book.benchmarks import growth  # here: it loads torch

    table = growth([*cold_starts(errors=None)], sizes, experiment.latent_dim)
    return table.assign(latent_dim=experiment.latent_dim)


def graph_study(experiment, sizes):
    """Time and memory of the nearest-neighbor graph, on clouds of growing size, and its recall."""
    from alvae.book.benchmarks import GRAPH, cloud, growth  # here: it loads torch

    table = growth([GRAPH], sizes, experiment.latent_dim)
    table["recall"] = [_recall(cloud(n, experiment.latent_dim)) for n in sizes]
    return table.assign(latent_dim=experiment.latent_dim)


def _recall(X, n_neighbors=N_NEIGHBORS, n_points=1000):
    """The share of the nearest neighbors of random points that the graph has."""
    some = np.random.default_rng(0).permutation(len(X))[:n_points]
    found = nearest_neighbors(X, n_neighbors)[1][some]
    exact = NearestNeighbors(n_neighbors=n_neighbors + 1, algorithm="brute").fit(X)
    near = exact.kneighbors(X[some], return_distance=False)[:, 1:]  # without itself
    return np.mean([np.isin(a, b).mean() for a, b in zip(near, found, strict=True)])

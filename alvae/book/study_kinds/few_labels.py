"""Studies of few labels: which points, which classifier, which space, and what each buys."""

from copy import copy
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from alvae import classifiers, queries
from alvae.book.comparison import cold_starts, line_up
from alvae.book.study_kinds._shared import (
    fitted,
    latent_space,
    named_classifiers,
    recommended,
    summary,
    undistorted,
)
from alvae.book.study_kinds.codes import shared_neighbors
from alvae.classifiers import PoissonMBO
from alvae.coverage import covering_radius, kmeans_nmi, mean_distance
from alvae.queries import KMeansCoreset, KMeansMedoids, SpectralMedoids, UniformSampling
from alvae.queries.base import QueryStrategy
from alvae.spaces import VAEEnsemble, fit_stored, latent_codes, reconstruction_errors

CORESET_CLUSTERS = 20  # of the paper's core-set, where it stands beside other methods


class BalancedSampling(QueryStrategy):
    """Draw as many points from each class: what publications do, and nobody without labels can.

    Parameters
    ----------
    labels : array of shape (n,)
        All of them. What the budget leaves over goes to random classes.
    random_state : default=None
    """

    def __init__(self, labels, random_state=None):
        self.labels = labels
        self.random_state = random_state

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        order = rng.permutation(unlabeled)
        labels = pd.Series(self.labels[order])
        turn = labels.groupby(labels).cumcount()  # the first of each class, then the second
        among = rng.permutation(labels.unique())
        place = labels.map(pd.Series(np.arange(len(among)), among))
        return order[np.lexsort((place, turn))[:batch_size]]


def _found(labels, X, chosen):
    """Number of classes among the chosen points."""
    return len(np.unique(labels[chosen]))


def _has(members, X, chosen):
    """Whether a point of a class is among the chosen ones."""
    return float(members[chosen].any())


def points_study(experiment, coreset_clusters, mbo=()):
    """Every strategy and two classifiers, and the ceiling of all labels.

    `mbo` says which strategies are tried with PoissonMBO, too.
    """
    pool, tables = experiment.pool, []
    vae = fitted(experiment)
    latent = latent_space(vae, experiment)
    strategies = cold_starts(
        n_clusters=coreset_clusters,
        n_classes=len(pool.classes),
        errors=reconstruction_errors(vae, pool.images),
    )
    if unknown := {*mbo} - set(strategies):
        raise ValueError(f"mbo names {sorted(unknown)}; the strategies are {[*strategies]}")
    together = {}  # strategies of as many labels and classifiers share what is prepared
    for name, strategy in strategies.items():
        if budgets := tuple(B for B in experiment.budgets if _takes(strategy, len(pool), B)):
            together.setdefault((budgets, name in mbo), {})[name] = strategy
    measures = {
        "radius": covering_radius,
        "distance": mean_distance,
        "classes": partial(_found, pool.labels),
    }
    for (budgets, with_mbo), some in together.items():
        learners = named_classifiers("SVC", "Poisson", *(["PoissonMBO"] if with_mbo else []))
        curves = experiment.learning_curves(
            latent, some, budgets=list(budgets), classifiers=learners, measures=measures
        )
        tables.append(summary(curves))
    X, X_test = latent["latent"]
    accuracy = SVC(C=10).fit(X, pool.labels).score(X_test, pool.test_labels)
    ceiling = {"strategy": "all labels", "classifier": "SVC", "budget": len(X), "mean": accuracy}
    return pd.concat([*tables, pd.DataFrame([ceiling])])


def ensemble_study(experiment, n_vaes, apart):
    """The recommended choice in the codes of several VAEs, side by side.

    No VAE is in two ensembles if their seeds differ by less than `apart`: that is the step between
    the seeds of one.
    """
    tables = []
    for size in n_vaes:
        seeds = [experiment.random_state + apart * k for k in range(size)]
        vaes = VAEEnsemble([fitted(experiment, random_state=seed) for seed in seeds])
        curves = experiment.learning_curves(
            latent_space(vaes, experiment),
            recommended(),
            classifiers=named_classifiers("Poisson", "PoissonMBO"),
            measures={"classes": partial(_found, experiment.pool.labels)},
        )
        tables.append(summary(curves).assign(n_vaes=size))
    return pd.concat(tables)


def published_study(experiment):
    """The task of publications, random labels of each class, beside labels chosen without any.

    There PoissonMBO knows the true sizes of the classes.
    """
    vae = fitted(experiment)
    labels = experiment.pool.labels
    sizes = np.unique(labels, return_counts=True)[1]
    learners = named_classifiers("Poisson", "PoissonMBO")
    learners["PoissonMBO, true sizes"] = PoissonMBO(class_prior=sizes, size_bounds=(1, 1))
    latent, tables = latent_space(vae, experiment), []
    for strategies, some in (
        ({"balanced": BalancedSampling(labels)}, learners),
        (recommended(), named_classifiers("Poisson", "PoissonMBO")),
    ):
        measures = {"classes": partial(_found, labels)}
        curves = experiment.learning_curves(latent, strategies, classifiers=some, measures=measures)
        tables.append(summary(curves))
    return pd.concat(tables)


def controls_study(experiment, few_dimensions):
    """What the space, the choice and the classifier each buy: all of them with each other.

    What is plain is trained on images as they are. An autoencoder is the VAE without the
    regularization term, where nothing keeps its σ from going to zero.
    """
    pool, tables, plain = experiment.pool, [], undistorted(experiment)
    pixels = pool.flatten()
    components = PCA(experiment.latent_dim, random_state=0).fit(pixels[0])

    def codes(of, **changes):
        return latent_space(fitted(of, **changes), of)["latent"]

    spaces = {
        "pixels": pixels,
        "PCA": tuple(map(components.transform, pixels)),
        "plain autoencoder": codes(plain, beta=0),
        "plain VAE": codes(plain),
        "plain VAE, few dimensions": codes(replace(plain, latent_dim=few_dimensions)),
        "autoencoder": codes(experiment, beta=0),
        "VAE": codes(experiment),
    }
    choices = {
        "uniform": UniformSampling(),
        "core-set": KMeansCoreset(CORESET_CLUSTERS),
        "spectral": SpectralMedoids(),
    }
    for name, choice in choices.items():
        curves = experiment.learning_curves(
            spaces,
            {name: choice},
            budgets=[B for B in experiment.budgets if _takes(choice, len(pool), B)],
            classifiers=named_classifiers("SVC", "Poisson", "PoissonMBO"),
        )
        tables.append(summary(curves))
    return pd.concat(tables)


def rare_study(experiment, rare, share):
    """Few labels where one class, `rare` of each seed, has a share of its images.

    The test images are all there. `found` is whether the rare class has a label.
    """
    label = rare[experiment.random_state]
    if label not in experiment.pool.classes:
        raise ValueError(f"rare has {label}; the classes are {experiment.pool.classes}")
    unequal = copy(experiment)
    unequal.pool = _thinned(experiment.pool, label, share, experiment.random_state)
    strategies = {"uniform": UniformSampling(), "medoids": KMeansMedoids()} | recommended()
    for excess, name in ((0, "spectral, none left out"), (5, "spectral, five left out")):
        strategies[name] = SpectralMedoids(excess=excess)
    curves = unequal.learning_curves(
        latent_space(fitted(unequal), unequal),
        strategies,
        classifiers=named_classifiers("Poisson", "PoissonMBO"),
        measures={"found": partial(_has, unequal.pool.labels == label)},
    )
    return summary(curves).assign(rare=label)


def _thinned(pool, label, share, seed):
    """The pool with a random share of the images of one class."""
    members = np.flatnonzero(pool.labels == label)
    n = round((1 - share) * len(members))
    left_out = np.random.default_rng(seed).choice(members, n, replace=False)
    return pool.take(np.delete(np.arange(len(pool)), left_out), slice(None))


def uncertainty_study(experiment, n_clusters):
    """Uncertainty inside clusters, plain entropy, and neither, in two stages of B/2 labels."""
    strategies = {
        name: strategy
        for name, strategy in line_up(queries, n_clusters=n_clusters).items()
        if strategy.needs_labels or name == "core-set"
    }
    latent, tables = latent_space(fitted(experiment), experiment), []
    for budget in experiment.budgets:
        stages = {"budgets": [budget], "batch_size": budget // 2}
        learners = named_classifiers("SVC", "Poisson")
        curves = experiment.learning_curves(latent, strategies, **stages, classifiers=learners)
        tables.append(summary(curves))
    return pd.concat(tables)


def spreading_study(experiment):
    """Ways to spread the labels of the recommended choice over the graph."""
    vae = fitted(experiment)
    latent, strategies = latent_space(vae, experiment), recommended()
    learners = line_up(classifiers)
    return summary(experiment.learning_curves(latent, strategies, classifiers=learners))


def share_study(experiment, shares):
    """Few labels, with VAEs trained on a share of the pool, in nearly as many steps."""
    tables = []
    for share in shares:
        vae, images = experiment.vae, experiment.pool.images
        if share < 1:
            n = round(share * len(images))
            rng = np.random.default_rng(experiment.random_state)
            images = images[np.sort(rng.choice(len(images), n, replace=False))]
            vae.set_params(epochs=round(vae.epochs / share))
        tables.append(_few_labels(experiment, fit_stored(vae, images)).assign(share=share))
    return pd.concat(tables)


def dimension_study(experiment, dimensions):
    """Few labels, and the paper's method, in latent spaces of several dimensions."""
    others = [replace(experiment, latent_dim=dim) for dim in dimensions]
    return pd.concat([
        _few_labels(other, fitted(other)).assign(latent_dim=other.latent_dim) for other in others
    ])  # fmt: skip


def beta_study(experiment, dimensions, betas):
    """Few labels for VAEs of several β, and how far each agrees with that of the next seed.

    `shared` is the share of an image's nearest neighbors that both VAEs give it: what training
    leaves to chance differs between them.
    """
    tables = []
    for dim, beta in product(dimensions, betas):
        other = replace(experiment, latent_dim=dim)
        vae = fitted(other, beta=beta)
        another = fitted(other, beta=beta, random_state=other.random_state + 1)
        shared = shared_neighbors(*(latent_codes(one, other.pool.images) for one in (vae, another)))
        known = {name: vae.history_[-1][name] for name in ("kl", "rank")}
        columns = {"latent_dim": dim, "beta": beta, "shared": shared, **known}
        tables.append(_few_labels(other, vae).assign(**columns))
    return pd.concat(tables)


def _few_labels(experiment, vae):
    """The recommended choice and classifier, and the paper's core-set with its SVC; and the NMI."""
    latent = latent_space(vae, experiment)
    enough = [budget for budget in experiment.budgets if budget >= CORESET_CLUSTERS]
    coreset = {"core-set": KMeansCoreset(CORESET_CLUSTERS)}
    tried = [
        (recommended(), named_classifiers("PoissonMBO"), experiment.budgets),
        (coreset, named_classifiers("SVC"), enough),
    ]
    tables = [
        experiment.learning_curves(latent, strategies, budgets=budgets, classifiers=learners)
        for strategies, learners, budgets in tried
        if budgets
    ]
    nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
    return summary(pd.concat(tables)).assign(nmi=nmi)


def _takes(strategy, n, budget):
    """Whether so many points can be asked for at once."""
    try:
        strategy.check_params(n, budget)
    except ValueError:
        return False
    return True

"""The kinds of long comparisons: each a function from an experiment to one tidy table.

The seed of an experiment is that of its VAE and of its trials. A study repeats it for several.
"""

from copy import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from alvae import classifiers, queries
from alvae.book.comparison import cold_starts, line_up
from alvae.classifiers import GridSearchSVC, PoissonMBO
from alvae.coverage import covering_radius, kmeans_nmi, mean_distance
from alvae.queries import (
    BestReconstructed,
    KCenterGreedy,
    KMeansCoreset,
    SpectralMedoids,
    UniformSampling,
)
from alvae.spaces import both_spaces, fit_stored, latent_codes, reconstruction_errors
from alvae.summaries import summarize

CORESET_CLUSTERS = 20  # of the paper's core-set, where it stands beside other methods


def paper_study(experiment):
    """The paper's learning curves, uniform draws and the core-set in both spaces, and the NMI.

    In the latent space also k-center, the other approximation of equation (3), and how well the
    points cover the pool.
    """
    spaces = both_spaces(experiment.pool, _fitted(experiment.vae, experiment))
    nmi = {space: kmeans_nmi(X, experiment.pool.labels) for space, (X, _) in spaces.items()}
    pixels, latent = ({name: X} for name, X in spaces.items())
    strategies = _of_the_paper(experiment)
    measured = {"measures": {"radius": covering_radius, "distance": mean_distance}}
    curves = [
        experiment.learning_curves(pixels, strategies),
        experiment.learning_curves(latent, strategies | {"k-center": KCenterGreedy()}, **measured),
    ]
    curves = pd.concat(curves)
    table = summarize(curves)
    for measure in measured["measures"]:
        table[measure] = summarize(curves, measure)["mean"]
    return table.assign(nmi=table["space"].map(nmi))


def hypotheses_study(experiment):
    """The paper's learning curves with classifiers of other kinds beside its SVC."""
    spaces = both_spaces(experiment.pool, _fitted(experiment.vae, experiment))
    kinds = {
        "SVC": GridSearchSVC(),
        "logistic regression": LogisticRegression(max_iter=1000),
        "nearest neighbors": KNeighborsClassifier(),
        "random forest": RandomForestClassifier(),
        "neural network": MLPClassifier(solver="lbfgs", max_iter=1000),  # the one for few points
    }
    curves = experiment.learning_curves(spaces, _of_the_paper(experiment), classifiers=kinds)
    return summarize(curves)


def vae_study(experiment, changes):
    """NMI, and accuracy of the latent core-set, for VAEs with other parameters."""
    tables = []
    for change in changes:
        vae = clone(experiment.vae).set_params(**change)
        latent = _latent(_fitted(vae, experiment), experiment)
        nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
        curves = experiment.learning_curves(latent, {"core-set": _coreset(experiment)})
        tables.append(summarize(curves).assign(variant=describe(change), nmi=nmi))
    return pd.concat(tables)


def classifier_study(experiment, variants):
    """Accuracy for other grids and folds, in both spaces, uniformly sampled."""
    spaces = both_spaces(experiment.pool, _fitted(experiment.vae, experiment))
    tables = []
    for variant in variants:
        classifier = GridSearchSVC(**variant)
        strategies = {"uniform": UniformSampling()}
        curves = experiment.learning_curves(spaces, strategies, classifiers={"": classifier})
        tables.append(summarize(curves).assign(variant=describe(variant)))
    return pd.concat(tables)


def clustering_study(experiment, variants, clusterings):
    """Accuracy of the latent core-set with clusters that are found anew, few trials to each."""
    latent, tables = _latent(_fitted(experiment.vae, experiment), experiment), []
    for variant, clustering in product(variants, clusterings):
        strategies = {"core-set": _coreset(experiment).set_params(**variant)}
        curves = experiment.learning_curves(latent, strategies, random_state=clustering)
        columns = {"variant": describe(variant), "clustering": clustering}
        tables.append(summarize(curves).assign(**columns))
    return pd.concat(tables)


def controls_study(experiment):
    """What the space, the choice and the classifier each buy: all of them with each other.

    The plain VAE is trained on images as they are, and so is the autoencoder: the VAE without the
    regularization term, where nothing keeps its σ from going to zero.
    """
    pool, tables, plain = experiment.pool, [], replace(experiment, translate=0, degrees=0)
    pixels = pool.flatten()
    components = PCA(experiment.latent_dim, random_state=0).fit(pixels[0])
    vaes = {
        "autoencoder": clone(plain.vae).set_params(beta=0),
        "plain VAE": plain.vae,
        "VAE": experiment.vae,
    }
    spaces = {"pixels": pixels, "PCA": tuple(map(components.transform, pixels))}
    spaces |= {
        name: _latent(_fitted(vae, experiment), experiment)["latent"] for name, vae in vaes.items()
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
            classifiers=_classifiers("SVC", "Poisson", "PoissonMBO"),
        )
        tables.append(_summary(curves))
    return pd.concat(tables)


def points_study(experiment, coreset_clusters, trials=None, mbo=()):
    """Every strategy and two classifiers, and the ceiling of all labels.

    `trials` says which strategies are tried another number of times than `n_trials`, and `mbo`
    which are tried with PoissonMBO, too.
    """
    pool, trials, tables = experiment.pool, trials or {}, []
    vae = _fitted(experiment.vae, experiment)
    latent = _latent(vae, experiment)
    strategies = cold_starts(
        n_clusters=coreset_clusters,
        n_classes=len(pool.classes),
        errors=reconstruction_errors(vae, pool.images),
    )
    if unknown := {*trials, *mbo} - set(strategies):
        raise ValueError(
            f"trials or mbo names {sorted(unknown)}; the strategies are {[*strategies]}"
        )
    together = {}  # strategies of as many trials and labels share what is prepared
    for name, strategy in strategies.items():
        if budgets := tuple(B for B in experiment.budgets if _takes(strategy, len(pool), B)):
            shared = trials.get(name, experiment.n_trials), budgets, name in mbo
            together.setdefault(shared, {})[name] = strategy
    for (n_trials, budgets, with_mbo), some in together.items():
        curves = experiment.learning_curves(
            latent,
            some,
            budgets=list(budgets),
            n_trials=n_trials,
            classifiers=_classifiers("SVC", "Poisson", *(["PoissonMBO"] if with_mbo else [])),
            measures={"radius": covering_radius},
        )
        tables.append(_summary(curves))
    X, X_test = latent["latent"]
    accuracy = SVC(C=10).fit(X, pool.labels).score(X_test, pool.test_labels)
    ceiling = {"strategy": "all labels", "classifier": "SVC", "budget": len(X), "mean": accuracy}
    return pd.concat([*tables, pd.DataFrame([ceiling])])


def rare_study(experiment, rare, share):
    """The recommended choice where a class, `rare` of each seed, has a share of its images.

    The test images are all there.
    """
    label = rare[experiment.random_state]
    if label not in experiment.pool.classes:
        raise ValueError(f"rare has {label}; the classes are {experiment.pool.classes}")
    unequal = copy(experiment)
    unequal.pool = _thinned(experiment.pool, label, share, experiment.random_state)
    vae = _fitted(unequal.vae, unequal)
    learners = _classifiers("Poisson", "PoissonMBO")
    curves = unequal.learning_curves(
        _latent(vae, unequal), _recommended(vae, unequal), classifiers=learners
    )
    return _summary(curves).assign(rare=label)


def _thinned(pool, label, share, seed):
    """The pool with a random share of the images of one class."""
    members = np.flatnonzero(pool.labels == label)
    n = round((1 - share) * len(members))
    left_out = np.random.default_rng(seed).choice(members, n, replace=False)
    return pool.take(np.delete(np.arange(len(pool)), left_out), slice(None))


def training_study(experiment, dimensions):
    """How the training of a VAE ends: known without labels, and with them."""
    pool, rows = experiment.pool, []
    for dim in dimensions:
        other = replace(experiment, latent_dim=dim)
        vae = _fitted(other.vae, other)
        Z, Z_test = _latent(vae, other)["latent"]
        neighbors = KNeighborsClassifier(10).fit(Z, pool.labels)
        known = {name: vae.history_[-1][name] for name in ("loss", "kl", "dead", "rank")}
        row = {"latent_dim": dim, **known, "nmi": kmeans_nmi(Z, pool.labels)}
        rows.append(row | {"neighbors": neighbors.score(Z_test, pool.test_labels)})
    return pd.DataFrame(rows)


def uncertainty_study(experiment, n_clusters):
    """Uncertainty inside clusters, plain entropy, and neither, in two stages of B/2 labels."""
    strategies = {
        name: strategy
        for name, strategy in line_up(queries, n_clusters=n_clusters).items()
        if strategy.needs_labels or name == "core-set"
    }
    latent, tables = _latent(_fitted(experiment.vae, experiment), experiment), []
    for budget in experiment.budgets:
        stages = {"budgets": [budget], "batch_size": budget // 2}
        learners = _classifiers("SVC", "Poisson")
        curves = experiment.learning_curves(latent, strategies, **stages, classifiers=learners)
        tables.append(_summary(curves))
    return pd.concat(tables)


def spreading_study(experiment):
    """Ways to spread the labels of the recommended choice over the graph."""
    vae = _fitted(experiment.vae, experiment)
    strategies = _recommended(vae, experiment)
    latent = _latent(vae, experiment)
    curves = experiment.learning_curves(latent, strategies, classifiers=line_up(classifiers))
    return _summary(curves)


def share_study(experiment, shares):
    """Few labels, with VAEs trained on a share of the pool, in nearly as many steps."""
    pool, tables = experiment.pool, []
    for share in shares:
        vae, images = experiment.vae, pool.images
        if share < 1:
            n = round(share * len(images))
            rng = np.random.default_rng(experiment.random_state)
            images = images[np.sort(rng.choice(len(images), n, replace=False))]
            vae.set_params(epochs=round(vae.epochs / share))
        table = _few_labels(experiment, fit_stored(vae, images))
        tables.append(table.assign(share=share))
    return pd.concat(tables)


def dimension_study(experiment, dimensions):
    """Few labels, and the paper's method, in latent spaces of several dimensions."""
    others = [replace(experiment, latent_dim=dim) for dim in dimensions]
    return pd.concat([
        _few_labels(other, _fitted(other.vae, other)).assign(latent_dim=other.latent_dim)
        for other in others
    ])  # fmt: skip


def clusters_study(experiment, clusters):
    """The paper's core-set with other numbers of clusters K."""
    latent = _latent(_fitted(experiment.vae, experiment), experiment)
    return pd.concat([
        _summary(experiment.learning_curves(latent, {"core-set": KMeansCoreset(n_clusters)}))
        .assign(n_clusters=n_clusters)
        for n_clusters in clusters
    ])  # fmt: skip


def cost_study(experiment, sizes):
    """Time and memory of the strategies for a cold start, on clouds of growing size."""
    from alvae.book.benchmarks import growth  # here: it loads torch

    table = growth([*cold_starts(errors=None)], sizes, experiment.latent_dim)
    return table.assign(latent_dim=experiment.latent_dim)


def _fitted(vae, experiment):
    return fit_stored(vae, experiment.pool.images)


def _latent(vae, experiment):
    """The latent space alone, as `learning_curves` takes it."""
    images = experiment.pool.images, experiment.pool.test_images
    return {"latent": tuple(latent_codes(vae, part) for part in images)}


def _of_the_paper(experiment):
    return {"uniform": UniformSampling(), "core-set": _coreset(experiment)}


def _coreset(experiment):
    return KMeansCoreset(experiment.n_clusters)


def _recommended(vae, experiment):
    errors = reconstruction_errors(vae, experiment.pool.images)
    return {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)}


def _few_labels(experiment, vae):
    """The recommended choice and classifier, and the paper's core-set with its SVC; and the NMI."""
    latent = _latent(vae, experiment)
    enough = [budget for budget in experiment.budgets if budget >= CORESET_CLUSTERS]
    coreset = {"core-set": KMeansCoreset(CORESET_CLUSTERS)}
    tried = [
        ({"PoissonMBO": PoissonMBO()}, _recommended(vae, experiment), experiment.budgets),
        ({"SVC": GridSearchSVC()}, coreset, enough),
    ]
    tables = [
        experiment.learning_curves(latent, strategies, budgets=budgets, classifiers=learners)
        for learners, strategies, budgets in tried
        if budgets
    ]
    nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
    return _summary(pd.concat(tables)).assign(nmi=nmi)


def _takes(strategy, n, budget):
    """Whether so many points can be asked for at once."""
    try:
        strategy.check_params(n, budget)
    except ValueError:
        return False
    return True


def _classifiers(*names):
    every = line_up(classifiers)
    return {name: every[name] for name in names}


def _summary(curves):
    """Mean and spread of the accuracy, and means of what else was measured."""
    table = summarize(curves)
    for column in ("pool_accuracy", "radius"):
        if column in curves:
            table[column] = summarize(curves, column)["mean"]
    return table


def describe(change):
    """A variant in words: "cv = 3", or "as in the book" where nothing is changed."""
    return ", ".join(f"{name} = {value}" for name, value in change.items()) or "as in the book"


KINDS = {
    "paper": paper_study,
    "hypotheses": hypotheses_study,
    "vae": vae_study,
    "classifier": classifier_study,
    "clustering": clustering_study,
    "controls": controls_study,
    "points": points_study,
    "rare": rare_study,
    "training": training_study,
    "uncertainty": uncertainty_study,
    "spreading": spreading_study,
    "share": share_study,
    "dimension": dimension_study,
    "clusters": clusters_study,
    "cost": cost_study,
}

"""The kinds of long comparisons: each a function from an experiment to one tidy table."""

from copy import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from alvae import classifiers, queries
from alvae.book.comparison import cold_starts, line_up
from alvae.classifiers import GridSearchSVC, PoissonMBO
from alvae.coverage import covering_radius, kmeans_nmi
from alvae.queries import BestReconstructed, KMeansCoreset, SpectralMedoids, UniformSampling
from alvae.spaces import both_spaces, fit_stored, latent_codes, reconstruction_errors
from alvae.summaries import summarize

CORESET_CLUSTERS = 20  # of the paper's core-set, where it stands beside other methods


def paper_study(experiment, seeds):
    """The paper's learning curves, uniform draws and the core-set in both spaces, and the NMI."""
    pool, tables = experiment.pool, []
    strategies = {"uniform": UniformSampling(), "core-set": _coreset(experiment)}
    for seed in seeds:
        vae = clone(experiment.vae).set_params(random_state=seed)
        spaces = both_spaces(pool, fit_stored(vae, pool.images))
        table = summarize(experiment.learning_curves(spaces, strategies, random_state=seed))
        nmi = {space: kmeans_nmi(X, pool.labels) for space, (X, _) in spaces.items()}
        tables.append(table.assign(nmi=table["space"].map(nmi), seed=seed))
    return pd.concat(tables)


def controls_study(experiment, seeds):
    """What the space, the choice and the classifier each buy: all of them with each other.

    The plain autoencoder is the VAE without the regularization term: nothing keeps its σ from
    going to zero.
    """
    pool, tables = experiment.pool, []
    pixels = pool.flatten()
    components = PCA(experiment.latent_dim, random_state=0).fit(pixels[0])
    fixed = {"pixels": pixels, "PCA": tuple(map(components.transform, pixels))}
    choices = {
        "uniform": UniformSampling(),
        "core-set": KMeansCoreset(CORESET_CLUSTERS),
        "spectral": SpectralMedoids(),
    }
    for seed in seeds:
        vae = clone(experiment.vae).set_params(random_state=seed)
        plain = fit_stored(clone(vae).set_params(beta=0), pool.images)
        spaces = fixed | {
            "autoencoder": _latent(plain, pool)["latent"],
            "VAE": _latent(fit_stored(vae, pool.images), pool)["latent"],
        }
        for name, choice in choices.items():
            curves = experiment.learning_curves(
                spaces,
                {name: choice},
                budgets=[B for B in experiment.budgets if _takes(choice, len(pool), B)],
                classifiers=_classifiers("SVC", "Poisson", "PoissonMBO"),
                random_state=seed,
            )
            tables.append(_summary(curves).assign(seed=seed))
    return pd.concat(tables)


def vae_study(experiment, variants):
    """NMI, and accuracy of the latent core-set, for VAEs with other parameters and other seeds."""
    tables = []
    for variant in variants:
        for seed in variant["seeds"]:
            vae = clone(experiment.vae).set_params(random_state=seed, **variant["change"])
            vae = fit_stored(vae, experiment.pool.images)
            latent = _latent(vae, experiment.pool)
            curves = experiment.learning_curves(latent, {"core-set": _coreset(experiment)})
            nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
            columns = {"variant": describe(variant["change"]), "seed": seed, "nmi": nmi}
            tables.append(summarize(curves).assign(**columns))
    return pd.concat(tables)


def classifier_study(experiment, variants):
    """Accuracy for other grids and folds, in both spaces, uniformly sampled."""
    spaces = both_spaces(experiment.pool, fit_stored(experiment.vae, experiment.pool.images))
    tables = []
    for variant in variants:
        classifier = GridSearchSVC(**variant)
        strategies = {"uniform": UniformSampling()}
        curves = experiment.learning_curves(spaces, strategies, classifiers={"": classifier})
        tables.append(summarize(curves).assign(variant=describe(variant)))
    return pd.concat(tables)


def clustering_study(experiment, variants, seeds):
    """Accuracy of the latent core-set with new clusters for every seed, few trials to each."""
    latent = _latent(fit_stored(experiment.vae, experiment.pool.images), experiment.pool)
    tables = []
    for variant, seed in product(variants, seeds):
        strategies = {"core-set": _coreset(experiment).set_params(**variant)}
        curves = experiment.learning_curves(latent, strategies, random_state=seed)
        tables.append(summarize(curves).assign(variant=describe(variant), seed=seed))
    return pd.concat(tables)


def points_study(experiment, seeds, coreset_clusters, trials, mbo=()):
    """Every strategy and two classifiers, for VAEs of several seeds; and the ceiling of all labels.

    `trials` says which strategies are tried more often than `n_trials`, and `mbo` which are tried
    with PoissonMBO, too.
    """
    tables = []
    for vae, latent in _latents(experiment, seeds):
        pool = experiment.pool
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
                random_state=vae.random_state,
            )
            tables.append(_summary(curves).assign(seed=vae.random_state))
        X, X_test = latent["latent"]
        accuracy = SVC(C=10).fit(X, pool.labels).score(X_test, pool.test_labels)
        ceiling = {"strategy": "all labels", "classifier": "SVC", "budget": len(X)}
        tables.append(pd.DataFrame([{**ceiling, "mean": accuracy, "seed": vae.random_state}]))
    return pd.concat(tables)


def rare_study(experiment, seeds, rare, share):
    """The recommended choice where a class, `rare` of each seed, has a share of its images.

    The test images are all there.
    """
    tables = []
    for seed in seeds:
        label = rare[seed]
        if label not in experiment.pool.classes:
            raise ValueError(f"rare has {label}; the classes are {experiment.pool.classes}")
        unequal = copy(experiment)
        unequal.random_state = seed
        unequal.pool = _thinned(experiment.pool, label, share, seed)
        vae = fit_stored(unequal.vae, unequal.pool.images)
        errors = reconstruction_errors(vae, unequal.pool.images)
        curves = unequal.learning_curves(
            _latent(vae, unequal.pool),
            {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)},
            classifiers=_classifiers("Poisson", "PoissonMBO"),
        )
        tables.append(_summary(curves).assign(rare=label, seed=seed))
    return pd.concat(tables)


def _thinned(pool, label, share, seed):
    """The pool with a random share of the images of one class."""
    members = np.flatnonzero(pool.labels == label)
    n = round((1 - share) * len(members))
    left_out = np.random.default_rng(seed).choice(members, n, replace=False)
    return pool.take(np.delete(np.arange(len(pool)), left_out), slice(None))


def training_study(experiment, seeds, dimensions):
    """How the training of VAEs ends, seed by seed: known without labels, and with them."""
    pool, rows = experiment.pool, []
    for dim in dimensions:
        for vae, latent in _latents(replace(experiment, latent_dim=dim), seeds):
            Z, Z_test = latent["latent"]
            neighbors = KNeighborsClassifier(10).fit(Z, pool.labels)
            known = {name: vae.history_[-1][name] for name in ("loss", "kl", "dead", "rank")}
            row = {"latent_dim": dim, "seed": vae.random_state, **known}
            row["nmi"] = kmeans_nmi(Z, pool.labels)
            row["neighbors"] = neighbors.score(Z_test, pool.test_labels)
            rows.append(row)
    return pd.DataFrame(rows)


def uncertainty_study(experiment, seeds, n_clusters):
    """Uncertainty inside clusters, plain entropy, and neither, in two stages of B/2 labels."""
    strategies = {
        name: strategy
        for name, strategy in line_up(queries, n_clusters=n_clusters).items()
        if strategy.needs_labels or name == "core-set"
    }
    tables = []
    for vae, latent in _latents(experiment, seeds):
        for budget in experiment.budgets:
            curves = experiment.learning_curves(
                latent,
                strategies,
                budgets=[budget],
                batch_size=budget // 2,
                classifiers=_classifiers("SVC", "Poisson"),
                random_state=vae.random_state,
            )
            tables.append(_summary(curves).assign(seed=vae.random_state))
    return pd.concat(tables)


def spreading_study(experiment, seeds):
    """Ways to spread the labels of the recommended choice over the graph."""
    tables = []
    for vae, latent in _latents(experiment, seeds):
        errors = reconstruction_errors(vae, experiment.pool.images)
        strategies = {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)}
        curves = experiment.learning_curves(
            latent, strategies, classifiers=line_up(classifiers), random_state=vae.random_state
        )
        tables.append(_summary(curves).assign(seed=vae.random_state))
    return pd.concat(tables)


def share_study(experiment, seeds, shares):
    """Few labels, with VAEs trained on a share of the pool, in nearly as many steps."""
    pool, tables = experiment.pool, []
    for share, seed in product(shares, seeds):
        vae = clone(experiment.vae).set_params(random_state=seed)
        images = pool.images
        if share < 1:
            n = round(share * len(images))
            drawn = np.random.default_rng(seed).choice(len(images), n, replace=False)
            images = images[np.sort(drawn)]
            vae.set_params(epochs=round(vae.epochs / share))
        vae = fit_stored(vae, images)
        latent = _latent(vae, pool)
        nmi = kmeans_nmi(latent["latent"][0], pool.labels)
        curves = _few_labels(experiment, vae, latent)
        tables.append(_summary(curves).assign(share=share, seed=seed, nmi=nmi))
    return pd.concat(tables)


def dimension_study(experiment, seeds, dimensions):
    """Few labels, and the paper's method, in latent spaces of several dimensions."""
    tables = []
    for dim in dimensions:
        other = replace(experiment, latent_dim=dim)
        for vae, latent in _latents(other, seeds):
            nmi = kmeans_nmi(latent["latent"][0], other.pool.labels)
            curves = _few_labels(other, vae, latent)
            columns = {"latent_dim": dim, "seed": vae.random_state, "nmi": nmi}
            tables.append(_summary(curves).assign(**columns))
    return pd.concat(tables)


def clusters_study(experiment, seeds, clusters):
    """The paper's core-set with other numbers of clusters K."""
    tables = []
    for vae, latent in _latents(experiment, seeds):
        for n_clusters in clusters:
            curves = experiment.learning_curves(
                latent, {"core-set": KMeansCoreset(n_clusters)}, random_state=vae.random_state
            )
            columns = {"n_clusters": n_clusters, "seed": vae.random_state}
            tables.append(_summary(curves).assign(**columns))
    return pd.concat(tables)


def cost_study(experiment, sizes):
    """Time and memory of the strategies for a cold start, on clouds of growing size."""
    from alvae.book.benchmarks import growth  # here: it loads torch

    table = growth([*cold_starts(errors=None)], sizes, experiment.latent_dim)
    return table.assign(latent_dim=experiment.latent_dim)


def _latents(experiment, seeds):
    """A fitted VAE for each seed, and the latent space."""
    for seed in seeds:
        vae = clone(experiment.vae).set_params(random_state=seed)
        vae = fit_stored(vae, experiment.pool.images)
        yield vae, _latent(vae, experiment.pool)


def _latent(vae, pool):
    """The latent space alone, as `learning_curves` takes it."""
    return {"latent": (latent_codes(vae, pool.images), latent_codes(vae, pool.test_images))}


def _few_labels(experiment, vae, latent):
    """The recommended choice and classifier, and the paper's core-set with its SVC."""
    errors = reconstruction_errors(vae, experiment.pool.images)
    ours = {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)}
    enough = [budget for budget in experiment.budgets if budget >= CORESET_CLUSTERS]
    tried = [
        ("PoissonMBO", PoissonMBO(), ours, experiment.budgets),
        ("SVC", GridSearchSVC(), {"core-set": KMeansCoreset(CORESET_CLUSTERS)}, enough),
    ]
    return pd.concat([
        experiment.learning_curves(
            latent,
            strategies,
            budgets=budgets,
            classifiers={name: classifier},
            random_state=vae.random_state,
        )
        for name, classifier, strategies, budgets in tried
        if budgets
    ])  # fmt: skip


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


def _coreset(experiment):
    return KMeansCoreset(experiment.n_clusters)


def describe(change):
    """A variant in words: "cv = 3", or "as in the book" where nothing is changed."""
    return ", ".join(f"{name} = {value}" for name, value in change.items()) or "as in the book"


KINDS = {
    "paper": paper_study,
    "controls": controls_study,
    "vae": vae_study,
    "classifier": classifier_study,
    "clustering": clustering_study,
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

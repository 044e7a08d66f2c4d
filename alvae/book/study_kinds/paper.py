"""Studies of the paper's own method, in both spaces, and of what it leaves open."""

from itertools import product

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from alvae.book.normalization import UnnormalizedVAE
from alvae.book.study_kinds._shared import fitted, latent_space, of_the_paper, summary
from alvae.classifiers import GridSearchSVC
from alvae.coverage import covering_radius, kmeans_nmi, mean_distance
from alvae.queries import KCenterGreedy, KMeansCoreset, UniformSampling
from alvae.spaces import both_spaces, fit_stored, latent_codes
from alvae.summaries import summarize


def paper_study(experiment, normalized=True):
    """The paper's learning curves, uniform draws and the core-set in both spaces, and the NMI.

    And in the latent space k-center, the other approximation of equation (3). If not `normalized`,
    the VAE has no batch normalization.
    """
    vae = fitted(experiment) if normalized else _fitted_plain(experiment)
    spaces = both_spaces(experiment.pool, vae)
    nmi = {space: kmeans_nmi(X, experiment.pool.labels) for space, (X, _) in spaces.items()}
    pixels, latent = ({name: X} for name, X in spaces.items())
    strategies = of_the_paper(experiment)
    measured = {"measures": {"radius": covering_radius, "distance": mean_distance}}
    curves = [
        experiment.learning_curves(pixels, strategies),
        experiment.learning_curves(latent, strategies | {"k-center": KCenterGreedy()}, **measured),
    ]
    table = summary(pd.concat(curves))
    return table.assign(nmi=table["space"].map(nmi))


def epochs_study(experiment, normalized, plain):
    """The NMI after so many epochs, of networks with batch normalization and of plain ones."""
    pool, rows = experiment.pool, []
    networks = {"normalized": (fitted, normalized), "plain": (_fitted_plain, plain)}
    for name, (fit, counts) in networks.items():
        for epochs in counts:
            codes = latent_codes(fit(experiment, epochs=epochs), pool.images)
            nmi = kmeans_nmi(codes, pool.labels)
            rows.append({"network": name, "epochs": epochs, "nmi": nmi})
    return pd.DataFrame(rows)


def _fitted_plain(experiment, **changes):
    """The VAE of an experiment, or one with other parameters, without batch normalization."""
    params = experiment.vae.set_params(**changes).get_params()
    return fit_stored(UnnormalizedVAE(**params), experiment.pool.images)


def hypotheses_study(experiment):
    """The paper's learning curves with classifiers of other kinds beside its SVC."""
    kinds = {
        "SVC": GridSearchSVC(),
        "logistic regression": LogisticRegression(max_iter=1000),
        "nearest neighbors": KNeighborsClassifier(),
        "random forest": RandomForestClassifier(),
        "neural network": MLPClassifier(solver="lbfgs", max_iter=1000),  # the one for few points
    }
    spaces = both_spaces(experiment.pool, fitted(experiment))
    return summarize(
        experiment.learning_curves(spaces, of_the_paper(experiment), classifiers=kinds)
    )


def vae_study(experiment, changes):
    """NMI, and accuracy of the latent core-set, for VAEs with other parameters."""
    tables = []
    for change in changes:
        latent = latent_space(fitted(experiment, **change), experiment)
        nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
        curves = experiment.learning_curves(latent, _coreset(experiment))
        tables.append(summarize(curves).assign(variant=describe(change), nmi=nmi))
    return pd.concat(tables)


def classifier_study(experiment, variants):
    """Accuracy for other grids and folds, in both spaces, uniformly sampled."""
    spaces, tables = both_spaces(experiment.pool, fitted(experiment)), []
    for variant in variants:
        classifier = GridSearchSVC(**variant)
        strategies = {"uniform": UniformSampling()}
        curves = experiment.learning_curves(spaces, strategies, classifiers={"": classifier})
        tables.append(summarize(curves).assign(variant=describe(variant)))
    return pd.concat(tables)


def clustering_study(experiment, variants, clusterings):
    """Accuracy of the latent core-set with clusters that are found anew, few trials to each."""
    latent, tables = latent_space(fitted(experiment), experiment), []
    for variant, clustering in product(variants, clusterings):
        strategies = _coreset(experiment, **variant)
        curves = experiment.learning_curves(latent, strategies, random_state=clustering)
        columns = {"variant": describe(variant), "clustering": clustering}
        tables.append(summarize(curves).assign(**columns))
    return pd.concat(tables)


def clusters_study(experiment, clusters):
    """The paper's core-set with other numbers of clusters K."""
    latent = latent_space(fitted(experiment), experiment)
    return pd.concat([
        summary(experiment.learning_curves(latent, {"core-set": KMeansCoreset(n_clusters)}))
        .assign(n_clusters=n_clusters)
        for n_clusters in clusters
    ])  # fmt: skip


def _coreset(experiment, **params):
    return {"core-set": KMeansCoreset(experiment.n_clusters).set_params(**params)}


def describe(change):
    """A variant in words: "cv = 3", or "as in the book" where nothing is changed."""
    return ", ".join(f"{name} = {value}" for name, value in change.items()) or "as in the book"

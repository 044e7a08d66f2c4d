"""The long comparisons behind the page of choices and behind the second part of the book, from
`book/studies.yml`.

``python -m alvae.studies`` runs them and writes one tidy table each into `book/results/`, beside a
JSON file that says what made it. The tables are small and kept with the source, so that the book
shows them without the wait.
"""

import argparse
import json
import sys
from dataclasses import replace
from importlib.metadata import version
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import yaml
from scipy.stats import t
from sklearn.base import clone
from sklearn.svm import SVC

from alvae import store
from alvae.benchmarks import COLD_STARTS, growth
from alvae.book import REPOSITORY, RESULTS, load_manifest
from alvae.classifiers import GraphLabelSpreading, GridSearchSVC, PoissonLearning
from alvae.coverage import covering_radius, kmeans_nmi
from alvae.notebook import Experiment
from alvae.queries import (
    BestReconstructed,
    ClusterUncertainty,
    EntropySampling,
    KCenterGreedy,
    KMeansCoreset,
    KMeansMedoids,
    MaxHerding,
    ProbCover,
    SpectralMedoids,
    TypiClust,
    UniformSampling,
)
from alvae.trials import (
    SOURCES,
    both_spaces,
    encode,
    fit_stored,
    reconstruction_errors,
    summarize,
)

STUDIES = REPOSITORY / "book" / "studies.yml"
N_CLUSTERS = 20  # of the paper's core-set, where it stands beside other methods
POINTS = {  # the studies of points, by their digits
    "0, 3, 9": "points-three",
    "0, 3, 7, 9": "points-four",
    "0, 2, 3, 7, 9": "points-five",
    "all ten": "points-ten",
}
TRAINING = {digits: name.replace("points", "training") for digits, name in POINTS.items()}


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
        curves = experiment.learning_curves(spaces, strategies, classifier=classifier)
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


def points_study(experiment, seeds, coreset_clusters, trials):
    """Every strategy and two classifiers, for VAEs of several seeds; and the ceiling of all labels.

    `trials` says which strategies are tried more often than `n_trials`.
    """
    tables = []
    for vae, latent in _latents(experiment, seeds):
        pool = experiment.pool
        strategies = strategies_compared(
            pool, reconstruction_errors(vae, pool.images), coreset_clusters
        )
        if unknown := set(trials) - set(strategies):
            raise ValueError(f"trials names {sorted(unknown)}; the strategies are {[*strategies]}")
        together = {}  # strategies of as many trials and labels share what is prepared
        for name, strategy in strategies.items():
            least = coreset_clusters if isinstance(strategy, KMeansCoreset) else 1
            n_trials = trials.get(name, experiment.n_trials)
            together.setdefault((n_trials, least), {})[name] = strategy
        for (n_trials, least), some in together.items():
            curves = experiment.learning_curves(
                latent,
                some,
                budgets=[budget for budget in experiment.budgets if budget >= least],
                n_trials=n_trials,
                classifier={"SVC": GridSearchSVC(), "Poisson": PoissonLearning()},
                measures={"radius": covering_radius},
                random_state=vae.random_state,
            )
            tables.append(_summary(curves).assign(seed=vae.random_state))
        X, X_test = latent["latent"]
        accuracy = SVC(C=10).fit(X, pool.labels).score(X_test, pool.test_labels)
        ceiling = {"strategy": "all labels", "classifier": "SVC", "budget": len(X)}
        tables.append(pd.DataFrame([{**ceiling, "mean": accuracy, "seed": vae.random_state}]))
    return pd.concat(tables)


def strategies_compared(pool, errors, n_clusters):
    """The query strategies of the page that compares them, by the names that it gives them."""
    n_classes = len(pool.classes)
    return {
        "uniform": UniformSampling(),
        "core-set": KMeansCoreset(n_clusters),
        "core-set, proportional": KMeansCoreset(n_clusters, allocation="proportional"),
        "k-center": KCenterGreedy(),
        "k-center, 5 % set aside": KCenterGreedy(set_aside=0.05),
        "ProbCover": ProbCover(n_classes=n_classes),
        "MaxHerding": MaxHerding(),
        "TypiClust": TypiClust(),
        "medoids": KMeansMedoids(),
        "medoids, reconstructed": BestReconstructed(KMeansMedoids(), errors),
        "spectral": SpectralMedoids(),
        "spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors),
    }


def training_study(experiment, seeds):
    """Loss and NMI of VAEs that differ in their seed: known without labels, and with them."""
    rows = []
    for vae, latent in _latents(experiment, seeds):
        nmi = kmeans_nmi(latent["latent"][0], experiment.pool.labels)
        rows.append({"seed": vae.random_state, "loss": vae.history_[-1]["loss"], "nmi": nmi})
    return pd.DataFrame(rows)


def uncertainty_study(experiment, seeds, n_clusters):
    """Uncertainty inside clusters, plain entropy, and neither, in two stages of B/2 labels."""
    strategies = {
        "core-set": KMeansCoreset(n_clusters),
        "margin in clusters": ClusterUncertainty(n_clusters, measure="margin"),
        "entropy in clusters": ClusterUncertainty(n_clusters, measure="entropy"),
        "entropy": EntropySampling(),
    }
    classifiers = {"SVC": GridSearchSVC(), "Poisson": PoissonLearning()}
    tables = []
    for vae, latent in _latents(experiment, seeds):
        for budget in experiment.budgets:
            curves = experiment.learning_curves(
                latent,
                strategies,
                budgets=[budget],
                batch_size=budget // 2,
                classifier=classifiers,
                random_state=vae.random_state,
            )
            tables.append(_summary(curves).assign(seed=vae.random_state))
    return pd.concat(tables)


def spreading_study(experiment, seeds):
    """Ways to spread the labels of the recommended choice over the graph."""
    classifiers = {
        "Poisson learning, classes balanced": PoissonLearning(),
        "Poisson learning, labels as they come": PoissonLearning(class_prior="labels"),
        "label spreading, alpha = 0.99": GraphLabelSpreading(),
        "label spreading, alpha = 0.2": GraphLabelSpreading(alpha=0.2),
        "SVC": GridSearchSVC(),
    }
    tables = []
    for vae, latent in _latents(experiment, seeds):
        errors = reconstruction_errors(vae, experiment.pool.images)
        strategies = {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)}
        curves = experiment.learning_curves(
            latent, strategies, classifier=classifiers, random_state=vae.random_state
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
    return growth(list(COLD_STARTS), sizes)


def _latents(experiment, seeds):
    """A fitted VAE for each seed, and the latent space."""
    for seed in seeds:
        vae = clone(experiment.vae).set_params(random_state=seed)
        vae = fit_stored(vae, experiment.pool.images)
        yield vae, _latent(vae, experiment.pool)


def _latent(vae, pool):
    """The latent space alone, as `learning_curves` takes it."""
    return {"latent": (encode(vae, pool.images), encode(vae, pool.test_images))}


def _few_labels(experiment, vae, latent):
    """The recommended choice with Poisson learning, and the paper's core-set with its SVC."""
    errors = reconstruction_errors(vae, experiment.pool.images)
    ours = {"spectral, reconstructed": BestReconstructed(SpectralMedoids(), errors)}
    enough = [budget for budget in experiment.budgets if budget >= N_CLUSTERS]
    tried = [
        ("Poisson", PoissonLearning(), ours, experiment.budgets),
        ("SVC", GridSearchSVC(), {"core-set": KMeansCoreset(N_CLUSTERS)}, enough),
    ]
    return pd.concat([
        experiment.learning_curves(
            latent,
            strategies,
            budgets=budgets,
            classifier={name: classifier},
            random_state=vae.random_state,
        )
        for name, classifier, strategies, budgets in tried
    ])  # fmt: skip


def _summary(curves):
    """Mean and spread of the accuracy, and means of what else was measured."""
    table = summarize(curves)
    for column in ("pool_accuracy", "radius"):
        if column in curves:
            table[column] = summarize(curves, column)["mean"]
    return table


KINDS = {
    "vae": vae_study,
    "classifier": classifier_study,
    "clustering": clustering_study,
    "points": points_study,
    "training": training_study,
    "uncertainty": uncertainty_study,
    "spreading": spreading_study,
    "share": share_study,
    "dimension": dimension_study,
    "clusters": clusters_study,
    "cost": cost_study,
}


def describe(change):
    """A variant in words: "cv = 3", or "as in the book" where nothing is changed."""
    return ", ".join(f"{name} = {value}" for name, value in change.items()) or "as in the book"


def list_studies():
    """The kind of every study, by name: that which is named, or the name itself."""
    sections = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))
    return {name: section.get("kind", name) for name, section in sections.items()}


def read_study(name):
    """The parameters of a study and the experiment that it varies.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.

    Returns
    -------
    experiment : Experiment
        With the budgets and the number of trials of the study.
    options : dict
        The rest, for the function of the study.
    """
    options = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[name]
    options.pop("kind", None)
    parameters = load_manifest()[0][options.pop("experiment")]
    changed = ("budgets", "n_trials", "latent_dim")
    parameters |= {key: options.pop(key) for key in changed if key in options}
    if min(parameters["budgets"]) < parameters["n_clusters"]:
        parameters["n_clusters"] = None  # these studies say themselves how many clusters
    return Experiment(**parameters), options


def run_study(name):
    """Run a study and write its table and its provenance into `book/results/`.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.
    """
    experiment, options = read_study(name)
    table = KINDS[list_studies()[name]](experiment, **options)
    provenance = {
        "experiment": repr(experiment),
        **options,
        "source": store.source_digest("vae", "benchmarks", "studies", *SOURCES),
        "versions": {name: version(name) for name in ("alvae", "numpy", "scikit-learn", "torch")},
    }
    with store.replacing(RESULTS / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with store.replacing(RESULTS / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def read_results(names):
    """The tables of studies that differ in the digits, as one.

    Parameters
    ----------
    names : dict of str to str
        The name of each study, by what its digits are called.

    Returns
    -------
    pandas.DataFrame
        With `digits` as the first column.
    """
    parts = {digits: pd.read_csv(RESULTS / f"{name}.csv") for digits, name in names.items()}
    return pd.concat(parts, names=["digits"]).reset_index("digits")


def over_seeds(table, by, value="mean"):
    """Mean over the VAEs and its standard error; of accuracies, the two parts of their spread.

    Parameters
    ----------
    table : DataFrame
        A row for each VAE, with the columns named by the other arguments.
    by : list of str
        Columns that tell apart what is averaged.
    value : str, default="mean"
        The column that is averaged: that of accuracies, beside which `std` and `n_trials` stand, or
        another.

    Returns
    -------
    pandas.DataFrame
        `by`, `mean`, `sem` and `n_seeds`. For accuracies also `std_trials`, the root of the mean
        variance over the trials of one VAE, and `std_seeds`, the standard deviation over VAEs that
        is left of that of the means when what the trials add to it is taken off.
    """
    grouped = table.groupby(by, sort=False)
    result = grouped[value].agg(["mean", "sem", "size"])
    result = result.rename(columns={"size": "n_seeds"})
    if value == "mean":
        squares = table[by].assign(trials=table["std"] ** 2)
        squares["added"] = squares["trials"] / table["n_trials"]
        part = squares.groupby(by, sort=False)[["trials", "added"]].mean()
        result["std_trials"] = part["trials"] ** 0.5
        result["std_seeds"] = (grouped[value].var() - part["added"]).clip(lower=0) ** 0.5
    return result.reset_index()


def side_by_side(means, rows, columns, sign=False):
    """A table of the book: "0.975 ± 0.002", the mean over the VAEs and its standard error.

    Parameters
    ----------
    means : DataFrame
        From `over_seeds`.
    rows, columns : str
        What its rows and its columns tell apart.
    sign : bool, default=False
        Whether the sign is always shown, as for differences.

    Returns
    -------
    pandas.DataFrame
        Of text; what was not measured is missing.
    """
    texts = [
        f"{mean:{'+' if sign else ''}.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sem:.3f}"
        for mean, sem in zip(means["mean"], means["sem"], strict=True)
    ]
    cells = means.assign(text=texts)
    order = [cells[column].unique() for column in (rows, columns)]
    wide = cells.pivot(index=rows, columns=columns, values="text")
    return wide.loc[order[0], order[1]].rename_axis(columns=None).reset_index()


def lowest_loss(table, by, n, value="mean"):
    """What is to be expected if n VAEs are trained and that of the lowest loss is kept.

    Parameters
    ----------
    table : DataFrame
        A row for each VAE, with `seed`, `loss` and the columns named by the other arguments.
    by : list of str
        Columns that tell apart what is averaged.
    n : int
        From 1 to the number of VAEs.
    value : str, default="mean"

    Returns
    -------
    pandas.DataFrame
        `by`, and `value` of the VAE of lowest loss, averaged over all sets of n of the VAEs.
    """
    rows = []
    for key, part in table.groupby(by, sort=False):
        values = part.sort_values("loss")[value]
        # The k-th lowest loss is the lowest of a set in so many ways.
        ways = [comb(len(values) - 1 - k, n - 1) for k in range(len(values))]
        rows.append((*key, np.average(values, weights=ways)))
    return pd.DataFrame(rows, columns=[*by, value])


def paired_gains(table, strategy, by):
    """By how much a strategy is better than each other one, from VAE to VAE.

    Parameters
    ----------
    table : DataFrame
        `strategy`, `seed`, `mean` and the columns named in `by`.
    strategy : str
    by : list of str

    Returns
    -------
    pandas.DataFrame
        `by`, `strategy` (the other), `mean` and `sem` of the differences over the VAEs, and `p` of
        the paired t-test, two-sided.
    """
    wide = table.pivot_table("mean", [*by, "seed"], "strategy", sort=False)
    gains = wide.drop(columns=strategy).rsub(wide[strategy], axis=0)
    gains = gains.stack().dropna().rename("gain").reset_index()
    grouped = gains.groupby([*by, "strategy"], sort=False)["gain"]
    result = grouped.agg(["mean", "sem", "size"]).reset_index()
    result["p"] = 2 * t.sf(abs(result["mean"]) / result["sem"], result.pop("size") - 1)
    return result


def _coreset(experiment):
    return KMeansCoreset(experiment.n_clusters)


def main(arguments=None):
    """Run the studies named, or all, and write their tables into book/results/."""
    known = list(list_studies())
    parser = argparse.ArgumentParser(prog="python -m alvae.studies", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    names = parser.parse_args(arguments).names or known
    if unknown := set(names) - set(known):
        sys.exit(f"{parser.prog}: there is no study {sorted(unknown)[0]!r}; there are {known}")
    for name in names:
        run_study(name)
        print(f"{RESULTS / name}.csv", flush=True)


if __name__ == "__main__":
    main()

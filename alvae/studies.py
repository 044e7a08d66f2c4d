"""The long comparisons behind the page of choices, from `book/studies.yml`.

``python -m alvae.studies`` runs them and writes one tidy table each into `book/results/`, beside a
JSON file that says what made it. The tables are small and kept with the source, so that the book
shows them without the wait.
"""

import argparse
import json
import sys
from importlib.metadata import version
from itertools import product

import pandas as pd
import yaml
from sklearn.base import clone

from alvae import store
from alvae.book import REPOSITORY, RESULTS, load_manifest
from alvae.classifiers import GridSearchSVC
from alvae.coverage import kmeans_nmi
from alvae.notebook import Experiment
from alvae.queries import KMeansCoreset, UniformSampling
from alvae.trials import both_spaces, fit_stored, summarize

STUDIES = REPOSITORY / "book" / "studies.yml"


def vae_study(experiment, variants):
    """NMI, and accuracy of the latent core-set, for VAEs with other parameters and other seeds."""
    tables = []
    for variant in variants:
        for seed in variant["seeds"]:
            vae = clone(experiment.vae).set_params(random_state=seed, **variant["change"])
            vae = fit_stored(vae, experiment.pool.images)
            latent = {"latent": both_spaces(experiment.pool, vae)["latent"]}
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
    vae = fit_stored(experiment.vae, experiment.pool.images)
    latent = {"latent": both_spaces(experiment.pool, vae)["latent"]}
    tables = []
    for variant, seed in product(variants, seeds):
        strategies = {"core-set": _coreset(experiment).set_params(**variant)}
        curves = experiment.learning_curves(latent, strategies, random_state=seed)
        tables.append(summarize(curves).assign(variant=describe(variant), seed=seed))
    return pd.concat(tables)


KINDS = {"vae": vae_study, "classifier": classifier_study, "clustering": clustering_study}


def describe(change):
    """A variant in words: "cv = 3", or "as in the book" where nothing is changed."""
    return ", ".join(f"{name} = {value}" for name, value in change.items()) or "as in the book"


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
    parameters = load_manifest()[0][options.pop("experiment")]
    parameters |= {key: options.pop(key) for key in ("budgets", "n_trials")}
    return Experiment(**parameters), options


def run_study(name):
    """Run a study and write its table and its provenance into `book/results/`.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.
    """
    experiment, options = read_study(name)
    table = KINDS[name](experiment, **options)
    provenance = {
        "experiment": repr(experiment),
        **options,
        "source": store.source_digest("vae", "queries", "classifiers", "trials"),
        "versions": {name: version(name) for name in ("alvae", "numpy", "scikit-learn", "torch")},
    }
    with store.replacing(RESULTS / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with store.replacing(RESULTS / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def _coreset(experiment):
    return KMeansCoreset(experiment.n_clusters)


def main(arguments=None):
    """Run the studies named, or all, and write their tables into book/results/."""
    parser = argparse.ArgumentParser(prog="python -m alvae.studies", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(KINDS)}")
    names = parser.parse_args(arguments).names or list(KINDS)
    if unknown := set(names) - set(KINDS):
        sys.exit(
            f"{parser.prog}: there is no study {sorted(unknown)[0]!r}; there are {list(KINDS)}"
        )
    for name in names:
        run_study(name)
        print(f"{RESULTS / name}.csv", flush=True)


if __name__ == "__main__":
    main()

"""Active learning in the latent space of a variational autoencoder."""

from importlib import import_module
from importlib.metadata import version

__version__ = version("alvae")

# Loaded when asked for: whoever needs only a query strategy does not wait for torch.
_HOMES = {
    "Pool": "pools",
    "load_pool": "pools",
    "ConvVAE": "vae",
    "UniformSampling": "queries",
    "KMeansCoreset": "queries",
    "KCenterGreedy": "queries",
    "EntropySampling": "queries",
    "KMeansMedoids": "queries",
    "TypiClust": "queries",
    "SpectralMedoids": "queries",
    "ProbCover": "queries",
    "MaxHerding": "queries",
    "ClusterUncertainty": "queries",
    "BestReconstructed": "queries",
    "GridSearchSVC": "classifiers",
    "PoissonLearning": "classifiers",
    "GraphLabelSpreading": "classifiers",
    "covering_radius": "coverage",
    "kmeans_nmi": "coverage",
    "acquire": "trials",
    "both_spaces": "trials",
    "encode": "trials",
    "first_budget_reaching": "trials",
    "fit_stored": "trials",
    "learning_curves": "trials",
    "paired_differences": "trials",
    "reconstruction_errors": "trials",
    "select": "recommendation",
    "summarize": "trials",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'alvae' has no attribute {name!r}")
    return getattr(import_module(f"alvae.{_HOMES[name]}"), name)


def __dir__():
    return sorted(__all__)

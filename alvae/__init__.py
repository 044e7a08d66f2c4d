"""Active learning in the latent space of a variational autoencoder."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

__version__ = version("alvae")

# Loaded when asked for: who needs only a query strategy does not wait for torch. The packages,
# which are quick to load, say themselves what they export.
_HOMES = {
    "NeighborGraph": "_graphs",
    "Expectation": "accuracy",
    "expected_accuracy": "accuracy",
    "covering_radius": "coverage",
    "kmeans_nmi": "coverage",
    "mean_distance": "coverage",
    "Pool": "pools",
    "load_pool": "pools",
    "Selection": "recommendation",
    "select": "recommendation",
    "VAEEnsemble": "spaces",
    "both_spaces": "spaces",
    "fit_stored": "spaces",
    "latent_codes": "spaces",
    "reconstruction_errors": "spaces",
    "first_budget_reaching": "summaries",
    "paired_differences": "summaries",
    "summarize": "summaries",
    "TrialProtocol": "trials",
    "acquire": "trials",
    "learning_curves": "trials",
    "ConvVAE": "vae",
}
_PACKAGES = ("queries", "classifiers")


def __getattr__(name):
    if name == "__all__":
        listed = (import_module(f"alvae.{package}").__all__ for package in _PACKAGES)
        return ["__version__", *_HOMES, *(exported for names in listed for exported in names)]
    if name in _HOMES:
        return getattr(import_module(f"alvae.{_HOMES[name]}"), name)
    if find_spec(f"alvae.{name}"):
        return import_module(f"alvae.{name}")
    if not name.startswith("_"):
        for package in _PACKAGES:
            module = import_module(f"alvae.{package}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'alvae' has no attribute {name!r}")


def __dir__():
    return sorted(__getattr__("__all__"))

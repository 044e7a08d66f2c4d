"""What the kinds of studies have in common."""

from dataclasses import replace

from alvae import classifiers
from alvae.book.comparison import line_up
from alvae.queries import KMeansCoreset, SpectralMedoids, UniformSampling
from alvae.spaces import fit_stored, latent_codes
from alvae.summaries import summarize


def fitted(experiment, **changes):
    """The VAE of an experiment, or one with other parameters."""
    return fit_stored(experiment.vae.set_params(**changes), experiment.pool.images)


def latent_space(vae, experiment):
    """The latent space alone, as `learning_curves` takes it."""
    images = experiment.pool.images, experiment.pool.test_images
    return {"latent": tuple(latent_codes(vae, part) for part in images)}


def undistorted(experiment):
    """The same without shifts and rotations in training."""
    return replace(experiment, translate=0, degrees=0)


def of_the_paper(experiment):
    """Its query strategies."""
    return {"uniform": UniformSampling(), "core-set": KMeansCoreset(experiment.n_clusters)}


def recommended():
    """The query strategy of `select`."""
    return {"spectral": SpectralMedoids()}


def named_classifiers(*names):
    every = line_up(classifiers)
    return {name: every[name] for name in names}


def summary(curves):
    """Mean and spread of the accuracy, and means of what else was measured."""
    table = summarize(curves)
    told = {"budget", "trial", "accuracy", "C", "query_seconds", "seconds"}
    for column in curves.select_dtypes("number"):
        if column not in told:
            table[column] = summarize(curves, column)["mean"]
    return table

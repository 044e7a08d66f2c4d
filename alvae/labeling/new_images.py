"""Images that are not in the pool of a project: read like it, and labeled from it."""

from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import normalize

from alvae._graphs import nearest_neighbors
from alvae.labeling.arrays import holds_arrays, read_arrays
from alvae.labeling.features import read_features
from alvae.labeling.folder import read_folder
from alvae.labeling.labels import PREDICTION, as_cell, write_table
from alvae.labeling.review import blank_images, fingerprint
from alvae.labeling.wording import counted, left_out

FEW = 8  # images by which a VAE is known again
ROUNDING = 0.01  # of codes, from machine to machine
USUAL = 0.99  # quantile of the distances in the pool,
SAMPLE = 2000  # which so many images of it tell
ORIGINS = "predicted", "predicted, unlike the pool"  # within that distance, and beyond
MANY_FAR = 0.1  # share of new images beyond it, of which there is a warning


class NewImages(NamedTuple):
    """Images that are not in the pool.

    Parameters
    ----------
    source : Path
        Where they came from.
    names : list of str
    images : ndarray or None
        Brought to the size of those in the pool; None where there are features.
    features : ndarray or None
    """

    source: Path
    names: list
    images: np.ndarray | None
    features: np.ndarray | None

    @property
    def table(self):
        """The name of the table of their labels."""
        path = self.source.resolve()
        return f"predictions-{path.name if path.is_dir() else path.stem}.csv"


def read_new(project, source):
    """Read images that are not in the pool, or features where it has such from elsewhere.

    Parameters
    ----------
    project : Project
    source : Path

    Returns
    -------
    NewImages

    Raises
    ------
    ValueError
        If it cannot be read, or does not fit the pool.
    """
    if project.about["features_from"]:
        features = read_features(source)
        d, known = features.codes.shape[1], project.codes.shape[1]
        if d != known:
            raise ValueError(f"{source} has {d} columns, and the features of the project {known}")
        return NewImages(source, features.all_names, None, features.codes)
    shape = project.images.shape[1:]
    read = read_arrays(source) if holds_arrays(source) else read_folder(source, like=shape)
    for line in (*read.remarks, *left_out(read.refused)):
        print(f"{source.resolve().name}: {line}")
    if read.images.shape[1:] != shape:
        raise ValueError(
            f"{source} has images of shape {read.images.shape[1:]}, and the project of {shape}; a "
            "folder of image files would be brought to that"
        )
    return NewImages(source, read.names, read.images, None)


def codes_of(project, new):
    """Codes of new images: their features, or what the VAE of the project makes of them.

    Parameters
    ----------
    project : Project
        With codes.
    new : list of NewImages

    Returns
    -------
    list of ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If the VAE is not that of the codes, or damaged.
    """
    vae = _vae_of(project) if any(some.images is not None for some in new) else None
    return [some.features if some.images is None else vae.transform(some.images) for some in new]


def _vae_of(project):
    from alvae.vae import ConvVAE  # torch is slow

    path, some = project.path("vae.pt"), slice(FEW)
    try:
        vae = ConvVAE.load(path)
        same = np.allclose(vae.transform(project.images[some]), project.codes[some], atol=ROUNDING)
    except ValueError:
        same = False
    if not same:
        raise ValueError(
            f"{path} is not the VAE of {project.path('codes.npy')}, or damaged; remove both, and "
            "they are made again"
        )
    return vae


def label_new(project, new, codes, classifier, graph, classes, rows):
    """Write the tables of new images, and say whether these are like those of the pool.

    Parameters
    ----------
    project : Project
    new : list of NewImages
    codes : list of ndarray of shape (n, d)
    classifier : PoissonMBO
        Fitted to the pool.
    graph : NeighborGraph
        That of the pool.
    classes : list of str
    rows : list of tuple
        Label, confidence and origin of each image of the pool: an image that is one of these is
        labeled like it.
    """
    if not new:
        return
    usual, places = _usual_distance(graph.X), _places_in_pool(project, new)
    for some, of_some, known in zip(new, codes, places, strict=True):
        blank = np.zeros(len(of_some), bool)
        if some.images is not None:
            blank = blank_images(some.images, project.images)
        far = nearest_neighbors(graph.X, 1, of_some)[0][:, 0] > usual
        labels = _labels(of_some, blank, far, classifier, graph, classes)
        labels = [labels[i] if k is None else rows[k] for i, k in enumerate(known)]
        path = project.path(some.table)
        replaced = ", in place of an earlier table" * path.exists()
        named = zip(some.names, labels, strict=True)
        write_table(path, PREDICTION, ((as_cell(name), *label) for name, label in named))
        print(f"labels for {counted(sum(~blank), 'new image')} written to {path}{replaced}")
        if n_known := len(known) - known.count(None):
            print(f"{counted(n_known, 'of them is', 'of them are')} in the pool, too")
        if not blank.all():
            _tell_far(far[~blank])


def confidences(scores):
    """The share of the winning class in the scores of each image."""
    return normalize(scores.clip(0), norm="l1").max(axis=1)


def _usual_distance(X):
    """How far the nearest neighbor is, of 99 in 100 images of the pool."""
    rows = np.random.default_rng(0).permutation(len(X))[:SAMPLE]
    return np.quantile(nearest_neighbors(X, min(2, len(X)), X[rows])[0][:, -1], USUAL)


def _labels(codes, blank, far, classifier, graph, classes):
    """Label, confidence and origin of new images, a tuple for each."""
    predicted = classifier.predict(codes).astype(int)
    found = confidences(graph.bridge(codes, classifier.n_neighbors) @ classifier.scores_)
    return [
        ("", "", "blank") if nothing else (classes[k], f"{confidence:.3f}", ORIGINS[out])
        for k, confidence, nothing, out in zip(
            predicted, found, blank, far.astype(int), strict=True
        )
    ]


def _places_in_pool(project, new):
    """For each list of new images the places of the same ones in the pool; None where none is."""
    of_features = new[0].images is None
    prints = [[*map(fingerprint, some.features if of_features else some.images)] for some in new]
    places = dict.fromkeys(chain.from_iterable(prints))
    for place, row in enumerate(project.codes if of_features else project.images):
        if (found := fingerprint(row)) in places and places[found] is None:
            places[found] = place
    return [[places[found] for found in some] for some in prints]


def _tell_far(far):
    if far.mean() > MANY_FAR:
        print(
            f"{counted(far.sum(), 'of them is', 'of them are')} unlike any image of the pool, and "
            f"their labels are guesses: {ORIGINS[1]!r} in the table"
        )
    else:
        print("they are as near to images of the pool as those are to each other")
    print("how many of these labels are right is not estimated; check some that you draw at random")

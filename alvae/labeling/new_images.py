"""Images that are not in the pool of a project: read like it, and labeled from it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import normalize

from alvae._graphs import nearest_neighbors
from alvae.labeling.arrays import holds_arrays, read_arrays
from alvae.labeling.features import read_features
from alvae.labeling.folder import read_folder
from alvae.labeling.labels import PREDICTION, as_cell, write_table
from alvae.labeling.review import blank_images
from alvae.labeling.wording import counted, left_out

FEW = 8  # images by which a VAE is known again
ROUNDING = 0.01  # of codes, from machine to machine
USUAL = 0.99  # quantile of the distances in the pool
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


def label_new(project, new, codes, classifier, graph, classes):
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
    """
    if not new:
        return
    # Of the pool one image in a hundred has its nearest neighbor so far away.
    usual = np.quantile(nearest_neighbors(graph.X, 1)[0], USUAL)
    for some, of_some in zip(new, codes, strict=True):
        blank = _write_labels(project, some, of_some, classifier, graph, classes)
        if not blank.all():
            far = nearest_neighbors(graph.X, 1, of_some[~blank])[0][:, 0] > usual
            _tell_far(far)


def _write_labels(project, new, codes, classifier, graph, classes):
    """Write the table of some new images, and return which of these are blank."""
    predicted = classifier.predict(codes).astype(int)
    scores = graph.bridge(codes, classifier.n_neighbors) @ classifier.scores_.clip(0)
    shares = normalize(scores, norm="l1").max(axis=1)
    blank = np.zeros(len(codes), bool) if new.images is None else blank_images(new.images)
    rows = [
        (as_cell(name), "", "", "blank")
        if is_blank
        else (as_cell(name), classes[k], f"{share:.3f}", "predicted")
        for name, k, share, is_blank in zip(new.names, predicted, shares, blank, strict=True)
    ]
    path = project.path(new.table)
    replaced = ", in place of an earlier table" * path.exists()
    write_table(path, PREDICTION, rows)
    n = np.count_nonzero(~blank)
    print(f"labels for {counted(n, 'new image')} written to {path}{replaced}")
    return blank


def _tell_far(far):
    if far.mean() > MANY_FAR:
        print(
            f"{counted(far.sum(), 'of them is', 'of them are')} unlike any image of the pool: "
            "labels of such are guesses"
        )
    else:
        print("they should be right as often as those of the pool")

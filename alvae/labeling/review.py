"""What to know before labels are paid for: copies, blank images, whether the codes are good."""

import hashlib

import numpy as np
from scipy.sparse import coo_matrix

BLANK = 3  # levels: the standard deviation of an image in which there is nothing
SAME = 5  # levels: the root mean square difference of images of which one was made of the other
BLOCK = 4096  # images or pairs at a time
POOR = 0.5  # share of the variance of the pixels below which codes say little


def blank_images(images):
    """Which images are of one color, or nearly.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)

    Returns
    -------
    boolean ndarray of shape (n,)
    """
    blank = np.empty(len(images), bool)
    for rows in _blocks(len(images)):
        pixels = images[rows].reshape(-1, *images.shape[1:3], images[0, 0, 0].size)
        blank[rows] = (pixels.std(axis=(1, 2), dtype=np.float32) < BLANK).all(axis=1)
    return blank


def copies(images, neighbors, blank):
    """Of each image the first one of which it is a copy: the same, scaled or compressed anew.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)
    neighbors : sparse matrix of shape (n, n)
        Weights between images that may be alike: those whose codes are near to each other.
    blank : boolean ndarray of shape (n,)
        Images that are copies of none, nor others of them.

    Returns
    -------
    integer ndarray of shape (n,)
        Its own index where it is a copy of none before it.
    """
    firsts = np.arange(len(images))
    seen = {}  # many that are the same may have no edge to each other
    for i in np.flatnonzero(~blank):
        firsts[i] = seen.setdefault(fingerprint(images[i]), i)
    pairs = coo_matrix(neighbors)
    some = (pairs.row < pairs.col) & ~blank[pairs.row] & ~blank[pairs.col]
    pairs = np.stack([pairs.row[some], pairs.col[some]])
    alike = np.empty(pairs.shape[1], bool)
    for rows in _blocks(pairs.shape[1]):
        alike[rows] = _alike(*(images[side[rows]] for side in pairs))
    # In the order of the later ones. Of a row of images, each like the one before, the last may be
    # nothing like the first: what counts is the first.
    for i, j in sorted(pairs[:, alike].T.tolist(), key=lambda pair: pair[::-1]):
        first = firsts[i]
        if firsts[j] == j and (first == i or are_alike(images[first], images[j])):
            firsts[j] = first
    return firsts[firsts]


def fingerprint(image):
    """By which an image, or its features, is told from all that differ in any bit."""
    return hashlib.sha256(np.ascontiguousarray(image)).digest()


def are_alike(image, other):
    """Whether one of two images may be a copy of the other."""
    return bool(_alike(image[None], other[None])[0])


def _alike(some, others):
    differences = some.astype(np.float32) - others
    return np.square(differences).reshape(len(some), -1).mean(axis=1) < SAME**2


def described(images, errors):
    """Share of the variance of the pixels that a VAE keeps: known without labels.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)
    errors : ndarray of shape (n,)
        From `reconstruction_errors`.

    Returns
    -------
    float
        1 if nothing is lost; 0 if no more is kept than the mean of all images, or less.
    """
    total = np.zeros(images.shape[1:], np.float64)
    squares = np.zeros_like(total)
    for rows in _blocks(len(images)):
        pixels = images[rows] / 255.0
        total += pixels.sum(axis=0)
        squares += np.square(pixels).sum(axis=0)
    variance = (squares - total**2 / len(images)).sum()
    lost = errors.sum(dtype=np.float64) / variance if variance > 0 else 1
    return float(max(1 - lost, 0))


def _blocks(n):
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))

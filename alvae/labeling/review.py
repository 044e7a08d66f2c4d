"""What to know before labels are paid for: copies, blank images, whether the codes are good."""

import hashlib

import numpy as np
from scipy.sparse import coo_matrix

BLANK = 3  # levels: the standard deviation of an image in which there is nothing, at most
SAME = 5  # levels: the root mean square difference of images of which one is made of the other
# In a dim pool other images differ by less than that, and so both are shares of its contrast.
BLANK_SHARE, MOST = 0.04, 0.9  # of this quantile of the deviations: most images may be blank
SAME_SHARE, USUAL = 0.06, 0.75  # of this quantile of the differences of images drawn at random
ROUNDING = 0.5  # levels that whole numbers alone may make
BLOCK = 4096  # images or pairs at a time
POOR = 0.5  # share of the variance of the pixels below which codes say little


def blank_images(images, pool=None):
    """Which images are of one color, or nearly, beside those of a pool.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)
    pool : uint8 ndarray of shape (m, H, W) or (m, H, W, 3), default=None
        Whose contrast counts; None: that of the images themselves.

    Returns
    -------
    boolean ndarray of shape (n,)
    """
    found = _deviations(images)
    contrast = np.quantile(found if pool is None else _deviations(pool), MOST)
    return found < np.clip(BLANK_SHARE * contrast, ROUNDING, BLANK)


def _deviations(images):
    """The standard deviation of each image, that of the channel in which it is largest."""
    found = np.empty(len(images))
    for rows in _blocks(len(images)):
        pixels = images[rows].reshape(-1, *images.shape[1:3], images[0, 0, 0].size)
        found[rows] = pixels.std(axis=(1, 2), dtype=np.float32).max(axis=1)
    return found


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
    same = same_level(images, ~blank) if pairs.size else SAME
    alike = np.empty(pairs.shape[1], bool)
    for rows in _blocks(pairs.shape[1]):
        alike[rows] = _differences(*(images[side[rows]] for side in pairs)) < same
    # In the order of the later ones. Of a row of images, each like the one before, the last may be
    # nothing like the first: what counts is the first.
    for i, j in sorted(pairs[:, alike].T.tolist(), key=lambda pair: pair[::-1]):
        first = firsts[i]
        if firsts[j] == j and (first == i or are_alike(images[first], images[j], same)):
            firsts[j] = first
    return firsts[firsts]


def exact_firsts(images):
    """Of each image the first one that is the same in every bit; -1 if it is of one color.

    For pools whose images are learned from by other codes than those of these small images: what
    differs little here may differ much there.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)

    Returns
    -------
    integer ndarray of shape (n,)
    """
    blank = np.array([(image == image[0, 0]).all() for image in images])
    firsts = copies(images, coo_matrix((len(images),) * 2), blank)
    firsts[blank] = -1
    return firsts


def fingerprint(image):
    """By which an image, or its features, is told from all that differ in any bit."""
    return hashlib.sha256(np.ascontiguousarray(image)).digest()


def same_level(images, some=None):
    """Below which root mean square difference two images of a pool count as one.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)
    some : boolean ndarray of shape (n,), default=None
        Images whose contrast counts; None: all.

    Returns
    -------
    float
        A share of the usual difference in the pool: no more than `SAME`, where the contrast is low
        less, and no less than `ROUNDING`.
    """
    index = np.arange(len(images)) if some is None else np.flatnonzero(some)
    drawn = np.random.default_rng(0).choice(index, (2, BLOCK))
    found = _differences(*(images[side] for side in drawn))
    if not (found := found[found > 0]).size:
        return SAME
    return float(np.clip(SAME_SHARE * np.quantile(found, USUAL), ROUNDING, SAME))


def are_alike(image, other, same):
    """Whether one of two images may be a copy of the other, in a pool of this `same_level`."""
    return bool(_differences(image[None], other[None])[0] < same)


def _differences(some, others):
    differences = some.astype(np.float32) - others
    return np.sqrt(np.square(differences).reshape(len(some), -1).mean(axis=1))


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

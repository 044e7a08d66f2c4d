"""Which images of your own to label: the choice that the studies of the book support.

:func:`select` trains a VAE on the images, cuts the nearest-neighbor graph of their codes into one
cluster more than labels can be paid for, and names the most central image of each but the smallest.
"""

from math import ceil
from typing import NamedTuple

import numpy as np

from alvae._checks import check_integer, check_labels, check_points, shown
from alvae._graphs import NeighborGraph
from alvae._progress import progress_bar
from alvae.pools import check_images
from alvae.queries import SpectralMedoids
from alvae.spaces import VAEEnsemble, fit_stored, latent_codes

LATENT_DIM = 16
DISTORTIONS = {"translate": 0.1, "degrees": 20}  # in training
EPOCHS = 5  # of a large pool; a smaller one is gone through more often
STEPS = 2250  # of a training, unless EPOCHS are more
STEPS_PER_ROOT, FEWEST_STEPS = 50, 300  # a small pool soon has nothing more to teach


class Selection(NamedTuple):
    """The images to label, and what a classifier needs.

    Parameters
    ----------
    indices : ndarray of shape (budget,), int64
        The images to label, in the order in which they were chosen.
    codes : ndarray of shape (n, d)
        The code of every image, float32; or the features that were given.
    vae : ConvVAE, VAEEnsemble or None
        Fitted; `vae.transform` gives the codes of new images. None where features were given.
    graph : NeighborGraph
        Of the codes, for a classifier that spreads labels over it.
    """

    indices: np.ndarray
    codes: np.ndarray
    vae: object
    graph: NeighborGraph


def select(images, budget, y=None, vae=None, n_vaes=1, random_state=0):
    """Choose the images to label.

    Parameters
    ----------
    images : array-like of shape (n, H, W) or (n, H, W, C), C = 1 or 3; or (n, d)
        uint8, or floats in [0, 1]. Not labeled, but for what `y` says. They are taken as large as
        they are, and not reduced as the command `alvae` does; tried were sides of 28 to 32 pixels.
        Or their features, from elsewhere; no VAE is fitted then.
    budget : int
        How many to choose: about five for each class that you expect. With as many as classes one
        of these may get none.
    y : array-like of shape (n,), default=None
        Labels known before, as numbers, NaN where unlabeled.
    vae : ConvVAE or VAEEnsemble, default=None
        Fitted, or a VAE to be fitted. None: sixteen latent dimensions, as many epochs as a pool of
        this size needs, and in training shifts of a tenth of the side and rotations of twenty
        degrees, which must not change what an image shows. Fitted VAEs are kept in the store.
    n_vaes : int, default=1
        VAEs to fit, from seeds of their own, where none is given. The codes of several stand side
        by side: a second one takes as long again. On ten digits there are then fewer mistakes, once
        every class has a label.
    random_state : int, default=0

    Returns
    -------
    Selection
        `indices`, `codes`, `vae` and `graph`.

    Raises
    ------
    ValueError
        If the images, the budget, the labels or the seed are not usable.

    Examples
    --------
    >>> from alvae import PoissonMBO, select
    >>> chosen = select(images, budget=20)  # doctest: +SKIP
    >>> y = np.full(len(images), np.nan)  # doctest: +SKIP
    >>> y[chosen.indices] = your_labels  # doctest: +SKIP
    >>> classifier = PoissonMBO()  # doctest: +SKIP
    >>> classifier.fit(chosen.codes, y, prepared=chosen.graph)  # doctest: +SKIP
    >>> classifier.predict(chosen.vae.transform(new_images))  # doctest: +SKIP
    """
    is_features = np.ndim(images) == 2
    images = check_points("images", images) if is_features else check_images("images", images)
    check_integer("random_state", random_state, 0)
    check_integer("n_vaes", n_vaes, 1)
    y = check_labels(y, len(images))
    n_unlabeled = np.count_nonzero(np.isnan(y))
    if n_unlabeled == 0:
        raise ValueError(f"y labels all {len(y)} images; at least one must be NaN (unlabeled)")
    check_integer("budget", budget, 1, n_unlabeled, "the number of unlabeled images")
    if is_features and vae is not None:
        raise ValueError("vae is given, and images are features, which need none")
    if n_vaes > 1 and (is_features or vae is not None):
        raise ValueError(
            f"n_vaes is {n_vaes}, and {'features need no VAE' if is_features else 'vae is given'}"
        )
    if is_features or isinstance(vae, VAEEnsemble) or hasattr(vae, "encoder_"):
        unfitted = []
    elif vae is None:
        seeds = range(n_vaes * random_state, n_vaes * (random_state + 1))
        unfitted = [recommended_vae(images, seed) for seed in seeds]
    elif isinstance(vae, type) or not hasattr(vae, "inverse_transform"):
        raise ValueError(
            f"vae is {shown(vae)}; allowed are None, a ConvVAE, fitted or not, and a VAEEnsemble"
        )
    else:
        unfitted = [vae]
    with progress_bar(len(unfitted) + 3, "selecting", "step", alike=False) as bar:
        fitted = []
        for i, one in enumerate(unfitted, 1):
            bar.set_description_str(f"training VAE {i} of {len(unfitted)}")
            fitted.append(fit_stored(one, images))
            bar.update()
        if fitted:
            vae = fitted[0] if len(fitted) == 1 else VAEEnsemble(fitted)
        bar.set_description_str("encoding")
        codes = images if is_features else latent_codes(vae, images)
        bar.update()
        bar.set_description_str("searching for neighbors")
        strategy = SpectralMedoids(random_state=random_state)
        prepared = strategy.prepare(codes, graph := NeighborGraph(codes))
        bar.update()
        bar.set_description_str("choosing")
        indices = strategy.query(codes, y, budget, prepared=prepared)
        bar.update()
    return Selection(indices, codes, vae, graph)


def recommended_vae(images, random_state=0):
    """The VAE of `select` for these images, not fitted.

    Parameters
    ----------
    images : array of shape (n, H, W) or (n, H, W, C)
    random_state : int, default=0

    Returns
    -------
    ConvVAE
    """
    from alvae.vae import ConvVAE  # here: whoever brings a VAE has torch already

    dim = min(LATENT_DIM, int(np.prod(images.shape[1:])))
    epochs = epochs_for(len(images), ConvVAE().batch_size)
    return ConvVAE(dim, epochs=epochs, random_state=random_state, **DISTORTIONS)


def epochs_for(n, batch_size):
    """Epochs for a pool of n images: as many steps as it takes, with some to spare.

    Whether neighbors in the latent space are of one class, on images of ten digits: 500 of them
    gained nothing after 640 steps of 64, and 2,000 still did from 1,280 to 2,250.
    """
    steps = min(STEPS, max(FEWEST_STEPS, STEPS_PER_ROOT * n**0.5))
    return max(EPOCHS, round(steps / ceil(n / batch_size)))

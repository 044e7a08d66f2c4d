"""From images to points: stored VAEs, latent codes, the input space, reconstruction errors."""

from functools import partial
from inspect import signature
from math import nan

import numpy as np
from joblib import delayed
from sklearn.base import BaseEstimator, TransformerMixin, clone

from alvae import store
from alvae._carried import Carried
from alvae._checks import check_points, shown
from alvae._workers import Workers
from alvae.pools import as_floats, check_images

UNTIMED = {"seconds": nan, "timed_on": None}
BLOCK = 4096  # images handled at a time: bounds the memory


def fit_stored(vae, images, *, timed=False):
    """Fit a VAE, or take it from the store if this very one was fitted to these images before.

    Parameters
    ----------
    vae : ConvVAE
        Unfitted; with a `random_state` of None it is fitted anew and not stored.
    images : array of shape (n, H, W) or (n, H, W, C)
    timed : bool, default=False
        Fit it again if another machine did, whose seconds are left out otherwise.

    Returns
    -------
    ConvVAE
        Fitted.
    """
    if isinstance(vae, type) or not all(hasattr(vae, n) for n in ("fit", "save", "random_state")):
        raise ValueError(f"vae is {shown(vae)}; it must be a ConvVAE, not fitted")
    images = check_images("images", images)
    if vae.random_state is None:
        return clone(vae).fit(images)
    from alvae._tensors import named_device, training_dtype  # here: torch is slow to load

    device = named_device(vae.device)
    recipe = {
        "vae": clone(vae),
        "code": _train,
        "device": device.type,
        "precision": str(training_dtype(device)),
        "images": images,
    }
    return store.fetch(
        "vae",
        recipe,
        ".pt",
        make=partial(_train, vae, images),
        save=_save,
        load=type(vae).load,
        title=f"{vae!r} on {len(images):,} images".replace("\n", ""),
        untimed=_untimed,
        timed=timed,
    )


def _train(vae, images, checkpoints):
    vae = clone(vae)
    if "checkpoints" in signature(vae.fit).parameters:  # a subclass may have a fit of its own
        return vae.fit(images, checkpoints=checkpoints)
    return vae.fit(images)


def _save(vae, path):
    vae.save(path)
    if lost := vars(vae).keys() - vars(type(vae).load(path)).keys():  # of a subclass
        raise ValueError(f"{type(vae).__name__}.save leaves out {', '.join(sorted(lost))}")


def _untimed(vae):
    """Without the seconds that another machine took."""
    vae.history_ = [epoch | UNTIMED for epoch in vae.history_]
    return vae


def latent_codes(vae, images, scheduler=None):
    """Latent codes of images: ``vae.transform(images)``, on a Dask cluster if there is one.

    Parameters
    ----------
    vae : ConvVAE or VAEEnsemble
        Fitted.
    images : array of shape (n, H, W) or (n, H, W, C)
        May be memory-mapped.
    scheduler : str, default=None
        Address of a Dask scheduler whose workers encode the images; None: this machine.

    Returns
    -------
    float32 ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If no scheduler answers, or `images` are not of the size that the VAE was trained on.
    """
    if not scheduler:
        return vae.transform(images)
    vae = Carried(vae.on_cpu())  # a worker may have no GPU
    with Workers(scheduler=scheduler) as workers:
        # The images travel in the tasks: data that one worker alone has would be lost with it.
        blocks = (images[start : start + BLOCK] for start in range(0, len(images), BLOCK))
        tasks = (delayed(partial(_transform, images=block))(vae) for block in blocks)
        return np.concatenate(list(workers.parallel(vae)(tasks)))


def _transform(vae, images):
    return vae.copy().transform(images)


def both_spaces(pool, vae, scheduler=None):
    """Pool and test images in the input space and in the latent space of a fitted VAE.

    Parameters
    ----------
    pool : Pool
    vae : ConvVAE or VAEEnsemble
    scheduler : str, default=None
        As for `latent_codes`.

    Returns
    -------
    dict
        "input": pixels in [0, 1], "latent": posterior means; each a pair of float32 arrays of
        shapes (n, D) and (n_test, D), or (n, d) and (n_test, d).
    """
    images = pool.images, pool.test_images
    return {
        "input": pool.flatten(),
        "latent": tuple(latent_codes(vae, part, scheduler) for part in images),
    }


class VAEEnsemble(TransformerMixin, BaseEstimator):
    """VAEs of the same images whose codes stand side by side.

    Each VAE folds the images in its own way, and where one of them puts an image among those of
    another class, the others mostly do not. In the space of all codes together such an image has
    better neighbors.

    Parameters
    ----------
    vaes : list of ConvVAE
        Fitted; they differ in their seeds.
    """

    def __init__(self, vaes):
        self.vaes = vaes

    def fit(self, images=None, y=None):
        """Nothing: the VAEs are fitted before."""
        self._check()
        return self

    def transform(self, images):
        """The codes of images.

        Parameters
        ----------
        images : array of shape (n, H, W) or (n, H, W, C)

        Returns
        -------
        float32 ndarray of shape (n, d)
            d is the sum of the dimensions of the VAEs.
        """
        self._check()
        return np.hstack([vae.transform(images) for vae in self.vaes])

    def inverse_transform(self, codes):
        """Decode codes into images: the mean of what the VAEs make of their parts of them.

        Parameters
        ----------
        codes : array of shape (n, d)

        Returns
        -------
        float32 ndarray of shape (n, H, W) or (n, H, W, C)
        """
        self._check()
        codes = check_points("codes", codes)
        dims = [vae.latent_dim for vae in self.vaes]
        if codes.shape[1] != sum(dims):
            raise ValueError(f"codes have {codes.shape[1]} dimensions; they must have {sum(dims)}")
        parts = np.split(codes, np.cumsum(dims)[:-1], axis=1)
        decoded = [vae.inverse_transform(Z) for vae, Z in zip(self.vaes, parts, strict=True)]
        return np.mean(decoded, axis=0)

    def on_cpu(self):
        """The same with all VAEs on the CPU."""
        return VAEEnsemble([vae.on_cpu() for vae in self.vaes])

    def __sklearn_is_fitted__(self):
        self._check()
        return True

    def __sklearn_clone__(self):
        return VAEEnsemble(self.vaes)  # copies of its VAEs would not be fitted

    def _check(self):
        fitted = isinstance(self.vaes, list | tuple) and len(self.vaes) > 0
        if not fitted or not all(hasattr(vae, "encoder_") for vae in self.vaes):
            raise ValueError(
                f"vaes is {shown(self.vaes)}; it must be a list of at least one fitted ConvVAE"
            )
        if len(shapes := {vae.image_shape_ for vae in self.vaes}) > 1:
            raise ValueError(f"vaes are of images of the shapes {shapes}; they must be of the same")


def reconstruction_errors(vae, images):
    """Squared error of each image and what the VAE makes of its code, summed over pixels.

    Parameters
    ----------
    vae : ConvVAE or VAEEnsemble
        Fitted.
    images : array of shape (n, H, W) or (n, H, W, C)
        uint8, or floats in [0, 1]; may be memory-mapped.

    Returns
    -------
    float32 ndarray of shape (n,)
        Of pixels in [0, 1].
    """
    images = check_images("images", images)
    errors = np.empty(len(images), dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        block = np.asarray(images[start : start + BLOCK])
        decoded = vae.inverse_transform(vae.transform(block))
        differences = (decoded - as_floats(block)).reshape(len(block), -1)
        errors[start : start + BLOCK] = np.square(differences).sum(axis=1)
    return errors

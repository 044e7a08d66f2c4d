"""Codes epoch by epoch: how a latent space comes about."""

import numpy as np
import torch
from sklearn.base import clone

from alvae import store
from alvae._checks import check_integer
from alvae._tensors import to_batch
from alvae.pools import check_images
from alvae.vae import BLOCK, ConvVAE, Decoder, Encoder


def codes_by_epoch(vae, images, n_codes=1500):
    """Train a VAE, and encode images before its first epoch and after each; kept in the store.

    Parameters
    ----------
    vae : ConvVAE
        Not fitted. What the codes come to is what `fit` and `transform` give.
    images : array of shape (n, H, W) or (n, H, W, C)
        What it is trained on.
    n_codes : int, default=1500
        Codes of the first images, at most all.

    Returns
    -------
    float32 ndarray of shape (epochs + 1, n_codes, latent_dim)
    """
    if type(vae) is not ConvVAE:
        raise ValueError(f"vae is a {type(vae).__name__}; it must be a ConvVAE, not fitted")
    images = check_images("images", images)
    check_integer("n_codes", n_codes, 1)
    recipe = {"vae": clone(vae), "code": _watched, "images": images, "n_codes": n_codes}
    return store.fetch(
        "epochs", recipe, ".npy", lambda _: _watched(vae, images, n_codes), _save, np.load
    )


def _watched(vae, images, n_codes):
    watched = _WatchedVAE(**vae.get_params())
    watched.seen, watched.codes = images[:n_codes], []
    watched.fit(images)
    return np.array(watched.codes)


def _save(codes, path):
    with open(path, "wb") as file:
        np.save(file, codes, allow_pickle=False)


class _WatchedVAE(ConvVAE):
    """Its encoder encodes what is `seen` whenever it is done with training for a while."""

    def networks(self, image_shape):
        return _WatchedEncoder(image_shape, self), Decoder(image_shape, self.latent_dim)


class _WatchedEncoder(Encoder):
    def __init__(self, image_shape, vae):
        super().__init__(image_shape, vae.latent_dim)
        self.watcher = [vae]  # in a list, so that it is no part of the network

    def train(self, mode=True):
        super().train(mode)
        vae = self.watcher[0]
        if not mode:  # before the first epoch, and after each
            device = next(self.parameters()).device
            with torch.inference_mode():
                blocks = [
                    self(to_batch(vae.seen[at : at + BLOCK], device))[0].cpu().numpy()
                    for at in range(0, len(vae.seen), BLOCK)
                ]
            vae.codes.append(np.concatenate(blocks))
        return self

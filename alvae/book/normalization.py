"""What batch normalization does: the VAE without it, and what the filters of either answer."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from alvae._liveness import liveness
from alvae._tensors import to_batch
from alvae.vae import ConvVAE


class UnnormalizedVAE(ConvVAE):
    """`ConvVAE` without batch normalization: of it, each filter keeps a scale and a shift."""

    def networks(self, image_shape):
        """Encoder and decoder, not trained, of images (H, W, C)."""
        networks = super().networks(image_shape)
        _replace(networks, nn.BatchNorm2d, lambda norm: _ScaleAndShift(norm.num_features))
        return networks


class LeakyVAE(UnnormalizedVAE):
    """The same with leaky ReLUs, in which no filter can die: below 0 they return a hundredth."""

    def networks(self, image_shape):
        """Encoder and decoder, not trained, of images (H, W, C)."""
        networks = super().networks(image_shape)
        _replace(networks, nn.ReLU, lambda relu: _LeakyReLU())
        return networks


def networks_to_compare(latent_dim, epochs, longer):
    """Networks with and without batch normalization, not fitted, by name.

    Parameters
    ----------
    latent_dim, epochs : int
    longer : int
        How many times as many epochs some of them have.

    Returns
    -------
    dict of str to ConvVAE
    """
    usual, more = ({"latent_dim": latent_dim, "epochs": k * epochs} for k in (1, longer))
    return {
        "plain": UnnormalizedVAE(**usual),
        "leaky": LeakyVAE(**usual),
        "plain, longer": UnnormalizedVAE(**more),
        "normalized": ConvVAE(**usual),
        "normalized, longer": ConvVAE(**more),
    }


def draw_images(pool, n_images, seed):
    """The pool with so many of its images at most, drawn uniformly, and all its test images."""
    order = np.random.default_rng(seed).permutation(len(pool))
    return pool.take(np.sort(order[:n_images]), slice(None))


def _replace(networks, kind, replacement):
    for network in networks:
        for name, layer in [*network.named_modules()]:
            if isinstance(layer, kind):
                network.set_submodule(name, replacement(layer))


class _LeakyReLU(nn.ReLU):  # a ReLU, so that `liveness` counts filters that are never above 0
    def forward(self, x):
        return F.leaky_relu(x)


class _ScaleAndShift(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n, 1, 1))
        self.bias = nn.Parameter(torch.zeros(n, 1, 1))

    def forward(self, x):  # (B, n, H, W)
        return x * self.weight + self.bias


@torch.inference_mode()
def strongest_answers(encoder, images):
    """The largest activation of every filter in every image.

    Parameters
    ----------
    encoder : Encoder
        In evaluation mode, on the CPU.
    images : array of shape (n, H, W) or (n, H, W, C)
        uint8, or floats in [0, 1].

    Returns
    -------
    list of ndarray of shape (filters, n)
        For each of the four convolutions.
    """
    x, found = to_batch(images, torch.device("cpu")), []
    for layer in encoder.convolutions:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x.amax(dim=(2, 3)).T.numpy().copy())
    return found


def born_dead(vae, images, seed):
    """The share of the filters that answer to no image before the first step of training.

    Parameters
    ----------
    vae : ConvVAE
        Need not be fitted.
    images : array of shape (n, H, W) or (n, H, W, C)
        uint8, or floats in [0, 1].
    seed : int
        Of the weights.

    Returns
    -------
    float
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        networks = [network.eval() for network in vae.networks((*images.shape[1:], 1)[:3])]
    return liveness(*networks, [to_batch(images, torch.device("cpu"))])["dead"]

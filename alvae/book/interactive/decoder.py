"""The decoder of a VAE in the page: its weights, beside a plane of the latent space."""

import numpy as np

from alvae._checks import check_integer
from alvae.book.figures.points import check_points
from alvae.book.interactive.element import LARGEST, Element, in_classes, packed, quantized


def live_decoder(vae, Z, labels, max_points=1000, random_state=0, class_names=()):
    """A point to drag through the latent space, and what the decoder makes of it.

    The decoder runs in the page. Batch normalization is folded into the weights before it, and
    these are rounded to 16 bits.

    Parameters
    ----------
    vae : ConvVAE
        Fitted.
    Z : array-like of shape (n, latent_dim)
        Codes, drawn behind the point, which starts at the mean code of the first class, as far
        as its first two dimensions go, and 0 in the others.
    labels : array-like of int, shape (n,)
        The class of each code.
    max_points : int, default=1000
        Codes to draw; of more, a random subset is drawn.
    random_state : int, default=0
        Seed of the subset.
    class_names : sequence of str, default=()
        ``class_names[label]`` stands in the legend. Empty: the labels themselves.

    Returns
    -------
    Element

    Raises
    ------
    ValueError
        If the decoder is another than that of `ConvVAE`, or the arrays do not fit.
    """
    Z, labels, colors, names = check_points(Z, labels, class_names)
    check_integer("max_points", max_points, 1)
    network = compact_decoder(vae)
    if Z.shape[1] != vae.latent_dim:
        raise ValueError(f"Z has shape {Z.shape}; it must have shape (n, {vae.latent_dim})")
    shown = np.random.default_rng(random_state).permutation(len(Z))[:max_points]
    # Nearly all codes are within reach; a few far ones would make the others small.
    reach = float(max(np.quantile(np.abs(Z), 0.999), 1e-3))
    start = np.clip(Z[labels == next(iter(colors))].mean(axis=0), -reach, reach)
    start[2:] = 0  # as in the figure, a plane
    data = (
        network
        | {
            "points": quantized(Z[shown] / reach),
            "reach": reach,
            "start": start.tolist(),
        }
        | in_classes(labels[shown], colors, names)
    )
    about = f"The decoder to look into: a plane of {vae.latent_dim} latent dimensions and an image"
    return Element("decoder", data, about)


def compact_decoder(vae):
    """Layers of the decoder as decoder.js reads them.

    Returns
    -------
    dict
        `dense` and the two `upsamplings`: in base64 `weights`, multiples of a `scale`, and `bias`.
        Their last axis is the output channel; images are in the order (row, column, channel).
    """
    from alvae.vae import Decoder  # here: a page that only reads tables does without torch

    decoder = getattr(vae, "decoder_", None)
    if type(decoder) is not Decoder:
        given = type(decoder).__name__
        raise ValueError(f"vae has the decoder {given}; it must be a ConvVAE that is fitted")
    linear, unflatten, first_norm, _, first, second_norm, _, second = decoder
    quarter = unflatten.unflattened_size
    scale, shift = _affine(first_norm)
    weights = _array(linear.weight).reshape(*quarter, -1) * scale[:, None, None, None]
    bias = _array(linear.bias).reshape(quarter) * scale[:, None, None] + shift[:, None, None]
    # From (channel, row, column, z) to (z, row, column, channel).
    dense = _compact(weights.transpose(3, 1, 2, 0), bias.transpose(1, 2, 0))
    scale, shift = _affine(second_norm)
    # From (in, out, row, column) to (in, row, column, out).
    kernels = [_array(layer.weight).transpose(0, 2, 3, 1) for layer in (first, second)]
    kernels[0] = kernels[0] * scale
    height, width, channels = (*vae.image_shape_, 1)[:3]
    sizes = [
        (*quarter[1:], quarter[0]),
        (-(-height // 2), -(-width // 2), len(scale)),
        (height, width, channels),
    ]
    upsamplings = [
        _compact(kernel, bias) | {"from": size, "to": larger}
        for kernel, bias, size, larger in zip(
            kernels, (shift, _array(second.bias)), sizes, sizes[1:], strict=False
        )
    ]
    return {"dense": dense, "upsamplings": upsamplings}


def _array(tensor):
    return tensor.detach().cpu().numpy()


def _affine(norm):
    """What batch normalization does after training: times a scale, plus a shift."""
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return scale, _array(norm.bias) - _array(norm.running_mean) * scale


def _compact(weights, bias):
    # Of 16 bits: with 8, pixels would be off by up to 6 of 255.
    scale = float(max(np.abs(weights).max(), 1e-9)) / LARGEST
    return {
        "weights": packed(np.rint(weights / scale), "i2"),
        "scale": scale,
        "bias": packed(bias, "f4"),
    }

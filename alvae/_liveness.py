"""Which filters of a trained VAE answer to some image, and how many dimensions its codes span."""

import warnings
from contextlib import ExitStack

import torch
from torch import nn

DEAD = 0.05  # share of the filters, above which there is a warning
IN_USE = 0.01  # variance of the codes along a direction; the prior has 1


@torch.inference_mode()
def liveness(encoder, decoder, batches):
    """What of a VAE is in use, on a sample of images.

    Parameters
    ----------
    encoder, decoder : nn.Module
        In evaluation mode, every activation a `nn.ReLU` of shape (B, filters, H, W).
    batches : iterable of float tensors of shape (B, C, H, W)

    Returns
    -------
    dict
        `dead`, the share of the filters, of both networks, that are 0 everywhere in every image;
        `rank`, in how many orthogonal directions the codes vary by more than 0.01, the threshold of
        [1]_ for a latent dimension in use.

    References
    ----------
    .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.
    """
    networks = nn.ModuleList([encoder, decoder])
    awake, codes = {}, []

    def see(layer, _, activations):
        awake[layer] = awake.get(layer, False) | (activations.amax(dim=(0, 2, 3)) > 0)

    with ExitStack() as hooks:
        for layer in networks.modules():
            if isinstance(layer, nn.ReLU):
                hooks.callback(layer.register_forward_hook(see).remove)
        for x in batches:
            codes.append(encoder(x)[0])
            decoder(codes[-1])
    covariance = torch.atleast_2d(torch.cat(codes).double().T.cpu().cov(correction=0))
    return {
        "dead": 1 - torch.cat([*awake.values()]).double().mean().item(),
        "rank": int((torch.linalg.eigvalsh(covariance) > IN_USE).sum()),
    }


def warn_if_dead(found, latent_dim):
    """Warn where `liveness` found that filters or latent dimensions are of no use."""
    faults = []
    if found["dead"] > DEAD:
        faults.append(f"{found['dead']:.0%} of the filters answer to no image")
    if found["rank"] < latent_dim:
        faults.append(f"the codes span {found['rank']} of {latent_dim} dimensions")
    if faults:
        remedy = "try more epochs, a smaller learning_rate or a smaller beta"
        warnings.warn(f"{' and '.join(faults)}: {remedy}", stacklevel=4)

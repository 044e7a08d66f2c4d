"""Dead filters and the rank of codes, in networks that were damaged by hand."""

import numpy as np
import pytest
import torch

from alvae._liveness import liveness, warn_if_dead
from alvae.vae import Decoder, Encoder

SHAPE, FILTERS = (9, 8, 1), 32 + 5 * 64


def networks(latent_dim=3):
    """Of which all filters answer to some image."""
    torch.manual_seed(0)
    networks = torch.nn.ModuleList([Encoder(SHAPE, latent_dim), Decoder(SHAPE, latent_dim)]).eval()
    for layer in networks.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(layer.bias)
    return networks


def batches():
    return torch.rand(40, 1, 9, 8, generator=torch.Generator().manual_seed(0)).split(16)


def silence(layer, filters):
    with torch.no_grad():
        layer.weight[filters], layer.bias[filters] = 0, -1


def test_silent_filters_are_counted():
    encoder, decoder = networks()
    assert np.isclose(liveness(encoder, decoder, batches())["dead"], 0)
    silence(encoder.convolutions[1], range(5))
    silence(decoder[2], range(7))
    assert np.isclose(liveness(encoder, decoder, batches())["dead"], 12 / FILTERS)


def test_one_answer_in_one_image_is_enough():
    encoder, decoder = networks()
    convolution, normalization = encoder.convolutions[:2]
    with torch.no_grad():  # the first filter answers to pixels brighter than 50
        convolution.weight[0] = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
        normalization.bias[0] = -50
    x = torch.cat([*batches()])
    assert np.isclose(liveness(encoder, decoder, [x])["dead"], 1 / FILTERS)
    x[-1, 0, 4, 4] = 100
    assert np.isclose(liveness(encoder, decoder, x.split(16))["dead"], 0)


def test_rank_is_that_of_the_codes():
    encoder, decoder = networks(3)
    with torch.no_grad():
        encoder.mu.weight *= 100
    assert liveness(encoder, decoder, batches())["rank"] == 3
    with torch.no_grad():
        encoder.mu.weight[2] = encoder.mu.weight[0] - encoder.mu.weight[1]
    assert liveness(encoder, decoder, batches())["rank"] == 2
    with torch.no_grad():
        encoder.mu.weight.zero_()
    assert liveness(encoder, decoder, batches())["rank"] == 0


def test_nothing_is_left_hooked():
    encoder, decoder = networks()
    liveness(encoder, decoder, batches())
    assert not any(layer._forward_hooks for layer in [*encoder.modules(), *decoder.modules()])


def test_only_more_than_a_twentieth_is_warned_of(recwarn):
    warn_if_dead({"dead": 0.05, "rank": 3}, 3)
    assert not recwarn
    with pytest.warns(UserWarning, match="^6% of the filters answer to no image: try more epochs"):
        warn_if_dead({"dead": 0.06, "rank": 3}, 3)
    with pytest.warns(UserWarning, match="no image and the codes span 2 of 3 dimensions: try"):
        warn_if_dead({"dead": 0.5, "rank": 2}, 3)

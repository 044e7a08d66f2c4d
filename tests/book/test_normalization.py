"""The VAE without batch normalization, and what its filters answer."""

import numpy as np
import pytest
import torch
from torch import nn

from alvae.book.normalization import LeakyVAE, UnnormalizedVAE, born_dead, strongest_answers

IMAGES = np.random.default_rng(0).random((7, 12, 12), dtype=np.float32)


def networks(seed):
    torch.manual_seed(seed)
    return [network.eval() for network in UnnormalizedVAE(latent_dim=2).networks((12, 12, 1))]


def answers(seed):
    """What every ReLU returns for all images, layer by layer."""
    encoder, decoder = networks(seed)
    found, x = [], torch.from_numpy(IMAGES)[:, None]
    for layer in encoder.convolutions:
        x = layer(x)
        found += [x] if isinstance(layer, nn.ReLU) else []
    x = encoder.mu(x.flatten(1))
    for layer in decoder:
        x = layer(x)
        found += [x] if isinstance(layer, nn.ReLU) else []
    return [x.detach().numpy() for x in found]


def test_it_keeps_a_scale_and_a_shift_of_each_filter_and_normalizes_nothing():
    for network in networks(0):
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    small, large = (
        networks(0)[0].convolutions[1](scale * torch.ones(2, 32, 3, 3)) for scale in (1, 9)
    )
    assert torch.equal(9 * small, large)


def test_leaky_networks_return_a_hundredth_of_what_is_below_0_and_are_else_the_same():
    torch.manual_seed(0)
    encoder, _ = LeakyVAE(latent_dim=2).networks((12, 12, 1))
    x = torch.from_numpy(IMAGES)[:, None]
    first = networks(0)[0].convolutions[0](x)
    expected = torch.where(first > 0, first, first / 100)
    torch.testing.assert_close(encoder.convolutions[:3](x), expected)
    x.requires_grad_()
    encoder.mu(encoder.convolutions(x).flatten(1)).sum().backward()
    assert all((p.grad != 0).any() for p in encoder.convolutions.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_the_filters_that_are_dead_from_birth_are_those_that_never_answer(seed):
    alive = np.concatenate([x.max(axis=(0, 2, 3)) > 0 for x in answers(seed)])
    before = torch.random.get_rng_state()
    assert born_dead(UnnormalizedVAE(latent_dim=2), IMAGES, seed) == pytest.approx(1 - alive.mean())
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_strongest_answer_is_the_largest_of_all_places():
    found = strongest_answers(networks(0)[0], IMAGES)
    for ours, theirs in zip(found, answers(0)[:4], strict=True):
        assert ours == pytest.approx(theirs.max(axis=(2, 3)).T, abs=1e-6)

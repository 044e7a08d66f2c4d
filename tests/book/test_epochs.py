"""The codes of every epoch, against trainings that nobody watched."""

import numpy as np
import pytest
import torch

from alvae.book.epochs import codes_by_epoch
from alvae.vae import ConvVAE

IMAGES = np.random.default_rng(0).integers(0, 256, (90, 8, 8), dtype=np.uint8)


def vae(**changes):
    return ConvVAE(**{"latent_dim": 2, "epochs": 3, "device": "cpu", "random_state": 1} | changes)


def test_the_last_codes_are_those_of_a_training_that_nobody_watched():
    codes = codes_by_epoch(vae(), IMAGES, n_codes=50)
    assert codes.shape == (4, 50, 2)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes[-1], vae().fit(IMAGES).transform(IMAGES[:50]), rtol=1e-5)
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(codes, codes[1:], strict=False))


def test_those_of_an_epoch_are_of_the_state_that_was_kept_after_it(tmp_path):
    plain = vae().fit(IMAGES, checkpoints=tmp_path)
    (path,) = tmp_path.glob("epoch-000002.pt")  # the last epoch is not kept
    state = torch.load(path, weights_only=True)["network"]
    encoder = {name[2:]: value for name, value in state.items() if name.startswith("0.")}
    plain.encoder_.load_state_dict(encoder)
    expected = plain.transform(IMAGES)
    np.testing.assert_allclose(codes_by_epoch(vae(), IMAGES)[2], expected, rtol=1e-4, atol=1e-6)


def test_they_are_taken_from_the_store(monkeypatch):
    first = codes_by_epoch(vae(epochs=1), IMAGES)
    monkeypatch.setattr(ConvVAE, "fit", None)  # cannot be called
    np.testing.assert_array_equal(codes_by_epoch(vae(epochs=1), IMAGES), first)


def test_bad_input():
    with pytest.raises(ValueError, match="vae is a str; it must be a ConvVAE"):
        codes_by_epoch("vae", IMAGES)
    with pytest.raises(ValueError, match="n_codes is 0"):
        codes_by_epoch(vae(), IMAGES, n_codes=0)

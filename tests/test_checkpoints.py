"""A training that is interrupted ends as if it had not been."""

import math
import threading
import warnings

import numpy as np
import pytest
import torch

from alvae import store
from alvae._checkpoints import TrainingState
from alvae.pools import load_pool
from alvae.spaces import fit_stored
from alvae.vae import ConvVAE

PARAMS = {"latent_dim": 2, "epochs": 4, "batch_size": 16, "random_state": 0}


@pytest.fixture(scope="module")
def images():
    return load_pool().images[:40, 6:22, 6:22]


@pytest.fixture(scope="module")
def undisturbed(images):
    return ConvVAE(**PARAMS).fit(images)


def interrupt_after(monkeypatch, epoch):
    """Let trainings be interrupted once this epoch is kept; the epochs that are then trained."""
    keep, kept = TrainingState.keep, []

    def keep_and_stop(self, history):
        keep(self, history)
        kept.append(len(history))
        if len(history) == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "keep", keep_and_stop)
    return kept


def interrupted(monkeypatch, epoch, train):
    with monkeypatch.context() as context:
        interrupt_after(context, epoch)
        with pytest.raises(KeyboardInterrupt):
            train()


def assert_same(one, other, images):
    without = [[epoch | {"seconds": 0} for epoch in vae.history_] for vae in (one, other)]
    assert without[0] == without[1]
    for name in ("encoder_", "decoder_"):
        weights = [getattr(vae, name).state_dict() for vae in (one, other)]
        assert all((weights[0][key] == weights[1][key]).all() for key in weights[0])
    np.testing.assert_array_equal(one.transform(images), other.transform(images))


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_it_goes_on_from_the_last_epoch(epoch, images, undisturbed, monkeypatch, tmp_path):
    interrupted(monkeypatch, epoch, lambda: ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path))
    names = sorted(path.name for path in tmp_path.glob("epoch*"))
    assert names == [f"epoch-{epoch:06}.pt", f"epoch-{epoch:06}.pt.about.json"]
    kept = interrupt_after(monkeypatch, None)
    assert_same(ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path), undisturbed, images)
    assert kept == list(range(epoch + 1, 4))


def test_through_the_store(images, undisturbed, monkeypatch):
    interrupted(monkeypatch, 2, lambda: fit_stored(ConvVAE(**PARAMS), images))
    kept = interrupt_after(monkeypatch, None)
    assert_same(fit_stored(ConvVAE(**PARAMS), images), undisturbed, images)
    assert kept == [3]
    assert not list((store.root() / "unfinished").rglob("epoch*"))


def test_a_training_with_other_parameters_is_left_alone(images, monkeypatch, tmp_path):
    interrupted(monkeypatch, 2, lambda: ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path))
    kept = interrupt_after(monkeypatch, None)
    ConvVAE(**PARAMS | {"beta": 0.5}).fit(images, checkpoints=tmp_path)
    assert kept == [1, 2, 3]


def test_a_training_on_other_images_is_left_alone(images, undisturbed, monkeypatch, tmp_path):
    ConvVAE(**PARAMS).fit(images[::-1], checkpoints=tmp_path)
    assert_same(ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path), undisturbed, images)


def test_a_training_of_another_class_is_left_alone(images, undisturbed, monkeypatch, tmp_path):
    class Darker(ConvVAE):
        def networks(self, image_shape):
            encoder, decoder = super().networks(image_shape)
            torch.nn.init.constant_(decoder[-1].bias, -5)
            return encoder, decoder

    interrupted(monkeypatch, 2, lambda: Darker(**PARAMS).fit(images, checkpoints=tmp_path))
    assert_same(ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path), undisturbed, images)


def test_a_network_that_draws_goes_on_with_its_own_noise(images, monkeypatch, tmp_path):
    class Noisy(ConvVAE):
        def networks(self, image_shape):
            encoder, decoder = super().networks(image_shape)
            encoder.convolutions.append(torch.nn.Dropout(0.2))
            return encoder, decoder

    interrupted(monkeypatch, 2, lambda: Noisy(**PARAMS).fit(images, checkpoints=tmp_path))
    resumed = Noisy(**PARAMS).fit(images, checkpoints=tmp_path)
    assert_same(resumed, Noisy(**PARAMS).fit(images), images)


def test_a_class_that_cannot_be_told_is_trained_and_not_kept(images, monkeypatch, tmp_path):
    class Reading(ConvVAE):
        lock = threading.Lock()

    kept = interrupt_after(monkeypatch, None)
    with pytest.warns(UserWarning, match="cannot be resumed here: .* no value to tell"):
        Reading(**PARAMS).fit(images, checkpoints=tmp_path)
    assert kept == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["", store.ABOUT])
def test_a_damaged_state_is_left_out(suffix, images, undisturbed, monkeypatch, tmp_path):
    interrupted(monkeypatch, 2, lambda: ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path))
    path = tmp_path / f"epoch-000002.pt{suffix}"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="epoch-000002.pt is left out"):
        again = ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path)
    assert_same(again, undisturbed, images)


def test_a_full_disk_costs_the_state_and_not_the_training(
    images, undisturbed, monkeypatch, tmp_path
):
    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(store, "keep", full)
    with pytest.warns(UserWarning, match="cannot be resumed here: no space left"):
        vae = ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path)
    assert_same(vae, undisturbed, images)


def test_seconds_of_another_machine_are_left_out(images, monkeypatch, tmp_path):
    interrupted(monkeypatch, 2, lambda: ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path))
    monkeypatch.setattr(store, "machine", lambda: "another")
    seconds = [e["seconds"] for e in ConvVAE(**PARAMS).fit(images, checkpoints=tmp_path).history_]
    assert [math.isnan(s) for s in seconds] == [True, True, False, False]


def test_of_three_runs_on_two_machines_the_first_is_remembered(images, monkeypatch):
    train = lambda: fit_stored(ConvVAE(**PARAMS), images, timed=True)  # noqa: E731
    interrupted(monkeypatch, 1, train)
    monkeypatch.setattr(store, "machine", lambda: "another")
    interrupted(monkeypatch, 2, lambda: fit_stored(ConvVAE(**PARAMS), images))
    assert all(math.isfinite(epoch["seconds"]) for epoch in train().history_)


def test_of_a_stored_vae_too(images, monkeypatch):
    fit_stored(ConvVAE(**PARAMS), images)
    monkeypatch.setattr(store, "machine", lambda: "another")
    assert all(math.isnan(e["seconds"]) for e in fit_stored(ConvVAE(**PARAMS), images).history_)


class Own(ConvVAE):
    """A subclass whose fit knows of no checkpoints."""

    def fit(self, X, y=None):
        return super().fit(X)


def test_a_subclass_with_a_fit_of_its_own(images, undisturbed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(fit_stored(Own(**PARAMS), images), undisturbed, images)
    assert type(fit_stored(Own(**PARAMS), images)) is Own


class Scaled(ConvVAE):
    """A subclass that learns more than `save` knows of."""

    def fit(self, X, y=None):
        self.scale_ = 2.0
        return super().fit(X)


def test_what_save_leaves_out_is_not_kept(images):
    for _ in "ab":
        with pytest.warns(UserWarning, match="is not kept: Scaled.save leaves out scale_"):
            assert fit_stored(Scaled(**PARAMS), images).scale_ == 2.0

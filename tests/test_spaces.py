"""Stored VAEs, latent codes, both spaces, reconstruction errors."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from alvae import store
from alvae.pools import Pool, load_pool
from alvae.spaces import VAEEnsemble, both_spaces, fit_stored, reconstruction_errors
from alvae.vae import ConvVAE


def test_a_vae_is_fitted_once(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0)
    first = fit_stored(vae, images)
    assert not hasattr(vae, "encoder_")  # the one that was handed over stays as it was
    direct = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(images)
    np.testing.assert_array_equal(first.transform(images), direct.transform(images))

    def fail(self, images):
        raise AssertionError("it is fitted again")

    monkeypatch.setattr(ConvVAE, "fit", fail)
    second = fit_stored(ConvVAE(latent_dim=2, epochs=1, random_state=0), images.copy())
    np.testing.assert_array_equal(second.transform(images), first.transform(images))
    assert second.history_ == first.history_
    changed = images.copy()
    changed[0, 0, 0] ^= 1
    for other, pictures in [
        (ConvVAE(latent_dim=2, epochs=1, random_state=1), images),
        (ConvVAE(latent_dim=2, epochs=1, random_state=0, beta=0.5), images),
        (ConvVAE(latent_dim=2, epochs=1, random_state=0), changed),
    ]:
        with pytest.raises(AssertionError, match="fitted again"):
            fit_stored(other, pictures)


def test_a_vae_without_a_seed_is_always_fitted():
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    vae = ConvVAE(latent_dim=2, epochs=1)
    latents = [fit_stored(vae, images).transform(images) for _ in range(2)]
    assert (latents[0] != latents[1]).any()
    assert not hasattr(vae, "encoder_")
    assert not list((store.root() / "vae").glob("*.pt"))


def test_both_spaces():
    images = np.random.default_rng(0).integers(0, 256, (18, 6, 5), dtype=np.uint8)
    labels = np.arange(18) % 2
    pool = Pool(images[:12], labels[:12], images[12:], labels[12:])
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(pool.images)
    spaces = both_spaces(pool, vae)
    assert list(spaces) == ["input", "latent"]
    for part, pictures in enumerate((images[:12], images[12:])):
        pixels = pictures.reshape(len(pictures), -1) / np.float32(255)
        np.testing.assert_allclose(spaces["input"][part], pixels, rtol=1e-6)
        np.testing.assert_array_equal(spaces["latent"][part], vae.encode(pictures)[0])
        assert spaces["input"][part].dtype == spaces["latent"][part].dtype == np.float32


@pytest.mark.parametrize("as_floats", [False, True])
def test_errors_are_those_of_decoded_pixels(as_floats):
    images = load_pool(classes=[0, 3, 9]).images[:60]
    vae = ConvVAE(3, epochs=1, random_state=0).fit(images)
    decoded = vae.inverse_transform(vae.transform(images))
    by_hand = [
        ((image / 255 - other) ** 2).sum() for image, other in zip(images, decoded, strict=True)
    ]
    given = images / np.float32(255) if as_floats else images
    np.testing.assert_allclose(reconstruction_errors(vae, given), by_hand, rtol=1e-4)


@pytest.mark.parametrize("vae", [None, ConvVAE, "vae"], ids=str)
def test_what_is_no_vae(vae):
    with pytest.raises(ValueError, match="^vae is .*; it must be a ConvVAE, not fitted"):
        fit_stored(vae, np.zeros((3, 8, 8)))


def test_what_are_no_images():
    with pytest.raises(ValueError, match="^images "):
        fit_stored(ConvVAE(), None)


def two_vaes():
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 5), dtype=np.uint8)
    dims = 2, 3
    return images, [ConvVAE(d, epochs=1, random_state=d).fit(images) for d in dims]


def test_an_ensemble_has_the_codes_side_by_side_and_the_mean_image():
    images, (one, other) = two_vaes()
    ensemble = VAEEnsemble([one, other])
    codes = ensemble.transform(images)
    assert (codes.shape, codes.dtype) == ((30, 5), np.float32)
    np.testing.assert_array_equal(codes[:, :2], one.transform(images))
    np.testing.assert_array_equal(codes[:, 2:], other.transform(images))
    decoded = (one.inverse_transform(codes[:, :2]) + other.inverse_transform(codes[:, 2:])) / 2
    np.testing.assert_allclose(ensemble.inverse_transform(codes), decoded, atol=1e-6)
    pixels = images / 255
    errors = np.square(decoded - pixels).sum(axis=(1, 2))
    np.testing.assert_allclose(reconstruction_errors(ensemble, images), errors, rtol=1e-4)


def test_an_ensemble_of_one_is_that_one():
    images, (one, _) = two_vaes()
    alone = VAEEnsemble([one])
    np.testing.assert_array_equal(alone.fit().transform(images), one.transform(images))
    np.testing.assert_array_equal(
        reconstruction_errors(alone, images), reconstruction_errors(one, images)
    )


@pytest.mark.parametrize("vaes", [[], None, [ConvVAE(2)], [ConvVAE], 3])
def test_an_ensemble_of_anything_but_fitted_vaes_is_refused(vaes):
    for act in (VAEEnsemble(vaes).fit, VAEEnsemble(vaes).transform):
        with pytest.raises(ValueError, match=r"^vaes is .*; it must be a list of at least one fit"):
            act(np.zeros((3, 6, 5)))


def test_an_ensemble_is_fitted_and_a_clone_of_it_too():
    images, vaes = two_vaes()
    ensemble = VAEEnsemble(vaes)
    check_is_fitted(ensemble)
    np.testing.assert_array_equal(clone(ensemble).transform(images), ensemble.transform(images))
    on_cpu = ensemble.on_cpu().transform(images)  # the ensemble may be on a GPU
    np.testing.assert_allclose(on_cpu, ensemble.transform(images), rtol=1e-3, atol=1e-3)


def test_vaes_of_images_of_other_shapes_are_refused():
    images, (vae, _) = two_vaes()
    other = ConvVAE(2, epochs=1, random_state=0).fit(images[:, :5])
    with pytest.raises(ValueError, match="^vaes are of images of the shapes"):
        VAEEnsemble([vae, other]).transform(images)


def test_codes_of_another_ensemble_are_refused():
    _, vaes = two_vaes()
    with pytest.raises(ValueError, match="codes have 4 dimensions; they must have 5"):
        VAEEnsemble(vaes).inverse_transform(np.zeros((3, 4)))

"""The VAE against closed forms, torch.distributions, Monte Carlo and its own promises."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from alvae.coverage import kmeans_nmi
from alvae.pools import load_pool
from alvae.vae import (
    ConvVAE,
    Decoder,
    Encoder,
    gaussian_kl,
    reconstruction_loss,
    sample_posterior,
    training_dtype,
)

rng = np.random.default_rng(0)


def make_images(n=12, shape=(9, 8)):
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8)


@pytest.fixture(scope="module")
def fitted():
    images = load_pool().images[:64]  # 16 steps
    return ConvVAE(latent_dim=2, epochs=4, batch_size=16, random_state=0).fit(images), images


def random_gaussian(n=4, d=3):
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(n, d)))


def test_kl_equals_torch_distributions():
    mu, log_var = random_gaussian()
    q = torch.distributions.Normal(mu, (log_var / 2).exp())
    p = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(q, p).sum(dim=1)
    torch.testing.assert_close(gaussian_kl(mu, log_var), expected)


def test_kl_equals_its_monte_carlo_estimate():
    mu, log_var = random_gaussian(1, 2)
    n = 200_000
    mu_n, log_var_n = mu.expand(n, -1), log_var.expand(n, -1)
    z = sample_posterior(mu_n, log_var_n, torch.Generator().manual_seed(0))
    q = torch.distributions.Normal(mu_n, (log_var_n / 2).exp())
    p = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    ratios = (q.log_prob(z) - p.log_prob(z)).sum(dim=1)
    error = 5 * ratios.std() / n**0.5
    assert abs(ratios.mean() - gaussian_kl(mu, log_var)[0]) < error


def test_posterior_samples_have_the_mean_and_variance_of_the_posterior():
    mu, log_var = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 1.5]])
    n = 100_000
    generator = torch.Generator().manual_seed(1)
    z = sample_posterior(mu.expand(n, -1), log_var.expand(n, -1), generator)
    torch.testing.assert_close(z.mean(dim=0), mu[0], atol=0.05, rtol=0)
    torch.testing.assert_close(z.var(dim=0), log_var[0].exp(), atol=0, rtol=0.05)


def test_reconstruction_loss_is_the_bernoulli_log_likelihood():
    logits = torch.from_numpy(rng.normal(size=(3, 1, 4, 5)))
    x = torch.from_numpy(rng.integers(0, 2, (3, 1, 4, 5)).astype(float))
    expected = -torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(reconstruction_loss(logits, x), expected)


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    channels=st.sampled_from([1, 3]),
    d=st.integers(1, 4),
)
def test_networks_keep_any_image_size(height, width, channels, d):
    shape = (height, width, channels)
    x = torch.zeros(2, channels, height, width)
    mu, log_var = Encoder(shape, d)(x)
    assert mu.shape == log_var.shape == (2, d)
    assert Decoder(shape, d)(mu).shape == x.shape


def test_gradients_of_both_terms_reach_all_parameters():
    torch.manual_seed(0)
    encoder, decoder = Encoder((8, 8, 1), 2), Decoder((8, 8, 1), 2)
    x = torch.rand(16, 1, 8, 8)
    mu, log_var = encoder(x)
    logits = decoder(sample_posterior(mu, log_var))
    (reconstruction_loss(logits, x) + gaussian_kl(mu, log_var)).mean().backward()
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_encoder_has_the_layers_of_the_paper():
    layers = Encoder((28, 28, 1), 3).convolutions
    kernels = [layer.weight.shape for layer in layers if isinstance(layer, torch.nn.Conv2d)]
    assert kernels == [(32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3)]


@pytest.mark.parametrize("shape", [(9, 8), (7, 7, 1), (10, 11, 3)])
def test_shapes_and_dtypes_for_the_user(shape):
    images = make_images(5, shape)
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(images)
    latents = vae.transform(images)
    assert latents.shape == (5, 2)
    assert latents.dtype == np.float32
    for decoded in (vae.inverse_transform(latents), vae.sample(5, random_state=0)):
        assert decoded.shape == images.shape
        assert decoded.dtype == np.float32
        assert decoded.min() >= 0
        assert decoded.max() <= 1


def test_loss_falls_and_is_the_weighted_sum_of_its_terms(fitted):
    vae, _ = fitted
    first, last = vae.history_[0], vae.history_[-1]
    assert last["loss"] < first["loss"]
    for epoch in vae.history_:
        assert epoch["loss"] == pytest.approx(epoch["reconstruction"] + vae.beta * epoch["kl"])


@pytest.mark.parametrize("random_state", range(3))
def test_training_is_stable_on_small_pools(random_state):
    images = load_pool().images[:64]
    history = ConvVAE(epochs=4, batch_size=16, random_state=random_state).fit(images).history_
    at_half = 28 * 28 * np.log(2)  # what saying 1/2 for every pixel costs
    assert history[-1]["loss"] < at_half


def test_no_batch_is_much_smaller_than_others(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "alvae.vae.reconstruction_loss",
        lambda logits, x: sizes.append(len(x)) or reconstruction_loss(logits, x),
    )
    ConvVAE(epochs=1, batch_size=8, random_state=0).fit(make_images(17))
    assert sorted(sizes) == [5, 6, 6]


def test_batch_normalization_is_told_about_single_tiny_images():
    ConvVAE(epochs=1, batch_size=2, random_state=0).fit(make_images(4, (4, 4)))
    for n, batch_size in [(1, 64), (4, 1), (3, 2)]:
        with pytest.raises(ValueError, match="^X has one tiny image per batch"):
            ConvVAE(epochs=1, batch_size=batch_size).fit(make_images(n, (4, 4)))


def test_unused_dimensions_are_counted_and_warned_of(monkeypatch):
    monkeypatch.setattr("alvae.vae.WARM_UP", 1)
    # A prior that outweighs the images leaves nothing for the codes to say.
    with pytest.warns(UserWarning, match="the codes span 0 of 3 dimensions"):
        vae = ConvVAE(beta=1e6, epochs=3, random_state=0).fit(load_pool().images[:64])
    assert vae.history_[-1]["rank"] == 0


@pytest.mark.slow
@pytest.mark.skipif(
    training_dtype(torch.device("cpu")) == torch.float32, reason="no bfloat16 instructions here"
)
def test_bfloat16_finds_the_classes_as_float32_does(monkeypatch):
    pool = load_pool("mnist", classes=[0, 1]).take(np.arange(2000), np.arange(500))
    images, test_images = pool.images[:, ::2, ::2], pool.test_images[:, ::2, ::2]
    nmi, accuracy = {}, {}
    for dtype in (torch.bfloat16, torch.float32):
        monkeypatch.setattr("alvae.vae.training_dtype", lambda device, dtype=dtype: dtype)
        vae = ConvVAE(latent_dim=2, epochs=10, random_state=0).fit(images)
        Z = vae.transform(images)
        nmi[dtype] = kmeans_nmi(Z, pool.labels)
        neighbors = KNeighborsClassifier().fit(Z, pool.labels)
        accuracy[dtype] = neighbors.score(vae.transform(test_images), pool.test_labels)
    assert nmi[torch.bfloat16] == pytest.approx(nmi[torch.float32], abs=0.06)
    assert accuracy[torch.bfloat16] == pytest.approx(accuracy[torch.float32], abs=0.015)
    assert min(nmi.values()) > 0.8


def test_memory_mapped_images_are_trained_on_and_encoded_like_others(tmp_path, fitted):
    vae, images = fitted
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(vae.transform(mapped), vae.transform(images))
    again = clone(vae).fit(mapped)
    np.testing.assert_array_equal(again.transform(images), vae.transform(images))


@pytest.mark.slow
def test_overfits_a_handful_of_images():
    images = load_pool().images[:4]
    vae = ConvVAE(latent_dim=8, beta=0, epochs=400, batch_size=4, random_state=0).fit(images)
    error = np.abs(vae.inverse_transform(vae.transform(images)) - images / 255).mean()
    blank = np.abs(images.mean(axis=0) / 255 - images / 255).mean()
    assert error < 0.2 * blank


def test_same_seed_same_weights_and_the_global_generator_is_left_alone(fitted):
    vae, images = fitted
    state = torch.random.get_rng_state()
    again = clone(vae).fit(images)
    assert torch.equal(state, torch.random.get_rng_state())
    for name, weights in vae.encoder_.state_dict().items():
        assert torch.equal(weights, again.encoder_.state_dict()[name]), name
    other = clone(vae).set_params(random_state=1).fit(images)
    assert not np.array_equal(other.transform(images), vae.transform(images))


def test_floats_train_like_the_bytes_they_come_from(fitted):
    vae, images = fitted
    vae = clone(vae).set_params(device="cpu").fit(images)  # a GPU may divide in another way
    from_floats = clone(vae).fit(images / np.float32(255))
    np.testing.assert_allclose(
        from_floats.transform(images), vae.transform(images), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("dtype", [np.int64, np.uint16])
def test_whole_numbers_are_bytes(fitted, dtype):
    vae, images = fitted
    np.testing.assert_array_equal(vae.transform(images.astype(dtype)), vae.transform(images))


def test_transform_does_not_depend_on_how_images_are_grouped(fitted, monkeypatch):
    vae, images = fitted
    whole = vae.transform(images)
    monkeypatch.setattr("alvae.vae.BLOCK", 7)
    np.testing.assert_allclose(vae.transform(images), whole, rtol=1e-4, atol=1e-5)


def test_save_and_load_round_trip(fitted, tmp_path):
    vae, images = fitted
    vae.save(tmp_path / "vae.pt")
    loaded = ConvVAE.load(tmp_path / "vae.pt")
    assert loaded.get_params() == vae.get_params()
    assert loaded.history_ == vae.history_
    np.testing.assert_array_equal(loaded.transform(images), vae.transform(images))
    np.testing.assert_array_equal(loaded.sample(3, 0), vae.sample(3, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["vae.pt"]


def test_a_copy_on_the_cpu_is_independent(fitted):
    vae, images = fitted
    copy = vae.on_cpu()
    assert (copy.device, vae.device) == ("cpu", "auto")
    torch.nn.init.zeros_(copy.encoder_.mu.weight)
    assert not np.array_equal(copy.transform(images), vae.transform(images))


def test_numpy_numbers_as_parameters_are_saved_as_plain_ones(tmp_path):
    parameters = {"latent_dim": np.int64(2), "beta": np.float64(0.5), "epochs": np.int64(1)}
    ConvVAE(**parameters, random_state=0).fit(make_images()).save(tmp_path / "vae.pt")
    assert ConvVAE.load(tmp_path / "vae.pt").get_params().items() >= parameters.items()


class Forgetful(ConvVAE):
    """A subclass whose network draws, too."""

    def networks(self, image_shape):
        encoder, decoder = super().networks(image_shape)
        encoder.convolutions.append(torch.nn.Dropout(0.5))
        return encoder, decoder


def test_what_a_network_draws_is_of_the_seed_too(fitted):
    images = fitted[1][:20]
    one, other = (
        Forgetful(2, epochs=1, random_state=0).fit(images).transform(images) for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"image_shape": [float("inf"), 8]},
        lambda content: (
            content | {"encoder": {k: v.double() for k, v in content["encoder"].items()}}
        ),
    ],
    ids=["shape", "precision"],
)
def test_load_refuses_what_no_vae_has(fitted, change, tmp_path):
    fitted[0].save(tmp_path / "vae.pt")
    content = torch.load(tmp_path / "vae.pt", weights_only=True)
    torch.save(change(content), tmp_path / "other.pt")
    with pytest.raises(ValueError, match="other.pt"):
        ConvVAE.load(tmp_path / "other.pt")


def test_a_vae_is_loaded_onto_another_device(fitted, tmp_path):
    vae, images = fitted
    vae.save(tmp_path / "vae.pt")
    content = torch.load(tmp_path / "vae.pt", weights_only=True)
    content["params"]["device"] = "meta"  # one on which nothing can be computed
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="device is 'meta'; it must be 'auto' or a device"):
        ConvVAE.load(tmp_path / "other.pt")
    loaded = ConvVAE.load(tmp_path / "other.pt", device="cpu")
    assert loaded.device == "cpu"
    there = loaded.transform(images), vae.transform(images)  # the latter may be on a GPU
    np.testing.assert_allclose(*there, rtol=1e-3, atol=1e-3)


def test_a_training_that_fails_leaves_the_vae_as_it_was(monkeypatch):
    images = make_images()
    vae = ConvVAE(2, epochs=1, random_state=0)

    def fails(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alvae.vae.reconstruction_loss", fails)
        with pytest.raises(KeyboardInterrupt):
            vae.fit(images)
        with pytest.raises(NotFittedError):
            vae.transform(images)
    before = vae.fit(images).transform(images)
    monkeypatch.setattr("alvae.vae.reconstruction_loss", fails)
    with pytest.raises(KeyboardInterrupt):
        vae.fit(images[:20])
    np.testing.assert_array_equal(vae.transform(images), before)


def test_load_names_a_file_that_it_cannot_read(fitted, tmp_path):
    vae, _ = fitted
    vae.save(tmp_path / "vae.pt")
    content = (tmp_path / "vae.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(content[: len(content) // 2])
    for name in ("half.pt", "missing.pt"):
        with pytest.raises(ValueError, match=name):
            ConvVAE.load(tmp_path / name)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("latent_dim", 0),
        ("latent_dim", 73),
        ("latent_dim", 2.0),
        ("beta", -1),
        ("beta", float("nan")),
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("translate", -0.1),
        ("degrees", float("inf")),
        ("device", "abacus"),
        ("random_state", -1),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=f"^{parameter} is "):
        ConvVAE(**{parameter: value}).fit(make_images())


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, 4)),
        np.zeros((0, 4, 4)),
        np.zeros((3, 4, 4, 2)),
        np.full((3, 4, 4), np.nan),
        np.full((3, 4, 4), 1.5),
        np.full((3, 4, 4), 256),
        np.full((3, 4, 4), -1),
        np.ma.masked_greater(np.arange(48).reshape(3, 4, 4), 9),
    ],
)
def test_bad_images_are_refused(images):
    with pytest.raises(ValueError, match="^X (has|is) "):
        ConvVAE(epochs=1).fit(images)


def test_images_of_another_size_are_refused(fitted):
    vae, _ = fitted
    with pytest.raises(ValueError, match=r"trained on \(28, 28\)"):
        vae.transform(make_images())
    with pytest.raises(ValueError, match=r"Z has shape \(3, 5\)"):
        vae.inverse_transform(np.zeros((3, 5)))


class OfTables(ConvVAE):
    """The VAE on rows of any numbers, each an image of one row: scikit-learn checks with tables."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X, y=None):
        return super().fit(expit(validate_data(self, X, dtype=np.float32))[:, None])

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(
            expit(validate_data(self, X, dtype=np.float32, reset=False))[:, None]
        )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [OfTables(latent_dim=1, epochs=1)],
    expected_failed_checks=lambda _: {"check_transformer_preserve_dtypes": "codes are float32"},
)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def test_scikit_learn_is_told_that_it_takes_images():
    tags = get_tags(ConvVAE())
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array

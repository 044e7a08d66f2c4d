"""The recommended choice: what its parts give by hand, and what it refuses."""

import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alvae import ConvVAE, SpectralMedoids, load_pool, select
from alvae.recommendation import epochs_for


@pytest.fixture(scope="module")
def images():
    return load_pool(classes=[0, 3, 9]).images[:240]


@pytest.fixture(scope="module")
def vae(images):
    return ConvVAE(3, epochs=2, random_state=0).fit(images)


def test_it_is_the_most_central_of_each_spectral_cluster(images, vae):
    indices, codes, same, graph = select(images, 3, vae=vae, random_state=4)
    assert same is vae
    np.testing.assert_array_equal(graph.X, codes)
    np.testing.assert_array_equal(codes, vae.transform(images))
    by_hand = SpectralMedoids(random_state=4).query(codes, batch_size=3)
    np.testing.assert_array_equal(indices, by_hand)


def test_labels_known_before_are_not_asked_for_again(images, vae):
    y = np.full(len(images), np.nan)
    y[select(images, 6, vae=vae).indices] = 1
    more = select(images, 9, y, vae=vae).indices
    assert len(set(more)) == 9
    assert np.isnan(y[more]).all()


@pytest.mark.slow
def test_vaes_are_trained_and_kept_where_none_is_given(images, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path))
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 2)
    first = select(images, 3, n_vaes=2, random_state=1)
    assert len(list((tmp_path / "vae").glob("*.pt"))) == 2
    alone = [select(images, 3, random_state=seed) for seed in (2, 3)]
    assert len(list((tmp_path / "vae").glob("*.pt"))) == 2  # the same two
    assert [one.vae.get_params()["latent_dim"] for one in alone] == [16, 16]
    np.testing.assert_array_equal(first.codes, np.hstack([one.codes for one in alone]))
    again = select(images, 3, n_vaes=2, random_state=1)
    np.testing.assert_array_equal(again.indices, first.indices)
    more = select(images, 3, vae=first.vae, random_state=1)
    np.testing.assert_array_equal(more.indices, first.indices)


def test_it_says_what_it_is_doing(images, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path))
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 1)
    said = []
    bar = SimpleNamespace(set_description_str=said.append, update=lambda: said.append("done"))
    steps = lambda total, desc, unit, alike: nullcontext(said.append(total) or bar)  # noqa: E731
    monkeypatch.setattr("alvae.recommendation.progress_bar", steps)
    select(images, 3, n_vaes=2)
    doing = [5, "training VAE 1 of 2", "training VAE 2 of 2", "encoding", "searching for neighbors"]
    assert [step for step in said if step != "done"] == [*doing, "choosing"]
    assert said[2::2] == ["done"] * 5


def test_a_vae_that_is_brought_needs_no_history_and_steps_can_be_followed(
    images, vae, tmp_path, monkeypatch
):
    monkeypatch.setenv("ALVAE_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.delattr(vae, "history_")  # a VAE that is brought needs none
    select(images, 3, vae=vae)
    lines = (tmp_path / "progress").read_text().replace("\r", "\n").split("\n")
    said = dict.fromkeys(line for line in lines if line.strip())  # some come twice
    assert not any("left" in line for line in said)  # the steps are too unlike to tell
    assert [*said][-2:] == ["choosing: step 2 of 3", "choosing: step 3 of 3"]


def test_a_vae_that_is_not_fitted_is_fitted(images, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path))
    selection = select(images, 3, vae=ConvVAE(2, epochs=1, random_state=0))
    assert selection.codes.shape == (len(images), 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"budget": 0}, "budget is 0"),
        ({"budget": 241}, "budget is 241; .* from 1 to 240, the number of unlabeled images"),
        ({"budget": 2.0}, "budget is 2.0"),
        ({"images": np.zeros((4, 3, 2, 2, 2))}, "images"),
        ({"images": np.full((9, 8, 8), np.nan)}, "images"),
        ({"random_state": -1}, "random_state is -1"),
        ({"n_vaes": 0}, "n_vaes is 0"),
        ({"n_vaes": 2, "vae": ConvVAE(2)}, "n_vaes is 2, and vae is given"),
        ({"n_vaes": 2, "images": np.zeros((240, 3))}, "n_vaes is 2, and features need no VAE"),
        ({"y": np.zeros(240)}, "y labels all 240 images; at least one must be NaN"),
        ({"images": None}, "images is None; allowed is an array of images"),
        ({"y": np.full(7, np.nan)}, r"y has shape \(7,\)"),
        ({"y": ["a"] * 240}, "y is not numeric"),
    ],
)
def test_bad_input_is_refused_before_training(images, changed, message, monkeypatch):
    monkeypatch.setattr("alvae.recommendation.fit_stored", None)
    arguments = {"images": images, "budget": 3} | changed
    with pytest.raises(ValueError, match=message) as caught:
        select(**arguments)
    assert "\n" not in str(caught.value)


@given(n=st.integers(1, 10**7), batch_size=st.integers(1, 512))
def test_epochs_are_bounded_and_small_pools_take_fewer_steps(n, batch_size):
    epochs = epochs_for(n, batch_size)
    per_epoch = -(-n // batch_size)
    assert epochs >= 5
    assert epochs == 5 or (epochs - 0.5) * per_epoch <= 2250
    assert epochs * per_epoch <= epochs_for(n + batch_size, batch_size) * (per_epoch + 1) * 1.6


@pytest.mark.parametrize(
    ("n", "epochs"), [(30, 300), (100, 250), (500, 140), (2000, 70), (18_003, 8)]
)
def test_epochs_of_some_pools(n, epochs):
    assert epochs_for(n, 64) == epochs


@pytest.mark.parametrize("vae", ["x", 3, ConvVAE], ids=str)
def test_what_is_no_vae(images, vae):
    with pytest.raises(ValueError, match="^vae is .*; allowed are None, a ConvVAE, fitted"):
        select(images, 3, vae=vae)


def test_features_take_the_place_of_images():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 3)) + 4 * np.eye(3)[np.arange(80) % 3]
    selection = select(features, 6)
    expected = SpectralMedoids(random_state=0).query(features, None, 6)
    np.testing.assert_array_equal(selection.indices, expected)
    np.testing.assert_array_equal(selection.codes, features)
    assert selection.vae is None
    y = np.full(80, np.nan)
    y[selection.indices] = 1
    assert not set(select(features, 6, y).indices) & set(selection.indices)
    with pytest.raises(ValueError, match="^vae is given, and images are features"):
        select(features, 6, vae=ConvVAE(2))
    with pytest.raises(ValueError, match="^images contains NaN"):
        select(np.full((5, 2), np.nan), 2)


def test_the_lines_of_the_readme_do_what_they_say(images, monkeypatch, tmp_path):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path))
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 1)
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (code,) = (b for b in re.findall(r"```python\n(.*?)```", readme, re.S) if "select(images" in b)
    before, after = code.split("classes, y[chosen.indices]")
    monkeypatch.chdir(tmp_path)  # it saves the VAE
    names = {"images": images, "new_images": images[:7]}
    exec(before, names)
    names["your_labels"] = np.array(["cat", "dog", "owl"])[np.arange(20) % 3]
    *lines, named, expected, following, save = f"classes, y[chosen.indices]{after}".splitlines()
    exec("\n".join([*lines, save]), names)
    assert {*eval(named, names)} <= {"cat", "dog", "owl"}
    assert (tmp_path / "vae.pt").exists()
    assert len(eval(expected, names)) == 4
    more = eval(following, names).indices
    assert len({*more, *names["chosen"].indices}) == 40

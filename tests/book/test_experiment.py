"""The parameters of notebooks, and the manifest."""

import contextlib
import io

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from alvae.book import experiment
from alvae.book.experiment import SMOKE, Experiment, load_manifest, smoke_sample
from alvae.pools import Pool


def test_a_smoke_experiment_is_cut_down_and_keeps_every_class():
    study = Experiment(n_trials=500, n_clusters=20, budgets=[20, 200], profile="smoke")
    assert len(study.pool) == SMOKE["images"]
    assert study.pool.classes == [0, 3, 9]
    assert (study.epochs, study.n_trials) == (SMOKE["epochs"], SMOKE["n_trials"])
    assert (study.vae.latent_dim, study.vae.epochs) == (3, study.epochs)


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("digits", [0, 11], "allowed are classes among"),
        ("digits", [3], "two or more"),
        ("digits", [3, 3], "distinct"),
        ("digits", "[0, 1]", "papermill's -p"),
        ("digits", ["0", "1"], "distinct ints"),
        ("latent_dim", 0, "from 1 to 784"),
        ("latent_dim", 785, "from 1 to 784"),
        ("latent_dim", "2", "integers"),
        ("budgets", [20, 18004], "18003"),
        ("budgets", [0, 20], "from 1"),
        ("budgets", "[20]", "papermill's -p"),
        ("budgets", [], "distinct integers"),
        ("budgets", 20, "distinct integers"),
        ("budgets", [[20]], "distinct integers"),
        ("n_clusters", 21, "the smallest of the budgets"),
        ("n_clusters", 0, "from 1"),
        ("n_trials", 0, "at least 1"),
        ("epochs", 0, "at least 1"),
        ("random_state", -1, "at least 0"),
        ("n_jobs", 0, "but 0"),
        ("profile", "quick", "'full' and 'smoke'"),
        ("pool_name", "missing.npz", "missing.npz"),
    ],
)
def test_a_bad_parameter_is_named_in_one_line(parameter, value, said):
    parameters = {"n_clusters": 20, "budgets": [20, 40], "n_trials": 5} | {parameter: value}
    with pytest.raises(ValueError, match=rf"^{parameter} ") as caught:
        Experiment(**parameters)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_clusters_above_the_pool_are_refused():
    with pytest.raises(ValueError, match="^n_clusters .* the images in the pool"):
        Experiment(n_clusters=18_004)


def test_learning_curves_use_the_parameters_of_the_experiment():
    from alvae.queries import UniformSampling

    study = Experiment(budgets=[6, 9], n_trials=2, n_jobs=1, random_state=5, profile="smoke")
    curves = study.learning_curves({"input": study.pool.flatten()}, {"uniform": UniformSampling()})
    assert sorted(curves["budget"]) == [6, 6, 9, 9]
    again = study.learning_curves(
        {"input": study.pool.flatten()}, {"uniform": UniformSampling()}, random_state=6
    )
    assert not curves["accuracy"].equals(again["accuracy"])


def test_only_keywords_are_taken():
    with pytest.raises(TypeError):
        Experiment("mnist", [0, 3])


def test_the_pool_is_read_once(monkeypatch):
    names, load = [], experiment.load_pool
    monkeypatch.setattr(experiment, "load_pool", lambda name: names.append(name) or load(name))
    experiment._load.cache_clear()
    for digits in ([0, 3], [1, 7], [0, 3]):
        study = Experiment(digits=digits, profile="smoke")
        assert study.pool.classes == digits
        assert study.pool is study.pool
    assert names == ["mnist"]


def test_an_experiment_leaves_matplotlib_alone():
    with matplotlib.rc_context():
        matplotlib.rcParams["font.size"] = 7.5
        before = dict(matplotlib.rcParams)
        Experiment(profile="smoke")
        assert dict(matplotlib.rcParams) == before


@settings(deadline=None, max_examples=50)
@given(n=st.integers(4, 60), n_test=st.integers(4, 20), seed=st.integers(0, 2**32))
def test_a_smoke_sample_keeps_every_class(n, n_test, seed):
    labels = np.r_[np.zeros(57, int), 1, 2, 3]  # three classes of one image
    test_labels = np.r_[1, 2, 3, np.zeros(17, int)]
    images = 100 + np.arange(60, dtype=np.uint8).reshape(60, 1, 1)
    test_images = 100 + np.arange(20, dtype=np.uint8).reshape(20, 1, 1)
    whole = Pool(images, labels, test_images, test_labels, name="x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "SMOKE", {"images": n, "test_images": n_test})
        part, again = smoke_sample(whole, seed), smoke_sample(whole, seed)
    assert (len(part), len(part.test_images)) == (n, n_test)
    assert part.classes == np.unique(part.test_labels).tolist() == [0, 1, 2, 3]
    assert part.name == "x"
    np.testing.assert_array_equal(part.images, again.images)
    assert len(np.unique(part.images)) == n
    np.testing.assert_array_equal(part.labels, labels[part.images.ravel() - 100])
    np.testing.assert_array_equal(part.test_labels, test_labels[part.test_images.ravel() - 100])


def test_a_pool_that_is_small_is_taken_whole():
    images = 100 + np.arange(12, dtype=np.uint8).reshape(12, 1, 1)
    whole = Pool(images, np.arange(12) % 3, images[:6], np.arange(6) % 3)
    part = smoke_sample(whole, 0)
    np.testing.assert_array_equal(part.images, images)
    assert len(part.test_images) == 6


def test_the_manifest_of_the_book_is_valid():
    experiments, pages = load_manifest()
    assert {"three-digits", "four-digits", "five-digits"} <= set(experiments)
    assert all(names for names in pages.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pages: {}", "common, experiments and pages"),
        ("{common: {}, experiments: {a: {digit: [1]}}, pages: {}}", "experiment a has digit"),
        ("{common: {}, experiments: {a: {}}, pages: {nothing: [a]}}", "notebooks/nothing.ipynb"),
        ("{common: {}, experiments: {a: {}}, pages: {training: [b]}}", "page training has b"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path, content, said):
    path = tmp_path / "experiments.yml"
    path.write_text(content)
    with pytest.raises(ValueError, match=said):
        load_manifest(path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.yml is missing"):
        load_manifest(tmp_path / "none.yml")


def test_a_notebook_shows_a_wrong_parameter_without_a_traceback():
    shell = InteractiveShell()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        shell.run_cell("from alvae.book.experiment import Experiment\nExperiment(latent_dim=0)")
    (line,) = said.getvalue().strip().splitlines()
    assert line.startswith("ValueError: latent_dim is 0; allowed are integers from 1 to 784")


def test_a_folder_of_the_name_of_the_bundled_pool_is_not_it(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    monkeypatch.setattr(experiment, "REPOSITORY", tmp_path)
    assert experiment.located("mnist") == "mnist"
    assert "pool_name" not in load_manifest()[0]["three-digits"]


def test_a_file_of_the_repository_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(Experiment(**load_manifest()[0]["own-images"]).pool) == 3000
    assert experiment.located("no/such.npz") == "no/such.npz"

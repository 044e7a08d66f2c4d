"""The committed tables of the long studies: they are what the code gives, slice by slice."""

import json

import pandas as pd
import pytest
import yaml

from alvae import notebook, studies
from alvae.classifiers import GridSearchSVC
from alvae.queries import UniformSampling
from alvae.studies import KINDS, RESULTS, STUDIES, describe, read_study

NAMES = sorted(KINDS)


def variants(name):
    listed = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[name]["variants"]
    return [variant.get("change", variant) for variant in listed]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_holds_every_variant_and_says_what_made_it(name):
    written = pd.read_csv(RESULTS / f"{name}.csv")
    assert set(written["variant"]) == {describe(variant) for variant in variants(name)}
    experiment, _ = read_study(name)
    assert set(written["budget"]) == set(experiment.budgets)
    provenance = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert provenance["experiment"] == repr(experiment)
    assert {"alvae", "numpy", "scikit-learn", "torch"} == set(provenance["versions"])


@pytest.mark.parametrize("variant", variants("classifier")[:3], ids=describe)
def test_a_slice_of_the_classifier_study_is_recomputed(variant):
    """The first trials in the input space, which need no VAE, at the smallest budget."""
    written = pd.read_csv(RESULTS / "classifier.csv")
    experiment, _ = read_study("classifier")
    budget, n_trials = min(experiment.budgets), 4
    experiment.budgets, experiment.n_trials, experiment.n_jobs = [budget], n_trials, 1
    curves = experiment.learning_curves(
        {"input": experiment.pool.flatten()},
        {"uniform": UniformSampling()},
        classifier=GridSearchSVC(**variant),
    )
    slice_ = written.query(
        "variant == @describe(@variant) and space == 'input' and budget == @budget"
    ).head(n_trials)
    one_image = 1 / len(experiment.pool.test_labels)
    # An image exactly between two classes may fall to either side on another processor.
    assert slice_["accuracy"].to_numpy() == pytest.approx(curves["accuracy"], abs=1.5 * one_image)
    assert slice_["kernel"].tolist() == curves["kernel"].tolist()


def test_a_study_writes_its_table_and_provenance(tmp_path, monkeypatch):
    content = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))
    content["vae"] |= {"budgets": [20], "n_trials": 2}
    content["vae"]["variants"] = [{"change": {"beta": 1.0, "epochs": 1}, "seeds": [0]}]
    path = tmp_path / "studies.yml"
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setattr(studies, "STUDIES", path)
    monkeypatch.setattr(studies, "RESULTS", tmp_path)
    small = lambda **parameters: notebook.Experiment(**parameters, profile="smoke")  # noqa: E731
    monkeypatch.setattr(studies, "Experiment", small)
    studies.main(["vae"])
    (row,) = pd.read_csv(tmp_path / "vae.csv").to_dict("records")
    assert row["variant"] == "beta = 1.0, epochs = 1"
    assert (row["budget"], row["n_trials"], row["seed"]) == (20, 2, 0)
    assert 0 <= row["nmi"] <= 1
    assert "budgets=[20]" in json.loads((tmp_path / "vae.json").read_text())["experiment"]


def test_an_unknown_study_is_refused():
    with pytest.raises(SystemExit, match="no study 'colour'"):
        studies.main(["colour"])

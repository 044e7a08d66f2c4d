"""The committed tables of the long studies: they are what the code gives, slice by slice."""

import json

import pandas as pd
import pytest
import yaml

from alvae import notebook, studies
from alvae.classifiers import GridSearchSVC
from alvae.queries import UniformSampling
from alvae.studies import KINDS, RESULTS, STUDIES, describe, read_study
from alvae.trials import summarize

NAMES = sorted(KINDS)


def variants(name):
    listed = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[name]["variants"]
    return [variant.get("change", variant) for variant in listed]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_holds_every_variant_and_says_what_made_it(name):
    written = pd.read_csv(RESULTS / f"{name}.csv")
    assert set(written["variant"]) == {describe(variant) for variant in variants(name)}
    experiment, options = read_study(name)
    assert set(written["budget"]) == set(experiment.budgets)
    provenance = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert provenance["experiment"] == repr(experiment)
    assert {key: provenance[key] for key in options} == options
    assert {"alvae", "numpy", "scikit-learn", "torch"} == set(provenance["versions"])


@pytest.mark.parametrize("variant", variants("classifier")[:2], ids=describe)
def test_a_slice_of_the_classifier_study_is_recomputed(variant):
    """All trials at the smallest budget in the input space, which needs no VAE."""
    experiment, _ = read_study("classifier")
    experiment.budgets = [min(experiment.budgets)]
    curves = experiment.learning_curves(
        {"input": experiment.pool.flatten()},
        {"uniform": UniformSampling()},
        classifier=GridSearchSVC(**variant),
    )
    (ours,) = summarize(curves).to_dict("records")
    written = pd.read_csv(RESULTS / "classifier.csv")
    here = (written["variant"] == describe(variant)) & (written["space"] == "input")
    (row,) = written[here & (written["budget"] == ours["budget"])].to_dict("records")
    # An image exactly between two classes may fall to either side on another processor.
    assert row["mean"] == pytest.approx(ours["mean"], abs=1e-4)
    assert row["std"] == pytest.approx(ours["std"], abs=1e-3)
    assert row["n_trials"] == ours["n_trials"]


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

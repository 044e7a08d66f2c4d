"""The parameters of notebooks, and what notebooks hand to the prose."""

import numpy as np
import pandas as pd
import pytest

from alvae import figures, notebook
from alvae.notebook import Experiment, judge, listing, record, table


@pytest.fixture(autouse=True)
def style():
    yield
    figures.use_style("full")


def test_a_smoke_experiment_is_cut_down_and_keeps_every_class():
    study = Experiment(n_trials=500, n_clusters=20, budgets=[20, 200], profile="smoke")
    assert len(study.pool) == notebook.SMOKE["images"]
    assert study.pool.classes == [0, 3, 9]
    assert (study.epochs, study.n_trials) == (notebook.SMOKE["epochs"], notebook.SMOKE["n_trials"])
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
        ("profile", "quick", "full and smoke"),
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


def test_verdicts_follow_the_rules():
    def verdict(rule, theirs, tolerance, *ours):
        claim = {"claim": "c", "ours": "x", "rule": rule, "theirs": theirs, "tolerance": tolerance}
        return judge([claim], {"x": ours})["verdict"][0]

    assert verdict("about", 0.71, 0.02, 0.725) == "holds"
    assert verdict("about", 0.71, 0.02, 0.74) == "does not hold"
    assert verdict("at least", 0.96, 0, 0.97) == "holds"
    assert verdict("at least", 0.96, 0, 0.9599) == "does not hold"
    assert verdict("at least", 0.96, 0, 0.9599, 0.01, 0.0001) == "undecided"
    assert verdict("at least", 0.96, 0, 0.9601, 0.01, 0.0001) == "undecided"
    assert verdict("at least", 0.96, 0, 0.9603, 0.01, 0.0001) == "holds"
    assert verdict("at least", 0.96, 0, 0.9597, 0.01, 0.0001) == "does not hold"
    assert verdict("at least", 80, 0, np.inf) == "holds"
    assert verdict("at most", 0.003, 0, 0.002) == "holds"
    assert verdict("at most", 0.003, 0.001, 0.0045) == "does not hold"
    assert verdict("about", 1, 0, float("nan")) == "does not hold"


def test_a_claim_without_a_result_or_with_an_unknown_rule_is_refused():
    claim = {"claim": "c", "ours": "x", "rule": "about", "theirs": 1, "tolerance": 0}
    with pytest.raises(ValueError, match="no result 'x'"):
        judge([claim], {"y": (1, 0)})
    with pytest.raises(ValueError, match="rule is 'near'"):
        judge([claim | {"rule": "near"}], {"x": (1, 0)})


def test_tables_round_floats_keep_integers_and_mark_what_is_missing():
    frame = pd.DataFrame({"B": [20, 40], "mean": [0.12345, np.nan], "name": ["a", "b"]})
    text = table(frame, "A caption.", "tab-x").data
    assert text.startswith(":::{table} A caption.\n:name: tab-x\n\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[5:7]]
    assert rows == [["20", "0.123", "a"], ["40", "–", "b"]]


def test_values_are_recorded_as_plain_python_and_shown(monkeypatch):
    glued, shown = {}, []
    monkeypatch.setattr(
        "IPython.display.publish_display_data",
        lambda data, metadata: shown.append((data["text/plain"], metadata)),
    )
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: glued.update({name: value}))
    record(a=np.float64(0.5), b=np.int64(3), c=[0, 3, 9], d="x")
    assert glued == {"a": 0.5, "b": 3, "c": "0, 3 and 9", "d": "x"}
    assert type(glued["a"]) is float
    assert type(glued["b"]) is int
    assert shown[0] == ("a = 0.5", notebook.RECORDED)


def test_listing():
    assert [listing(range(n)) for n in (1, 2, 3)] == ["0", "0 and 1", "0, 1 and 2"]

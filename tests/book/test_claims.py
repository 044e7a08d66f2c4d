"""What the tables say to the claims: by hand on the committed ones."""

import numpy as np
import pandas as pd
import pytest
import yaml

from alvae.book import CLAIMS
from alvae.book.claims import GAMMAS, labels_for, lead, measured
from alvae.book.results import read_results


@pytest.fixture(scope="module")
def paper():
    return read_results({name: f"paper-{name}" for name in ("three", "four", "five")})


@pytest.fixture(scope="module")
def kinds():
    return read_results({name: f"hypotheses-{name}" for name in ("three", "four", "five")})


@pytest.fixture(scope="module")
def grids():
    return read_results({"three": "classifier"})


def at(table, **curve):
    """The one row of a table."""
    for column, value in curve.items():
        table = table[table[column] == value]
    (row,) = table.to_dict("records")
    return row


def test_every_claim_about_curves_has_its_numbers(paper, kinds, grids):
    claims = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    elsewhere = {"n_pool", "n_test", "saved_time"}  # the data, and what is timed
    assert {claim["ours"] for claim in claims} == measured(paper, kinds, grids).keys() | elsewhere


@pytest.mark.parametrize(
    ("digits", "other", "seed", "budget"),
    [("three", "uniform", 11, 60), ("five", "core-set", 2, 40)],
)
def test_a_lead_is_a_difference_of_two_means(paper, kinds, grids, digits, other, seed, budget):
    gap = lead(paper, digits)[f"{digits}, {other}"].loc[seed, budget]
    here = {"digits": digits, "seed": seed, "budget": budget}
    ahead = at(paper, space="latent", strategy="core-set", **here)["mean"]
    behind = at(paper, space="input", strategy=other, **here)["mean"]
    assert gap == pytest.approx(ahead - behind)
    found = measured(paper, kinds, grids)[f"lead_{digits}"]
    assert found[f"{digits}, {other}"].loc[seed, budget] == gap


def test_ratios_and_single_numbers(paper, kinds, grids):
    found = measured(paper, kinds, grids)
    here = {"digits": "three", "seed": 3, "strategy": "uniform"}
    rows = [at(paper, space=space, budget=140, **here) for space in ("latent", "input")]
    assert found["spread_ratio"].loc[3, 140] == pytest.approx(rows[0]["std"] / rows[1]["std"])
    assert found["spread_ratio"].columns.max() == 140
    here = {"digits": "four", "seed": 4, "space": "latent", "budget": 80}
    radii = [at(paper, strategy=name, **here)["radius"] for name in ("core-set", "k-center")]
    assert found["radius_k_center"]["four"].loc[4, 80] == pytest.approx(radii[0] / radii[1])
    row = at(paper, digits="three", seed=7, space="latent", strategy="core-set", budget=20)
    assert found["coreset_latent_20"][7] == row["mean"]
    assert found["nmi_latent"][7] == row["nmi"]


def test_labels_for_an_accuracy_are_read_off_where_it_is_first_reached():
    curves = pd.DataFrame([[0.6, 0.8, 0.7, 0.9]] * 4, columns=[20, 40, 60, 100], index=[5, 6, 7, 8])
    levels = pd.Series({5: 0.75, 6: 0.85, 7: 0.5, 8: 0.95})
    found = labels_for(curves, levels)
    assert found.drop(8).to_list() == pytest.approx([35, 90, 20])
    assert np.isnan(found[8])


def test_pixels_are_asked_for_the_accuracy_that_the_paper_names(paper, kinds, grids):
    found = measured(paper, kinds, grids)["uniform_input_labels"]
    literal = found["C = 1, gamma = 1/d"].dropna()
    (variant,) = (name for name in GAMMAS if "[1]," in name)
    auto = grids[grids["variant"] == variant]
    low, high = (at(auto, budget=b, seed=0, space="input")["mean"] for b in (120, 140))
    assert low < 0.96 < high
    assert 120 * literal[0] == pytest.approx(120 + 20 * (0.96 - low) / (high - low))
    assert len(literal) == 5
    found = found["book's grid"]
    here = {"digits": "three", "seed": 0, "strategy": "uniform", "space": "input"}
    low, high = (at(paper, budget=b, **here)["mean"] for b in (80, 100))
    assert low < 0.96 < high
    assert 120 * found[0] == pytest.approx(80 + 20 * (0.96 - low) / (high - low))
    assert len(found) == 15


def test_each_set_of_digits_counts_with_all_its_vaes(paper, kinds, grids):
    found = measured(paper, kinds, grids)
    assert len(found["lead_three"]) == 15
    for name in ("radius_k_center", "lead_latent"):
        n = found[name].count().groupby(level=0).unique()
        assert {digits: [*counts] for digits, counts in n.items()} == {
            "three": [15],
            "four": [5],
            "five": [5],
        }
    assert len(found["lead_kinds"]) == 5
    assert not found["lead_kinds"].isna().any(axis=None)
    assert isinstance(found["nmi_input"], float)
    others = ["logistic regression", "nearest neighbors", "random forest", "neural network"]
    assert sorted(found["lead_kinds"].columns.unique(0)) == sorted(others)


def test_a_table_without_the_curve_is_refused(paper):
    with pytest.raises(ValueError, match="has no rows of"):
        lead(paper, "six")
    assert np.isfinite(lead(paper, "four", ["uniform"], "uniform").to_numpy()).all()
    assert isinstance(lead(paper, "four"), pd.DataFrame)

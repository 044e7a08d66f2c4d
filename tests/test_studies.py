"""The committed tables of the long studies: they are what the code gives, slice by slice."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import ttest_rel
from sklearn.base import clone

from alvae import notebook, studies
from alvae.classifiers import GridSearchSVC, PoissonLearning
from alvae.queries import UniformSampling
from alvae.studies import (
    RESULTS,
    STUDIES,
    describe,
    list_studies,
    lowest_loss,
    over_seeds,
    paired_gains,
    read_results,
    read_study,
    side_by_side,
    strategies_compared,
)
from alvae.trials import both_spaces, fit_stored, summarize


def variants(name):
    listed = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[name]["variants"]
    return [variant.get("change", variant) for variant in listed]


@pytest.mark.parametrize("name", list_studies())
def test_a_table_holds_what_the_study_lists_and_says_what_made_it(name):
    written = pd.read_csv(RESULTS / f"{name}.csv")
    experiment, options = read_study(name)
    if "variants" in options:
        assert set(written["variant"]) == {describe(variant) for variant in variants(name)}
    columns = {"shares": "share", "dimensions": "latent_dim", "clusters": "n_clusters"}
    for option, column in columns.items():
        if option in options:
            assert set(written[column]) == set(options[option])
    if "seeds" in options:
        assert set(written["seed"]) == set(options["seeds"])
    if "sizes" in options:
        assert set(written["n"]) == set(options["sizes"])
    elif "budget" in written:
        curves = written[written["n_trials"] > 0]  # a ceiling has none
        assert set(curves["budget"]) == set(experiment.budgets)
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


@pytest.mark.papermill  # trains a VAE, a minute or more
def test_a_slice_of_the_points_study_is_recomputed():
    """Few labels from the first VAE, trained anew."""
    experiment, options = read_study("points-three")
    written = pd.read_csv(RESULTS / "points-three.csv")
    vae = clone(experiment.vae).set_params(random_state=options["seeds"][0])
    vae = fit_stored(vae, experiment.pool.images)
    spaces = {"latent": both_spaces(experiment.pool, vae)["latent"]}
    for name in ("medoids", "spectral"):
        strategy = strategies_compared(experiment.pool, None, options["coreset_clusters"])[name]
        curves = experiment.learning_curves(
            spaces, {name: strategy}, budgets=[3, 10], classifier={"Poisson": PoissonLearning()}
        )
        ours = summarize(curves).set_index("budget")["mean"]
        first = written[written["seed"] == vae.random_state].set_index(["strategy", "classifier"])
        theirs = first.loc[(name, "Poisson")].set_index("budget")["mean"]
        # Training rounds differently on another processor, and so leads to another VAE.
        assert ours.to_dict() == pytest.approx(theirs[ours.index].to_dict(), abs=0.01)


SMALL = {
    "vae": {"variants": [{"change": {"beta": 1.0, "epochs": 1}, "seeds": [0]}]},
    "points-three": {"seeds": [0], "coreset_clusters": 5, "trials": {"spectral": 3}},
    "training-three": {"seeds": [0]},
    "uncertainty": {"seeds": [0], "n_clusters": 4},
    "share": {"seeds": [0], "shares": [0.5, 1]},
    "dimension-three": {"seeds": [0], "dimensions": [2]},
    "clusters-three": {"seeds": [0], "clusters": [4]},
}


QUICK = ("points-three", "training-three")


@pytest.fixture(
    params=[
        name if name in QUICK else pytest.param(name, marks=pytest.mark.papermill) for name in SMALL
    ]
)
def small_study(request, tmp_path, monkeypatch):
    """A study of one VAE, smoke-sized; its name, and the folder of its results."""
    content = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[request.param]
    content |= {"budgets": [20], "n_trials": 2, **SMALL[request.param]}
    path = tmp_path / "studies.yml"
    path.write_text(yaml.safe_dump({request.param: content}))
    monkeypatch.setattr(studies, "STUDIES", path)
    monkeypatch.setattr(studies, "RESULTS", tmp_path)
    small = lambda **parameters: notebook.Experiment(**parameters, profile="smoke")  # noqa: E731
    monkeypatch.setattr(studies, "Experiment", small)
    return request.param, tmp_path


def test_a_study_writes_its_table_and_provenance(small_study):
    name, folder = small_study
    studies.main([name])
    table = pd.read_csv(folder / f"{name}.csv")
    assert set(table["seed"]) == {0}
    if "mean" in table:
        assert table["mean"].between(0, 1).all()
        assert set(table[table["n_trials"] > 0]["budget"]) == {20}
    assert "budgets=[20]" in json.loads((folder / f"{name}.json").read_text())["experiment"]


def seeds_and_strategies():
    rng = np.random.default_rng(0)
    rows = [(b, s, t) for b in (5, 20) for s in "abc" for t in range(4)]
    table = pd.DataFrame(rows, columns=["budget", "strategy", "seed"])
    return table.assign(mean=rng.normal(size=len(table)), std=rng.random(len(table)), n_trials=3)


def test_spread_over_seeds_beside_spread_over_trials():
    table = seeds_and_strategies()
    result = over_seeds(table, ["budget", "strategy"])
    assert len(result) == 6
    for row in result.itertuples():
        one = table[(table["budget"] == row.budget) & (table["strategy"] == row.strategy)]
        assert row.n_seeds == 4
        assert row.mean == pytest.approx(np.mean(one["mean"]))
        means = np.var(one["mean"], ddof=1) - np.mean(one["std"] ** 2 / 3)
        assert row.std_seeds == pytest.approx(np.sqrt(max(0, means)))
        assert row.sem == pytest.approx(np.std(one["mean"], ddof=1) / 2)
        assert row.std_trials == pytest.approx(np.sqrt(np.mean(one["std"] ** 2)))
    wide = side_by_side(result, "strategy", "budget")
    assert list(wide.columns) == ["strategy", 5, 20]
    first = result.iloc[0]
    assert wide.loc[0, 5].split() == [f"{first['mean']:.3f}", "±", f"{first['sem']:.3f}"]


def test_gains_are_paired_by_seed():
    table = seeds_and_strategies()
    gains = paired_gains(table, "b", ["budget"])
    assert set(gains["strategy"]) == {"a", "c"}
    for row in gains.itertuples():
        of = table[table["budget"] == row.budget].set_index("seed").groupby("strategy")["mean"]
        difference = of.get_group("b") - of.get_group(row.strategy)
        assert row.mean == pytest.approx(difference.mean())
        assert row.sem == pytest.approx(difference.std() / 2)
        assert row.p == pytest.approx(
            ttest_rel(of.get_group("b"), of.get_group(row.strategy)).pvalue
        )
    assert side_by_side(gains, "strategy", "budget", sign=True).iloc[0, 1][0] in "+-"


def test_the_spread_over_seeds_is_free_of_that_over_trials():
    """Drawn with a known spread over VAEs and over trials, both are found again."""
    rng = np.random.default_rng(0)
    trials = rng.normal(rng.normal(0, 2, (4000, 1)), 3, (4000, 5))
    columns = {"mean": trials.mean(axis=1), "std": trials.std(axis=1, ddof=1), "n_trials": 5}
    result = over_seeds(pd.DataFrame({"all": 1, "seed": range(4000), **columns}), ["all"]).iloc[0]
    assert result["std_seeds"] == pytest.approx(2, rel=0.05)
    assert result["std_trials"] == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_lowest_loss_of_every_set(n):
    table = seeds_and_strategies()
    table["loss"] = np.random.default_rng(1).permutation(4)[table["seed"]]
    by = ["budget", "strategy"]
    result = lowest_loss(table, by, n).set_index(by)["mean"]
    for key, part in table.groupby(by):
        sets = combinations(part.itertuples(), n)
        kept = [min(one, key=lambda row: row.loss).mean for one in sets]
        assert result[key] == pytest.approx(np.mean(kept))


def test_results_of_several_studies_are_one_table():
    results = read_results({"0, 3, 9": "points-three", "ten": "points-ten"})
    assert list(results["digits"].unique()) == ["0, 3, 9", "ten"]
    assert len(results) == sum(
        len(pd.read_csv(RESULTS / f"points-{name}.csv")) for name in ("three", "ten")
    )


def test_an_unknown_study_is_refused():
    with pytest.raises(SystemExit, match="no study 'colour'"):
        studies.main(["colour"])

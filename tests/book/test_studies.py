"""The committed tables of the long studies: they are what the code gives, slice by slice."""

import json
from itertools import permutations, product
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import clone

from alvae.book import RESULTS, STUDIES, experiment, studies
from alvae.book.comparison import cold_starts
from alvae.book.normalization import UnnormalizedVAE
from alvae.book.studies import list_studies, read_study
from alvae.book.study_kinds.codes import (
    _clustering_accuracy,
    _recall,
    graph_study,
    shared_neighbors,
)
from alvae.book.study_kinds.estimates import _part, estimate_study
from alvae.book.study_kinds.few_labels import (
    BalancedSampling,
    _thinned,
    beta_study,
    controls_study,
    published_study,
    rare_study,
)
from alvae.book.study_kinds.paper import describe, paper_study
from alvae.classifiers import GridSearchSVC, PoissonLearning
from alvae.coverage import kmeans_nmi
from alvae.pools import load_pool
from alvae.queries import UniformSampling
from alvae.spaces import both_spaces, fit_stored
from alvae.summaries import summarize
from alvae.vae import ConvVAE


def variants(name):
    study = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[name]
    return study.get("variants") or study["changes"]


@pytest.mark.parametrize("name", list_studies())
def test_a_table_holds_what_the_study_lists_and_says_what_made_it(name):
    written = pd.read_csv(RESULTS / f"{name}.csv")
    parameters, options = studies._parameters(name)  # its pool need not be at hand
    if {"variants", "changes"} & options.keys():
        assert set(written["variant"]) == {describe(variant) for variant in variants(name)}
    columns = {"shares": "share", "dimensions": "latent_dim", "clusters": "n_clusters"}
    columns |= {"clusterings": "clustering", "n_vaes": "n_vaes"}
    for option, column in columns.items():
        if option in options:
            assert set(written[column]) == set(options[option])
    if "seeds" in options:
        assert set(written["seed"]) == set(options["seeds"])
    if "sizes" in options:
        assert set(written["n"]) == set(options["sizes"])
    elif "budget" in written:
        # A ceiling has no trials; where each row is a trial, they are not counted.
        curves = written[written["n_trials"] > 0] if "n_trials" in written else written
        assert set(curves["budget"]) == set(parameters["budgets"])


@pytest.mark.parametrize("name", list_studies())
def test_a_table_was_made_by_the_code_of_today(name):
    reasons = studies.stale(name)
    # Another version of a library is no reason here: only Python 3.11 on Linux has those pinned.
    libraries = [r for r in reasons if r.startswith("code.") and not r.startswith("code.alvae.")]
    assert set(reasons) == set(libraries)


@pytest.mark.slow
@pytest.mark.parametrize("variant", variants("classifier")[:2], ids=describe)
def test_a_slice_of_the_classifier_study_is_recomputed(variant):
    """All trials at the smallest budget in the input space, which needs no VAE."""
    experiment, options = read_study("classifier")
    experiment.budgets, experiment.random_state = [min(experiment.budgets)], options["seeds"][0]
    curves = experiment.learning_curves(
        {"input": experiment.pool.flatten()},
        {"uniform": UniformSampling()},
        classifiers={"": GridSearchSVC(**variant)},
    )
    (ours,) = summarize(curves).to_dict("records")
    written = pd.read_csv(RESULTS / "classifier.csv")
    written = written[written["seed"] == experiment.random_state]
    here = (written["variant"] == describe(variant)) & (written["space"] == "input")
    (row,) = written[here & (written["budget"] == ours["budget"])].to_dict("records")
    # An image exactly between two classes may fall to either side on another processor.
    assert row["mean"] == pytest.approx(ours["mean"], abs=1e-4)
    assert row["std"] == pytest.approx(ours["std"], abs=1e-3)
    assert row["n_trials"] == ours["n_trials"]


@pytest.mark.slow  # trains a VAE, a minute or more
def test_a_slice_of_the_points_study_is_recomputed():
    """Few labels from the first VAE, trained anew."""
    if reasons := studies.stale("points-three"):
        pytest.skip(f"the table is not today's: {reasons}")
    experiment, options = read_study("points-three")
    written = pd.read_csv(RESULTS / "points-three.csv")
    vae = clone(experiment.vae).set_params(random_state=options["seeds"][0])
    vae = fit_stored(vae, experiment.pool.images)
    spaces = {"latent": both_spaces(experiment.pool, vae)["latent"]}
    for name in ("medoids", "spectral"):
        strategy = cold_starts(errors=None)[name]
        curves = experiment.learning_curves(
            spaces, {name: strategy}, budgets=[3, 10], classifiers={"Poisson": PoissonLearning()}
        )
        ours = summarize(curves).set_index("budget")["mean"]
        first = written[written["seed"] == vae.random_state].set_index(["strategy", "classifier"])
        theirs = first.loc[(name, "Poisson")].set_index("budget")["mean"]
        # Training rounds differently on another processor, and so leads to another VAE.
        assert ours.to_dict() == pytest.approx(theirs[ours.index].to_dict(), abs=0.01)


SMALL = {
    "vae": {"seeds": [0], "changes": [{"beta": 1.0, "epochs": 1}]},
    "epochs-three": {"seeds": [0], "normalized": [1], "plain": [1, 2]},
    "points-three": {
        "seeds": [0],
        "coreset_clusters": 5,
        "mbo": ["spectral"],
    },
    "ensemble-ten": {"seeds": [0], "n_vaes": [2]},
    "training-ten": {"seeds": [0], "dimensions": [2]},
    "normalization-ten": {"seeds": [0], "n_images": 100, "longer": 2},
    "uncertainty": {"seeds": [0], "n_clusters": 4},
    "share": {"seeds": [0], "shares": [0.5, 1]},
    "dimension-three": {"seeds": [0], "dimensions": [2]},
    "clusters-three": {"seeds": [0], "clusters": [4]},
}


@pytest.fixture(params=SMALL)
def small_study(request, tmp_path, monkeypatch):
    """A study of one VAE, smoke-sized; its name, and the folder of its results."""
    content = yaml.safe_load(STUDIES.read_text(encoding="utf-8"))[request.param]
    content |= {"budgets": [20], "n_trials": 2, **SMALL[request.param]}
    path = tmp_path / "studies.yml"
    path.write_text(yaml.safe_dump({request.param: content}))
    monkeypatch.setattr(studies, "STUDIES", path)
    monkeypatch.setattr(studies, "RESULTS", tmp_path)
    small = lambda **parameters: experiment.Experiment(**parameters, profile="smoke")  # noqa: E731
    monkeypatch.setattr(studies, "Experiment", small)
    return request.param, tmp_path


@pytest.mark.slow
def test_a_study_writes_its_table_and_is_then_todays(small_study, capsys):
    name, folder = small_study
    assert studies.stale(name) == ["there is none"]
    studies.main([name])
    table = pd.read_csv(folder / f"{name}.csv")
    assert set(table["seed"]) == {0}
    if "mean" in table:
        assert table["mean"].between(0, 1).all()
        assert set(table[table["n_trials"] > 0]["budget"]) == {20}
    provenance = json.loads((folder / f"{name}.json").read_text())
    assert provenance["recipe"]["experiment"]["budgets"] == [20]
    assert "alvae.vae.ConvVAE" in provenance["recipe"]["code"]
    assert studies.stale(name) == []
    capsys.readouterr()
    studies.main([name])
    assert capsys.readouterr().out == f"{name}: as of today\n"


def test_a_rare_class_keeps_a_share_of_its_images_and_the_others_all():
    pool = load_pool(classes=[4, 7]).take(slice(0, 3000), slice(0, 50))
    before, after = (np.bincount(p.labels) for p in (pool, _thinned(pool, 7, 0.1, seed=0)))
    assert after[4] == before[4]
    assert after[7] == pytest.approx(before[7] / 10, abs=1)
    assert len(_thinned(pool, 7, 0.1, seed=0).test_images) == 50


@pytest.mark.parametrize("equal", [True, False])
def test_parts_of_a_pool_have_three_classes_or_more_of_sizes_as_asked(equal):
    labels = np.random.default_rng(0).integers(0, 6, 4000)
    for seed in range(20):
        some = _part(labels, [50, 400], equal, np.random.default_rng(seed))
        counts = np.bincount(labels[some])
        counts = counts[counts > 0]
        assert len({*some.tolist()}) == len(some)
        assert 45 <= len(some) <= 405  # but for rounding
        assert 3 <= len(counts) <= 6
        assert (counts.max() - counts.min() <= 1) == equal


@pytest.mark.slow
def test_the_estimate_stands_beside_the_accuracy():
    smoke = experiment.Experiment(latent_dim=2, budgets=[10], n_trials=4, profile="smoke")
    table = estimate_study(smoke, points=[300, 500], batches=2)
    assert (table["budget"] == 10).all()
    assert table["equal"].tolist() == [True, False]  # a smoke run has two trials
    assert table["n"].between(290, 510).all()
    assert table[["pool_accuracy", "low", "high"]].stack().between(0, 1).all()
    assert table["expected"].between(table["low"], table["high"]).all()
    assert (table["gain"] >= 0).all()
    assert (table["classes"] <= table["n_classes"]).all()
    assert (table["pool_accuracy"] + table["gained"]).between(0, 1).all()


@pytest.mark.parametrize("budget", [1, 3, 7, 12])
def test_balanced_draws_have_as_many_of_each_class(budget):
    labels = np.random.default_rng(0).choice([2, 5, 8], 90, p=[0.7, 0.2, 0.1])
    known = np.where(np.arange(90) < 30, np.nan, labels)  # of which none is drawn
    drawn = []
    for seed in range(20):
        chosen = BalancedSampling(labels, seed).query(labels[:, None], known, budget)
        assert (chosen < 30).all()
        counts = np.bincount(labels[chosen], minlength=9)[[2, 5, 8]]
        assert counts.max() - counts.min() <= 1
        drawn.append((set(chosen.tolist()), counts.argmax()))
    assert not all(one == drawn[0] for one in drawn)


def test_shared_neighbors_are_counted():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 60, 3))
    assert shared_neighbors(X, 2 * X[:, ::-1]) == 1  # the same distances but for the unit

    def near(Z, i):
        return set(np.linalg.norm(Z - Z[i], axis=1).argsort()[1:11].tolist())

    counted = [len(near(X, i) & near(Y, i)) / 10 for i in range(60)]
    assert shared_neighbors(X, Y) == pytest.approx(np.mean(counted))
    assert shared_neighbors(X, Y, n_points=7) != shared_neighbors(X, Y)


@pytest.mark.parametrize("n_clusters", [2, 3, 5])
def test_accuracy_of_clusters_is_that_of_the_best_of_all_assignments(n_clusters):
    rng = np.random.default_rng(n_clusters)
    labels, clusters = rng.integers(0, 3, 60), rng.integers(0, n_clusters, 60)
    names = [*range(3), *[-1] * n_clusters]  # a cluster may stand for no class
    best = max(
        np.mean(np.array(assigned)[clusters] == labels)
        for assigned in permutations(names, n_clusters)
    )
    assert _clustering_accuracy(labels, clusters) == pytest.approx(best)


@pytest.mark.slow
@pytest.mark.parametrize("normalized", [True, False])
def test_the_paper_in_both_spaces(normalized):
    smoke = experiment.Experiment(budgets=[20], n_clusters=5, n_trials=2, profile="smoke")
    table = paper_study(smoke, normalized)
    rows = table.set_index(["space", "strategy"])
    curves = {*product(["input", "latent"], ["uniform", "core-set"]), ("latent", "k-center")}
    assert set(rows.index) == curves
    radius = rows["radius"]["latent"]  # as the strategies are made: k-center covers best
    assert radius["k-center"] == radius.min()
    assert rows["distance"]["latent"].lt(radius).all()
    assert rows[["radius", "distance"]].loc["input"].isna().all(axis=None)
    assert (table[["budget", "n_trials"]] == [20, 2]).all(axis=None)
    nmi = kmeans_nmi(smoke.pool.flatten()[0], smoke.pool.labels)
    assert rows["nmi"]["input"].tolist() == pytest.approx([nmi, nmi])
    vae = (ConvVAE if normalized else UnnormalizedVAE)(**smoke.vae.get_params())
    codes = vae.fit(smoke.pool.images).transform(smoke.pool.images)
    nmi = kmeans_nmi(codes, smoke.pool.labels)
    assert rows["nmi"]["latent"].tolist() == pytest.approx([nmi] * 3, abs=0.02)


@pytest.mark.slow
def test_controls_cross_every_space_choice_and_classifier():
    small = {"latent_dim": 2, "budgets": [10, 20], "n_trials": 2, "profile": "smoke"}
    table = controls_study(experiment.Experiment(translate=0.1, **small), few_dimensions=1)
    networks = "autoencoder", "plain autoencoder", "VAE", "plain VAE", "plain VAE, few dimensions"
    spaces = "pixels", "PCA", *networks
    choices = [
        ("uniform", 10),
        ("uniform", 20),
        ("core-set", 20),
        ("spectral", 10),
        ("spectral", 20),
    ]
    crossed = product(spaces, choices, ["SVC", "Poisson", "PoissonMBO"])
    expected = {(space, *choice, classifier) for space, choice, classifier in crossed}
    cells = table[["space", "strategy", "budget", "classifier"]]
    assert sorted(cells.itertuples(index=False, name=None)) == sorted(expected)
    assert table["mean"].between(0, 1).all()
    assert table.groupby("space")["mean"].mean().nunique() == 7  # none is another one's


@pytest.mark.slow
def test_the_task_of_publications_stands_beside_ours():
    smoke = experiment.Experiment(latent_dim=2, budgets=[6], n_trials=2, profile="smoke")
    table = published_study(smoke).set_index(["strategy", "classifier"])
    ours = product(["spectral"], ["Poisson", "PoissonMBO"])
    theirs = product(["balanced"], ["Poisson", "PoissonMBO", "PoissonMBO, true sizes"])
    assert set(table.index) == {*ours, *theirs}
    assert (table["classes"]["balanced"] == 3).all()


@pytest.mark.slow
def test_each_beta_has_a_vae_of_its_own():
    smoke = experiment.Experiment(budgets=[6], n_trials=2, profile="smoke")
    table = beta_study(smoke, [2], [0.1, 1])
    assert set(zip(table["latent_dim"], table["beta"], strict=True)) == {(2, 0.1), (2, 1)}
    assert table["shared"].between(0, 1).all()
    kl = table.groupby(["latent_dim", "beta"])["kl"].first()
    assert (kl.xs(0.1, level="beta") > kl.xs(1, level="beta")).all()  # rate is cheap


@pytest.mark.slow
def test_the_graph_is_timed_and_its_recall_is_that_of_an_exact_search():
    table = graph_study(experiment.Experiment(latent_dim=6, profile="smoke"), [300, 600])
    assert list(table["n"]) == [300, 600]
    assert (table["recall"] == 1).all()  # small pools are searched exactly
    assert (table["seconds"] > 0).all()
    X = np.random.default_rng(0).normal(size=(3000, 8))
    with patch("alvae._graphs.ALL_PAIRS", 0):
        assert 0.9 < _recall(X) <= 1
    with patch(
        "alvae.book.study_kinds.codes.nearest_neighbors",
        lambda X, k: (None, np.tile(np.arange(len(X))[:, None], k)),
    ):
        assert _recall(X) == 0


@pytest.mark.slow
def test_a_rare_class_counts_as_found_where_it_has_a_label():
    smoke = experiment.Experiment(latent_dim=2, budgets=[6], n_trials=2, profile="smoke")
    table = rare_study(smoke, {0: 9, 1: 3}, 0.1)
    assert set(table["rare"]) == {9}
    left_out = {f"spectral, {number} left out" for number in ("none", "five")}
    assert set(table["strategy"]) == {"uniform", "medoids", "spectral", *left_out}
    share = np.mean(smoke.pool.test_labels == 9)
    most = 1 - share * (1 - table["found"])  # what has no label is never predicted
    assert (table["mean"] <= most + 1e-9).all()
    with pytest.raises(ValueError, match="rare has 5; the classes are"):
        rare_study(smoke, {0: 5}, 0.1)


def test_whether_a_table_is_stale_is_known_without_its_pool(one_table, monkeypatch):
    monkeypatch.setattr(studies, "Experiment", None)
    assert studies.stale("toy") == []


@pytest.fixture
def one_table(tmp_path, monkeypatch):
    """A study that takes no time, and its table."""
    path = tmp_path / "studies.yml"
    study = {
        "toy": {"experiment": "three-digits", "budgets": [5, 20], "n_trials": 3, "seeds": [0, 1]}
    }
    path.write_text(yaml.safe_dump(study))
    monkeypatch.setattr(studies, "STUDIES", path)
    monkeypatch.setattr(studies, "RESULTS", tmp_path)
    monkeypatch.setitem(studies.KINDS, "toy", toy_study)
    studies.main(["toy"])
    return tmp_path / "toy.csv"


def toy_study(experiment, factor=1.0):
    means = [(budget, factor / (experiment.random_state + budget)) for budget in experiment.budgets]
    return pd.DataFrame(means, columns=["budget", "mean"])


def outdate(table):
    """As if a definition had been edited after the table was made."""
    provenance = json.loads(table.with_suffix(".json").read_text())
    provenance["recipe"]["code"]["alvae.trials.learning_curves"] = "0123456789abcdef"
    table.with_suffix(".json").write_text(json.dumps(provenance))


def test_a_table_grows_by_a_vae_at_a_time(one_table, monkeypatch):
    whole, asked = one_table.read_text(), []

    def interrupted(experiment):
        if len(asked) == 1:
            raise KeyboardInterrupt
        asked.append(experiment.random_state)
        return toy_study(experiment)

    one_table.unlink()
    monkeypatch.setitem(studies.KINDS, "toy", interrupted)
    with pytest.raises(SystemExit):
        studies.main(["toy"])
    assert one_table.read_text() == "".join(whole.splitlines(keepends=True)[:3])
    assert studies.stale("toy") == ["options.seeds"]
    asked += ["one more"]
    studies.main(["toy"])
    assert asked == [0, "one more", 1]  # of the first VAE nothing is done again
    assert one_table.read_text() == whole
    assert studies.stale("toy") == []
    studies.main(["toy", "--all"])
    assert asked[3:] == [0, 1]
    assert one_table.read_text() == whole


RECIPES = [b"[]", b"null", b'{"options": []}', b'{"options": {"seeds": 5}}']
DAMAGE = [b"", b"{", b"[]", b"\xff", *(b'{"recipe": ' + recipe + b"}" for recipe in RECIPES)]


@pytest.mark.parametrize("content", DAMAGE)
def test_a_table_is_made_again_if_what_says_what_made_it_is_damaged(one_table, content):
    whole = one_table.read_text()
    one_table.with_suffix(".json").write_bytes(content)
    assert studies.stale("toy") == ["there is none"]
    studies.main(["toy"])
    assert studies.stale("toy") == []
    assert one_table.read_text() == whole


def test_a_study_of_no_seeds_is_refused(one_table):
    study = yaml.safe_load((one_table.parent / "studies.yml").read_text())
    study["toy"]["seeds"] = []
    (one_table.parent / "studies.yml").write_text(yaml.safe_dump(study))
    with pytest.raises(ValueError, match="^toy lists no seeds"):
        studies.run_study("toy")


def test_a_vae_of_other_code_is_not_kept(one_table, monkeypatch):
    outdate(one_table)
    monkeypatch.setitem(studies.KINDS, "toy", lambda one: toy_study(one, factor=2))
    studies.main(["toy"])
    assert pd.read_csv(one_table)["mean"].tolist() == pytest.approx([2 / 5, 2 / 20, 2 / 6, 2 / 21])


def test_a_stale_table_says_why(one_table, capsys):
    outdate(one_table)
    assert studies.stale("toy") == ["code.alvae.trials.learning_curves"]
    written = one_table.read_text()
    one_table.write_text(written.replace("0.2", "0.3"))
    assert studies.stale("toy")[0] == "its content is not what was made"
    studies.main(["toy", "--stale"])
    assert "toy: stale: its content is not what was made and code.alvae." in capsys.readouterr().out
    assert one_table.read_text() != written
    studies.main(["toy"])
    assert studies.stale("toy") == []
    assert one_table.read_text() == written


def test_an_edit_that_changes_no_number_is_proved(one_table, monkeypatch, capsys):
    slices = []

    def small(experiment):
        slices.append((experiment.budgets, experiment.random_state))
        return toy_study(experiment)

    outdate(one_table)
    monkeypatch.setitem(studies.KINDS, "toy", small)
    studies.main(["toy", "--prove"])
    assert slices == [([5, 20], 0)]
    assert "toy: 2 rows are the same to the last digit: stamped" in capsys.readouterr().out
    monkeypatch.setitem(studies.KINDS, "toy", toy_study)
    assert studies.stale("toy") == []
    studies.main(["toy", "--prove"])  # nothing to prove
    assert len(slices) == 1


@pytest.mark.parametrize(
    ("factor", "said"), [(1.001, "2 of 2 rows differ: it must be made again")], ids=["numbers"]
)
def test_an_edit_that_changes_numbers_is_not_stamped(one_table, factor, said, monkeypatch, capsys):
    outdate(one_table)
    monkeypatch.setitem(studies.KINDS, "toy", lambda one: toy_study(one, factor))
    studies.main(["toy", "--prove"])
    assert said in capsys.readouterr().out
    assert studies.stale("toy")


def other_budgets(folder):
    study = yaml.safe_load((folder / "studies.yml").read_text())
    study["toy"]["budgets"] = [5, 20, 40]
    (folder / "studies.yml").write_text(yaml.safe_dump(study))


def test_a_table_that_lacks_rows_is_not_stamped(one_table):
    other_budgets(one_table.parent)
    assert studies.prove("toy") == "experiment.budgets: it must be made again"
    assert studies.stale("toy") == ["experiment.budgets"]


def test_a_study_that_is_edited_while_it_runs_is_not_written(one_table, monkeypatch):
    written = one_table.read_bytes()

    def edited(experiment):
        other_budgets(one_table.parent)
        return toy_study(experiment)

    monkeypatch.setitem(studies.KINDS, "toy", edited)
    with pytest.raises(SystemExit, match="toy: experiment.budgets changed while the"):
        studies.main(["toy", "--all"])
    assert one_table.read_bytes() == written


def test_a_proof_has_a_row_of_all_that_takes_part():
    table = pd.DataFrame(
        [("a", "x", 3), ("a", "x", 5), ("b", "x", 5), ("b", "None", 20), ("all", "x", 999)],
        columns=["strategy", "classifier", "budget"],
    )
    budgets = [3, 5, 20, 40]
    assert studies._extreme_budgets(table.to_csv().encode(), budgets) == [3, 5, 20, 40]
    one = table[["budget"]].to_csv().encode()
    assert studies._extreme_budgets(one, budgets) == [3, 40]
    assert studies._extreme_budgets(b"seed,loss\n0,1\n", budgets) == [3]


def test_a_table_that_was_edited_and_one_of_seconds_are_not_proved(one_table, monkeypatch):
    one_table.write_text(one_table.read_text() + "5,0.1,2\n")
    assert "must be made again" in studies.prove("toy")
    monkeypatch.setitem(studies.KINDS, "toy", lambda one: toy_study(one).assign(seconds=1.0))
    studies.main(["toy"])
    assert studies.prove("toy") == "it has seconds, which are never the same: it must be made again"


def test_another_pool_in_the_same_file_makes_a_table_stale(one_table, tmp_path):
    pool = load_pool(classes=[0, 3, 9]).take(slice(0, 40), slice(0, 30))
    arrays = {"x_train": pool.images, "y_train": pool.labels}
    arrays |= {"x_test": pool.test_images, "y_test": pool.test_labels}
    np.savez(tmp_path / "own.npz", **arrays)
    study = yaml.safe_load((tmp_path / "studies.yml").read_text())
    study["toy"]["pool_name"] = str(tmp_path / "own.npz")
    (tmp_path / "studies.yml").write_text(yaml.safe_dump(study))
    studies.main(["toy"])
    assert studies.stale("toy") == []
    np.savez(tmp_path / "own.npz", **arrays | {"x_train": 255 - pool.images})
    assert studies.stale("toy") == ["pool"]
    (tmp_path / "own.npz").unlink()  # what was in it cannot be asked any more
    assert studies.stale("toy") == []


def test_an_unknown_study_is_refused():
    with pytest.raises(SystemExit, match="no study 'color'"):
        studies.main(["color"])

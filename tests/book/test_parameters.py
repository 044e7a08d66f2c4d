"""Where the parameters of every page go, and how much a smoke run of it asks for.

Each notebook is executed in this process, with everything that takes long replaced by a stand-in
that writes down what it was asked for.
"""

from functools import cache, partial

import joblib
import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
import torch

from alvae import coverage, spaces, trials
from alvae.book import NOTEBOOKS, benchmarks, cells, epochs, experiment, figures, interactive
from alvae.book.experiment import SMOKE, Experiment, load_manifest
from alvae.pools import load_pool
from alvae.queries import QueryStrategy
from alvae.vae import ConvVAE

pytestmark = pytest.mark.slow
PAGES = [(notebook, name) for notebook, names in load_manifest()[1].items() for name in names]
# Another value for each parameter; one that differs from every default.
OTHER = {
    "pool_name": "other",
    "digits": [1, 7],
    "latent_dim": 2,
    "n_clusters": 7,
    "budgets": [31, 62],
    "n_trials": 3,
    "n_searches": 3,
    "n_vaes": 2,
    "epochs": 7,
    "translate": 0.15,
    "degrees": 25,
    "random_state": 1000,
    "n_jobs": 1,
    "scheduler": "tcp://127.0.0.1:9",
    "profile": "smoke",
    "largest": 200_000,
    "n_images": 3000,
}
# Of pages that take long with more; this one writes a file for each image.
FEWER = {"own_images": 400, "prior_work": 2000, "dips": 2000, "vae_theory": 2000}
LONGER = {"dead_units": 3}  # of pages that train some networks so many times as long
BY_COMMAND = "own_images"  # the command counts epochs by itself: many of few images


class Run:
    """What a notebook asked for, as (kind, request), and a digest of all that it showed."""

    def __init__(self, notebook, parameters):
        self.requests, self.shown = [], []
        with pytest.MonkeyPatch.context() as patch:
            self._stand_in(patch.setattr, FEWER.get(notebook, 5000))
            namespace = {}
            for cell in nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, notebook, "exec"), namespace)
                if "parameters" in cell.metadata.get("tags", []):
                    namespace |= {k: v for k, v in parameters.items() if k in namespace}
        experiment._load.cache_clear()

    def of(self, kind):
        """The requests of a kind."""
        return [request for k, request in self.requests if k == kind]

    def _stand_in(self, patch, n_images):
        experiment._load.cache_clear()
        patch(experiment, "load_pool", partial(small_pool, n_images=n_images))
        for owner, name, stand_in in [
            (ConvVAE, "fit", _fit),
            (ConvVAE, "transform", _transform),
            (QueryStrategy, "query", partial(_query, QueryStrategy.query)),
            (trials, "learning_curves", _learning_curves),
            (spaces, "latent_codes", _latent_codes),
            (coverage, "kmeans_nmi", _kmeans_nmi),
            (epochs, "codes_by_epoch", _codes_by_epoch),
            (cells, "record", _record),
            (cells, "finding", _finding),
            (cells, "table", _table),
            (figures, "use_style", _use_style),
            *((figures, name, _figure) for name in set(figures.__all__) - {"use_style"}),
            *((interactive, name, _figure) for name in interactive.__all__),
            (benchmarks, "take_turns", _take_turns),
            (benchmarks, "product_rate", _product_rate),
            (benchmarks, "grid_searches", _grid_searches),
            (benchmarks, "growth", _growth),
            (benchmarks, "encoding", _encoding),
        ]:
            # A function, so that as a method it is bound.
            patch(owner, name, lambda *a, stand_in=stand_in, **k: stand_in(self, *a, **k))


@cache
def small_pool(name, n_images):
    """A few images of MNIST; of "other" other ones."""
    whole, rng = load_pool(), np.random.default_rng(name == "other")
    chosen, test_chosen = rng.permutation(60_000)[:n_images], rng.permutation(10_000)[:1500]
    return whole.take(np.sort(chosen), np.sort(test_chosen))


@cache
def with_defaults(notebook):
    return Run(notebook, {})


def _fit(run, vae, X, y=None):
    """An untrained network."""
    run.requests.append(("fit", {"n": len(X)} | vae.get_params()))
    vae.image_shape_ = X.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(vae.random_state)
        vae.encoder_, vae.decoder_ = vae._built(X.shape[1:])
    terms = {"loss": 9.0, "reconstruction": 8.0, "kl": 1.0}
    terms |= {"dead": 0.0, "rank": vae.latent_dim, "seconds": 1.0, "timed_on": "2026-11-01"}
    vae.history_ = [{"epoch": k} | terms for k in range(1, vae.epochs + 1)]
    return vae


def _transform(run, vae, X):
    """A random projection: an untrained encoder would say as little, in more time."""
    rng = np.random.default_rng([vae.random_state, vae.latent_dim])
    pixels = X.reshape(len(X), -1).astype(np.float32) / 255
    return pixels @ rng.standard_normal((pixels.shape[1], vae.latent_dim), dtype=np.float32)


def _learning_curves(
    run, given, labels, test_labels, strategies, protocol, n_jobs, scheduler, timed
):
    run.requests.append(("trials", {
        "protocol": protocol, "n_jobs": n_jobs, "scheduler": scheduler, "n": len(labels),
        "strategies": strategies,
    }))  # fmt: skip
    seed = int(joblib.hash((given, list(labels), sorted(map(repr, strategies.values()))))[:8], 16)
    rng = np.random.default_rng([seed, protocol.random_state, protocol.n_trials])
    rows = [
        {"space": space, "strategy": strategy, "budget": budget, "trial": trial, "classifier": c}
        for space in given for strategy in strategies for budget in sorted(protocol.budgets)
        for trial in range(protocol.n_trials) for c in protocol.classifiers
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for column in ("accuracy", "pool_accuracy", "query_seconds", "seconds"):
        table[column] = rng.uniform(0.9, 1, len(table))
    table["timed_on"] = "2026-11-01"
    table["kernel"] = rng.choice(["linear", "rbf"], len(table))
    return table if len(protocol.classifiers) > 1 else table.drop(columns="classifier")


def _latent_codes(run, vae, images, scheduler=None):
    run.requests.append(("codes", {"scheduler": scheduler}))
    return vae.transform(images)


def _codes_by_epoch(run, vae, images, n_codes=1500):
    run.requests.append(("fit", {"n": len(images)} | vae.get_params()))
    return np.zeros((vae.epochs + 1, n_codes, vae.latent_dim), dtype=np.float32)


def _kmeans_nmi(run, X, labels, n_clusters=None, n_init=10, random_state=0):
    run.requests.append(("seed", random_state))
    return float(np.abs(X).mean()) / (1 + random_state)


def _query(query, run, strategy, *args, **options):
    if isinstance(strategy.random_state, int):
        run.requests.append(("seed", strategy.random_state))
    return query(strategy, *args, **options)


def _record(run, **values):
    run.shown.append(repr(values))


def _finding(run, statement, holds, study=None):
    """Of an untrained network the statements of a page need not hold."""


def _table(run, *args, **options):
    run.shown.append(joblib.hash(args))


def _use_style(run, profile="full"):
    run.requests.append(("style", profile))


def _figure(run, *args, **options):
    if "random_state" in options:
        run.requests.append(("seed", options["random_state"]))
    run.shown.append(joblib.hash([repr(a) if callable(a) else a for a in (*args, *options)]))


def _take_turns(run, contestants, repeats=3):
    rows = [(name, repeat, 1.0 + repeat) for name in contestants for repeat in range(repeats)]
    return pd.DataFrame(rows, columns=["contestant", "repeat", "seconds"])


def _product_rate(run, dtype=torch.float32):
    return 1e11


def _grid_searches(run, given, labels, test_labels, budgets, n_trials=5, random_state=0):
    run.requests.append(("searches", {"budgets": budgets, "n_trials": n_trials}))
    run.requests.append(("seed", random_state))
    rows = [(s, b, t, 1.0, 2.0, True) for s in given for b in budgets for t in range(n_trials)]
    names = ["space", "budget", "trial", "ours", "scikit-learn", "equal"]
    table = pd.DataFrame(rows, columns=names)
    table.attrs["products_seconds"] = {"input": 1.0}
    return table


def _growth(run, tasks, sizes):
    run.requests.append(("sizes", sizes))
    rows = [(task, n, 1.0, 28 * n, 30 * n) for task in tasks for n in sizes]
    return pd.DataFrame(rows, columns=["task", "n", "seconds", "data_bytes", "peak_bytes"])


def _encoding(run, n, image_shape=(28, 28)):
    run.requests.append(("encoding", n))
    return 1.0, 2**20


def declared():
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for name in papermill.inspect_notebook(str(path)):
            yield path.stem, name


@pytest.mark.parametrize(("notebook", "parameter"), [*declared()])
def test_a_declared_parameter_has_an_effect(notebook, parameter):
    base, changed = with_defaults(notebook), Run(notebook, {parameter: OTHER[parameter]})
    assert (repr(changed.requests), changed.shown) != (repr(base.requests), base.shown)


@pytest.mark.parametrize("notebook", sorted({notebook for notebook, _ in declared()}))
def test_a_parameter_reaches_every_place(notebook):
    """No section of a page goes on with a default."""
    known = {name for n, name in declared() if n == notebook}
    given = {name: OTHER[name] for name in known - {"pool_name", "digits", "profile"}}
    run = Run(notebook, given)
    fits, curves = run.of("fit"), run.of("trials")
    if notebook != BY_COMMAND:
        epochs = given.get("epochs", Experiment.epochs)
        assert {fit["epochs"] for fit in fits} <= {epochs, LONGER.get(notebook, 1) * epochs}
    for name in {"latent_dim", "translate", "degrees"} & set(given):
        assert {fit[name] for fit in fits} <= {given[name]}
    assert {curve["n_jobs"] for curve in curves} <= {given.get("n_jobs", -1)}
    for request in (*curves, *run.of("codes")):
        assert (request["scheduler"] or "") == given.get("scheduler", "")
    for protocol in (curve["protocol"] for curve in curves):
        assert protocol.n_trials == given.get("n_trials", 500)
        if "budgets" in known and notebook != "speed":  # it runs the paper, whose budgets are fixed
            assert protocol.budgets == given["budgets"]
    for search in run.of("searches"):
        assert search == {"budgets": given["budgets"], "n_trials": given["n_searches"]}
    if "random_state" in known:
        seeds = [fit["random_state"] for fit in fits] + run.of("seed")
        seeds += [curve["protocol"].random_state for curve in curves]
        assert seeds
        assert min(seeds) >= given["random_state"]


@pytest.mark.parametrize(("notebook", "name"), PAGES)
def test_a_smoke_run_is_small(notebook, name):
    parameters = load_manifest()[0][name] | {"profile": "smoke"}
    run = Run(notebook, parameters)
    for fit in run.of("fit"):
        assert fit["n"] <= SMOKE["images"]
        most = LONGER.get(notebook, 1) * SMOKE["epochs"]
        assert fit["epochs"] <= most or (notebook == BY_COMMAND and fit["n"] < 100)
    for curve in run.of("trials"):
        assert curve["n"] <= SMOKE["images"]
        assert curve["protocol"].n_trials <= SMOKE["n_trials"]
    for search in run.of("searches"):
        assert search["n_trials"] <= SMOKE["n_trials"]
    assert max(map(max, run.of("sizes")), default=0) <= 100_000
    assert max(run.of("encoding"), default=0) <= 2000
    if "profile" in papermill.inspect_notebook(str(NOTEBOOKS / f"{notebook}.ipynb")):
        assert set(run.of("style")) <= {"smoke"}
        full = Run(notebook, parameters | {"profile": "full", "n_trials": 20})
        assert repr(full.requests) != repr(run.requests)
    drawn = "figures." in (NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8")
    assert bool(run.of("style")) == drawn

"""Whatever a public function is handed, it gives a result or names the argument, on one line."""

import re
import warnings
from datetime import date
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import alvae
from alvae._readers import datasets
from alvae.queries import UniformSampling
from alvae.spaces import latent_codes

X = np.random.default_rng(0).normal(size=(12, 2))
Y = np.where(np.arange(12) % 4 == 0, np.arange(12) % 8 // 4, np.nan)
LABELS = np.arange(12) % 2
IMAGES = np.random.default_rng(1).integers(0, 256, (12, 5, 5), dtype=np.uint8)
CURVES = pd.DataFrame(
    [("a", s, B, t, 0.5) for s in "uv" for B in (3, 5) for t in range(2)],
    columns=["space", "strategy", "budget", "trial", "accuracy"],
)


@cache
def fitted_classifier():
    return alvae.PoissonMBO().fit(X, Y)


@cache
def fitted_vae():
    return alvae.ConvVAE(2, epochs=1, random_state=0).fit(IMAGES)


def query(kind, X=X, y=None, batch_size=3, **params):
    return getattr(alvae, kind)(**params).query(X, y, batch_size)


def classify(kind, X=X, y=Y, sample_weight=None, X_new=X, **params):
    return getattr(alvae, kind)(**params).fit(X, y, sample_weight).predict(X_new)


def train(X=IMAGES, **params):
    return alvae.ConvVAE(**{"latent_dim": 2, "epochs": 1, "random_state": 0} | params).fit(X)


def curves(spaces=None, strategies=None, labels=LABELS, test_labels=LABELS, **protocol):
    spaces = {"a": (X, X)} if spaces is None else spaces
    strategies = {"u": UniformSampling()} if strategies is None else strategies
    protocol = alvae.TrialProtocol(**{"budgets": [3], "n_trials": 1} | protocol)
    return alvae.learning_curves(spaces, labels, test_labels, strategies, protocol, n_jobs=1)


def load(**given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "fetch_openml", no_network)
        return alvae.load_pool(**{"classes": [0, 1]} | given)


def no_network(*_, **__):
    raise OSError("no network")


# Each function with the arguments that are put to the test.
CALLS = {
    "covering_radius": (partial(alvae.covering_radius, X=X, selected=[0, 1]), ["X", "selected"]),
    "mean_distance": (partial(alvae.mean_distance, X=X, selected=[0, 1]), ["X", "selected"]),
    "kmeans_nmi": (
        partial(alvae.kmeans_nmi, X=X, labels=LABELS),
        ["X", "labels", "n_clusters", "n_init", "random_state"],
    ),
    "NeighborGraph": (lambda X=X: alvae.NeighborGraph(X).weights(2), ["X"]),
    "weights": (lambda **k: alvae.NeighborGraph(X).weights(**k), ["n_neighbors"]),
    "bridge": (
        lambda X_new=X, n_neighbors=3: alvae.NeighborGraph(X).bridge(X_new, n_neighbors),
        ["X_new", "n_neighbors"],
    ),
    "acquire": (
        partial(alvae.acquire, UniformSampling(), X, LABELS, budget=3),
        ["budget", "batch_size"],
    ),
    "query": (partial(query, "UniformSampling"), ["X", "y", "batch_size", "random_state"]),
    "KMeansCoreset": (
        partial(query, "KMeansCoreset", n_clusters=3),
        ["X", "y", "batch_size", "n_clusters", "n_init", "random_state", "allocation"],
    ),
    "KCenterGreedy": (partial(query, "KCenterGreedy"), ["set_aside", "random_state"]),
    "KMeansMedoids": (partial(query, "KMeansMedoids"), ["y", "n_init", "random_state"]),
    "TypiClust": (partial(query, "TypiClust"), ["n_neighbors", "max_clusters", "random_state"]),
    "SpectralMedoids": (
        partial(query, "SpectralMedoids"),
        ["X", "y", "n_neighbors", "n_small_clusters", "random_state"],
    ),
    "ProbCover": (
        partial(query, "ProbCover", n_classes=2),
        ["y", "n_classes", "purity", "radius", "random_state"],
    ),
    "MaxHerding": (
        partial(query, "MaxHerding"),
        ["y", "n_candidates", "length_scale", "random_state"],
    ),
    "EntropySampling": (
        partial(query, "EntropySampling", y=Y),
        ["y", "classifier", "random_state"],
    ),
    "ClusterUncertainty": (
        partial(query, "ClusterUncertainty", y=Y, n_clusters=3),
        ["y", "n_clusters", "n_init", "measure", "classifier", "random_state"],
    ),
    "BestReconstructed": (
        partial(query, "BestReconstructed", strategy=UniformSampling(), errors=np.ones(12)),
        ["strategy", "errors", "n_neighbors", "random_state"],
    ),
    "GridSearchSVC": (
        partial(classify, "GridSearchSVC"),
        ["X", "y", "sample_weight", "X_new", "param_grid", "cv"],
    ),
    "PoissonLearning": (
        partial(classify, "PoissonLearning"),
        ["X", "y", "sample_weight", "X_new", "n_neighbors", "class_prior", "tol"],
    ),
    "PoissonMBO": (
        partial(classify, "PoissonMBO"),
        [
            "X",
            "y",
            "sample_weight",
            "X_new",
            "class_prior",
            "tol",
            "expected_sizes",
            "size_bounds",
            "max_iter",
        ],
    ),
    "GraphLabelSpreading": (
        partial(classify, "GraphLabelSpreading"),
        ["X", "y", "sample_weight", "X_new", "n_neighbors", "alpha", "max_iter"],
    ),
    "expected_accuracy": (
        lambda classifier=None, X=X, y=Y, more=20: alvae.expected_accuracy(
            fitted_classifier() if classifier is None else classifier, X, y, more=more
        ),
        ["classifier", "X", "y", "more"],
    ),
    "Pool": (
        partial(alvae.Pool, images=IMAGES, labels=LABELS, test_images=IMAGES, test_labels=LABELS),
        ["images", "labels", "test_images", "test_labels"],
    ),
    "load_pool": (load, ["name", "classes", "version", "test_size", "random_state"]),
    "ConvVAE": (
        train,
        ["X", "latent_dim", "beta", "batch_size", "learning_rate", "device", "random_state"],
    ),
    "transform": (lambda X: fitted_vae().transform(X), ["X"]),
    "inverse_transform": (lambda Z: fitted_vae().inverse_transform(Z), ["Z"]),
    "sample": (lambda n=2, **k: fitted_vae().sample(n, **k), ["n", "random_state"]),
    "latent_codes": (lambda images: latent_codes(fitted_vae(), images), ["images"]),
    "reconstruction_errors": (
        lambda images: alvae.reconstruction_errors(fitted_vae(), images),
        ["images"],
    ),
    "learning_curves": (
        curves,
        [
            "spaces",
            "strategies",
            "labels",
            "test_labels",
            "budgets",
            "batch_size",
            "classifiers",
            "measures",
            "random_state",
        ],
    ),
    "summarize": (partial(alvae.summarize, CURVES), ["value"]),
    "first_budget_reaching": (
        partial(alvae.first_budget_reaching, alvae.summarize(CURVES)),
        ["accuracy"],
    ),
    "paired_differences": (
        partial(alvae.paired_differences, CURVES, one=("a", "u"), other=("a", "v")),
        ["one", "other"],
    ),
    "select": (
        lambda images=IMAGES, budget=2, y=None, random_state=0: alvae.select(
            images, budget, y, fitted_vae(), random_state=random_state
        ),
        ["images", "budget", "y", "random_state"],
    ),
}
# By other names: what scikit-learn calls them, or of which a message speaks.
ALSO = {
    "X": "batch_size|labels|selected|inconsistent",  # which are of another length then
    "X_new": "X",
    "images": "X ",
    "strategy": "strategies",
    "test_images": "size",
    "labels": "two classes|spaces",
    "test_labels": "spaces",
    "n_clusters": "batch_size",
}
ODD = [
    None, True, -1, 0, 1, 3, 2.5, np.nan, np.inf, 10**30, -(10**30), "x", "", "auto", "../x", b"x",
    1j, [], {}, (), [1, 2], [0, 0], [-1], ["a"], [[1], [1, 2]], [None], {"a": 1}, {1: 2}, {"x": []},
    np.zeros(0), np.zeros((0, 2)), np.zeros((2, 3)), np.zeros((12, 2)), np.full((12, 2), np.nan),
    np.full(12, np.inf), np.zeros(12), np.arange(12), np.zeros((12, 5, 5)),
    np.ones((12, 5, 5), bool), np.full((12, 5, 5), -1), np.full((12, 5, 5), 1.5),
    np.zeros((12, 5, 5), np.longdouble), np.zeros((12, 5, 5, 2)), np.zeros((3, 0, 5)),
    np.array(3), np.array(["a"] * 12), np.array([object()] * 12), np.array([1e300] * 12),
    np.float32(0.5), np.int64(2), np.datetime64("2026-01-01"), date(2026, 1, 1), object(), object,
    len, UniformSampling(), UniformSampling, pd.Series(np.arange(12.0)), pd.DataFrame({"a": [1]}),
    pd.NA, range(3), {1, 2}, np.random.default_rng(0), np.random.SeedSequence(3), iter([1]),
]  # fmt: skip
PAIRS = [(function, name) for function, (_, names) in CALLS.items() for name in names]


def check(function, name, value):
    if name == "n_init" and type(value) is int and value > 1000:
        return  # so much work can be asked for
    call = CALLS[function][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call(**{name: value})
        except (ValueError, TypeError) as error:
            message = str(error)
            assert "\n" not in message, message
            allowed = rf"\b{name}\b|{ALSO.get(name, name)}"
            assert re.search(allowed, message), f"{function}({name}={value!r}): {message}"


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(PAIRS), st.sampled_from(ODD))
def test_a_result_or_a_message_that_names_the_argument(pair, value):
    check(*pair, value)


@pytest.mark.nightly
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_of_them(pair):
    for value in ODD:
        check(*pair, value)


@pytest.mark.nightly
def test_how_many_there_are():
    print(f"{len(PAIRS)} arguments x {len(ODD)} values = {len(PAIRS) * len(ODD)}")
    assert len(PAIRS) * len(ODD) >= 5000

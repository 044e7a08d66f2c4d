"""Who is found for a comparison, and with which parameters."""

import numpy as np
import pytest

from alvae import classifiers, queries
from alvae.book import benchmarks
from alvae.book.comparison import cold_starts, line_up
from alvae.queries import KMeansCoreset, QueryStrategy


def test_parameters_that_are_known_reach_those_that_have_them():
    errors = np.arange(5.0)
    found = line_up(queries, n_clusters=7, n_classes=3, errors=errors, n_init=2)
    assert found["core-set"].get_params()["n_clusters"] == 7
    assert found["core-set, proportional"].allocation == "proportional"
    assert found["ProbCover"].n_classes == 3
    assert found["spectral, reconstructed"].errors is errors
    assert found["medoids, reconstructed"].strategy.n_init == 2  # a part of it has one
    assert "n_clusters" not in found["uniform"].get_params()


def test_who_needs_errors_takes_part_where_they_are_known():
    assert set(line_up(queries, errors=None)) - set(line_up(queries)) == {
        "medoids, reconstructed",
        "spectral, reconstructed",
    }


def test_a_variant_keeps_what_makes_it_one():
    assert line_up(queries, errors=None, set_aside=0.5)["k-center, 5 % set aside"].set_aside == 0.05


def test_the_variants_themselves_are_left_as_they_are():
    line_up(queries, errors=None, n_init=9)
    assert line_up(queries, errors=None)["medoids, reconstructed"].strategy.n_init == 1


def test_a_new_strategy_is_found(monkeypatch):
    class New(QueryStrategy):
        variants = {"new": {}}

        def __init__(self, random_state=None):
            self.random_state = random_state

    monkeypatch.setattr(queries, "__all__", [*queries.__all__, "New"])
    monkeypatch.setattr(queries, "New", New, raising=False)
    assert isinstance(cold_starts(errors=None)["new"], New)


def test_only_strategies_that_need_no_label_make_a_cold_start():
    found = line_up(queries, errors=None)
    assert set(found) - set(cold_starts(errors=None)) == {
        "entropy",
        "margin in clusters",
        "entropy in clusters",
    }
    assert isinstance(cold_starts(errors=None)["core-set"], KMeansCoreset)


def test_every_classifier_is_found():
    assert {"SVC", "Poisson", "label spreading"} <= set(line_up(classifiers))


@pytest.mark.parametrize("name", cold_starts(errors=None))
def test_the_benchmark_takes_every_cold_start(name):
    X = benchmarks.cloud(400)
    chosen = benchmarks._cold_start(name, X)
    assert len(set(chosen)) == benchmarks.N_CENTERS
    np.testing.assert_array_equal(chosen, benchmarks._cold_start(name, X))

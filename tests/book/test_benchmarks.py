"""What the page on speed measures with: counts against a formula, bookkeeping by hand."""

import time

import numpy as np
import pandas as pd
import pytest

from alvae.book import benchmarks
from alvae.book.benchmarks import (
    cloud,
    encoding,
    grid_searches,
    growth,
    our_training,
    plain_training,
    product_rate,
    take_turns,
    training_flops,
    whole_paper,
)
from alvae.book.experiment import Experiment

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)


def test_contestants_take_turns_after_one_call_each():
    calls = []
    table = take_turns({"a": lambda: calls.append("a"), "b": lambda: time.sleep(0.01)}, 2)
    assert list(table["contestant"]) == ["a", "b", "a", "b"]
    assert list(table["repeat"]) == [0, 0, 1, 1]
    assert (table[table["contestant"] == "b"]["seconds"] >= 0.01).all()
    assert len(calls) == 3


def test_a_rate_is_positive():
    assert product_rate(n=16, repeats=1) > 0


@pytest.mark.parametrize(("side", "d"), [(28, 3), (8, 2)])
def test_operations_are_those_of_the_layers(side, d):
    """Two per multiplication, three products per layer; the input itself takes no gradient."""
    half, quarter = (side // 2) ** 2, (side // 4) ** 2
    convolutions = [half * 9 * 32, half * 9 * 32 * 64, quarter * 9 * 64**2, quarter * 9 * 64**2]
    heads = [quarter * 64 * 2 * d]
    decoder = [d * quarter * 64, quarter * 9 * 64**2, half * 9 * 64]
    expected = 2 * (3 * sum(convolutions + heads + decoder) - convolutions[0])
    assert training_flops((side, side), d) == pytest.approx(expected, rel=1e-6)


def test_all_train():
    our_training(IMAGES, 8)
    plain_training(IMAGES, 8)
    color = np.repeat(IMAGES[..., None], 3, axis=3)
    plain_training(color, 8)


def test_grid_searches_are_equal_and_timed():
    rng = np.random.default_rng(0)
    labels, test_labels = np.arange(90) % 3, np.arange(60) % 3
    X, X_test = ((y[:, None] + rng.normal(size=(len(y), 4))) for y in (labels, test_labels))
    spaces = {"plane": (X.astype(np.float32), X_test.astype(np.float32))}
    table = grid_searches(spaces, labels, test_labels, [15, 30], n_trials=3)
    assert len(table) == 6
    assert table["equal"].all()
    assert (table[["ours", "scikit-learn"]] > 0).all(axis=None)
    assert set(table.attrs["products_seconds"]) == {"plane"}


def test_a_cloud_has_clusters_and_comes_again():
    X = cloud(1000, random_state=3)
    assert X.shape == (1000, 7)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, cloud(1000, random_state=3))
    assert X.std() > 2  # the spread of the centers, beside 1 within


@pytest.mark.slow
def test_growth_has_a_row_for_every_task_and_size():
    task = next(name for name in benchmarks.TASKS if name.startswith("k-center"))
    table = growth([task], [1000, 2000], latent_dim=5)
    assert list(table["n"]) == [1000, 2000]
    assert list(table["data_bytes"]) == [20_000, 40_000]
    assert (table["seconds"] > 0).all()


@pytest.mark.slow
def test_memory_is_linear_in_the_pool():
    """Beside the data, what is kept for every point is less than the data twice over."""
    table = growth(list(benchmarks.TASKS)[1:3], [10**6])
    assert (table["peak_bytes"] < 3 * table["data_bytes"]).all()
    assert (table["peak_bytes"] > table["data_bytes"] / 2).all()


@pytest.mark.slow
def test_encoding_a_file_of_images_takes_little_memory():
    seconds, peak = encoding(4000)
    assert seconds > 0
    assert peak < 2**28


@pytest.mark.parametrize("largest", [0, 10, 99_999, 1e6, "all"])
def test_a_pool_too_small_to_grow_is_refused(largest):
    with pytest.raises(ValueError, match="^largest is "):
        benchmarks.sizes(largest)


def test_sizes_grow_tenfold_and_are_cut_down_in_smoke_runs():
    assert benchmarks.sizes(10**7) == [10**5, 10**6, 10**7]
    assert benchmarks.sizes(10**7, "smoke") == [10**3, 10**4, 10**5]


def test_the_sum_of_the_paper_by_hand():
    study = Experiment(digits=[0, 1], budgets=[10, 15, 30], n_trials=5, epochs=2, profile="smoke")
    searches = pd.DataFrame({
        "space": ["a", "a", "a", "b"],
        "budget": [10, 20, 20, 20],
        "ours": [1.0, 2.0, 2.0, 0.5],
        "scikit-learn": [10.0, 20.0, 20.0, 7.0],
    })  # fmt: skip
    steps = whole_paper([study, study], searches, {"ours": 100, "usual": 50}, n_workers=2)
    passes = 2 * 2 * len(study.pool)
    assert list(steps["ours"]) == [
        passes / 100,
        2 * 2 * study.n_trials * (1 + 1.5 + 2 + 3 * 0.5) / 2,
    ]
    assert list(steps["usual"]) == [
        passes / 50,
        2 * 2 * study.n_trials * (10 + 15 + 20 + 3 * 7) / 2,
    ]


@pytest.mark.slow
def test_peak_memory_sees_what_was_allocated():
    before, more = benchmarks.peak_memory(), 2**26
    np.ones((before + more) // 8)
    assert benchmarks.peak_memory() > before + more / 2

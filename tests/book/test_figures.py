"""What is drawn is the data: the artists of every figure, read back."""

import base64
import itertools

import matplotlib

matplotlib.use("Agg")

import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from nbclient import NotebookClient

from alvae.book import figures
from alvae.book.figures import points as points_module
from alvae.book.figures import style


@pytest.fixture(autouse=True)
def own_style(monkeypatch):
    monkeypatch.setattr(style, "_stamp", "")
    with matplotlib.rc_context():
        yield
    assert plt.get_fignums() == []


@pytest.mark.parametrize("n", [1, 6, 7, 20])
def test_no_two_lines_look_the_same(n):
    names = [str(k) for k in range(n)]
    looks = style.looks_of(names, {"0": style.KCENTER})
    assert len({tuple(look.items()) for look in looks.values()}) == n
    assert looks["0"] == style.KCENTER
    colors = [looks[name]["color"] for name in names[:5]]
    assert len(set(colors)) == len(colors)  # while there are enough of them


def points(d, n_classes, n=200):
    rng = np.random.default_rng(d)
    labels = np.arange(n) % n_classes
    return rng.normal(size=(n, d)).astype(np.float32) + labels[:, None], labels


def table(spaces=("input", "latent"), strategies=("uniform", "core-set"), budgets=(40, 20, 60)):
    rows = [(s, a, b) for s in spaces for a in strategies for b in budgets]
    frame = pd.DataFrame(rows, columns=["space", "strategy", "budget"])
    rng = np.random.default_rng(0)
    values = dict(zip(("mean", "std", "sem"), rng.uniform(size=(3, len(frame))), strict=True))
    return frame.assign(**values)


def trials():
    frame = pd.concat([table()] * 3, ignore_index=True)
    return frame.assign(seconds=np.random.default_rng(1).uniform(1, 2, len(frame)))


def estimates():
    """A row of each verdict, in two panels."""
    columns = ["short", "group", "rule", "theirs", "ours", "low", "high", "verdict"]
    rows = [
        ("a", "level", "at least", 0.5, 0.7, 0.6, 0.8, "holds"),
        ("b", "level", "at most", 0.5, 0.5, 0.4, 0.6, "undecided"),
        ("c", "size", "at most", 1.0, 4.0, 2.0, 8.0, "does not hold"),
    ]
    return pd.DataFrame(rows, columns=columns)


HISTORY = [{"epoch": k, "loss": 9 / k, "reconstruction": 8 / k, "kl": 1 / k} for k in (1, 2, 3)]
X = np.linspace(0, 1, 20)
ANSWERS = np.array([[0, 0, 0], [0, 0, 4], [3, 6, 6]])
EVERY_FIGURE = {
    "answers": lambda: figures.answers({"a": ANSWERS}),
    "latent_space": lambda: figures.latent_space(*points(3, 3)),
    "training_history": lambda: figures.training_history(HISTORY),
    "image_rows": lambda: figures.image_rows(np.zeros((1, 1, 8, 8))),
    "learning_curves": lambda: figures.learning_curves(table()),
    "forest": lambda: figures.forest(estimates(), {"level": "x", "size": "y"}, ["size"]),
    "functions": lambda: figures.functions(X, {"a": X}, "x", "y"),
    "histogram_with_density": lambda: figures.histogram_with_density(X, X, X, "x"),
    "selections": lambda: figures.selections(*points(2, 3), {"uniform": [0, 1]}),
    "measures": lambda: figures.measures(trials(), "strategy", "seconds"),
    "costs": lambda: figures.costs(trials(), "budget", "seconds", "strategy"),
    "film": lambda: figures.film([points(2, 3)[0]] * 2, points(2, 3)[1], ["a", "b"]),
    "picks": lambda: figures.picks(np.zeros((3, 8, 8)), [0, 1, 2], {"a": [0, 1]}, [0, 0, 1]),
    "panels": lambda: figures.panels(trials(), "budget", "seconds", "strategy", "space"),
}


@pytest.mark.parametrize("make", EVERY_FIGURE.values(), ids=EVERY_FIGURE)
def test_smoke_is_stamped_and_full_is_not(make):
    figures.use_style("smoke")
    assert make().get_suptitle() == "smoke run: not the paper's settings"
    figures.use_style("full")
    fig = make()
    assert isinstance(fig, Figure)
    assert fig.get_suptitle() == ""
    assert fig.dpi == 150
    assert 0.9 < fig.get_figwidth() <= 7
    fig.draw_without_rendering()


def test_every_public_function_is_tested_here():
    assert set(figures.__all__) == {*EVERY_FIGURE, "use_style"}


def test_bad_profile():
    with pytest.raises(ValueError, match="profile is 'fast'; allowed are 'full' and 'smoke'"):
        figures.use_style("fast")


def offsets(collection):
    """Coordinates of a scatter plot, of two or three dimensions."""
    if hasattr(collection, "_offsets3d"):
        return np.ma.getdata(np.column_stack(collection._offsets3d))
    return np.asarray(collection.get_offsets())


def legend(fig):
    (box,) = fig.legends
    lines = zip(box.get_texts(), box.legend_handles, strict=True)
    return {text.get_text(): handle for text, handle in lines}


@pytest.mark.parametrize("n_classes", [2, 3, 10, 12])
@pytest.mark.parametrize("d", [2, 3])
def test_latent_space_draws_every_point_in_the_color_of_its_class(d, n_classes):
    Z, labels = points(d, n_classes)
    fig = figures.latent_space(Z, labels)
    (ax,) = fig.axes
    assert ax.name == ("3d" if d == 3 else "rectilinear")
    (dots,) = ax.collections
    colors = {text: to_hex(handle.get_color()) for text, handle in legend(fig).items()}
    assert list(colors) == [str(k) for k in range(n_classes)]
    assert len(set(colors.values())) == n_classes
    if n_classes <= 10:
        assert list(colors.values()) == list(style.CLASS_COLORS[:n_classes])
    # Points are drawn in random order: match each with its nearest in Z.
    drawn = offsets(dots)
    of = np.linalg.norm(drawn[:, None] - Z, axis=2).argmin(axis=1)
    assert sorted(of) == list(range(len(Z)))
    np.testing.assert_allclose(drawn, Z[of], atol=1e-6)
    fig.draw_without_rendering()
    of = of[getattr(dots, "_z_markers_idx", slice(None))]  # in three dimensions: by their depth
    assert [to_hex(c) for c in dots.get_facecolors()] == [colors[str(labels[i])] for i in of]


def test_latent_space_of_one_dimension_counts_every_point_by_class():
    Z, labels = points(1, 3)
    fig = figures.latent_space(Z, labels, max_points=5)
    filled = [patch for patch in fig.axes[0].patches if patch.get_fill()]
    assert len(filled) == 3
    edges = np.linspace(Z.min(), Z.max(), 61)
    for k, patch in enumerate(filled):
        heights = patch.get_xy()[1 : 2 * 60 : 2, 1]
        np.testing.assert_array_equal(heights, np.histogram(Z[labels == k, 0], edges)[0])
        assert to_rgba(patch.get_facecolor(), 1) == to_rgba(style.CLASS_COLORS[k])


def test_latent_space_of_seven_dimensions_shows_the_directions_of_largest_variance():
    scales = np.array([1, 7, 2, 5, 0.1, 3, 0.2])
    Z = np.random.default_rng(0).normal(size=(500, 7)) * scales
    (ax,) = figures.latent_space(Z, np.arange(500) % 5).axes
    values = np.sort(np.linalg.eigvalsh(np.cov(Z.T)))[::-1]
    drawn = offsets(ax.collections[0])
    np.testing.assert_allclose(np.cov(drawn.T), np.diag(values[:3]), atol=1e-3)
    shares = [f"PC {k + 1} ({100 * values[k] / values.sum():.0f}%)" for k in range(3)]
    assert [ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()] == shares


def test_latent_space_draws_a_seeded_subset():
    Z, labels = points(2, 3)

    def drawn(seed):
        return offsets(figures.latent_space(Z, labels, 50, seed).axes[0].collections[0])

    assert drawn(0).shape == (50, 2)
    assert len(np.unique(drawn(0), axis=0)) == 50
    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert not np.array_equal(drawn(0), drawn(1))


def test_stars_are_what_the_paper_states_of_the_curves_that_are_drawn():
    rows = [
        ("latent", "core-set", 20, 0.9),
        ("input", "uniform", 60, 0.3),
        ("raw", "core-set", 9, 0),
    ]
    paper = pd.DataFrame(rows, columns=["space", "strategy", "budget", "mean"])
    fig = figures.learning_curves(table(), paper=paper)
    stars = [line for line in fig.axes[0].lines if line.get_marker() == "*"]
    found = [(line.get_markeredgecolor(), *line.get_xydata().ravel()) for line in stars[:2]]
    assert found == [(style.LATENT["color"], 20, 0.9), (style.INPUT["color"], 60, 0.3)]
    assert len(stars[2:]) == 1  # of the legend
    assert "stated in the paper" in [text.get_text() for text in fig.legends[0].get_texts()]
    none = figures.learning_curves(table(strategies=["k-center"]), paper=paper)
    assert "stated in the paper" not in [text.get_text() for text in none.legends[0].get_texts()]


def test_a_digit_keeps_its_color_and_a_class_its_name():
    Z, labels = points(2, 3)
    digits = legend(figures.latent_space(Z, np.array([0, 3, 9])[labels]))
    all_ten = legend(figures.latent_space(Z, np.arange(200) % 10))
    assert list(digits) == ["0", "3", "9"]
    assert all(digits[k].get_color() == all_ten[k].get_color() for k in digits)
    assert list(legend(figures.latent_space(Z, labels, class_names="abc"))) == ["a", "b", "c"]
    assert len(legend(figures.latent_space(Z, labels + 100))) == 3


def test_answers_are_shares_and_silent_filters_come_last():
    axes = figures.answers({"a": ANSWERS, "b": ANSWERS * 7}).axes
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    for ax in axes:
        (picture,) = ax.images
        expected = np.sqrt([[0.5, 1, 1], [0, 0, 1], [0, 0, 0]])
        np.testing.assert_allclose(picture.get_array(), expected)


def test_training_history_has_a_panel_per_term():
    axes = figures.training_history(HISTORY).axes
    for ax, term in zip(axes, ("loss", "reconstruction", "kl"), strict=True):
        (line,) = ax.lines
        expected = [[row["epoch"], row[term]] for row in HISTORY]
        np.testing.assert_array_equal(line.get_xydata(), expected)
        assert term in ax.get_title().lower()


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_image_rows_places_every_image(channels, dtype):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 5, 8, *channels)).astype(np.uint8)
    expected = images / 255
    if dtype == np.float32:
        images = expected.astype(np.float32)
    fig = figures.image_rows(images, ["a", "b"], ["1", "2", "3"])
    (ax,) = fig.axes
    (drawn,) = ax.images
    canvas = np.asarray(drawn.get_array()).reshape(*drawn.get_array().shape[:2], -1)
    assert drawn.get_clim() == (0, 1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "3"]
    for i, y in enumerate(ax.get_yticks()):
        for j, x in enumerate(ax.get_xticks()):
            tile = canvas[round(y - 2) : round(y + 3), round(x - 3.5) : round(x + 4.5)]
            np.testing.assert_allclose(tile.squeeze(), expected[i, j].squeeze(), atol=1e-6)
    assert canvas[5].min() == canvas[:, [8, 17]].min() == 1  # white between the images
    fig.draw_without_rendering()


@pytest.mark.parametrize("spread", ["std", "sem", None])
def test_learning_curves_draw_means_and_bands(spread):
    summary = table()
    (ax,) = figures.learning_curves(summary, level=0.5, spread=spread).axes
    lines = {line.get_label(): line for line in ax.lines[:-1] if line.get_label()[0] != "_"}
    curves = summary.sort_values("budget").groupby(["space", "strategy"], sort=False)
    assert len(curves) == 4
    bands = iter(ax.collections)
    for label, line in lines.items():
        strategy, space = label.removesuffix(" space").split(", ")
        rows = curves.get_group((space, strategy))
        np.testing.assert_array_equal(line.get_xydata(), rows[["budget", "mean"]])
        assert line.get_color() == style.SPACES[space]["color"]
        assert line.get_linestyle() == style.STRATEGIES[strategy]["linestyle"]
        if spread is not None:
            corners = {tuple(v) for v in next(bands).get_paths()[0].vertices}
            for row in rows.itertuples():
                for side in (-1, 1):
                    assert (row.budget, row.mean + side * getattr(row, spread)) in corners
    assert next(bands, None) is None
    dashed = [line for line in ax.lines if list(line.get_ydata()) == [0.5, 0.5]]
    assert len(lines) == 4
    assert len(dashed) == 1
    assert [text.get_text() for text in ax.texts] == ["0.5"]


def test_learning_curves_zoom_shows_the_same_curves_within_limits():
    fig = figures.learning_curves(table(), zoom=(0.25, 0.75))
    whole, zoomed = fig.axes
    assert zoomed.get_ylim() == (0.25, 0.75)
    assert whole.get_ylim() != (0.25, 0.75)
    for one, other in zip(whole.lines, zoomed.lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    assert len(legend(fig)) == 4


def test_learning_curves_of_one_trial_and_of_other_names():
    summary = table(("pixels", "latent", "other"), ["mine"], [10]).assign(std=np.nan)
    fig = figures.learning_curves(summary)
    assert len({line.get_color() for line in fig.axes[0].lines}) == 3
    fig.draw_without_rendering()


def test_curves_draw_every_series_and_the_mark():
    series = {f"power {k}": X**k for k in range(8)}
    fig = figures.functions(X, series, "x", "y", mark=0.3)
    (ax,) = fig.axes
    *lines, mark = ax.lines
    assert list(legend(fig)) == list(series)
    assert list(mark.get_xdata()) == [0.3, 0.3]
    for line, y in zip(lines, series.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([X, y]))


def test_histogram_is_normalized_and_the_density_is_over_it():
    samples = np.random.default_rng(0).normal(size=5000)
    (ax,) = figures.histogram_with_density(samples, X, X**2, "z").axes
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([X, X**2]))
    (patch,) = ax.patches
    outline = patch.get_xy()
    heights, edges = np.histogram(samples, bins=len(np.unique(outline[:, 0])) - 1, density=True)
    np.testing.assert_allclose(outline[1 : 2 * len(heights) : 2, 1], heights)
    np.testing.assert_allclose(np.unique(outline[:, 0]), edges)


@pytest.mark.parametrize(
    ("d", "n_classes", "n_panels"), [(1, 3, 2), (2, 10, 5), (3, 2, 1), (7, 5, 3), (7, 7, 4)]
)
def test_selections_mark_the_chosen_points(d, n_classes, n_panels):
    Z, labels = points(d, n_classes)
    rng = np.random.default_rng(0)
    chosen = {f"s{k}": rng.choice(200, 10, replace=False) for k in range(n_panels)}
    fig = figures.selections(Z, labels, chosen)
    assert [ax.get_title() for ax in fig.axes] == list(chosen)
    coordinates = points_module.projection(Z, 2)[0](Z)
    for ax, indices in zip(fig.axes, chosen.values(), strict=True):
        pool, marked = ax.collections
        assert len(offsets(pool)) == 200
        drawn = offsets(marked)[:, : coordinates.shape[1]]
        np.testing.assert_allclose(drawn, coordinates[indices], atol=1e-6)
        expected = [style.CLASS_COLORS[k] for k in labels[indices]]
        assert [to_hex(c) for c in marked.get_facecolors()] == expected
        if d == 1:
            np.testing.assert_array_equal(np.round(offsets(marked)[:, 1]), labels[indices])
    fig.draw_without_rendering()


def test_a_forest_has_a_row_for_each_estimate_and_shows_what_was_claimed():
    fig = figures.forest(estimates(), {"size": "factor", "level": "share"}, ["size"])
    size, level = fig.axes
    assert [label.get_text() for label in level.get_yticklabels()] == ["a", "b"]
    assert (size.get_xscale(), level.get_xscale()) == ("log", "linear")
    assert (size.get_xlabel(), level.get_xlabel()) == ("factor", "share")
    drawn = [[*map(float, line.get_xdata())] for line in level.lines if len(line.get_xdata())]
    assert drawn == [[0.6, 0.8], [0.7], [0.5], [0.4, 0.6], [0.5], [0.5]]
    colors = {line.get_color() for line in (level.lines[0], level.lines[3], size.lines[0])}
    assert len(colors) == 3
    assert level.get_ylim()[0] > level.get_ylim()[1]  # the first row is on top
    (legend,) = fig.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == ["holds", "undecided", "does not hold", "the paper"]


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_film_shows_the_same_points_in_every_frame(d):
    Z, labels = points(d, 3)
    frames = np.array([0 * Z, 0.5 * Z, Z * 1.0])
    fig = figures.film(frames, labels, ["x", "y", "z"])
    assert [ax.get_title() for ax in fig.axes] == ["x", "y", "z"]
    coordinates = points_module.projection(Z, 2)[0]
    for ax, frame in zip(fig.axes, frames, strict=True):
        (dots,) = ax.collections
        expected = coordinates(frame)
        drawn = offsets(dots)[:, : expected.shape[1]]
        np.testing.assert_allclose(drawn, expected, atol=1e-6)
        assert [to_hex(c) for c in dots.get_facecolors()] == [style.CLASS_COLORS[k] for k in labels]
    assert len({ax.get_xlim() for ax in fig.axes}) == 1
    fig.draw_without_rendering()


def test_selections_draw_all_chosen_points_of_a_thinned_pool():
    fig = figures.selections(*points(2, 3), {"all": np.arange(200)}, max_points=7)
    assert [len(offsets(dots)) for dots in fig.axes[0].collections] == [7, 200]


@pytest.mark.parametrize("x", ["strategy", "budget"])
@pytest.mark.parametrize("log", [False, True])
def test_measures_draw_means_with_one_standard_deviation(x, log):
    frame = trials()
    fig = figures.measures(frame, x, "seconds", "space", ylabel="s", log=log)
    (ax,) = fig.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == (x, "s")
    assert ax.get_yscale() == ("log" if log else "linear")
    names = [text.get_text() for text in ax.get_xticklabels()]
    for container in ax.containers:
        line, _, (bars,) = container.lines
        assert line.get_color() == style.SPACES[container.get_label()]["color"]
        rows = frame[frame["space"] == container.get_label()]
        for (at, mean), bar in zip(line.get_xydata(), bars.get_segments(), strict=True):
            here = names[round(at)] if x == "strategy" else at
            values = rows.loc[rows[x] == here, "seconds"]
            assert mean == pytest.approx(values.mean())
            ends = values.mean() + np.array([-1, 1]) * values.std()
            np.testing.assert_allclose(bar[:, 1], ends)
    assert len(ax.containers) == 2
    if x == "strategy":  # beside each other
        at = np.concatenate([c.lines[0].get_xdata() for c in ax.containers])
        assert len(np.unique(at)) == len(at)
    fig.draw_without_rendering()


def test_measures_of_single_rows_and_of_missing_combinations():
    frame = trials().drop_duplicates(["space", "strategy"])
    frame = frame[(frame["space"] == "latent") | (frame["strategy"] == "core-set")]
    fig = figures.measures(frame, "strategy", "seconds", "space")
    assert sorted(len(c.lines[0].get_xdata()) for c in fig.axes[0].containers) == [1, 2]
    fig.draw_without_rendering()


def test_costs_draw_medians_through_all_repeats():
    frame = trials()
    fig = figures.costs(frame, "budget", "seconds", "strategy", "space", "B")
    assert [ax.get_title() for ax in fig.axes] == list(frame["space"].unique())
    for ax in fig.axes:
        assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel()) == ("log", "log", "B")
        assert list(ax.get_xticks()) == sorted(frame["budget"].unique())
        rows = frame[frame["space"] == ax.get_title()]
        for repeats, line in zip(ax.lines[::2], ax.lines[1::2], strict=True):
            of_one = rows[rows["strategy"] == line.get_label()]
            assert len(repeats.get_xdata()) == len(of_one)
            for budget, median in line.get_xydata():
                expected = np.median(of_one.loc[of_one["budget"] == budget, "seconds"])
                assert median == pytest.approx(expected)
    fig.draw_without_rendering()


@pytest.mark.parametrize("joined", [True, False])
def test_panels_draw_means_or_every_row(joined):
    frame = trials()
    (first, *_) = spaces = list(frame["space"].unique())
    fig = figures.panels(frame, "budget", "seconds", "strategy", "space", {first: 0.5}, joined, "B")
    assert [ax.get_title() for ax in fig.axes] == spaces
    levels = [[line for line in ax.lines if not line.get_label()[0].isalpha()] for ax in fig.axes]
    assert [len(lines) for lines in levels] == [1] + [0] * (len(spaces) - 1)
    assert set(levels[0][0].get_ydata()) == {0.5}
    for ax in fig.axes:
        assert ax.get_xscale() == ("log" if joined else "linear")
        rows = frame[frame["space"] == ax.get_title()]
        for line in ax.lines[: rows["strategy"].nunique()]:
            of_one = rows[rows["strategy"] == line.get_label()].set_index("budget")["seconds"]
            if joined:
                repeats = of_one.groupby(level=0)
                means, reach = repeats.mean(), repeats.std()
                np.testing.assert_allclose(line.get_ydata(), means[line.get_xdata()])
                band = ax.collections[ax.lines.index(line)].get_paths()[0].vertices
                expected = {*(means - reach).round(9), *(means + reach).round(9)}
                assert {*band[:, 1].round(9)} == expected
            else:
                assert sorted(line.get_ydata()) == sorted(of_one)
    assert fig.axes[-1].get_xlabel() == "B"
    fig.draw_without_rendering()


@pytest.mark.parametrize("known", [(), ("core-set", "entropy"), ("medoids",)])
def test_curves_of_any_name_are_told_apart_in_gray_print_too(known):
    names = [*known, *"abcdef"[: 5 - len(known)]]
    rows = [(b, b / 30, name) for b in (10, 20) for name in names]
    frame = pd.DataFrame(rows, columns=["budget", "mean", "name"]).assign(panel="one")
    (ax,) = figures.panels(frame, "budget", "mean", "name", "panel").axes
    assert len({line.get_color() for line in ax.lines}) == 5
    assert len({(line.get_marker(), line.get_linestyle()) for line in ax.lines}) == 5


def test_numbers_below_a_panel_do_not_overprint():
    rows = [(b, b / 200, space) for b in range(20, 220, 20) for space in "ab"]
    frame = pd.DataFrame(rows, columns=["budget", "mean", "space"]).assign(strategy="uniform")
    fig = figures.panels(frame, "budget", "mean", "strategy", "space")
    fig.draw_without_rendering()
    for ax in fig.axes:
        assert [*ax.get_xticks()] == [*range(20, 220, 20)]
        labels = [label for label in ax.get_xticklabels() if label.get_text()]
        assert [label.get_text() for label in labels] == ["20", "40", "60", "100", "140", "200"]
        boxes = [label.get_window_extent() for label in labels]
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_picks_are_the_chosen_images_by_class_and_cluster(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 6, 5, *channels), dtype=np.uint8)
    labels, clusters = np.arange(60) % 4, rng.integers(0, 7, 60)
    chosen = {"a": rng.permutation(13), "b": np.flatnonzero(labels == 2)[:3]}
    fig = figures.picks(images, labels, chosen, clusters, columns=5, class_names="wxyz")
    (ax,) = fig.axes
    pairs = list(zip(labels, clusters, strict=True))
    order = [i for indices in chosen.values() for i in sorted(indices, key=pairs.__getitem__)]
    texts = {text.get_text(): text for text in ax.texts}
    numbers = [text for text in ax.texts if text.get_text().isdecimal()]
    assert len(ax.images) == len(ax.patches) == len(numbers) == 16
    for i, drawn, frame, number in zip(order, ax.images, ax.patches, numbers, strict=True):
        values = np.asarray(drawn.get_array()).reshape(6, 5, -1)
        np.testing.assert_allclose(values, images[i].reshape(6, 5, -1) / 255, atol=1e-6)
        assert to_hex(frame.get_edgecolor()) == style.CLASS_COLORS[labels[i]]
        assert number.get_text() == str(clusters[i] + 1)
        left, right, bottom, top = drawn.get_extent()
        assert (left, top) == frame.get_xy()
        assert left < number.get_position()[0] < right
        assert bottom < number.get_position()[1] < bottom + 0.3  # downwards
    xs = [drawn.get_extent()[0] for drawn in ax.images]
    np.testing.assert_allclose(xs, [1.1 * (k % 5) for k in (*range(13), *range(3))])
    assert ax.images[13].get_extent()[3] > ax.images[12].get_extent()[2]
    assert texts["no w, x and z"].get_color() == "#b00000"
    assert {*texts} - {number.get_text() for number in numbers} == {"a", "b", "no w, x and z"}
    fig.draw_without_rendering()


Z, LABELS = points(2, 3)
PICKED = np.zeros((200, 8, 8))


def twice():
    """A summary of two classifiers."""
    table = pd.DataFrame({"space": "input", "strategy": "uniform", "budget": [3, 5], "mean": 0.9})
    return pd.concat([table.assign(std=0.1, classifier=name) for name in "ab"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.latent_space(Z[:, 0], LABELS), r"Z has shape \(200,\)"),
        (lambda: figures.latent_space(Z[:0], LABELS[:0]), "Z has shape"),
        (lambda: figures.latent_space([[1, 2], [3]], [0, 1]), "Z has rows"),
        (lambda: figures.latent_space(Z * np.nan, LABELS), "Z holds NaN"),
        (lambda: figures.latent_space(Z, LABELS[1:]), r"labels has shape \(199,\).*\(200\)"),
        (lambda: figures.latent_space(Z, LABELS / 2), "labels is float64"),
        (lambda: figures.latent_space(Z, LABELS - 1), "labels is int64 from -1"),
        (lambda: figures.latent_space(Z, LABELS, class_names=["a"]), "labels .* from 0 to 0"),
        (lambda: figures.latent_space(Z, LABELS, max_points=0), "max_points is 0"),
        (lambda: figures.latent_space(Z, LABELS, max_points=2.5), "max_points is 2.5"),
        (lambda: figures.answers({}), "activations is empty"),
        (lambda: figures.answers({"a": X}), "activations.'a'. has shape"),
        (lambda: figures.answers({"a": -ANSWERS}), "activations.'a'. has -6"),
        (lambda: figures.training_history([]), "history has 0 rows"),
        (lambda: figures.training_history([{"epoch": 1}]), "history has 1 rows of .'epoch'."),
        (lambda: figures.image_rows(np.zeros((2, 8, 8))), "images has shape"),
        (lambda: figures.image_rows(np.zeros((1, 2, 8, 8, 2))), "images has shape"),
        (lambda: figures.image_rows(np.zeros((1, 0, 8, 8))), "images has shape"),
        (lambda: figures.image_rows(np.full((1, 1, 2, 2), 1.5)), "images has .* to 1.5"),
        (lambda: figures.image_rows(np.full((1, 1, 2, 2), np.nan)), "images has .* nan"),
        (
            lambda: figures.image_rows(np.full((1, 1, 2, 2), 256)),
            "images has values from 256 to 256",
        ),
        (lambda: figures.image_rows(np.zeros((1, 2, 4, 4)), ["a", "b"]), "row_titles has length 2"),
        (lambda: figures.image_rows(np.zeros((1, 2, 4, 4)), None, "a"), "column_titles has"),
        (lambda: figures.learning_curves(table().drop(columns="mean")), "summary has 12 rows"),
        (lambda: figures.learning_curves(table()[:0]), "summary has 0 rows"),
        (lambda: figures.learning_curves(table(), spread="var"), "spread is 'var'"),
        (lambda: figures.learning_curves(table(), level="high"), "level holds"),
        (lambda: figures.learning_curves(table(), zoom=(1, 0)), r"zoom is \(1, 0\)"),
        (lambda: figures.learning_curves(table(), paper=table()[:0]), "paper has 0 rows"),
        (lambda: figures.learning_curves(table(), zoom=0.9), "zoom has shape"),
        (lambda: figures.forest(estimates(), {"level": "x"}), "xlabels has .'level'.; it must"),
        (lambda: figures.forest(estimates()[["short"]], {"level": "x"}), "table has 3 rows"),
        (lambda: figures.functions(X, {}, "x", "y"), "series is empty"),
        (lambda: figures.functions(X, {"a": X[1:]}, "x", "y"), r"series\['a'\] has shape \(19"),
        (lambda: figures.functions(X, {"a": X}, "x", "y", mark=np.nan), "mark holds NaN"),
        (lambda: figures.histogram_with_density([], X, X, "x"), "samples has shape"),
        (lambda: figures.histogram_with_density(X, X, X[1:], "x"), "density has shape"),
        (lambda: figures.selections(Z, LABELS, {}), "chosen is empty"),
        (lambda: figures.selections(Z, LABELS, {"a": [200]}), r"chosen\['a'\] is .* 0 to 199"),
        (lambda: figures.selections(Z, LABELS, {"a": []}), r"chosen\['a'\] has shape"),
        (lambda: figures.film(Z, LABELS, ["a"]), r"frames has shape \(200, 2\)"),
        (lambda: figures.film([Z], LABELS, []), "titles has length 0; it must have 1"),
        (lambda: figures.film([Z], LABELS[1:], ["a"]), "labels has shape"),
        (lambda: figures.picks(PICKED, LABELS, {}, LABELS), "chosen is empty"),
        (lambda: figures.picks(PICKED, LABELS, {"a": [200]}, LABELS), r"chosen.'a'. .* to 199"),
        (lambda: figures.picks(PICKED, LABELS[1:], {"a": [0]}, LABELS), "labels has shape"),
        (lambda: figures.picks(PICKED, LABELS, {"a": [0]}, LABELS - 1), "clusters is int64 from"),
        (lambda: figures.measures(trials(), "who", "seconds"), "table has 36 rows"),
        (lambda: figures.learning_curves(twice()), "summary has several rows for a budget"),
        (lambda: figures.measures(trials(), "space", "strategy"), "table.'strategy'. holds"),
        (lambda: figures.measures(trials() * 0, "budget", "std", log=True), "must be above 0"),
        (lambda: figures.costs(trials() * 0, "budget", "std", "space"), "must be above 0"),
        (lambda: figures.costs(trials(), "who", "std", "space"), "table has 36 rows"),
        (lambda: figures.panels(trials(), "who", "std", "space", "space"), "table has 36 rows"),
        (lambda: figures.panels(trials() * 0, "budget", "std", "space", "space"), "above 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_notebook_shows_a_figure_once():
    cells = [
        "from alvae.book import figures\nfigures.use_style('full')",
        "figures.functions([0, 1], {'a': [0, 1]}, 'x', 'y')",
        "fig = figures.functions([0, 1], {'a': [0, 1]}, 'x', 'y')",
        "fig",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert [len(cell) for cell in outputs] == [0, 1, 0, 1]
    (shown,) = outputs[1]
    assert shown.output_type == "execute_result"
    png = base64.b64decode(shown.data["image/png"])
    width = int.from_bytes(png[16:20], "big")
    assert width == pytest.approx(7 * 150, rel=0.06)  # inches x dpi, less the trimmed margin

"""What the pictures to look into carry: read back from their HTML, as a browser would."""

import base64
import io
import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.pylabtools import print_figure
from matplotlib.colors import to_rgb
from PIL import Image
from torch.nn import functional as F

import alvae
from alvae.book import figures
from alvae.book.figures import style
from alvae.book.figures.style import CLASS_COLORS
from alvae.book.interactive import film, live_decoder, point_cloud, values
from alvae.book.interactive.element import Element
from alvae.book.interactive.sheets import sprite_sheet
from alvae.vae import ConvVAE

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(50, 3)) * [1, 2, 3]
LABELS = np.array([0, 3, 9])[np.arange(50) % 3]
IMAGES = RNG.integers(0, 256, (50, 28, 28), dtype=np.uint8)


def data_of(element):
    """The data in the HTML of an element."""
    found = re.search(
        r'<script type="application/json" id="[\w-]+">(.*?)</script>', element._repr_html_(), re.S
    )
    return json.loads(found[1])


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def tiles(png, columns, tile, n):
    sheet = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    height, width = tile
    return np.array(
        [sheet[i // columns * height :, i % columns * width :][:height, :width] for i in range(n)]
    )


@pytest.mark.parametrize("n", [1, 2, 7, 50])
def test_tile_i_is_image_i(n):
    found = tiles(*sprite_sheet(IMAGES[:n]), n)
    assert (found == found[..., :1]).all()  # gray
    assert np.abs(found[..., 0] - IMAGES[:n].astype(int)).max() <= 8  # half a step of 16 shades


def test_a_tile_in_color_has_all_its_colors():
    images = RNG.integers(0, 256, (7, 10, 12, 3), dtype=np.uint8)
    png, columns, tile = sprite_sheet(images)
    assert tile == (10, 12)
    np.testing.assert_array_equal(tiles(png, columns, tile, 7), images)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_large_images_become_small_tiles(channels):
    images = np.full((2, 100, 50, *channels), 17, np.uint8)
    images[1] = 255
    png, columns, tile = sprite_sheet(images)
    assert tile == (32, 16)
    found = tiles(png, columns, tile, 2)
    assert (found[0] == 17).all()
    assert (found[1] == 255).all()


def cloud(**changes):
    given = {"Z": Z, "labels": LABELS, "images": IMAGES, "chosen": [7, 5], "centers": Z[:4] / 2}
    return point_cloud(**given | changes)


def coordinates(data, name="points"):
    scaled = unpacked(data[name], "<i2").reshape(-1, 3) / 32767
    return np.array(data["middle"]) + data["half"] * scaled


def test_a_cloud_carries_every_point_with_its_class_and_its_image():
    data = data_of(cloud())
    assert data["n"] == 50
    found = coordinates(data)
    of = np.linalg.norm(found[:, None] - Z, axis=2).argmin(axis=1)
    assert of[:2].tolist() == [7, 5]  # the chosen ones come first
    assert data["n_chosen"] == 2
    assert sorted(of) == list(range(50))
    step = data["half"] / 32767
    np.testing.assert_allclose(found, Z[of], atol=step)
    np.testing.assert_allclose(coordinates(data, "centers"), Z[:4] / 2, atol=step)
    classes = np.array(data["classes"])[unpacked(data["labels"], "<u2")]
    assert classes.tolist() == LABELS[of].astype(str).tolist()
    assert data["colors"] == [CLASS_COLORS[k] for k in (0, 3, 9)]
    assert data["axes"] == ["z1", "z2", "z3"]
    png = base64.b64decode(data["sheet"].removeprefix("data:image/png;base64,"))
    found = tiles(png, data["columns"], data["tile"], 50)[..., 0]
    assert np.abs(found - IMAGES[of].astype(int)).max() <= 8


@pytest.mark.parametrize("d", [1, 2])
def test_a_flat_cloud_lies_in_a_plane(d):
    data = data_of(cloud(Z=Z[:, :d], centers=None))
    assert data["dimensions"] == d
    np.testing.assert_allclose(coordinates(data)[:, d:], 0, atol=1e-12)
    assert data["centers"] == ""


def test_of_seven_dimensions_the_largest_three_are_shown():
    wide = np.random.default_rng(1).normal(size=(50, 7)) * [1, 9, 1, 7, 1, 5, 1]
    data = data_of(cloud(Z=wide, centers=wide[:4]))
    shares = np.sort(np.linalg.eigvalsh(np.cov(wide.T)))[::-1]
    found = np.cov(coordinates(data).T)
    np.testing.assert_allclose(found, np.diag(shares[:3]), rtol=0.01, atol=0.01)
    assert [axis[:5] for axis in data["axes"]] == ["PC 1 ", "PC 2 ", "PC 3 "]


def test_of_many_points_a_seeded_part_is_shown_and_all_chosen_ones():
    data = data_of(cloud(max_points=10, chosen=np.arange(4)))
    assert data["n"] == 10
    assert data == data_of(cloud(max_points=10, chosen=np.arange(4)))
    assert data != data_of(cloud(max_points=10, chosen=np.arange(4), random_state=1))
    assert data_of(cloud(max_points=3, chosen=np.arange(4)))["n"] == 4
    assert data_of(cloud(chosen=()))["n_chosen"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": IMAGES[1:]}, "images has 49 images of uint8; it must have 50 of uint8"),
        ({"images": IMAGES / 255}, "images has 50 images of float"),
        ({"chosen": [50]}, "chosen .* from 0 to 49"),
        ({"chosen": [0.5]}, "chosen is float64"),
        ({"centers": np.zeros((2, 2))}, r"centers has shape \(2, 2\)"),
        ({"max_points": 0}, "max_points is 0"),
        ({"Z": Z * np.nan}, "Z holds NaN"),
    ],
)
def test_bad_input_to_a_cloud(changes, message):
    with pytest.raises(ValueError, match=message):
        cloud(**changes)


def a_vae(image_shape, latent_dim):
    """Trained for one step, with statistics of batch normalization that are far from 0 and 1."""
    images = np.random.default_rng(0).uniform(size=(8, *image_shape)).astype(np.float32)
    vae = ConvVAE(latent_dim, epochs=1, device="cpu", random_state=0).fit(images)
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in vae.decoder_.modules():
            if hasattr(layer, "weight"):
                layer.weight.normal_(0, 0.3)
            if getattr(layer, "bias", None) is not None:
                layer.bias.normal_(0, 0.3)
            if hasattr(layer, "running_var"):
                layer.running_mean.normal_(0, 2)
                layer.running_var.uniform_(0.2, 8)
    return vae


def decoded_from(data, Z):
    """Images, by torch, from the weights that the page has."""

    def weights(layer, shape):
        integers = unpacked(layer["weights"], "<i2").reshape(shape)
        bias = torch.tensor(unpacked(layer["bias"], "<f4"))
        return torch.tensor(integers * layer["scale"], dtype=torch.float32), bias

    height, width, channels = data["upsamplings"][0]["from"]
    W, bias = weights(data["dense"], (Z.shape[1], height * width * channels))
    x = (torch.tensor(Z, dtype=torch.float32) @ W + bias).view(-1, height, width, channels)
    x = x.permute(0, 3, 1, 2)
    for layer in data["upsamplings"]:
        (height, width, n_in), (tall, wide, n_out) = layer["from"], layer["to"]
        W, bias = weights(layer, (n_in, 3, 3, n_out))
        rest = (tall - 2 * height + 1, wide - 2 * width + 1)
        x = F.conv_transpose2d(x.relu(), W.permute(0, 3, 1, 2), bias, 2, 1, rest)
    return x.sigmoid().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    ("shape", "d"), [((28, 28), 3), ((9, 14), 1), ((8, 11, 1), 2), ((16, 16, 3), 5)]
)
def test_the_weights_in_the_page_are_those_of_the_decoder(shape, d):
    vae = a_vae(shape, d)
    Z = np.random.default_rng(1).normal(size=(20, d)).astype(np.float32)
    expected = vae.inverse_transform(Z)
    assert expected.std() > 0.05
    found = decoded_from(data_of(live_decoder(vae, Z, np.arange(20) % 2)), Z)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=0.25 / 255)


def test_the_live_decoder_starts_at_the_mean_of_a_class_and_shows_a_part_of_the_codes():
    vae, labels = a_vae((8, 8), 3), LABELS
    data = data_of(live_decoder(vae, Z, labels, max_points=20))
    mean = Z[labels == 0].mean(axis=0)
    np.testing.assert_allclose(data["start"], [*mean[:2], 0], rtol=1e-6)
    found = unpacked(data["points"], "<i2").reshape(-1, 3) / 32767 * data["reach"]
    of = np.abs(found[:, None] - Z).max(axis=2).argmin(axis=1)
    assert len(set(of)) == 20
    inside = np.clip(Z[of], -data["reach"], data["reach"])
    np.testing.assert_allclose(found, inside, atol=data["reach"] / 32767)
    assert (np.abs(Z) <= data["reach"]).mean() > 0.99
    classes = np.array(data["classes"])[unpacked(data["labels"], "<u2")]
    assert classes.tolist() == labels[of].astype(str).tolist()


def test_bad_input_to_a_live_decoder():
    vae = a_vae((8, 8), 2)
    with pytest.raises(ValueError, match="vae has the decoder NoneType; it must be a ConvVAE"):
        live_decoder(ConvVAE(2), Z[:, :2], LABELS)
    with pytest.raises(ValueError, match=r"Z has shape \(50, 3\); it must have shape \(n, 2\)"):
        live_decoder(vae, Z, LABELS)
    with pytest.raises(ValueError, match="max_points is 0"):
        live_decoder(vae, Z[:, :2], LABELS, max_points=0)


def curves():
    """Means and spreads of four curves, which lie apart."""
    rows = [
        (space, strategy, budget, 0.9 + 0.02 * k + 0.0002 * budget, 0.001)
        for k, (space, strategy) in enumerate(
            [("input", "uniform"), ("latent", "uniform"), ("latent", "core-set")]
        )
        for budget in (60, 20, 40)
    ]
    return pd.DataFrame(rows, columns=["space", "strategy", "budget", "mean", "std"])


@pytest.mark.parametrize("stamp", ["full", "smoke"])
@pytest.mark.parametrize("zoom", [None, (0.905, 0.951)])
def test_values_lie_where_the_figure_has_its_points(stamp, zoom, monkeypatch):
    monkeypatch.setattr(figures.style, "_stamp", "smoke" if stamp == "smoke" else "")
    table = curves()
    fig = figures.learning_curves(table, level=0.91, spread=None, zoom=zoom)
    points = data_of(values(fig, table, "budget", "mean", ["space", "strategy"], "std"))["points"]
    assert len(points) == (9 if zoom is None else 18 - 2)
    picture = np.asarray(Image.open(io.BytesIO(print_figure(fig))).convert("RGB")) / 255
    height, width = picture.shape[:2]
    for point in points:
        color = style.SPACES[point["text"][0].split(", ")[0]]["color"]
        x, y = round(point["x"] * width), round(point["y"] * height)
        around = picture[y - 1 : y + 2, x - 1 : x + 2]
        np.testing.assert_allclose(around, np.broadcast_to(to_rgb(color), (3, 3, 3)), atol=0.02)


def test_values_say_what_the_table_has_curve_by_curve():
    table = curves()
    fig = figures.learning_curves(table)
    found = data_of(values(fig, table, "budget", "mean", ["strategy", "space"], "std"))["points"]
    assert [point["curve"] for point in found] == [0] * 3 + [1] * 3 + [2] * 3
    expected = [
        [f"{strategy}, {space}", f"budget {budget}", f"mean {mean:.4f} ± 0.0010"]
        for (space, strategy), line in table.groupby(["space", "strategy"], sort=False)
        for budget, mean in line.sort_values("budget")[["budget", "mean"]].to_numpy().tolist()
    ]
    expected = [[a, b.removesuffix(".0"), c] for a, b, c in expected]
    assert [point["text"] for point in found] == expected
    table.loc[0, "std"] = np.nan
    fig = figures.learning_curves(table)
    found = data_of(values(fig, table, "budget", "mean", ["strategy", "space"], "std"))["points"]
    assert found[2]["text"][-1] == "mean 0.9120"


def test_values_of_a_panel_are_those_of_its_part_of_the_table():
    latent = curves()[3:]
    parts = pd.concat([latent.assign(digits="a"), latent[:3].assign(digits="b")])
    fig = figures.panels(parts, "budget", "mean", "strategy", "digits")
    found = data_of(values(fig, parts, "budget", "mean", ["strategy"], panel="digits"))["points"]
    assert [point["text"][0] for point in found] == ["a"] * 6 + ["b"] * 3
    assert all((point["x"] < 0.5) == (point["text"][0] == "a") for point in found)


def test_bad_input_to_values():
    fig = figures.learning_curves(curves())
    with pytest.raises(ValueError, match="table has 9 rows .* of .*'sem'"):
        values(fig, curves(), "budget", "mean", ["space"], "sem")
    with pytest.raises(ValueError, match="table.'space'. holds"):
        values(fig, curves(), "space", "mean", ["space"])


@pytest.mark.parametrize("d", [1, 2])
def test_a_film_carries_every_point_of_every_frame(d):
    frames = np.random.default_rng(0).normal(size=(4, 50, d))
    data = data_of(film(frames, LABELS, ["a", "b", "c", "d"]))
    found = unpacked(data["frames"], "<i2").reshape(4, 50, 2)[..., :d] / 32767.0
    assert np.abs(found).max() == 1
    # Up to one scale for all, and a shift.
    for k in range(d):
        shift = (found[0, 0] - frames[0, 0] / np.ptp(frames, axis=(0, 1)).max() * 2)[k]
        scaled = frames[..., k] / np.ptp(frames, axis=(0, 1)).max() * 2 + shift
        np.testing.assert_allclose(found[..., k], scaled, atol=1e-4)
    classes = np.array(data["classes"])[unpacked(data["labels"], "<u2")]
    assert classes.tolist() == LABELS.astype(str).tolist()
    assert data["titles"] == ["a", "b", "c", "d"]


def test_no_name_of_a_class_ends_the_script():
    names = ["</script><b>", "&amp;", "<!--", *"abcdefg"]
    element = cloud(class_names=names)
    assert data_of(element)["classes"] == [names[0], names[3 - 0], names[9]]
    assert "<b>" not in element._repr_html_()


def test_an_element_is_the_same_each_time_and_says_what_it_is():
    assert cloud()._repr_html_() == cloud()._repr_html_()
    assert repr(cloud()) == "<The latent space to look into: 50 points of 3 classes>"
    first, second = (Element("cloud", {"a": a}, "x")._repr_html_() for a in (1, 2))
    ids = [re.search(r'id="([\w-]+)"', text)[1] for text in (first, second)]
    assert ids[0] != ids[1]


def test_every_file_beside_the_code_is_in_the_wheel():
    home = Path(alvae.__file__).parent
    settings = tomllib.loads((home.parent / "pyproject.toml").read_text())["tool"]["setuptools"]
    taken = {
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
    }
    others = [p for p in home.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    assert len(others) > 5
    for path in others:
        name = path.relative_to(home.parent).as_posix()
        assert any(fnmatch(name, pattern) for pattern in taken), name

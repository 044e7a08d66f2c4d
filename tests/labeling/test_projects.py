"""What a project asks for, and what it says of it: with codes from elsewhere nothing is trained."""

import csv

import numpy as np
import pytest
from PIL import Image

from alvae.labeling.command import main
from alvae.labeling.labels import COLUMNS, write_table
from alvae.labeling.project import Project

KINDS = "cat", "dog"


@pytest.fixture
def codes(tmp_path):
    """Of forty images in two clusters, and nothing else: their names are their numbers."""
    rng = np.random.default_rng(0)
    path = tmp_path / "codes.npy"
    np.save(path, rng.normal(size=(40, 3)) + 9 * (np.arange(40) % 2)[:, None])
    return path


def begin(codes, budget, *arguments):
    """Choose images by these codes in the folder p, which is returned."""
    out = codes.parent / "p"
    run("select", "--features", codes, "--budget", budget, "--out", out, *arguments)
    return out


def run(*arguments):
    main([str(argument) for argument in arguments])


def fails(*arguments):
    """The one line on which a command says what is wrong."""
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert "\n" not in (said := stopped.value.code)
    return said


def rows_of(path):
    with open(path, newline="") as file:
        return [*csv.DictReader(file)]


def asked(project):
    return [row["file_name"] for row in rows_of(project / "labels.csv")]


def label(path, names):
    write_table(path, COLUMNS, [(name, KINDS[int(name) % 2]) for name in names])


def photos(folder, images):
    """Image files, named by their numbers, and codes of them."""
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    codes = folder.parent / "codes.npy"
    np.save(codes, np.random.default_rng(0).normal(size=(len(images), 3)))
    return codes


def test_beside_codes_from_elsewhere_images_that_look_alike_are_no_copies(tmp_path):
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (8, 12, 12)), 2, axis=0).astype(np.uint8)
    images[1::2, 0, 0] ^= 1  # what tells them apart may be lost on so small an image
    images[2] = 90
    images[4] = 90
    images[4, 5, 5] = 91
    images[15] = images[14]
    codes = photos(tmp_path / "photos", images)
    out = tmp_path / "p"
    np.save(codes, np.repeat(np.load(codes)[::2], 2, axis=0))  # near to each other
    run("select", tmp_path / "photos", "--features", codes, "--budget", 3, "--out", out)
    expected = np.arange(16)
    expected[[2, 15]] = -1, 14
    assert Project(out).firsts.tolist() == expected.tolist()

"""The user of the command whom a page of the book plays."""

import csv
from html import unescape

import numpy as np
import pytest
from PIL import Image

from alvae.book import own_images
from alvae.labeling.folder import read_folder

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (30, 8, 8), dtype=np.uint8)
LABELS = [f"class {k % 3}" for k in range(30)]


@pytest.fixture
def truth(tmp_path):
    return own_images.write_files(tmp_path / "photos", IMAGES, LABELS)


def test_the_files_are_the_images_and_the_truth_is_theirs(truth, tmp_path):
    files = sorted(p for p in (tmp_path / "photos").rglob("*.png") if p.name[0].isdigit())
    assert {p.relative_to(tmp_path / "photos").as_posix() for p in files} == {*truth}
    for path in files:
        i = int(path.stem[:4])
        np.testing.assert_array_equal(np.asarray(Image.open(path)), IMAGES[i])
        assert truth[path.relative_to(tmp_path / "photos").as_posix()] == LABELS[i]
    assert len(files) == len(IMAGES) + own_images.N_COPIES


def test_the_folder_is_untidy(truth, tmp_path):
    found = read_folder(tmp_path / "photos")
    assert {*found.refused} == {"attic/half.png", "notes.txt"}
    assert {*found.names} == {*truth, "attic/blank.png"}
    assert len({name.rpartition("/")[0] for name in truth}) == len(own_images.FOLDERS)


def test_a_command_says_what_it_says_without_the_folder(truth, tmp_path, capsys):
    own_images.run_in(tmp_path, "alvae select photos --budget 100", refused=True)
    said = capsys.readouterr().out
    assert said.startswith("$ alvae select photos --budget 100\n")
    assert "--budget is 100; allowed" in said
    assert str(tmp_path) not in said


def test_a_command_that_does_not_do_its_work_is_no_page(tmp_path):
    with pytest.raises(RuntimeError, match="there is no photos"):
        own_images.run_in(tmp_path, "alvae select photos --budget 5")


@pytest.fixture
def project(tmp_path, capsys):
    """Features of three classes far apart; three images labeled."""
    rng = np.random.default_rng(0)
    codes = np.eye(3)[np.arange(60) % 3] * 50 + rng.normal(size=(60, 3))
    np.save(tmp_path / "codes.npy", codes)
    own_images.run_in(tmp_path, "alvae select --features codes.npy --budget 6 --out project")
    truth = {str(i): "abc"[i % 3] for i in range(60)}
    own_images.fill_in(tmp_path / "project" / "labels.csv", truth)
    own_images.run_in(tmp_path, "alvae predict project")
    assert str(tmp_path) not in capsys.readouterr().out
    return tmp_path / "project", truth, codes


def test_labels_are_filled_in_and_predictions_judged(project):
    folder, truth, _ = project
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(row["label"] == truth[row["file_name"]] for row in rows)
    assert own_images.accuracy(folder, truth) == 1
    labeled = {row["file_name"] for row in rows}
    one = next(name for name in truth if name not in labeled)
    other = truth | {one: "other"} | dict.fromkeys(labeled, "other")  # those do not count
    assert own_images.accuracy(folder, other) == pytest.approx(1 - 1 / 54)


def test_labels_become_numbers_and_what_is_unknown_nan(project):
    folder, truth, given = project
    codes, y = own_images.numbered(folder, truth | {"5": "d"})
    np.testing.assert_array_equal(codes, given)
    np.testing.assert_array_equal(y, [3 if i == 5 else i % 3 for i in range(60)])
    _, y = own_images.numbered(folder, {"0": "b", "1": "a"})
    np.testing.assert_array_equal(y, [1, 0] + [np.nan] * 58)


def test_a_page_within_a_page_is_whole_and_named(tmp_path):
    text = '<p title="a">1 &amp; 2 < 3</p>'
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    frame = own_images.as_frame(tmp_path / "page.html", 'Of "me"').data
    start, _, rest = frame.partition('srcdoc="')
    assert unescape(rest.partition('"')[0]) == text
    assert 'title="Of &quot;me&quot;"' in start

"""What a project asks for, and what it says of it: with codes from elsewhere nothing is trained."""

import csv
import json
import re
import sys
import unicodedata

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


def test_where_labels_fill_the_budget_nothing_is_asked_for(codes, tmp_path, capsys):
    label(tmp_path / "mine.csv", map(str, range(8)))
    out = begin(codes, 6, "--labels", tmp_path / "mine.csv")
    said = capsys.readouterr().out
    assert "labels.csv has 8 images already, and the budget is 6: no more are asked for" in said
    assert asked(out) == [*map(str, range(8))]
    run("predict", out)
    assert len(rows_of(out / "predictions.csv")) == 40
    begin(codes, 6, "--labels", tmp_path / "mine.csv")
    assert len(asked(out)) == 8
    run("select", out, "--more", 3)
    assert len(asked(out)) == 11


def test_as_many_as_there_are_are_chosen_where_the_budget_is_larger(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (12, 12, 12)).astype(np.uint8)
    images[3:6], images[9] = images[2], 70
    codes = photos(tmp_path / "photos", images)
    out = tmp_path / "p"
    for _ in range(2):  # the second time these are shown again
        run("select", tmp_path / "photos", "--features", codes, "--budget", 10, "--out", out)
        assert len(set(asked(out))) == 8
    assert "only 8 images are left and neither blank nor a copy, and 10" in capsys.readouterr().out
    rows = [(name, KINDS[i % 2]) for i, name in enumerate(asked(out))]
    write_table(out / "labels.csv", COLUMNS, rows)
    assert "from 1 to 0, those that are left" in fails("select", out, "--more", 1)


def test_where_all_that_count_have_labels_nothing_is_asked_for(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (6, 12, 12)).astype(np.uint8)
    images[4:] = images[3]
    codes = photos(tmp_path / "photos", images)
    mine = tmp_path / "mine.csv"
    write_table(mine, COLUMNS, [(f"{i:02}.png", KINDS[i % 2]) for i in range(4)])
    settings = ("--features", codes, "--budget", 5, "--labels", mine, "--out", tmp_path / "p")
    run("select", tmp_path / "photos", *settings)
    assert "only 0 images are left and neither blank nor a copy" in capsys.readouterr().out
    run("predict", tmp_path / "p")
    assert len(asked(tmp_path / "p")) == 4


@pytest.mark.parametrize("n_left", [5, 0])
def test_after_rows_were_deleted_no_other_images_are_asked_for(n_left, codes):
    out = begin(codes, 8)
    first = asked(out)
    label(out / "labels.csv", first[:n_left])
    begin(codes, 8)
    run("select", out)
    assert asked(out) == first[: n_left or 8]


def test_a_choice_that_was_interrupted_while_it_was_written_is_the_same(codes, monkeypatch):
    label(mine := codes.parent / "mine.csv", ["0", "1"])
    with monkeypatch.context() as context:
        context.setattr(Project, "ask", lambda *_: None)  # killed before it
        out = begin(codes, 8, "--labels", mine)
    assert len(asked(out)) == 2
    with monkeypatch.context() as context:
        add = Project.add_labels
        context.setattr(
            Project, "add_labels", lambda p, of: add(p, {k: v for k, v in of.items() if v})
        )
        run("select", out)
    assert len(asked(out)) == 2
    run("select", out)
    first = asked(out)
    assert len(set(first)) == 8
    assert Project(out).asked == first[2:]


def test_a_table_that_was_deleted_is_written_again(codes):
    out = begin(codes, 8)
    first = asked(out)
    (out / "labels.csv").unlink()
    run("select", out)
    assert asked(out) == first


def test_in_a_project_of_an_earlier_version_what_was_asked_for_is_not_known(codes, capsys):
    out = begin(codes, 8)
    about = json.loads((out / "project.json").read_text())
    assert about.pop("asked") == asked(out)
    (out / "project.json").write_text(json.dumps(about))
    label(out / "labels.csv", asked(out))
    run("select", out)
    assert len(asked(out)) == 8
    run("select", out, "--more", 2)
    assert len(asked(out)) == 10
    assert "asked" not in json.loads((out / "project.json").read_text())
    (out / "project.json").write_text(json.dumps(about | {"asked": 3}))
    assert "its asked is missing, or of another kind" in fails("predict", out)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere both are one name")
def test_images_that_were_moved_may_have_names_in_another_form(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (6, 12, 12)).astype(np.uint8)
    photos(tmp_path / "photos", images)
    names = [f"\u00e9{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        (tmp_path / "photos" / f"{i:02}.png").rename(tmp_path / "photos" / name)
    decomposed = [unicodedata.normalize("NFD", name) for name in names]
    codes = tmp_path / "codes.npz"
    np.savez(codes, names=decomposed, codes=np.eye(6))
    command = ["select", tmp_path / "photos", "--features", codes, "--budget", 3]
    command += ["--out", tmp_path / "p"]
    run(*command)
    (tmp_path / "moved").mkdir()
    for name, other in zip(names, decomposed, strict=True):
        (tmp_path / "photos" / name).rename(tmp_path / "moved" / other)
    capsys.readouterr()
    run("select", tmp_path / "p", "--images", tmp_path / "moved")
    said = capsys.readouterr().out
    assert "lacks" not in said
    assert "any more" not in said
    command[1] = tmp_path / "moved"
    run(*command)
    assert "new since" not in capsys.readouterr().out


def test_a_dot_in_the_name_of_a_folder_begins_no_ending(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (6, 12, 12)).astype(np.uint8)
    for plate in ("plate.1", "plate.2"):
        codes = photos(tmp_path / plate, images)
        run("select", plate, "--features", codes, "--budget", 3)
        assert Project.is_at(f"{plate}-alvae")
    run("select", "--features", codes, "--budget", 3)
    assert Project.is_at("codes-alvae")


def test_labels_mostly_of_other_images_are_refused_and_the_right_ones_taken(codes, tmp_path):
    out = begin(codes, 4)
    before = (out / "labels.csv").read_bytes()
    rows = [("1", "wrong"), ("2", "wrong"), *((f"x/{i}.png", "cat") for i in range(3))]
    write_table(tmp_path / "wrong.csv", COLUMNS, rows)
    for command in ("predict", "select"):
        said = fails(command, out, "--labels", tmp_path / "wrong.csv")
        assert "wrong.csv has 5 labels, and only 2 of images here" in said
        assert (out / "labels.csv").read_bytes() == before
    label(tmp_path / "right.csv", map(str, range(8)))
    run("predict", out, "--labels", tmp_path / "right.csv")
    assert {row["label"] for row in rows_of(out / "labels.csv")} == {*KINDS, ""}


def test_the_first_copies_are_named(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (12, 12, 12)).astype(np.uint8)
    images[6], images[8] = images[2], 0
    codes = photos(tmp_path / "photos", images)
    command = ["select", tmp_path / "photos", "--features", codes, "--budget", 3, "--out"]
    run(*command, tmp_path / "p")
    said = "not to be labeled: 1 copy (06.png is a copy of 02.png) and 1 blank image\n"
    assert said in capsys.readouterr().out
    images[9:] = images[0], images[1], images[1]
    photos(tmp_path / "more", images)
    command[1] = tmp_path / "more"
    run(*command, tmp_path / "q")
    some = "06.png is a copy of 02.png, 09.png of 00.png, 10.png of 01.png, ..."
    assert f"4 copies ({some}) and 1 blank image" in capsys.readouterr().out


def test_classes_are_counted_in_the_report_as_in_the_table(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 12)).astype(np.uint8)
    images[10:15], images[18:] = images[4], 7
    codes = photos(tmp_path / "photos", images)
    out = tmp_path / "p"
    run("select", tmp_path / "photos", "--features", codes, "--budget", 4, "--out", out)
    rows = [(f"{i:02}.png", label) for i, label in ((0, "cat"), (4, "dog"), (11, "dog"))]
    write_table(out / "labels.csv", COLUMNS, [*rows, ("18.png", "empty")])
    run("predict", out)
    table = rows_of(out / "predictions.csv")
    report = (out / "report.html").read_text()
    found = re.findall(r"</svg>(\w+)</th><td>(\d+)</td><td>(\d+)</td><td>([\d.]+)%</td>", report)
    assert [name for name, *_ in found] == ["cat", "dog", "empty"]
    for name, n_labels, n_images, share in found:
        of_class = [row for row in table if row["label"] == name]
        assert int(n_images) == len(of_class)
        assert int(n_labels) == sum(row["from"] == "labeled" for row in of_class)
        assert float(share) == round(100 * len(of_class) / 19, 1)
    assert "<p>1 blank image has no label.</p>" in report
    assert "<p>4 labels," in report


@pytest.mark.parametrize(("n_others", "is_told"), [(2, True), (3, False)])
def test_no_accuracy_is_told_from_labels_of_images_that_were_not_asked_for(
    n_others, is_told, codes, capsys
):
    out = begin(codes, 8)
    first = asked(out)
    others = [name for name in map(str, range(40)) if name not in first][:n_others]
    write_table(out / "labels.csv", COLUMNS, [(n, KINDS[int(n) % 2]) for n in first + others])
    run("predict", out)
    shown, report = capsys.readouterr().out, (out / "report.html").read_text()
    run("select", out, "--more", 2)
    cannot = "o accuracy can be told: 3 of 11 labels are of images that select did not choose"
    for said in (shown, report, capsys.readouterr().out):
        assert ("should be right" in said) == ("may add up to" in said) == is_told
        assert (cannot in said) != is_told
    assert ("The estimate comes from" in report) == is_told
    label(out / "labels.csv", [*asked(out)])  # of 13, three are of others still
    run("predict", out)
    assert ("should be right" in capsys.readouterr().out) == is_told


def test_where_it_is_not_known_which_were_asked_for_the_accuracy_is_told(codes, capsys):
    out = begin(codes, 4)
    about = json.loads((out / "project.json").read_text())
    del about["asked"]
    (out / "project.json").write_text(json.dumps(about))
    label(out / "labels.csv", map(str, range(20)))
    run("predict", out)
    assert "should be right" in capsys.readouterr().out

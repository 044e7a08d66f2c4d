"""The command, from image files to predictions, as its user types it."""

import csv
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from contextlib import suppress
from time import perf_counter

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

import alvae
from alvae import ConvVAE, PoissonMBO, expected_accuracy, load_pool, select
from alvae.__main__ import main as as_typed
from alvae.book.own_images import numbered
from alvae.labeling.command import main
from alvae.labeling.folder import MARK, list_files, read_folder
from alvae.labeling.labels import COLUMNS, as_cell, read_labels, write_table
from alvae.labeling.project import Project
from alvae.labeling.wording import left_out
from alvae.spaces import fit_stored

CLASSES = "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"


@pytest.fixture(scope="module")
def pool():
    return load_pool(classes=[0, 1, 7])


@pytest.fixture(scope="module")
def truth(pool):
    names = [f"{'ab'[i % 2]}/{i:03}.png" for i in range(150)]
    return {name: CLASSES[label] for name, label in zip(names, pool.labels, strict=False)}


@pytest.fixture(scope="module")
def images(pool, truth, tmp_path_factory):
    """A folder of 150 digits, with a copy, a blank image, a broken one, and a note."""
    folder = tmp_path_factory.mktemp("images")
    for name, image in zip(truth, pool.images, strict=False):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / name)
    shutil.copy(folder / "a/000.png", folder / "b/copy.png")
    Image.new("L", (28, 28), 9).save(folder / "b/blank.png")
    (folder / "broken.png").write_bytes((folder / "a/000.png").read_bytes()[:99])
    (folder / "notes.txt").write_text("of mine")
    return folder


@pytest.fixture(scope="module")
def begun(images, tmp_path_factory):
    """A project in which images were chosen."""
    folder = tmp_path_factory.mktemp("begun") / "project"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 2)
        main(["select", str(images), "--budget", "9", "--out", str(folder)])
    return folder


@pytest.fixture
def project(begun, tmp_path):
    """The same, moved to another place."""
    return shutil.copytree(begun, tmp_path / "project")


@pytest.fixture
def labeled(project, truth):
    label(project, truth)
    return project


def asked(project):
    with open(project / "labels.csv", newline="") as file:
        return [row["file_name"] for row in csv.DictReader(file)]


def label(project, truth):
    write_labels(project / "labels.csv", [(name, truth.get(name, "?")) for name in asked(project)])


def write_labels(path, rows):
    write_table(path, COLUMNS, [(as_cell(name), label) for name, label in rows])


def fails(capsys, *arguments):
    """The one line on which a command says what is wrong."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    said = stopped.value.code
    assert isinstance(said, str)
    assert "\n" not in said
    return said


def predictions(path):
    with open(path, newline="") as file:
        return {row["file_name"]: row for row in csv.DictReader(file)}


def test_images_are_chosen_and_what_was_found_is_told(images, begun, truth):
    names = asked(begun)
    assert len(set(names)) == 9
    assert set(names) <= {*truth, "b/copy.png"}
    assert {"label.html", "labels.csv", "codes.npy", "vae.pt"} <= {p.name for p in begun.iterdir()}
    about = json.loads((begun / "project.json").read_text())
    assert set(about["refused"]) == {"broken.png", "notes.txt"}
    firsts = Project(begun).firsts
    at = {name: i for i, name in enumerate(Project(begun).names)}
    assert firsts[at["b/blank.png"]] == -1
    assert firsts[at["b/copy.png"]] == at["a/000.png"]


def test_a_second_time_nothing_is_trained_or_chosen_again(images, project, monkeypatch, capsys):
    before = {p.name: p.read_bytes() for p in project.iterdir() if p.is_file()}
    monkeypatch.setattr("alvae.spaces.fit_stored", None)
    main(["select", str(images), "--budget", "9", "--out", str(project)])
    assert "label.html" in capsys.readouterr().out
    for name, content in before.items():
        assert name == "label.html" or (project / name).read_bytes() == content


def test_all_images_are_labeled_and_labels_stay_what_they_are(labeled, truth, capsys):
    main(["predict", str(labeled), "--write", "folders", "--write", "label-studio"])
    rows = predictions(labeled / "predictions.csv")
    assert set(rows) == {*truth, "b/copy.png", "b/blank.png"}
    assert rows["b/blank.png"]["label"] == ""
    assert rows["b/copy.png"]["label"] == rows["a/000.png"]["label"]
    for name in asked(labeled):
        assert rows[name]["label"] == truth[name]
        assert rows[name]["from"] == "labeled"
    right = np.mean([rows[name]["label"] == truth[name] for name in truth])
    assert right > 0.6  # from 9 labels, with a VAE of two epochs
    assert "9 labels" in (labeled / "report.html").read_text()
    assert len(json.loads((labeled / "label-studio.json").read_text())) == len(rows)
    linked = read_labels(labeled / "predictions", [*rows]).of
    assert linked == {name: row["label"] for name, row in rows.items() if row["label"]}


def test_new_images_are_labeled_as_python_labels_them(labeled, pool, tmp_path, capsys):
    (tmp_path / "later").mkdir()
    for i, image in enumerate(pool.test_images[:30]):
        Image.fromarray(image).save(tmp_path / "later" / f"{i:02}.png")
    Image.new("RGB", (40, 50), (9, 90, 9)).save(tmp_path / "later" / "blank.png")
    (tmp_path / "later" / "broken.png").write_bytes(b"no image")
    main(["predict", str(labeled), "--new", str(tmp_path / "later")])
    said = capsys.readouterr().out
    assert "left out: broken.png" in said
    assert "labels for 30 new images written to" in said
    rows = predictions(labeled / "predictions-later.csv")
    blank = rows.pop("blank.png")
    assert (blank["label"], blank["confidence"], blank["from"]) == ("", "", "blank")
    assert [*rows] == [f"{i:02}.png" for i in range(30)]
    codes, y = numbered(labeled, labels := read_labels(labeled / "labels.csv", asked(labeled)).of)
    new = ConvVAE.load(labeled / "vae.pt").transform(pool.test_images[:30])
    expected = PoissonMBO().fit(codes, y).predict(new).astype(int)
    classes = sorted(set(labels.values()))
    assert [row["label"] for row in rows.values()] == [classes[k] for k in expected]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows.values())


def test_the_pool_itself_as_new_images_has_the_codes_that_it_has(images, labeled):
    shape = Project(labeled).images.shape[1:]
    read = read_folder(images, like=shape)
    assert read.names == Project(labeled).names
    np.testing.assert_array_equal(read.images, Project(labeled).images)


def test_several_new_folders_have_a_table_each(labeled, pool, tmp_path, capsys):
    for name in ("new.1", "new.2", "x/new.1"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(pool.test_images[0]).save(tmp_path / name / "a.png")
    main(["predict", str(labeled)] + [f"--new={tmp_path / name}" for name in ("new.1", "new.2")])
    for name in ("new.1", "new.2"):
        assert [*predictions(labeled / f"predictions-{name}.csv")] == ["a.png"]
    capsys.readouterr()
    main(["predict", str(labeled), "--new", str(tmp_path / "x/new.1")])
    assert "in place of an earlier table" in capsys.readouterr().out
    same = [f"--new={tmp_path / name}" for name in ("new.1", "x/new.1")]
    assert "two of --new would write predictions-new.1.csv" in fails(
        capsys, "predict", labeled, *same
    )


def test_new_images_unlike_those_of_the_pool_are_told(labeled, pool, tmp_path, capsys):
    np.save(tmp_path / "like.npy", pool.test_images[:40])
    np.save(tmp_path / "unlike.npy", 255 - pool.test_images[:40])
    main(["predict", str(labeled), "--new", str(tmp_path / "like.npy")])
    assert (
        "they are as near to images of the pool as those are to each other"
        in capsys.readouterr().out
    )
    main(["predict", str(labeled), "--new", str(tmp_path / "unlike.npy")])
    assert "unlike any image of the pool, and their labels are guesses" in capsys.readouterr().out


@pytest.mark.parametrize("kept", ["images.npy", "labels.csv", ".hidden"])
def test_a_folder_with_other_files_stays_as_it_is(kept, pool, tmp_path, capsys):
    np.save(tmp_path / "images.npy", pool.images[:20])
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(tmp_path / "images.npy", folder / kept)
    before = (folder / kept).read_bytes()
    said = fails(capsys, "select", tmp_path / "images.npy", "--budget", 3, "--out", folder)
    assert "is no project, and not empty" in said
    assert [path.name for path in folder.iterdir()] == [kept]
    assert (folder / kept).read_bytes() == before


def test_arrays_in_the_order_of_fortran_are_taken(pool, tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(pool.images[:40]))
    out = tmp_path / "p"
    main(["select", str(tmp_path / "x.npy"), "--budget", "3", "--out", str(out)])
    np.testing.assert_array_equal(Project(out).images, pool.images[:40])
    assert len(asked(out)) == 3


def test_new_images_that_are_in_the_pool_have_the_labels_that_they_have_there(
    labeled, images, pool, tmp_path, capsys
):
    (tmp_path / "later").mkdir()
    for i, name in enumerate(Project(labeled).names):
        shutil.copy(images / name, tmp_path / "later" / f"{i:03}.png")
    Image.fromarray(pool.test_images[0]).save(tmp_path / "later" / "new.png")
    labels = read_labels(labeled / "labels.csv", asked(labeled)).of
    wrong = labels | {asked(labeled)[0]: "no digit"}  # and no neighbor would say so
    write_labels(labeled / "labels.csv", wrong.items())
    main(["predict", str(labeled), "--new", str(tmp_path / "later")])
    n = len(Project(labeled).names)
    assert f"{n} of them are in the pool, too" in capsys.readouterr().out
    known, new = (predictions(labeled / f"predictions{of}.csv") for of in ("", "-later"))
    assert new.pop("new.png")["from"] == "predicted"
    there, here = ([row["label"] for row in rows.values()] for rows in (known, new))
    assert there == here
    assert "no digit" in here


@pytest.mark.parametrize("fault", ["gone", "text", "another"])
def test_a_vae_that_is_not_that_of_the_codes_is_told(fault, labeled, pool, tmp_path, capsys):
    path = labeled / "vae.pt"
    if fault == "another":
        ConvVAE(latent_dim=16, epochs=1, random_state=5).fit(pool.images[:64]).save(path)
    else:
        path.unlink()
        if fault == "text":
            path.write_text("no VAE")
    np.save(tmp_path / "later.npy", pool.test_images[:9])
    said = fails(capsys, "predict", labeled, "--new", tmp_path / "later.npy")
    assert "vae.pt is not the VAE of" in said
    assert not [*labeled.glob("predictions*")]


def test_what_is_refused_leaves_labels_and_predictions_as_they_are(
    labeled, images, tmp_path, capsys
):
    (tmp_path / "empty").mkdir()
    write_labels(tmp_path / "more.csv", [("a/000.png", "seven")])
    before = (labeled / "labels.csv").read_bytes()
    new = ["--new", tmp_path / "empty", "--labels", tmp_path / "more.csv"]
    assert "has no image that can be read" in fails(capsys, "predict", labeled, *new)
    assert (labeled / "labels.csv").read_bytes() == before
    for _ in range(2):  # links of an earlier time give way
        main(["predict", str(labeled), "--write", "folders"])
    before = (labeled / "predictions.csv").stat().st_mtime_ns
    (labeled / "predictions" / "notes.txt").write_text("mine")
    said = fails(capsys, "predict", labeled, "--write", "folders")
    assert "has something besides links; move or remove it first" in said
    assert (labeled / "predictions" / "notes.txt").read_text() == "mine"
    assert (labeled / "predictions.csv").stat().st_mtime_ns == before


def test_new_images_that_do_not_fit_are_refused_before_anything_is_written(
    labeled, tmp_path, capsys
):
    np.save(tmp_path / "small.npy", np.zeros((5, 9, 9), np.uint8))
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(40, 3)))
    np.save(tmp_path / "wide.npy", np.eye(4))
    (tmp_path / "empty").mkdir()
    for new, reason in (
        ("small.npy", "has images of shape (9, 9), and the project of (28, 28)"),
        ("nowhere", "there is no"),
        ("empty", "has no image that can be read"),
    ):
        assert reason in fails(capsys, "predict", labeled, "--new", tmp_path / new)
    of_features = tmp_path / "p"
    main(
        ["select", "--features", str(tmp_path / "codes.npy"), "--budget", "4"]
        + ["--out", str(of_features)]
    )
    label(of_features, {str(i): "ab"[i % 2] for i in range(40)})
    said = fails(capsys, "predict", of_features, "--new", tmp_path / "wide.npy")
    assert "has 4 columns, and the features of the project 3" in said
    assert not [*labeled.glob("predictions*"), *of_features.glob("predictions*")]
    main(["predict", str(of_features), "--new", str(tmp_path / "codes.npy")])
    known, new = (predictions(of_features / f"predictions{of}.csv") for of in ("", "-codes"))
    assert new == known


def told(said):
    """Accuracy, low and high in percent, and points to gain, as they are printed."""
    shares = re.search(r"(?i)about (\d+)% of the labels .* from (\d+)% to (\d+)%", said).groups()
    (gain,) = re.search(r"more labels may add up to ([\d.]+) points", said).groups()
    return [*map(int, shares), float(gain)]


def test_the_accuracy_to_expect_is_told(labeled, capsys):
    main(["predict", str(labeled)])
    said = capsys.readouterr().out
    project = Project(labeled)
    index = np.flatnonzero(project.firsts == np.arange(len(project.names)))
    known = read_labels(labeled / "labels.csv", project.names).of
    classes = sorted(set(known.values()))
    labels = [known.get(project.names[i]) for i in index]
    y = np.array([classes.index(label) if label else np.nan for label in labels])
    X = project.codes[index]
    expected = expected_accuracy(PoissonMBO().fit(X, y), X, y)
    accuracy, low, high, gain = told(said)
    assert [accuracy, low, high] == [round(100 * share) for share in expected[:3]]
    assert gain == round(100 * expected.gain, 1)
    assert "this was learned from printed letters and signs" in said
    assert "a summary with examples is in" in said
    report = (labeled / "report.html").read_text()
    assert told(report) == [accuracy, low, high, gain]
    assert "No labels were set aside for a test." in report
    main(["select", str(labeled), "--more", "20"])
    assert told(capsys.readouterr().out) == [accuracy, low, high, gain]


def test_it_is_told_when_more_labels_hardly_pay(tmp_path, capsys):
    """Clusters far from each other, which two labels each tell apart."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "codes.npy", rng.normal(size=(200, 3)) + 50 * (np.arange(200) % 2)[:, None])
    out = tmp_path / "p"
    features = str(tmp_path / "codes.npy")
    main(["select", "--features", features, "--budget", "8", "--out", str(out)])
    label(out, {str(i): CLASSES[i % 2] for i in range(200)})
    main(["predict", str(out)])
    assert "labeling more hardly pays any longer" in capsys.readouterr().out
    label(out, {str(i): CLASSES[rng.integers(2)] for i in range(200)})
    main(["predict", str(out)])
    assert "hardly pays" not in capsys.readouterr().out


def test_where_all_images_are_labeled_nothing_is_expected(tmp_path, capsys):
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(8, 3)))
    out = tmp_path / "p"
    features = str(tmp_path / "codes.npy")
    main(["select", "--features", features, "--budget", "8", "--out", str(out)])
    label(out, {str(i): CLASSES[i % 2] for i in range(8)})
    main(["predict", str(out)])
    assert "should be right" not in capsys.readouterr().out
    assert "What accuracy to expect" not in (out / "report.html").read_text()


def test_more_images_are_others_and_labels_are_kept(labeled, truth):
    before = asked(labeled)
    main(["select", str(labeled), "--more", "5"])
    assert asked(labeled)[:9] == before
    assert len(set(asked(labeled))) == 14
    known = read_labels(labeled / "labels.csv", Project(labeled).names).of
    assert known == {name: truth[name] for name in before}


def test_the_page_has_what_was_labeled_before_too(labeled, truth):
    """So that a labels.csv that is downloaded from it can take the place of the old one."""
    main(["select", str(labeled), "--more", "3"])
    page = (labeled / "label.html").read_text()
    for name in asked(labeled):
        assert page.count(json.dumps(name)) >= 2  # as a name, and as a cell
    assert page.count('"label": ""') == 3


def test_images_that_were_moved_or_replaced(labeled, images, tmp_path, capsys):
    moved = shutil.copytree(images, tmp_path / "moved")
    first = asked(labeled)[0]
    Image.new("L", (28, 28), 200).save(moved / first)
    main(["select", str(labeled), "--images", str(moved)])
    assert "1 image not in" in capsys.readouterr().out
    (moved / first).unlink()
    main(["select", str(labeled), "--images", str(moved)])
    assert f"lacks 1 of the images, such as {first}" in capsys.readouterr().out
    shutil.rmtree(moved / "a")
    shutil.rmtree(moved / "b")
    said = fails(capsys, "select", labeled, "--images", moved)
    assert f"{moved} lacks 152 of the images, such as a/000.png" in said


def test_a_folder_that_is_gone_is_told(labeled, images, capsys):
    about = json.loads((labeled / "project.json").read_text())
    about["source"] += "-gone"
    (labeled / "project.json").write_text(json.dumps(about))
    main(["select", str(labeled)])
    assert f"9 images not in {about['source']} any more" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode")
def test_a_project_in_a_folder_whose_name_is_no_text(labeled, tmp_path):
    odd = shutil.copytree(labeled, tmp_path / "odd\udcff")
    main(["select", str(odd)])
    main(["predict", str(odd)])
    assert "<title>odd?:" in (odd / "report.html").read_text()


def test_neighbors_are_neither_blank_nor_copies(project, images, monkeypatch):
    pages = []
    monkeypatch.setattr("alvae.labeling.steps.write_label_page", lambda *page: pages.append(page))
    codes = Project(project).codes.copy()
    firsts = Project(project).firsts
    codes[firsts != np.arange(len(codes))] = codes.mean(axis=0)  # near to all
    np.save(project / "codes.npy", codes)
    main(["select", str(project)])
    ((_, _, chosen, near, *_),) = pages
    assert all(len({*row} - {i}) == 8 for i, row in zip(chosen, near, strict=True))
    assert all(firsts[j] == j for row in near for j in row)


def test_an_interrupted_choice_is_made_again(labeled, monkeypatch, capsys):
    before = asked(labeled)

    def interrupted(self, labels):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Project, "add_labels", interrupted)
        monkeypatch.setattr(sys, "argv", ["alvae", "select", str(labeled), "--more", "4"])
        with pytest.raises(SystemExit, match="130"):
            as_typed()
    assert "the same command goes on from here" in capsys.readouterr().err
    assert asked(labeled) == before
    main(["select", str(labeled), "--more", "4"])
    assert len(asked(labeled)) == len(before) + 4


def test_an_interrupted_beginning_goes_on_by_either_name(images, tmp_path, monkeypatch, capsys):
    begin = ["select", str(images), "--budget", "7", "--out", str(tmp_path / "p")]
    with monkeypatch.context() as context:
        context.setattr("alvae.labeling.steps.encode", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            main(begin)
    assert "has not chosen its first 7 images yet" in fails(
        capsys, "select", tmp_path / "p", "--more", 4
    )
    assert "has no images chosen yet; alvae select" in fails(capsys, "predict", tmp_path / "p")
    main(["select", str(tmp_path / "p")])
    first = asked(tmp_path / "p")
    assert len(first) == 7
    main(begin)
    assert asked(tmp_path / "p") == first


def _interrupted(project):
    raise KeyboardInterrupt


def test_the_same_images_are_not_paid_for_twice(labeled, truth, capsys):
    main(["select", str(labeled), "--more", "4"])
    before = asked(labeled)
    said = fails(capsys, "select", labeled, "--more", 4)
    assert "has 4 images without a label; label these first, or delete their rows" in said
    assert asked(labeled) == before
    main(["select", str(labeled), "--more", "5"])  # not the same command
    assert len(asked(labeled)) == len(before) + 5


def test_predictions_are_not_taken_for_labels(labeled, capsys):
    main(["predict", str(labeled)])
    before = (labeled / "labels.csv").read_bytes()
    main(["predict", str(labeled), "--labels", str(labeled / "predictions.csv")])
    assert "labels are predictions, and not taken" in capsys.readouterr().out
    assert (labeled / "labels.csv").read_bytes() == before


def test_labels_of_other_images_are_refused(labeled, tmp_path, capsys):
    write_labels(tmp_path / "other.csv", [(f"other/{i}.png", "cat") for i in range(50)])
    said = fails(capsys, "predict", labeled, "--labels", tmp_path / "other.csv")
    assert "has no label of an image of" in said


def test_a_class_with_one_label_may_be_misspelled(labeled, capsys):
    # Which images are chosen is another matter on another processor: so these are no true labels.
    first, *others = asked(labeled)
    rows = [(name, ("zero", "two")[i % 2]) for i, name in enumerate(others)]
    write_labels(labeled / "labels.csv", [(first, "tow"), *rows])
    main(["predict", str(labeled)])
    assert "with one label only: 'tow'; a misspelled one?" in capsys.readouterr().out


def test_projects_in_the_folder_are_not_read(images, tmp_path):
    shutil.copytree(images, tmp_path / "photos")
    n = len(list_files(tmp_path / "photos")[0])
    (tmp_path / "photos" / "old").mkdir()
    (tmp_path / "photos" / "old" / MARK).touch()
    shutil.copy(next((tmp_path / "photos").rglob("*.png")), tmp_path / "photos" / "old" / "one.png")
    names, refused = list_files(tmp_path / "photos")
    assert len(names) == n
    assert refused["old"] == "a project of alvae, not read"


def test_an_interruption_while_it_loads_is_no_traceback(monkeypatch, capsys):
    class Interrupted:
        @staticmethod
        def find_spec(name, *_):
            if name == "alvae.labeling.command":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "alvae.labeling.command")
    monkeypatch.setattr(sys, "meta_path", [Interrupted, *sys.meta_path])
    with pytest.raises(SystemExit, match="130"):
        as_typed()
    assert capsys.readouterr().err == "\nalvae: interrupted; the same command goes on from here\n"


def test_labels_from_before_count_in_a_new_project(pool, tmp_path, truth):
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(30, 3)))
    (tmp_path / "mine.csv").write_text("file_name,label\n4,cat\n5,dog\n")
    out = tmp_path / "p"
    main(
        ["select", "--features", str(tmp_path / "codes.npy"), "--budget", "6", "--out", str(out)]
        + ["--labels", str(tmp_path / "mine.csv")]
    )
    assert asked(out)[:2] == ["4", "5"]
    assert len(set(asked(out))) == 6


@pytest.mark.parametrize("n", [3, 5, 8])
def test_very_small_pools(n, pool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 1)
    np.save(tmp_path / "few.npy", pool.images[:n])
    out = str(tmp_path / "p")
    main(["select", str(tmp_path / "few.npy"), "--budget", "2", "--out", out])
    label(tmp_path / "p", {name: f"kind {i}" for i, name in enumerate(asked(tmp_path / "p"))})
    main(["predict", out])
    assert f"{n - 2:,} more label{'s' * (n > 3)} may add up" in capsys.readouterr().out
    assert (tmp_path / "p" / "report.html").exists()


def test_a_pool_with_nothing_on_it_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("alvae.labeling.codes.recommended_vae", None)  # before a VAE is trained
    np.save(tmp_path / "none.npy", np.zeros((20, 8, 8), np.uint8))
    said = fails(capsys, "select", tmp_path / "none.npy", "--budget", 2, "--out", tmp_path / "p")
    assert "has 0 images neither blank nor a copy" in said


def test_a_class_that_only_blank_images_have_is_none(labeled, truth, capsys):
    first, *others = asked(labeled)
    rows = [("b/blank.png", "empty"), (first, "a"), *((name, "?") for name in others)]
    write_labels(labeled / "labels.csv", rows)
    assert "has 1 class of images that count" in fails(capsys, "predict", labeled)


def test_what_an_interrupted_beginning_left_is_not_trusted(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 1)
    features = tmp_path / "features.npy"
    np.save(features, np.zeros((152, 2)) + np.arange(152)[:, None])
    out = tmp_path / "p"
    arguments = ["select", images, "--budget", "3", "--out", out]
    with monkeypatch.context() as context:
        context.setattr("alvae.labeling.project.write_table", None)
        with pytest.raises(TypeError):
            main([str(one) for one in (*arguments, "--features", features)])
    assert (out / "codes.npy").exists()
    main([str(one) for one in arguments])
    assert Project(out).codes.shape == (152, 16)


def test_unclear_images_are_not_asked_for_again_and_count_for_nothing(project, truth):
    names = asked(project)
    rows = [(name, "?" if i % 2 else truth[name]) for i, name in enumerate(names)]
    write_labels(project / "labels.csv", rows)
    main(["select", str(project), "--more", "3"])
    assert len(set(asked(project))) == 12
    main(["predict", str(project)])
    rows = predictions(project / "predictions.csv")
    assert {rows[name]["from"] for name in names[1::2]} == {"predicted"}
    assert "?" not in {row["label"] for row in rows.values()}


def test_features_give_the_picks_of_python(pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    features = np.random.default_rng(0).normal(size=(60, 784))[:, :4] + pool.labels[:60, None]
    np.save("codes.npy", features)
    main(["select", "--features", "codes.npy", "--budget", "7"])
    chosen = select(features, 7)
    assert asked(tmp_path / "codes-alvae") == [str(i) for i in chosen.indices]
    labels = {str(i): CLASSES[label] for i, label in enumerate(pool.labels[:60])}
    label(tmp_path / "codes-alvae", labels)
    main(["predict", "codes-alvae"])
    y = np.full(60, np.nan)
    y[chosen.indices] = pool.labels[chosen.indices]
    expected = PoissonMBO().fit(features, y, prepared=chosen.graph).transduction_
    with open(tmp_path / "codes-alvae" / "predictions.csv", newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [CLASSES[int(k)] for k in expected]


@pytest.mark.parametrize("kind", ["npy", "npz", "idx"])
def test_arrays_are_taken_like_files(kind, pool, tmp_path, monkeypatch, capsys):
    images = pool.images[:40]
    if kind == "npy":
        np.save(tmp_path / "x.npy", images / 255)
    elif kind == "npz":
        np.savez(tmp_path / "x.npz", y=np.zeros(3), images=images)
    else:
        header = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        (tmp_path / "train-images.idx").mkdir()
        (tmp_path / "train-images.idx" / "train-images-idx3-ubyte").write_bytes(
            header + images.tobytes()
        )
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 1)
    (source,) = tmp_path.iterdir()
    main(["select", str(source), "--budget", "3", "--out", str(tmp_path / "p")])
    np.testing.assert_array_equal(Project(tmp_path / "p").images, images)
    said = capsys.readouterr().out
    assert "40 images of 28 x 28 pixels" in said
    assert "any more" not in said  # they never had files
    for kind in ("folders", "label-studio"):
        said = fails(capsys, "predict", tmp_path / "p", "--write", kind)
        assert "has no image files, which --write is for" in said


def test_what_the_user_can_mend_is_told_on_one_line(images, labeled, tmp_path, capsys):
    out = ["--out", tmp_path / "new"]
    (tmp_path / "empty").mkdir()
    assert "has no image that can be read" in fails(
        capsys, "select", tmp_path / "empty", "--budget", 5, *out
    )
    assert not (tmp_path / "new").exists()
    assert "there is no" in fails(capsys, "select", tmp_path / "none", "--budget", 5, *out)
    assert "--budget is missing" in fails(capsys, "select", images, *out)
    assert "is no project" in fails(capsys, "select", images, "--more", 5, *out)
    assert "is no project" in fails(capsys, "predict", images)
    for option, value in (("budget", 5), ("seed", 1), ("features", images / "notes.txt")):
        said = fails(capsys, "select", labeled, f"--{option}", value)
        assert f"is a project; --{option} is for a new one" in said
    assert "--budget is 0; allowed are" in fails(capsys, "select", images, "--budget", 0, *out)
    assert "--seed is -1; allowed are" in fails(
        capsys, "select", images, "--budget", 3, "--seed", -1, *out
    )
    assert "from 1 to 153, the number of image files" in fails(
        capsys, "select", images, "--budget", 999, *out
    )
    assert "from 1 to 152, the number of images" in fails(
        capsys, "select", images, "--budget", 153, *out
    )
    assert "from 0 to 4294967295" in fails(
        capsys, "select", images, "--budget", 3, "--seed", 2**32, *out
    )
    assert not (images / MARK).exists()
    assert "with the source" in fails(
        capsys, "select", tmp_path / "empty", "--budget", 5, "--out", labeled
    )
    assert not (tmp_path / "new" / "project.json").exists()
    assert "allowed are integers from 1 to 143" in fails(capsys, "select", labeled, "--more", 999)
    assert len(asked(labeled)) == 9
    (labeled / "codes.npy").write_bytes(b"\x93NUMPY")
    assert "codes.npy is damaged" in fails(capsys, "predict", labeled)
    about = json.loads((labeled / "project.json").read_text())
    for name, content in (
        ("pool.csv", "file_name\n"),
        ("project.json", json.dumps(about | {"source": 5})),
        ("project.json", json.dumps({key: about[key] for key in about if key != "id"})),
        ("project.json", "{"),
        ("project.json", "[]"),
    ):
        (labeled / name).write_text(content)
        assert f"{name} " in fails(capsys, "predict", labeled)


@pytest.mark.parametrize("content", [b"hello", b"", b"\x93NUMPY", "npz", "objects"])
def test_features_that_are_none_are_refused(content, tmp_path, capsys):
    path = tmp_path / "codes.npy"
    if content == "npz":
        with open(path, "wb") as file:
            np.savez(file, np.ones((5, 2)))
    elif content == "objects":
        np.save(path, np.array([{}, None]))
    else:
        path.write_bytes(content)
    said = fails(capsys, "select", "--features", path, "--budget", 3, "--out", tmp_path / "p")
    assert f"{path} is no .npy file of numbers" in said


def test_when_no_image_is_left_that_is_told(tmp_path, capsys):
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(8, 3)))
    out = tmp_path / "p"
    main(["select", "--features", str(tmp_path / "codes.npy"), "--budget", "8", "--out", str(out)])
    label(out, {str(i): CLASSES[i % 2] for i in range(8)})
    assert "p has no image left" in fails(capsys, "select", out, "--more", 1)


def test_a_disk_that_is_full_is_told(labeled, images, tmp_path, monkeypatch, capsys):
    before = (labeled / "labels.csv").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr("alvae.labeling.steps.write_table", full)
        said = fails(capsys, "predict", labeled)
        assert f"{labeled}: No space left on device; make room, and run" in said
        context.setattr("alvae.store.ROOM", 2**62)
        said = fails(capsys, "select", images, "--budget", 3, "--out", tmp_path / "new")
        assert f"{tmp_path / 'new'} is on a disk with" in said
    assert (labeled / "labels.csv").read_bytes() == before
    (labeled / "report.html").mkdir()
    assert f"{labeled / 'report.html'}: Is a directory" in fails(capsys, "predict", labeled)


def test_labels_that_are_missing_or_of_one_class_are_asked_for(project, truth, capsys):
    assert "has no label yet; label some first" in fails(capsys, "select", project, "--more", 3)
    assert "has no label yet; label some first" in fails(capsys, "predict", project)
    write_labels(project / "labels.csv", [(name, "same") for name in asked(project)])
    assert "has 1 class of images that count; two or more are needed" in fails(
        capsys, "predict", project
    )


def test_wrong_rows_are_told_and_no_label_is_lost(labeled, truth, capsys):
    before = read_labels(labeled / "labels.csv", [*truth]).of
    wrong = labeled.parent / "downloaded.csv"
    wrong.write_text(
        "file_name,label\nnone.png,one\na/010.png,zero\na/010.png,one\na/012.png,one\n"
    )
    (labeled / "labels.csv").write_text((labeled / "labels.csv").read_text() + "a/014.png,ONE\n")
    before["a/014.png"] = "ONE"
    main(["predict", str(labeled), "--labels", str(wrong)])
    said = capsys.readouterr().out
    assert f"{wrong} has 1 label: 1 'one'" in said
    assert "'ONE' and 'one' count as two classes" in said
    assert "downloaded.csv, row 2: no image" in said
    assert "'a/010.png' has two labels" in said
    after = read_labels(labeled / "labels.csv", [*truth]).of
    assert after == before | {"a/012.png": "one"}


def test_a_label_for_an_image_that_was_not_asked_for_counts(labeled, truth):
    extra = next(name for name in truth if name not in asked(labeled))
    rows = [(name, truth[name]) for name in asked(labeled)] + [(extra, "else")]
    write_labels(labeled / "labels.csv", rows)
    main(["predict", str(labeled)])
    with open(labeled / "predictions.csv", newline="") as file:
        rows = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    assert rows[extra] == "else"


def test_two_commands_do_not_work_in_one_project(labeled, capsys):
    with FileLock(labeled / MARK):
        assert "another alvae is at work in" in fails(capsys, "predict", labeled)
    main(["predict", str(labeled)])


def test_the_store_of_a_project_is_its_own(labeled, monkeypatch):
    before = os.environ.get("ALVAE_STORE")
    main(["predict", str(labeled)])
    assert os.environ.get("ALVAE_STORE") == before


@pytest.mark.slow
def test_a_killed_command_goes_on(tmp_path):
    """Killed again and again, it ends with what it would have ended with."""
    (tmp_path / "small").mkdir()
    images = load_digits().images[:400]
    for i, image in enumerate(images):
        Image.fromarray((15 * image).astype(np.uint8)).save(tmp_path / "small" / f"{i:03}.png")
    np.save(tmp_path / "codes.npy", images.reshape(400, -1))
    command = [sys.executable, "-m", "alvae", "select", str(tmp_path / "small")]
    command += ["--budget", "9", "--features", str(tmp_path / "codes.npy")]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start = perf_counter()
    subprocess.run([*command, "--out", str(whole)], check=True)
    took = perf_counter() - start
    for share in (0.5, 0.7, 0.8, 0.9, 0.95):
        with suppress(subprocess.TimeoutExpired):  # which kills it
            subprocess.run([*command, "--out", str(killed)], check=True, timeout=share * took)
    subprocess.run([*command, "--out", str(killed)], check=True)
    assert asked(killed) == asked(whole)
    np.testing.assert_array_equal(Project(killed).codes, Project(whole).codes)
    assert not list(killed.glob(".*.npy"))


def test_files_left_out_for_one_reason_share_a_line():
    refused = dict.fromkeys([f"{k}.txt" for k in range(1204)], "no image") | {"x.png": "cut off"}
    assert left_out(refused) == [
        "left out: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 1,199 more: no image",
        "left out: x.png: cut off",
    ]
    assert left_out({"a": "r", "b": "r"}) == ["left out: a, b: r"]


def test_advice_of_a_training_is_in_words_of_the_command(images, tmp_path, capsys, monkeypatch):
    def fit(vae, images):
        warnings.warn("9% of the filters answer to no image: try more epochs", stacklevel=1)
        return fit_stored(vae, images)

    monkeypatch.setattr("alvae.spaces.fit_stored", fit)
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 2)
    main(["select", str(images), "--budget", "3", "--out", str(tmp_path / "project")])
    said = capsys.readouterr().out
    assert "better: 9% of the filters answer to no image; another --seed may help" in said
    assert "epochs" not in said
    assert re.search(r"the codes keep \d+% of the differences between these small images", said)


def test_labels_that_are_still_missing_are_counted(labeled, truth, capsys):
    names = asked(labeled)
    write_labels(labeled / "labels.csv", [(name, truth[name]) for name in names[:-1]])
    with open(labeled / "labels.csv", "a") as file:
        file.write(f"{names[-1]},\n")
    main(["predict", str(labeled)])
    assert "1 of 9 images in labels.csv has no label yet" in capsys.readouterr().out
    main(["select", str(labeled), "--more", "2"])
    assert "1 of 9 images in labels.csv has no label yet" in capsys.readouterr().out
    main(["predict", str(labeled)])
    assert "3 of 11 images in labels.csv have no label yet" in capsys.readouterr().out
    label(labeled, truth)
    main(["predict", str(labeled)])
    assert "no label yet" not in capsys.readouterr().out


def test_the_labels_that_are_written_are_counted_by_where_they_come_from(labeled, capsys):
    main(["predict", str(labeled)])
    path = labeled / "predictions.csv"
    said = (
        f"labels for 151 images written to {path}: 9 yours, 142 predicted; 1 blank image has none"
    )
    assert said in capsys.readouterr().out
    assert "<p>1 blank image has no label.</p>" in (labeled / "report.html").read_text()


def test_files_that_are_new_in_the_folder_are_told(labeled, images, tmp_path, capsys):
    folder = shutil.copytree(images, tmp_path / "photos")
    about = json.loads((labeled / "project.json").read_text())
    (labeled / "project.json").write_text(json.dumps(about | {"source": str(folder)}))
    command = ["select", str(folder), "--budget", "9", "--out", str(labeled)]
    main(command)
    assert "new since" not in capsys.readouterr().out
    shutil.copy(folder / "a/000.png", folder / "new.png")
    (folder / "more.txt").write_text("no image")
    main(command)
    said = capsys.readouterr().out
    assert "1 file is new since this project was begun and is not in it" in said
    shutil.copy(folder / "a/000.png", folder / "b/new.png")
    main(command)
    said = capsys.readouterr().out
    assert "2 files are new since this project was begun and are not in it" in said


def test_another_budget_is_answered_with_the_command_for_more(images, project, capsys):
    out = ["--out", project]
    said = fails(capsys, "select", images, "--budget", 19, *out)
    assert "with the budget 9; --out names another folder; to label 10 more: " in said
    assert said.endswith(f": alvae select {project} --more 10")
    assert "more:" not in fails(capsys, "select", images, "--budget", 5, *out)
    assert "more:" not in fails(capsys, "select", images, "--budget", 19, "--seed", 1, *out)


def test_who_names_the_images_is_asked_for_the_project(images, project, monkeypatch, capsys):
    monkeypatch.chdir(project.parent)
    (project.parent / "photos").mkdir()
    first = "; begin one with: alvae select IMAGES --budget N"
    assert fails(capsys, "predict", "photos").endswith(f"it has no project.json{first}")
    project.rename("photos-alvae")
    asks = "; did you mean photos-alvae?"
    assert fails(capsys, "predict", "photos").endswith(f"it has no project.json{asks}")
    for option in (("--more", 5), ("--images", images)):
        assert fails(capsys, "select", "photos", *option).endswith(asks)


def test_the_command_that_adds_the_downloaded_labels_is_told(project, truth, tmp_path, capsys):
    moved = shutil.move(project, tmp_path / "my photos")
    main(["select", str(moved)])
    said = capsys.readouterr().out
    command = f"alvae predict '{moved}' --labels ~/Downloads/labels.csv"
    assert command in said
    by_hand = next(name for name in truth if name not in asked(moved))
    downloaded = tmp_path / "labels.csv"
    write_labels(downloaded, [(name, truth[name]) for name in asked(moved)])
    with open(moved / "labels.csv", "a") as file:
        file.write(f"{by_hand},mine\n")
    main(["predict", str(moved), "--labels", str(downloaded)])
    known = read_labels(moved / "labels.csv", Project(moved).names).of
    assert known[by_hand] == "mine"
    assert len(known) == 10


def test_the_estimate_of_the_time_is_no_training(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALVAE_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setattr("alvae.recommendation.epochs_for", lambda n, batch_size: 2)
    main(["select", str(images), "--budget", "3", "--out", str(tmp_path / "project")])
    said = (tmp_path / "progress").read_text()
    assert "estimating the time: trial 2 of 2" in said
    assert "epoch 2 of 2" in said
    assert "epoch 1 of 1" not in said
    assert os.environ["ALVAE_PROGRESS"] == str(tmp_path / "progress")


def test_help_shows_the_three_commands_and_what_unclear_means(capsys):
    for arguments, expected in (
        (["--help"], "alvae predict photos-alvae/ "),
        (["--version"], f"alvae {alvae.__version__}"),
        (["select", "--help"], "label ?: nobody can tell"),
        (["predict", "--help"], "label ?: nobody can tell"),
    ):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        assert expected in " ".join(capsys.readouterr().out.split()) + " "


def test_from_the_ninth_class_on_the_map_has_other_marks(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "codes.npy", np.eye(9)[np.arange(90) % 9] * 50 + rng.normal(size=(90, 9)))
    out = tmp_path / "p"
    features = str(tmp_path / "codes.npy")
    main(["select", "--features", features, "--budget", "18", "--out", str(out)])
    for n_classes, n_marks in ((8, 0), (9, 1)):
        label(out, {name: CLASSES[i % n_classes] for i, name in enumerate(asked(out))})
        main(["predict", str(out)])
        legend, points = (out / "report.html").read_text().split("</table>")[:2]
        assert legend.count("<circle") == 8
        assert legend.count("<path") == n_marks
        traces = re.findall('<path d="(M[^"]*)" stroke=', points.split("</svg>")[0])
        assert len(traces) == n_classes  # a path for each class, with a mark for each image
        assert sum(trace.count("M") for trace in traces) == 90


def test_features_have_a_row_for_each_image_that_can_be_read(images, tmp_path, capsys):
    names = read_folder(images).names  # as the book says: broken.png is not among them
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(len(names), 3)))
    command = ["select", images, "--features", tmp_path / "codes.npy", "--budget", 3, "--out"]
    main([str(one) for one in (*command, tmp_path / "p")])
    assert Project(tmp_path / "p").names == names == sorted(names)
    np.save(tmp_path / "codes.npy", np.random.default_rng(0).normal(size=(153, 3)))
    said = fails(capsys, *command, tmp_path / "q")
    assert "has 153 rows, and" in said
    assert "152 images that can be read; there must be a row for each of these" in said


def test_features_with_names_may_come_in_any_order(images, tmp_path, capsys):
    names = read_folder(images).names
    codes = np.random.default_rng(0).normal(size=(len(names), 3))
    order = np.random.default_rng(1).permutation(len(names))
    more = [names[i] for i in order] + ["other.png"]
    np.savez(tmp_path / "codes.npz", names=more, codes=np.vstack([codes[order], np.zeros(3)]))
    command = ["select", images, "--features", tmp_path / "codes.npz", "--budget", 3, "--out"]
    main([str(one) for one in (*command, tmp_path / "p")])
    np.testing.assert_array_equal(Project(tmp_path / "p").codes, codes)
    np.savez(tmp_path / "codes.npz", names=names[2:], codes=codes[2:])
    said = fails(capsys, *command, tmp_path / "q")
    assert f"has no code of 2 images, such as {names[0]}; its own names" in said


def test_the_order_of_features_alone_does_not_count_where_they_have_names(tmp_path):
    codes, labels = load_digits(return_X_y=True)
    names = np.array([f"{i:04}.png" for i in range(800)])
    chosen = []
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(800)
        np.savez(tmp_path / f"{seed}.npz", names=names[order], codes=codes[order])
        out = tmp_path / f"p{seed}"
        main(["select", f"--features={tmp_path / f'{seed}.npz'}", "--budget=20", f"--out={out}"])
        chosen.append(asked(out))
    assert chosen[0] == chosen[1]


def test_features_that_were_changed_under_a_project_are_told(tmp_path, capsys):
    codes = np.random.default_rng(0).normal(size=(40, 3))
    np.save(tmp_path / "f.npy", codes)
    command = ["select", "--features", tmp_path / "f.npy", "--budget", 4, "--out", tmp_path / "p"]
    main([str(part) for part in command])
    main([str(part) for part in command])
    for changed, said in ((codes + 1, "has other codes than when"), (codes[1:], "has 39 rows")):
        np.save(tmp_path / "f.npy", changed)
        assert said in fails(capsys, *command)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_features_that_are_no_file_are_refused(kind, tmp_path, capsys):
    path = tmp_path / "f.npz"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    said = fails(capsys, "select", "--features", path, "--budget", 1, "--out", tmp_path / "p")
    assert "is no file; features are an .npy file or an .npz file" in said


def test_features_that_say_nothing_are_refused(tmp_path, capsys):
    np.save(tmp_path / "f.npy", np.ones((9, 4)))
    command = ["select", "--features", tmp_path / "f.npy", "--budget", 1, "--out", tmp_path / "p"]
    assert "has the same code in every row" in fails(capsys, *command)


def test_features_with_names_alone_are_a_pool_with_these_names(tmp_path, capsys):
    codes = np.random.default_rng(0).normal(size=(40, 3))
    names = [f"x/{i}.jpg" for i in range(40)]
    np.savez(tmp_path / "codes.npz", names=names, codes=codes)
    out = tmp_path / "p"
    main(["select", "--features", str(tmp_path / "codes.npz"), "--budget", "4", "--out", str(out)])
    assert set(asked(out)) <= set(names)
    label(out, {name: "ab"[i % 2] for i, name in enumerate(names)})
    assert "has no image files" in fails(capsys, "predict", out, "--write", "folders")
    np.savez(tmp_path / "later.npz", names=["y.jpg", "z.jpg"], codes=codes[:2])
    main(["predict", str(out), "--new", str(tmp_path / "later.npz")])
    assert [*predictions(out / "predictions-later.csv")] == ["y.jpg", "z.jpg"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "b"], "has 2 names and 3 codes"),
        (["a", "b", "a"], "has the name 'a' twice"),
        (["a", "b", "c\n"], "with characters that cannot be seen"),
        (["a", "b", "./a"], "has the name 'a' twice"),
        (["a", "b", "c" * 1001], "has a name of 1,001 characters; allowed are 1,000"),
        ([1, 2, 3], "its names are no list of strings, which names.astype(str) makes"),
        (np.array(["a", "b", "c"], object), "which names.astype(str) makes"),
        (None, "names.npy"),
    ],
)
def test_names_of_features_are_checked(names, reason, tmp_path, capsys):
    arrays = {"codes": np.eye(3)} | ({} if names is None else {"names": names})
    np.savez(tmp_path / "codes.npz", **arrays)
    command = ["select", "--features", tmp_path / "codes.npz", "--budget", 1, "--out"]
    assert reason in fails(capsys, *command, tmp_path / "p")
    assert not (tmp_path / "p").exists()

"""Labels from files: what is right counts, what is wrong is told, nothing is guessed."""

import csv
import json
import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alvae.labeling.export import as_folder, write_folders, write_tasks
from alvae.labeling.labels import is_plain, look_alike, merge_labels, read_labels
from alvae.labeling.names import file_in

NAMES = ["a/1.png", "a/2.png", "b/1.png", "b/=sum.png", "-x.png", "ä ö.jpg"]


def table(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return read_labels(path, NAMES)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.csv"


def test_names_in_any_spelling_of_their_path(path):
    labels = table(path, "file_name,label\na/1.png,cat\n./a/2.png,dog\nb\\1.png,cat\nä ö.jpg,?\n")
    assert labels.of == {"a/1.png": "cat", "a/2.png": "dog", "b/1.png": "cat", "ä ö.jpg": "?"}
    assert labels.problems == []


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file_name;label\r\na/1.png;cat\r\n", "utf-8"),
        ("file_name\tlabel\na/1.png\tcat\n", "utf-8"),
        ("\ufefffile_name,label\na/1.png,cat\n", "utf-8"),
        ("Label, File_Name ,note\ncat,a/1.png,old\n\n , \n", "utf-8"),
        ('file_name,label\n"a/1.png","cat"', "utf-8"),
    ],
)
def test_tables_as_spreadsheets_write_them(path, text, encoding):
    assert table(path, text, encoding) == ({"a/1.png": "cat"}, [], ["a/1.png"])


def test_what_is_wrong_is_told_by_its_row_and_the_rest_counts(path):
    labels = table(
        path,
        "file_name,label\na/1.png,cat\nb/1.png,\nno.png,cat\na/2.png,cat\na/2.png,dog\n"
        "1.png,cat\n,cat\na/1.png,cat\nä ö.jpg,=cmd()\n-x.png,-1\n",
    )
    assert labels.of == {"a/1.png": "cat", "-x.png": "-1"}
    told = ["row 4: .*'no.png'", "row 7: .*'1.png'", "row 8: .*''", "row 10: .*spreadsheet"]
    told += ["'a/2.png' has two labels, 'cat' .*row 5.* and 'dog' .*row 6"]
    for problem, pattern in zip(labels.problems, told, strict=True):
        assert re.search(pattern, problem)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column file_name"),
        (b"name,label\na,b\n", "no column file_name"),
        (b"file_name\na.png\n", "no column label"),
        (b"file_name,label\n\xff\xfe,b\n", "not text in UTF-8"),
        (b'file_name,label\n"a.png,b\n', "no CSV file"),
    ],
)
def test_what_is_no_table_is_refused(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_labels(path, NAMES)
    assert str(path) in str(caught.value)


def test_labels_that_are_there_stay_whatever_comes(path):
    before = (
        "note;file_name;label\nold;a/1.png;cat\n;no.png;dog\n;a/2.png;cat\n;a/2.png;dog\n"
        ";b/1.png;-dark\n;-x.png;\n"
    )
    path.write_text(before)
    new = {"a/1.png": "WRONG", "a/2.png": "cat", "-x.png": "new", "ä ö.jpg": "more", "b/1.png": ""}
    (told,) = merge_labels(path, NAMES, new)
    assert "'a/1.png' is 'cat'" in told
    assert "'WRONG' now: kept 'cat'; edit labels.csv to change it" in told
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    expected = [row.split(";") for row in before.splitlines()]
    expected[-1][-1] = "new"
    assert rows == [*expected, ["", "ä ö.jpg", "more"]]
    again = path.read_bytes()
    merge_labels(path, NAMES, new)
    assert path.read_bytes() == again


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("/home/u/pool/b/1.png", "b/1.png"),
        ("1.png", None),  # there are two
        ("val/2.png", None),  # another folder's
        ("2.png", "a/2.png"),
        ("cat-2.png", None),
        ("1f2e3d4c-2.png", None),  # of Label Studio, but this is a table
        (" -x.png", "-x.png"),
        ("A/2.png", None),
    ],
)
def test_no_image_is_taken_for_another(path, given, found):
    labels = table(path, f'file_name,label\n"{given}",cat\n')
    assert labels.of == ({found: "cat"} if found else {})


@pytest.mark.parametrize("front", ["", "pool/", "/home/u/pool/", "C:\\pool\\"])
def test_an_image_that_was_left_out_is_not_taken_for_one_above_it(path, front):
    names = ["x.png", "y.png", "shop/y.png"]
    rows = [f"{front}{name},cat" for name in (*names, "broken/x.png")]
    path.write_text("\n".join(["file_name,label", *rows[:-1], rows[-1].replace("cat", "dog")]))
    labels = read_labels(path, names)
    assert labels.of == dict.fromkeys(names, "cat")
    assert len(labels.problems) == 1
    assert "broken/x.png" in labels.problems[0]


def test_a_comma_that_is_not_in_quotes_is_told(path):
    labels = table(path, "file_name,label\na/1.png,cat, big\n")
    assert labels.of == {}
    assert "more cells than columns" in labels.problems[0]


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\u202egnp.exe", "a\u2028b", "\ud800"])
def test_what_cannot_be_seen_is_no_name(text):
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text", ["a b", "Screenshot 10.04\u202fAM.png", "👩\u200d🔬.png", "日\u3000本"]
)
def test_what_people_name_files_is_a_name(text):
    assert is_plain(text)


def test_classes_that_look_alike():
    labels = ["Cat", "cat", "c at", "ca\u200bt", "dog", "é", "e\u0301", "1", "1.0", "01"]
    assert look_alike(labels) == [
        ("Cat", "cat"),
        ("Cat", "c at"),
        ("Cat", "ca\u200bt"),
        ("é", "e\u0301"),
        ("1", "1.0"),
        ("1", "01"),
    ]


def test_nothing_there(path):
    with pytest.raises(ValueError, match="is no file and no folder"):
        read_labels(path, NAMES)


printable = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=9
).filter(str.isprintable)
names_and_labels = st.dictionaries(
    printable.filter(lambda s: s.strip() == s and not {"", ".", ".."} & set(s.split("/"))),
    st.one_of(st.just(""), st.just("?"), printable.map("a{}".format).map(str.strip)),
    max_size=9,
)


@given(names_and_labels)
@example({"=\\": "?"})
def test_a_table_that_we_wrote_is_read_as_it_was(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    assert merge_labels(path, [*rows], rows) == []
    labels = read_labels(path, [*rows])
    assert labels.of == {name: label for name, label in rows.items() if label}
    assert labels.problems == []
    assert labels.names == [*rows]


def test_no_name_is_a_formula_in_a_table(path):
    names = ["=cmd()|x.png", "+1.png", "-2.png", "@a.png", "fine.png"]
    merge_labels(path, names, dict.fromkeys(names, ""))
    with open(path, newline="") as file:
        written = [row[0] for row in csv.reader(file)]
    assert not [cell for cell in written if cell[0] in "=+-@"]
    assert written[-1] == "fine.png"
    assert merge_labels(path, names, dict.fromkeys(names, "x")) == []
    assert read_labels(path, names).of == dict.fromkeys(names, "x")


def task(image, *labels, **more):
    """A task of Label Studio, with an annotation for each label."""
    regions = [{"from_name": "c", "type": "choices", "value": {"choices": [k]}} for k in labels]
    return {"data": {"image": image}, "annotations": [{"result": [r]} | more for r in regions]}


def test_the_export_of_label_studio(tmp_path):
    tasks = [
        task("/data/local-files/?d=pool/a/1.png", "cat"),
        task("/data/upload/3/1f2e3d4c-%C3%A4%20%C3%B6.jpg", "dog"),
        task("s3://bucket/b/1.png", "x", was_cancelled=True),
        task("s3://bucket/a/2.png", "cat", "dog"),
        task("http://host/none.png", "cat"),
        {"data": None, "annotations": "none"},
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    labels = read_labels(path, NAMES)
    assert labels.of == {"a/1.png": "cat", "ä ö.jpg": "dog"}
    told = ["task 5: .*'/none.png'", "task 6: .*''", "'a/2.png' has two labels"]
    for problem, pattern in zip(labels.problems, told, strict=True):
        assert re.search(pattern, problem)


def test_the_short_export_of_label_studio(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([
        {"image": "/data/local-files/?d=pool/b/1.png", "id": 1, "choice": "cat", "annotator": 1},
        {"image": "/data/local-files/?d=pool/a/1.png", "id": 2},
    ]))  # fmt: skip
    assert read_labels(path, NAMES)[:2] == ({"b/1.png": "cat"}, [])


def test_answers_of_the_short_export_whatever_their_control_is_called(tmp_path):
    image = {"image": "/data/local-files/?d=pool/b/1.png", "id": 1, "lead_time": 3.2}
    path = tmp_path / "export.json"
    for answer in (
        {"animal": "cat"},
        {"animal": {"choices": ["cat"]}},
        {"choice": "cat", "x": "y"},
    ):
        path.write_text(json.dumps([image | answer]))
        assert read_labels(path, NAMES)[:2] == ({"b/1.png": "cat"}, [])
    path.write_text(json.dumps([image | {"animal": "cat", "mood": "calm"}]))
    labels = read_labels(path, NAMES)
    assert labels.of == {}
    assert labels.problems == [
        "export.json, task 1: several answers, of which none is named choice"
    ]


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "[" * 10_000])
def test_what_is_no_export_is_refused(tmp_path, text):
    path = tmp_path / "export.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="export.json is no"):
        read_labels(path, NAMES)


def test_tasks_that_we_wrote_are_read_with_their_labels(tmp_path):
    path = tmp_path / "tasks.json"
    rows = [(name, "dog", 0.5) for name in NAMES]
    write_tasks(path, rows, tmp_path / "pool", {"a/1.png": "cat", "b/=sum.png": "?"})
    assert read_labels(path, NAMES)[:2] == ({"a/1.png": "cat", "b/=sum.png": "?"}, [])
    tasks = json.loads(path.read_text())
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": ["dog"]}
    assert tasks[1]["predictions"][0]["score"] == 0.5
    assert tasks[5]["data"]["image"] == "/data/local-files/?d=pool/%C3%A4%20%C3%B6.jpg"


def test_folders_that_we_wrote_are_read_as_labels(tmp_path):
    source = tmp_path / "pool"
    for name in NAMES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    labels = dict(zip(NAMES, ["cat", "dog", "cat", "a/b", "...", "dog"], strict=True))
    write_folders(tmp_path / "classes", labels, source)
    write_folders(tmp_path / "classes", labels, source)
    assert (tmp_path / "classes" / "cat" / "a" / "1.png").read_text() == "a/1.png"
    read = read_labels(tmp_path / "classes", NAMES)
    assert read.problems == []
    assert read.of == {name: as_folder(label) for name, label in labels.items()}
    assert sorted(p.name for p in (tmp_path / "classes").iterdir()) == ["_", "a_b", "cat", "dog"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes", "pool"]


def test_classes_whose_folders_would_be_the_same_have_their_own(tmp_path):
    source = tmp_path / "pool"
    source.mkdir()
    labels = {"1.png": "a/b", "2.png": "a_b", "3.png": "A?b"}
    for name in labels:
        (source / name).write_text(name)
    write_folders(tmp_path / "classes", labels, source)
    found = {p.name: p.parent.name for p in (tmp_path / "classes").rglob("*.png")}
    assert found == {"1.png": "a_b", "2.png": "a_b-2", "3.png": "A_b-3"}


def test_images_that_are_gone_get_no_link_and_are_named(tmp_path):
    source = tmp_path / "pool"
    source.mkdir()
    labels = {"1.png": "a", "2.png": "b"}
    (source / "2.png").write_text("2")
    assert write_folders(tmp_path / "classes", labels, source) == ["1.png"]
    assert [p.name for p in (tmp_path / "classes").rglob("*.png")] == ["2.png"]
    (source / "2.png").unlink()
    with pytest.raises(ValueError, match="for a link; --images says where it is now"):
        write_folders(tmp_path / "others", labels, source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes", "pool"]


@given(st.text(max_size=99) | st.sampled_from(["con", "NUL", "com1"]))
def test_no_class_leads_out_of_its_folder(label):
    name = as_folder(label)
    assert name not in ("", ".", "..")
    assert name.casefold() not in ("con", "nul", "com1")
    assert len(name.encode()) <= 255
    assert not set("/\\") & set(name)


DECOMPOSED = "cafe\u0301/u\u0308.png"
COMPOSED = "caf\u00e9/\u00fc.png"


@pytest.mark.parametrize("names", [[COMPOSED], [DECOMPOSED]])
@pytest.mark.parametrize("front", ["", "/Users/ann/photos/"])
@pytest.mark.parametrize("given", [COMPOSED, DECOMPOSED])
def test_letters_with_marks_may_be_composed_or_not(given, front, names, path):
    path.write_text(f"file_name,label\n{front}{given},cat\n", encoding="utf-8")
    assert read_labels(path, names) == ({names[0]: "cat"}, [], names)
    assert merge_labels(path, names, {names[0]: "dog"}) != []  # it has its row


def test_names_that_differ_in_that_alone_are_two(path):
    names = [COMPOSED, DECOMPOSED]
    path.write_text(f"file_name,label\n{COMPOSED},cat\n{DECOMPOSED},dog\n", encoding="utf-8")
    assert read_labels(path, names).of == {COMPOSED: "cat", DECOMPOSED: "dog"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere both are one name")
def test_a_file_is_found_by_its_name_in_another_form(tmp_path):
    source = tmp_path / "pool"
    (source / DECOMPOSED).parent.mkdir(parents=True)
    (source / DECOMPOSED).write_text("1")
    assert file_in(source, COMPOSED) == source / DECOMPOSED
    assert file_in(source, "none.png") == source / "none.png"
    assert write_folders(tmp_path / "classes", {COMPOSED: "cat"}, source) == []
    assert (tmp_path / "classes" / "cat" / COMPOSED).read_text() == "1"


def test_a_folder_of_another_level_is_refused(tmp_path):
    for name in ("train/cat/1.png", "train/dog/2.png", "train/dog/2.txt", "train/owl/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = ["1.png", "2.png", "3.png"]
    assert len(read_labels(tmp_path, names).of) == 1  # under the name of a folder that is no class
    with pytest.raises(ValueError, match="has 3 labels, and only 1 of images here; nothing"):
        read_labels(tmp_path, names, mostly=True)
    right = read_labels(tmp_path / "train", names, mostly=True)
    assert right.of == {"1.png": "cat", "2.png": "dog", "3.png": "owl"}


@pytest.mark.parametrize(("n_others", "is_refused"), [(2, False), (3, True)])
def test_a_table_mostly_of_other_images_is_refused(n_others, is_refused, path):
    rows = ["a/1.png,cat", "a/2.png,dog", *(f"no{i}.png,cat" for i in range(n_others))]
    path.write_text("\n".join(["file_name,label", *rows]))
    if is_refused:
        with pytest.raises(ValueError, match="has 5 labels, and only 2 of images here"):
            read_labels(path, NAMES, mostly=True)
    else:
        assert len(read_labels(path, NAMES, mostly=True).of) == 2

"""Labels in files: our own table, exports of Label Studio, folders named by classes.

What is wrong with a row is told, and the row left out and left alone; the other rows count.
"""

import csv
import io
import json
import posixpath
import unicodedata
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from alvae import store
from alvae.labeling.names import Names

PREDICTION = "file_name", "label", "confidence", "from"  # columns of such a table
COLUMNS = ("file_name", "label")  # those of metadata.csv in an image folder of Hugging Face
UNCLEAR = "?"  # the label of an image that nobody can tell
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # begin what a spreadsheet would compute
LARGEST = 2**28  # bytes of a file of labels
# Of a task in the short export: what is no answer.
OF_THE_TASK = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
OF_THE_TASK += ("file_name",)
HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # categories of characters that break a line or are none
TURNING = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # of direction


class Labels(NamedTuple):
    """What a file of labels says.

    Parameters
    ----------
    of : dict of str to str
        The label of each image that has one, by its name; "?" where it was found unclear.
    problems : list of str
        What was left out, and what to do about it, a line each.
    names : list of str
        The images that have a row, with a label or without, in the order of the file.
    """

    of: dict
    problems: list
    names: list


def read_labels(path, names, mostly=False):
    """Read labels of images that have these names.

    Parameters
    ----------
    path : path
        A CSV file with the columns file_name and label; a JSON export of Label Studio, whole or
        "min"; or a folder in which those of a class are in a folder of its name.
    names : list of str
        Of all images.
    mostly : bool, default=False
        Whether what has some of these images, but more of others, is refused.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        If there is no such file, it is none of these, or it is refused.
    """
    path = Path(path)
    if path.is_dir():
        rows = _of_folder(path)
    elif not path.is_file():
        raise ValueError(f"{path} is no file and no folder")
    elif path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, more than any list of labels")
    elif path.suffix.lower() == ".json":
        rows = _of_label_studio(path)
    else:
        rows = _of_table(path)
    rows = [*rows]
    known = Names(names, [row.name for row in rows])
    if mostly:
        endings = {posixpath.splitext(name)[1].lower() for name in names}
        _check_mostly_known(path, rows, known, endings if path.is_dir() else None)
    return _matched(path, rows, known)


def _check_mostly_known(path, rows, names, endings):
    """Raise a ValueError if more images are of others, as in a folder of another level."""
    given = [row for row in rows if not row.problem]
    if endings is not None:  # other files may lie beside the images
        given = [row for row in given if posixpath.splitext(row.name)[1].lower() in endings]
    n_known = sum(names.find(row.name, row.is_upload) is not None for row in given)
    if 0 < n_known < len(given) / 2:
        raise ValueError(
            f"{path} has {len(given):,} labels, and only {n_known:,} of images here; nothing was "
            "taken from it: is another folder or file meant?"
        )


def merge_labels(path, names, labels):
    """Write labels into a table, and change none that it has.

    Rows and columns that are not understood stay as they are.

    Parameters
    ----------
    path : path
        Made if it is not there.
    names : list of str
        Of all images.
    labels : dict of str to str
        By names; "" for an image that is to be labeled.

    Returns
    -------
    list of str
        Labels that are other ones in the table, and stay so, a line each.
    """
    path = Path(path)
    header, rows = _table(path) if path.exists() else ([*COLUMNS], [])
    at_name, at_label = _places(path, header)
    known = Names(names, [cells[at_name] for cells in rows])
    places = defaultdict(list)
    for i, cells in enumerate(rows):
        places[known.find(cells[at_name])].append(i)
    problems = []
    for name, label in labels.items():
        given = {rows[i][at_label].strip() for i in places.get(name, ())} - {""}
        if name not in places:
            cells = [""] * len(header)
            cells[at_name], cells[at_label] = as_cell(name), label
            rows.append(cells)
        elif label and given <= {UNCLEAR}:
            for i in places[name]:
                rows[i][at_label] = label
        elif label and label not in given:
            kept = " and ".join(sorted(given))
            problems.append(
                f"{name!r} is {kept!r} in {path}, and {label!r} now: kept {kept!r}; edit "
                f"{path.name} to change it"
            )
    write_table(path, header, rows)
    return problems


def write_table(path, columns, rows):
    """Write a CSV file, whole or not at all."""
    with (
        store.replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def as_cell(name):
    """The name of a file as a table holds it, so that no spreadsheet computes it."""
    return f"./{name}" if name.startswith(FORMULAS) else name


def is_plain(text):
    """Whether a name or a label can be shown on one line, as what it is."""
    hidden = any(unicodedata.category(character) in HIDDEN for character in text)
    return not hidden and not TURNING & set(text)


def look_alike(labels):
    """Pairs of labels that differ in case, in spaces, in what cannot be seen or in zeros alone.

    Parameters
    ----------
    labels : iterable of str

    Returns
    -------
    list of (str, str)
    """
    first, pairs = {}, []
    for label in labels:
        plain = unicodedata.normalize("NFKC", label).casefold()
        plain = "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf")
        with suppress(ValueError):  # 7, 07 and 7.0: spreadsheets make one of the other
            plain = repr(float(plain))
        if (other := first.setdefault(plain, label)) != label:
            pairs.append((other, label))
    return pairs


class _Row(NamedTuple):
    """A label as it is found; `where` says in a message at which place."""

    where: str
    name: str
    label: str
    is_upload: bool = False
    problem: str = ""


def _table(path):
    """The header of a table and its rows, which are filled up to its length."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8; save it as CSV in UTF-8") from None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)  # spreadsheets write ; in some countries
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV file: {error}") from None
    header, *rows = table or [[]]
    return header, [cells + [""] * (len(header) - len(cells)) for cells in rows]


def _places(path, header):
    """Where the names and the labels are."""
    columns = [column.strip().lower() for column in header]
    if missing := [column for column in COLUMNS if column not in columns]:
        raise ValueError(f"{path} has no column {missing[0]}; it must have {' and '.join(COLUMNS)}")
    return [columns.index(column) for column in COLUMNS]


def _of_table(path):
    header, rows = _table(path)
    at_name, at_label = _places(path, header)
    columns = [column.strip().lower() for column in header]
    guesses = set()
    if {*PREDICTION} <= {*columns}:  # a table of predictions: what is not labeled is a guess
        origin = columns.index("from")
        guesses = {i for i, cells in enumerate(rows, 2) if cells[origin].strip() != "labeled"}
    if guesses:
        problem = f"{len(guesses):,} of {len(rows):,} labels are predictions, and not taken"
        yield _Row("the column from", "", "", problem=problem)
    for number, cells in enumerate(rows, 2):
        if number not in guesses and any(cell.strip() for cell in cells):
            more = "more cells than columns; is a comma not in quotes?"
            problem = more if len(cells) > len(header) else ""
            yield _Row(f"row {number}", cells[at_name], cells[at_label].strip(), problem=problem)


def _of_folder(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent != folder and not path.name.startswith("."):
            label, *rest = path.relative_to(folder).parts
            yield _Row(path.relative_to(folder).as_posix(), posixpath.join(*rest), label)


def _of_label_studio(path):
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {' '.join(str(error).split())}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path} is no export of Label Studio: it must be a list of tasks")
    for number, task in enumerate(tasks, 1):
        is_whole = "data" in task  # and not of the short export
        data = task.get("data") if is_whole else task
        data = data if isinstance(data, dict) else {}
        name = data.get("file_name")
        if not isinstance(name, str):
            paths = [_path_in(value) for value in data.values() if isinstance(value, str)]
            name = next(filter(None, paths), "")
        choices = _choices(task.get("annotations")) if is_whole else _answers(task)
        problem = "" if choices is not None else "several answers, of which none is named choice"
        for label in choices or [""]:
            yield _Row(f"task {number}", name, label.strip(), is_upload=True, problem=problem)


def _path_in(text):
    """The path of an image that a task of Label Studio shows; "" if that is none."""
    try:
        parts = urlsplit(text)
        path = unquote(parse_qs(parts.query).get("d", [parts.path])[0])
    except ValueError:
        return ""
    return path if "." in posixpath.basename(path) else ""


def _choices(annotations):
    """The classes that were chosen; those of each annotator, as they may differ."""
    return [
        label
        for annotation in _dicts(annotations)
        if not annotation.get("was_cancelled")
        for region in _dicts(annotation.get("result"))
        for label in _chosen(region.get("value"))
    ]


def _answers(task):
    """Those of the short export, whose field has the name of its control; None if it is unclear."""
    answers = {
        key: found
        for key, value in task.items()
        if key not in OF_THE_TASK and (found := _answer(value))
    }
    if "choice" in answers:
        return answers["choice"]
    return next(iter(answers.values()), []) if len(answers) < 2 else None


def _answer(value):
    if isinstance(value, str):
        return [] if _path_in(value) else [value]
    return _chosen(value)


def _chosen(value):
    chosen = value.get("choices") if isinstance(value, dict) else None
    return [one for one in chosen if isinstance(one, str)] if isinstance(chosen, list) else []


def _dicts(values):
    values = values if isinstance(values, list) else []
    return [value for value in values if isinstance(value, dict)]


def _matched(path, rows, names):
    """The labels, each under the name that the image has here."""
    found, problems = {}, []
    for row in rows:
        said = f"{path.name}, {row.where}"
        name = names.find(row.name, row.is_upload)
        if row.problem:
            problems.append(f"{said}: {row.problem}")
        elif name is None:
            problems.append(f"{said}: no image, or several, are named {row.name!r}; renamed?")
        elif not row.label:
            found.setdefault(name, {})
        elif reason := _refused(row.label):
            problems.append(f"{said}: {row.name!r} has the label {row.label!r}, {reason}")
        else:
            found.setdefault(name, {}).setdefault(row.label, said)
    of = {}
    for name, labels in found.items():
        if len(labels) > 1:
            different = " and ".join(f"{label!r} ({where})" for label, where in labels.items())
            problems.append(f"{name!r} has two labels, {different}; delete one")
        elif labels:
            (of[name],) = labels
    return Labels(of, problems, [*found])


def _refused(label):
    """Why something is no label; None if it is one."""
    if not is_plain(label):
        return "which has characters that cannot be seen"
    if label.startswith(FORMULAS):
        try:
            float(label)
        except ValueError:
            return "which a spreadsheet would compute; begin it with a letter or a digit"
    return None

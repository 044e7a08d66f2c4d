"""The tables of the long studies, as one archive for reuse."""

import json
from zipfile import ZipFile

import pandas as pd
import pytest

from alvae.book import BUILD, REPOSITORY, RESULTS, archive


def test_the_archive_describes_every_column_of_every_table(tmp_path):
    archive.write(tmp_path / "results.zip")
    with ZipFile(tmp_path / "results.zip") as results:
        names = set(results.namelist())
        package = json.loads(results.read("datapackage.json"))
        for table in package["resources"]:
            header, *rows = results.read(table["path"]).decode().splitlines()
            fields = table["schema"]["fields"]
            assert [field["name"] for field in fields] == header.split(",")
            assert all(len(field["description"]) > 8 for field in fields)
            assert table["rows"] == len(rows)
            types = {field["name"]: field["type"] for field in fields}
            assert types.get("seed", "integer") == "integer"
            assert types.get("mean", "number") == "number"
            assert types.get("strategy", "string") == "string"
    in_the_repository = {path.name for path in (REPOSITORY / "book/results").glob("*.*")}
    assert names == in_the_repository | {"datapackage.json"}


def test_a_table_says_of_which_vaes_it_is():
    of = {table["name"]: table["description"] for table in archive.describe()["resources"]}
    assert of["paper-three"].startswith("Digits 0, 3 and 9; VAEs with d = 3; seeds 0 to 14. Made")
    moved = "VAEs with d = 16, trained on shifted and rotated images; seeds 10"
    assert of["points-four"].startswith(f"Digits 0, 3, 7 and 9; {moved}")
    assert of["published-fashion"].startswith("fashion-mnist, classes 0, 1, 2,")
    assert "VAEs of several dimensions; seed" in of["dimension-three"]


def test_no_column_is_explained_that_no_table_has():
    columns = {column for path in RESULTS.glob("*.csv") for column in pd.read_csv(path, nrows=0)}
    assert archive.meanings().keys() == columns


def test_a_column_that_nobody_explains_is_told(monkeypatch):
    known = {name: text for name, text in archive.meanings().items() if name != "radius"}
    monkeypatch.setattr(archive, "meanings", lambda: known)
    with pytest.raises(ValueError, match=r"columns.yml does not say what \['radius'\] of paper-"):
        archive.describe()


def test_the_archive_is_the_same_as_long_as_its_tables_are(tmp_path):
    for name in ("a.zip", "b.zip"):
        archive.write(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (BUILD / archive.NAME).is_relative_to(REPOSITORY)  # from where Sphinx takes it

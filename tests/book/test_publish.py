"""From pages to the book, and what the command line says."""

import re
import subprocess
from base64 import b64encode

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from alvae.book import REPOSITORY, publish
from alvae.book.experiment import Experiment


def test_the_headline_takes_a_full_page(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "PAGES", tmp_path)
    monkeypatch.setattr(publish, "STATIC", tmp_path / "static")
    with pytest.raises(SystemExit, match="takes a full `make book`"):
        publish.main(["--headline"])
    image = {"image/png": b64encode(b"a picture").decode()}
    cell = new_code_cell(
        "figure",
        metadata={"mystnb": {"figure": {"name": publish.HEADLINE}}},
        outputs=[new_output("display_data", image)],
    )
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "sampling_comparisons.ipynb")
    publish.main(["--headline"])
    assert (tmp_path / "static/learning_curves.png").read_bytes() == b"a picture"


def test_every_picture_of_the_readme_is_there():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert all((REPOSITORY / picture).is_file() for picture in pictures)


def test_the_command_line_reports_bad_input_in_one_line(monkeypatch):
    monkeypatch.setattr(publish, "make_pages", lambda profile, status: Experiment(digits=[3]))
    with pytest.raises(SystemExit, match="python -m alvae.book: digits is"):
        publish.main([])


def test_the_report_has_shares_and_what_the_usual_way_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "PAGES", tmp_path)
    glued = [
        new_output("display_data", {"text/plain": value}, metadata={"scrapbook": {"name": name}})
        for name, value in (("ours_minutes", "5.04"), ("usual_minutes", "61.2"))
    ]
    cells = [new_markdown_cell("# Speed"), new_code_cell("record()", outputs=glued)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "speed.ipynb")
    lines = publish.report({"training": 90.0, "speed": 30.0}).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["training", "90", "s", "75.0%"],
        ["speed", "30", "s", "25.0%"],
        ["all", "120", "s,", "2.0", "minutes"],
    ]
    assert lines[3].endswith("5.0 minutes, 61 the usual way")
    assert len(publish.report({"training": 90.0}).splitlines()) == 2


def test_the_builder_answers():
    command = [*publish.JUPYTER_BOOK, "--version"]
    assert "Jupyter Book" in subprocess.run(command, capture_output=True, text=True).stdout


def test_a_failing_build_fails_the_command(monkeypatch):
    monkeypatch.setattr(publish, "make_pages", lambda profile, status: None)
    monkeypatch.setattr(publish, "build_html", lambda: subprocess.run(["false"], check=True))
    with pytest.raises(SystemExit) as caught:
        publish.main(["--html"])
    assert caught.value.code == 1


def test_a_pdf_takes_a_browser_and_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "BROWSERS", ("no-such-browser",))
    with pytest.raises(SystemExit, match="printed by one of no-such-browser; none is installed"):
        publish.main(["--pdf"])
    monkeypatch.setattr(publish, "BROWSERS", ("python3",))
    monkeypatch.setattr(publish, "PAGES", tmp_path)
    with pytest.raises(SystemExit, match="there are no pages in .*; `make book` makes them"):
        publish.main(["--pdf"])


def test_links_of_the_whole_book_stay_in_it(tmp_path):
    toc = (REPOSITORY / "_toc.yml").read_text(encoding="utf-8")
    (root,) = re.findall("^root: (.+)", toc, re.MULTILINE)
    first = tmp_path / f"{root}.html"  # where Sphinx writes the page with all pages
    first.parent.mkdir(parents=True)
    links = f'<a href="{root}.html#a"></a><a href="#b"></a><a href="_downloads/c.csv"></a>'
    first.write_text(links)
    whole = publish.one_page(tmp_path)
    assert whole == tmp_path / "index.html"  # from where _downloads/ is found
    assert re.findall('href="([^"]*)"', whole.read_text()) == ["#a", "#b", "_downloads/c.csv"]

"""The manifest, and what becomes of an executed notebook."""

import re
import subprocess
from base64 import b64encode

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from alvae import book, figures
from alvae.book import as_page, load_manifest
from alvae.notebook import RECORDED, Experiment


@pytest.fixture(autouse=True)
def style():
    yield
    figures.use_style("full")


def test_the_manifest_of_the_book_is_valid():
    experiments, pages = load_manifest()
    assert {"three-digits", "four-digits", "five-digits"} <= set(experiments)
    assert all(names for names in pages.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pages: {}", "common, experiments and pages"),
        ("{common: {}, experiments: {a: {digit: [1]}}, pages: {}}", "experiment a has digit"),
        ("{common: {}, experiments: {a: {}}, pages: {nothing: [a]}}", "notebooks/nothing.ipynb"),
        ("{common: {}, experiments: {a: {}}, pages: {training: [b]}}", "page training has b"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path, content, said):
    path = tmp_path / "experiments.yml"
    path.write_text(content)
    with pytest.raises(ValueError, match=said):
        load_manifest(path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.yml is missing"):
        load_manifest(tmp_path / "none.yml")


def executed_notebook():
    rows = ":::{table} For {{ digits }}\n:name: tab-a\n:::"
    return new_notebook(
        cells=[
            new_markdown_cell(
                "# On {{ digits }}\n\nSee {numref}`fig-a` and fig-a-b, {eq}`eq-other`."
            ),
            new_code_cell(
                'digits: list = [0, 3]  # classes\nname: str = "a # b"  # kept\nn: int = 1',
                metadata={"tags": ["parameters"]},
            ),
            new_code_cell("digits = [1, 7]", metadata={"tags": ["injected-parameters"]}),
            new_code_cell(
                "figure",
                metadata={
                    "papermill": {"start_time": "now"},
                    "mystnb": {
                        "figure": {"name": "fig-a", "caption": "Of {{ digits }}"},
                        "image": {"alt": "Also {{ digits }}"},
                    },
                },
                outputs=[
                    new_output("display_data", {"text/plain": "low = 20"}, metadata=RECORDED),
                    new_output("display_data", {"text/markdown": rows}),
                ],
            ),
        ]
    )


def test_a_page_shows_its_parameters_and_has_labels_of_its_own():
    study = Experiment(digits=[1, 7])
    page = as_page(executed_notebook(), "template", "-ones", {"digits": [1, 7]}, study)
    title, parameters, figure, note = page.cells
    assert "On 1 and 7" in title.source
    assert "{numref}`fig-a-ones` and fig-a-b, {eq}`eq-other`" in title.source
    assert parameters.source == (
        'digits: list = [1, 7]  # classes\nname: str = "a # b"  # kept\nn: int = 1'
    )
    assert figure.metadata["mystnb"] == {
        "figure": {"name": "fig-a-ones", "caption": "Of 1 and 7"},
        "image": {"alt": "Also 1 and 7"},
    }
    assert "papermill" not in figure.metadata
    (output,) = figure.outputs  # what `record` shows is left out
    assert output.data["text/markdown"] == ":::{table} For 1 and 7\n:name: tab-a-ones\n:::"
    assert "notebooks/template.ipynb" in note.source
    assert "digits = [1, 7]" in note.source


def test_the_first_page_of_a_notebook_keeps_its_labels_and_a_smoke_page_says_so():
    study = Experiment(digits=[1, 7], profile="smoke")
    given = {"digits": [1, 7], "profile": "smoke"}
    page = as_page(executed_notebook(), "template", "", given, study)
    assert page.cells[3].metadata["mystnb"]["figure"]["name"] == "fig-a"
    assert "smoke run" in page.cells[1].source


def test_a_notebook_is_executed_once_for_the_same_parameters(tmp_path, monkeypatch):
    cell = new_code_cell("n: int = 1  # a number", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    log = tmp_path / "log"
    append = new_code_cell(f"print(n, file=open({str(log)!r}, 'a'))")
    nbformat.write(new_notebook(cells=[cell, append], metadata=kernel), tmp_path / "a.ipynb")
    monkeypatch.setattr(book, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(book, "PAGES", tmp_path / "pages")
    for n in (2, 2, 3):
        _, given = book.execute("a", {"n": n, "digits": [0, 1]})
        assert given == {"n": n}
    assert log.read_text() == "2\n3\n"
    assert not list(tmp_path.glob("pages/*"))  # nothing half made is left


def test_a_second_page_has_a_title_of_its_own():
    study = Experiment(digits=[1, 7])
    notebook = executed_notebook()
    notebook.cells[0].source = "# Looking\n\nAt it."
    page = as_page(notebook, "template", "-ones", {"digits": [1, 7]}, study)
    assert page.cells[0].source == "# Looking: 1 and 7\n\nAt it."


def test_the_headline_takes_a_full_page(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "PAGES", tmp_path)
    monkeypatch.setattr(book, "REPOSITORY", tmp_path)
    with pytest.raises(SystemExit, match="takes a full `make book`"):
        book.main(["--headline"])
    image = {"image/png": b64encode(b"a picture").decode()}
    cell = new_code_cell(
        "figure",
        metadata={"mystnb": {"figure": {"name": book.HEADLINE}}},
        outputs=[new_output("display_data", image)],
    )
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "sampling_comparisons.ipynb")
    book.main(["--headline"])
    assert (tmp_path / "book/_static/learning_curves.png").read_bytes() == b"a picture"


def test_every_picture_of_the_readme_is_there():
    readme = (book.REPOSITORY / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert all((book.REPOSITORY / picture).is_file() for picture in pictures)


def test_the_command_line_reports_bad_input_in_one_line(monkeypatch):
    monkeypatch.setattr(book, "make_pages", lambda profile: Experiment(digits=[3]))
    with pytest.raises(SystemExit, match="python -m alvae.book: digits was"):
        book.main([])


def test_the_report_has_shares_and_what_the_usual_way_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "PAGES", tmp_path)
    glued = [
        new_output("display_data", {"text/plain": value}, metadata={"scrapbook": {"name": name}})
        for name, value in (("ours_minutes", "5.04"), ("usual_minutes", "61.2"))
    ]
    cells = [new_markdown_cell("# Speed"), new_code_cell("record()", outputs=glued)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "speed.ipynb")
    lines = book.report({"training": 90.0, "speed": 30.0}).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["training", "90", "s", "75.0%"],
        ["speed", "30", "s", "25.0%"],
        ["all", "120", "s,", "2.0", "minutes"],
    ]
    assert lines[3].endswith("5.0 minutes, 61 the usual way")
    assert len(book.report({"training": 90.0}).splitlines()) == 2


def test_the_builder_answers():
    command = [*book.JUPYTER_BOOK, "--version"]
    assert "Jupyter Book" in subprocess.run(command, capture_output=True, text=True).stdout


def test_a_failing_build_fails_the_command(monkeypatch):
    monkeypatch.setattr(book, "make_pages", lambda profile: {})
    monkeypatch.setattr(book, "build_html", lambda: subprocess.run(["false"], check=True))
    with pytest.raises(SystemExit) as caught:
        book.main(["--html"])
    assert caught.value.code == 1

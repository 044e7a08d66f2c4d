"""What becomes of an executed notebook."""

import re
from base64 import b64decode, b64encode
from io import BytesIO

import nbformat
import numpy as np
import pytest
from myst_nb.ext.glue import GLUE_PREFIX
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from alvae.book import figures, pages
from alvae.book.cells import RECORDED
from alvae.book.experiment import Experiment, load_manifest
from alvae.book.pages import as_page


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
    assert "it took" not in note.source
    assert "It calls" not in note.source


def test_folded_cells_that_show_nothing_are_one_with_the_next():
    def cell(source, *tags, **data):
        outputs = [new_output("display_data", {kind: value}) for kind, value in data.items()]
        return new_code_cell(source, metadata={"tags": [*tags]}, outputs=outputs)

    glued = cell("b = 1", "hide-input", **{f"{GLUE_PREFIX}text/plain": "1"})
    cells = [
        new_markdown_cell("# Title"),
        cell("n: int = 1", "hide-input", "parameters"),
        cell("a = 1", "hide-input"),
        glued,
        cell("print(a)", "hide-input", text="1"),
        cell("c = 1", "hide-input"),
        cell("seen = 1"),
        cell("d = 1", "hide-input"),
        new_markdown_cell("Text."),
        cell("e = 1", "hide-input"),
    ]
    page = as_page(new_notebook(cells=cells), "template", "", {}, Experiment())
    assert [c.source for c in page.cells[:-1]] == [
        *("# Title", "n: int = 1", "a = 1\n\nb = 1\n\nprint(a)"),
        *("c = 1", "seen = 1", "d = 1", "Text.", "e = 1"),
    ]
    assert [len(c.outputs) for c in page.cells[1:4]] == [0, 2, 0]  # with what is glued


def test_a_page_says_how_long_it_took_and_leads_to_what_it_calls():
    notebook = executed_notebook()
    notebook.metadata["papermill"] = {"duration": 61.7}
    source = "from alvae import select, KMeansCoreset\nfrom alvae.book import figures\nimport numpy"
    notebook.cells.append(new_code_cell(source))
    note = as_page(notebook, "template", "", {}, Experiment()).cells[-1].source
    assert "; it took 1:02 minutes." in note
    notebook.metadata["papermill"]["duration"] = 7.6
    note = as_page(notebook, "template", "", {}, Experiment()).cells[-1].source
    assert "; it took 8 seconds." in note
    names = "{py:obj}`KMeansCoreset <alvae.KMeansCoreset>` and {py:obj}`select <alvae.select>`"
    assert f"It calls {names}." in note


def test_the_first_page_of_a_notebook_keeps_its_labels_and_a_smoke_page_says_so():
    study = Experiment(digits=[1, 7], profile="smoke")
    given = {"digits": [1, 7], "profile": "smoke"}
    page = as_page(executed_notebook(), "template", "", given, study)
    assert page.cells[3].metadata["mystnb"]["figure"]["name"] == "fig-a"
    assert "smoke run" in page.cells[1].source


@pytest.mark.slow
def test_a_notebook_is_executed_once_for_the_same_parameters(tmp_path, monkeypatch):
    cell = new_code_cell("n: int = 1  # a number", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    log = tmp_path / "log"
    append = new_code_cell(f"print(n, file=open({str(log)!r}, 'a'))")
    nbformat.write(new_notebook(cells=[cell, append], metadata=kernel), tmp_path / "a.ipynb")
    monkeypatch.setattr(pages, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(pages, "PAGES", tmp_path / "pages")
    for n in (2, 2, 3):
        _, given = pages.execute("a", {"n": n, "digits": [0, 1]})
        assert given == {"n": n}
    assert log.read_text() == "2\n3\n"
    append.metadata["mystnb"] = {"figure": {"caption": "Another caption."}}
    nbformat.write(new_notebook(cells=[cell, append], metadata=kernel), tmp_path / "a.ipynb")
    executed, _ = pages.execute("a", {"n": 3})
    assert log.read_text() == "2\n3\n3\n"
    assert executed.cells[-1].metadata["mystnb"]["figure"]["caption"] == "Another caption."
    assert not list(tmp_path.glob("pages/*"))  # nothing half made is left


def test_a_second_page_has_a_title_of_its_own():
    study = Experiment(digits=[1, 7])
    notebook = executed_notebook()
    notebook.cells[0].source = "# Looking\n\nAt it."
    page = as_page(notebook, "template", "-ones", {"digits": [1, 7]}, study)
    assert page.cells[0].source == "# Looking: 1 and 7\n\nAt it."


def test_a_page_names_a_file_of_the_repository_as_on_any_machine():
    study = load_manifest()[0]["own-images"]
    page = as_page(executed_notebook(), "template", "", study, Experiment(**study))
    assert study["pool_name"] != "book/data/fashion.npz"  # but all of its path
    assert "`pool_name = 'book/data/fashion.npz'`" in page.cells[-1].source


def test_a_name_of_a_file_is_not_html(tmp_path):
    name = str(tmp_path / "`<img src=x onerror=alert(1)>`.npz")
    images = np.full((6, 4, 4), 200, np.uint8)
    labels = np.arange(6) % 2
    np.savez(name, x_train=images, y_train=labels, x_test=images, y_test=labels)
    notebook = executed_notebook()
    notebook.cells[0].source += "\n\nFrom {{ pool_name }}."
    study = Experiment(pool_name=name, digits=[0, 1])
    page = as_page(notebook, "template", "", {"pool_name": name}, study)
    assert "&lt;img" in page.cells[0].source
    assert "<img" not in page.cells[0].source
    note = page.cells[-1].source
    assert re.fullmatch(r"From `[^`]*` with `[^`]*`; .*", note.splitlines()[2])


def test_a_figure_weighs_less_on_a_page_and_looks_the_same():
    Z, labels = np.random.default_rng(0).normal(size=(3000, 2)), np.arange(3000) % 10
    drawn = BytesIO()
    figures.latent_space(Z.astype(np.float32), labels).savefig(drawn, format="png")
    png = b64encode(drawn.getvalue()).decode()
    cell = new_code_cell("", outputs=[new_output("display_data", {"image/png": png})])
    executed = new_notebook(cells=[new_markdown_cell("# T"), cell])
    page = as_page(executed, "template", "", {}, Experiment(digits=[1, 7]))
    lighter = page.cells[1].outputs[0].data["image/png"]
    assert len(lighter) < 0.7 * len(png)
    before, after = (
        np.asarray(Image.open(BytesIO(b64decode(image))).convert("RGB"), dtype=int)
        for image in (png, lighter)
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 1.5  # of 255
    assert (np.abs(before - after).max(axis=2) > 40).mean() < 0.005

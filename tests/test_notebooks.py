"""What every notebook of the book promises, without executing it (`make test` does that, too)."""

import re

import nbformat
import papermill
import pytest

from alvae.book import NOTEBOOKS, load_manifest

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def figure_of(cell):
    return cell.metadata.get("mystnb", {}).get("figure")


def test_it_is_a_page_of_the_book(path):
    assert path.stem in load_manifest()[1]


def test_it_is_committed_without_outputs_and_runs_on_any_kernel_named_python3(notebook):
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


def test_its_parameters_are_typed_and_explained(path):
    parameters = papermill.inspect_notebook(str(path))
    assert "profile" in parameters
    for name, parameter in parameters.items():
        assert parameter["inferred_type_name"] != "None", name
        assert parameter["help"], name


def test_smoke_is_what_nbmake_runs(notebook):
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    assert cell.metadata["nbmake"]["mock"] == {"profile": "smoke"}
    assert notebook.metadata.execution.timeout >= 300


def test_every_figure_has_a_caption_and_an_alternative_text(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.splitlines()[-1].startswith("figures."):
            if cell.source.splitlines()[-1].startswith("figures.use_style"):
                continue
            assert figure_of(cell), cell.source
        if figure_of(cell):
            assert figure_of(cell)["caption"]
            assert cell.metadata["mystnb"]["image"]["alt"]


def test_every_figure_and_table_is_spoken_of(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    names = [figure_of(c)["name"] for c in notebook.cells if figure_of(c)]
    names += re.findall(r'"(tab-[\w-]+)"', code)
    for name in names:
        assert f"`{name}`" in prose, name


def test_code_cells_are_short(notebook):
    lines = [len(c.source.splitlines()) for c in notebook.cells if c.cell_type == "code"]
    assert max(lines) <= 14


def test_every_cited_value_is_recorded(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    cited = set(re.findall(r"\{glue:text\}`(\w+)", prose))
    recorded = set(re.findall(r"(\w+)=", code))
    dynamic = {name for name in cited if name.startswith(("input_", "latent_"))}
    assert cited - dynamic <= recorded

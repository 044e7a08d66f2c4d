"""What every notebook of the book promises, without executing it (`make test` does that, too)."""

import ast
import re
from itertools import pairwise

import nbformat
import numpy as np
import papermill
import pytest

import alvae
from alvae.book import NOTEBOOKS
from alvae.book.experiment import load_manifest

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
    assert "profile" in parameters or not parameters
    for name, parameter in parameters.items():
        assert parameter["inferred_type_name"] != "None", name
        assert parameter["help"], name


def test_smoke_is_what_nbmake_runs(notebook):
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            assert cell.metadata["nbmake"]["mock"] == {"profile": "smoke"}
    assert notebook.metadata.execution.timeout >= 300


def test_every_figure_has_a_caption_and_an_alternative_text(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.splitlines()[-1].startswith("figures."):
            assert figure_of(cell), cell.source
        if figure_of(cell):
            assert figure_of(cell)["caption"]
            assert cell.metadata["mystnb"]["image"]["alt"]


def test_every_picture_to_look_into_follows_its_figure(notebook):
    # It takes the place of its image, and is cited and printed as it is.
    for before, cell in pairwise(c for c in notebook.cells if c.cell_type == "code"):
        if re.search(r"^interactive\.", cell.source, re.M):
            assert figure_of(before), cell.source
            assert "hide-input" in cell.metadata.tags


def test_every_figure_and_table_is_spoken_of(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    names = [figure_of(c)["name"] for c in notebook.cells if figure_of(c)]
    names += re.findall(r'"(tab-[\w-]+)"', code)
    for name in names:
        assert f"`{name}`" in prose, name


def test_no_two_pages_share_a_label():
    notebooks = [nbformat.read(path, as_version=4) for path in PATHS]
    names = [figure_of(c)["name"] for n in notebooks for c in n.cells if figure_of(c)]
    for notebook in notebooks:
        code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
        prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        names += set(re.findall(r'"(tab-[\w-]+)"', code))
        names += re.findall(r":name: ([\w-]+)|\$\$ \((eq-[\w-]+)\)", prose)
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]


def test_a_page_takes_names_of_the_package_and_no_modules(notebook):
    # It leads to the reference of each, and modules have no place there.
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    taken = re.findall(r"^from alvae import (.+)$", code, re.M)
    names = {name.strip() for line in taken for name in line.split(",")}
    assert names <= {*alvae.__all__}


def test_code_cells_are_short(notebook):
    lines = [len(c.source.splitlines()) for c in notebook.cells if c.cell_type == "code"]
    assert max(lines) <= 14


def test_a_table_ends_a_cell_whose_output_is_read_as_markdown(notebook):
    def is_table(statement):
        return ast.unparse(statement).startswith("table(")

    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        *others, last = ast.parse(cell.source).body
        is_markdown = cell.metadata.get("mystnb", {}).get("markdown_format") == "myst"
        assert is_table(last) == is_markdown
        assert not any(map(is_table, others))  # it would not be shown


def prose_of(notebook):
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def visible_code(notebook):
    """Cells whose code a reader sees without a click."""
    folded = {"hide-input", "hide-cell"}
    cells = (c for c in notebook.cells if c.cell_type == "code")
    return [c for c in cells if not folded & set(c.metadata.get("tags", []))]


def test_it_asks_answers_sums_up_and_lets_the_reader_try(notebook):
    first, prose = notebook.cells[0].source, prose_of(notebook)
    question, answer, learned = re.fullmatch(
        r"# .+\n\n:::\{admonition\} (.+\?)\n:class: tip answer\n\n(.+)\n\n(.+)\n:::",
        first,
        re.DOTALL,
    ).groups()
    assert "\n" not in question
    assert re.match(r"\*\*.+?\*\*", answer, re.DOTALL)
    assert "{glue:text}" in answer  # a number that was computed
    assert learned.startswith("*You learn here*")
    headings = re.findall(r"^## (.+)$", prose, re.MULTILINE)
    if headings[-1] == "How to run it":  # the first page
        return
    assert headings[-2:] == ["Summary", "Exercises"]
    exercises = re.findall(r"^\d\. ", prose.split("## Exercises")[1], re.MULTILINE)
    prompts = [c.metadata.get("mystnb", {}).get("code_prompt_show") for c in notebook.cells]
    solutions = [c for c, prompt in zip(notebook.cells, prompts, strict=True) if prompt]
    assert [p for p in prompts if p] == [f"Solution of {i + 1}" for i in range(len(exercises))]
    assert 2 <= len(exercises) <= 3
    assert all("hide-cell" in c.metadata["tags"] for c in solutions)


def test_a_picture_comes_before_the_first_code_that_is_seen(notebook):
    seen = [id(c) for c in visible_code(notebook)]
    first = next(c for c in notebook.cells if figure_of(c) or id(c) in seen)
    assert figure_of(first)


def test_there_is_more_prose_than_code_to_be_seen(notebook):
    lines = [len(c.source.splitlines()) for c in visible_code(notebook)]
    assert max(lines, default=0) <= 12
    assert sum(lines) <= len(prose_of(notebook)) / 100  # characters of a line of text


def test_no_line_of_code_to_be_seen_wraps(notebook):
    assert all(len(line) <= 83 for c in visible_code(notebook) for line in c.source.splitlines())


def test_its_answer_is_guarded(notebook):
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    assert code.count("finding(") >= 2


def test_every_cited_value_is_recorded(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    cited = set(re.findall(r"\{glue:text\}`(\w+)[:`]", prose))
    recorded = set(re.findall(r"(\w+)=", code))
    dynamic = {name for name in cited if name.startswith(("input_", "latent_"))}
    assert cited - dynamic <= recorded


def test_backticks_are_paired(notebook):
    # What is left of an edited role would stand on the page.
    prose = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    prose = re.sub(r"^```.*?^```", "", prose, flags=re.DOTALL | re.MULTILINE)
    assert not [part for part in prose.split("\n\n") if part.count("`") % 2]


def test_no_value_is_recorded_twice(notebook):
    # The prose of both places would cite the last one.
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "id", "") == "record"]
    names = [keyword.arg for call in calls for keyword in call.keywords if keyword.arg]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]


def test_a_value_cited_from_another_page_has_a_format(notebook):
    # Without one MyST-NB takes its name for the format.
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    cited = re.findall(r"\{glue:text\}`([^`]*::[^`]*)`", prose)
    assert all(re.fullmatch(r"[\w-]+\.ipynb::\w+:[^:]+", one) for one in cited)


def test_every_value_cited_from_another_page_is_recorded_there(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for page, name in re.findall(r"`([\w-]+)\.ipynb::(\w+)", prose):
        other = nbformat.read(NOTEBOOKS / f"{page.split('-')[0]}.ipynb", as_version=4)
        assert re.search(rf"\b{name}=", "\n".join(c.source for c in other.cells)), name


# Other data, through papermill, from another folder


@pytest.fixture
def color_images(tmp_path):
    """A local .npz of 32 x 32 color images in three classes, told apart by their color."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 240), ("test", 60)):
        labels = rng.permutation(np.arange(n) % 3)
        images = rng.integers(0, 80, (n, 32, 32, 3), dtype=np.uint8)
        images[np.arange(n), 8:24, 8:24, labels] += 150
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
    np.savez(tmp_path / "colors.npz", **arrays)
    return {"pool_name": str(tmp_path / "colors.npz"), "digits": [0, 1, 2]}


ON_POOLS = [path for path in PATHS if "digits" in path.read_text(encoding="utf-8")]
ON_POOLS = [path for path in ON_POOLS if "digits" in papermill.inspect_notebook(str(path))]


def run(path, folder, monkeypatch, **parameters):
    monkeypatch.chdir(folder)
    known = papermill.inspect_notebook(str(path))
    given = {name: value for name, value in parameters.items() if name in known}
    return papermill.execute_notebook(path, "out.ipynb", given, progress_bar=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", ON_POOLS, ids=lambda path: path.stem)
def test_it_runs_on_a_local_file_of_color_images(path, tmp_path, monkeypatch, color_images):
    few = {"epochs": 1, "n_trials": 2, "budgets": [9, 30], "n_clusters": 6, "latent_dim": 2}
    run(path, tmp_path, monkeypatch, **color_images, **few)
    assert (tmp_path / "out.ipynb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "digits", "latent_dim"),
    [("latent_space", [1, 7], 2), ("multi_class", list(range(10)), 10)],
)
def test_it_runs_on_other_digits(name, digits, latent_dim, tmp_path, monkeypatch):
    given = {"digits": digits, "latent_dim": latent_dim, "profile": "smoke"}
    run(NOTEBOOKS / f"{name}.ipynb", tmp_path, monkeypatch, **given)


@pytest.mark.slow
def test_a_list_handed_over_as_a_string_is_explained(tmp_path, monkeypatch):
    with pytest.raises(papermill.PapermillExecutionError, match="digits is the string"):
        run(NOTEBOOKS / "training.ipynb", tmp_path, monkeypatch, digits="[1, 7]")

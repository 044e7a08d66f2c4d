"""From the manifest to pages: notebooks executed with papermill, and made into pages of the book.

`book/experiments.yml` says which notebook runs with which parameters. Each run becomes a page in
`book/pages/`, with its parameters filled in and its provenance at the end. What has not changed is
not executed again.
"""

import ast
import hashlib
import html
import json
import re
from base64 import b64decode, b64encode
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import nbformat
from PIL import Image

from alvae import store
from alvae.book import CLAIMS, INTERACTIVE, MANIFEST, NOTEBOOKS, PAGES, REPOSITORY, RESULTS
from alvae.book.cells import brief, listing
from alvae.book.experiment import Experiment, load_manifest
from alvae.book.status import duration
from alvae.pools import load_pool
from alvae.store.recipes import differences, readable
from alvae.store.sources import code_in

SUFFIX = ".ipynb"
GLUE = "application/papermill.record/"  # how the kinds of values for the prose begin
# What a page reads beside its data, if its code knows of it.
FILES = {
    "MANIFEST": lambda: [MANIFEST],
    "CLAIMS": lambda: [CLAIMS],
    "RESULTS": lambda: sorted(RESULTS.glob("[!.]*")),
    "INTERACTIVE": lambda: sorted([*INTERACTIVE.glob("*.js"), *INTERACTIVE.glob("*.css")]),
}
# Kernels log nothing: each would warn at its start that it talks over TCP without encryption.
QUIET = ["--IPKernelApp.log_level=50"]


def list_pages():
    """The pages of the book: for each its notebook, the suffix of its labels, its experiment."""
    return {
        # The first page of a notebook has its plain name and labels.
        notebook + (suffix := f"-{name}" if i else ""): (notebook, suffix, name)
        for notebook, names in load_manifest()[1].items()
        for i, name in enumerate(names)
    }


def make_pages(profile, status):
    """Execute every notebook of the manifest and write the pages of the book.

    Parameters
    ----------
    profile : "full" or "smoke"
    status : Status
        Of the pages that :func:`list_pages` gives.
    """
    experiments, _ = load_manifest()
    # All parameters are checked before the first notebook runs.
    checked = {name: Experiment(**params, profile=profile) for name, params in experiments.items()}
    pages = list_pages()
    for page, (notebook, _, name) in pages.items():
        entry = _entry(notebook, experiments[name] | {"profile": profile})
        if changed := store.changes("pages", entry.recipe, SUFFIX, entry.title):
            status.say(f"{page} is made anew, as there are changes in {brief(changed)}")
    for page, (notebook, suffix, name) in pages.items():
        with status.step(page):
            executed, parameters = execute(notebook, experiments[name] | {"profile": profile})
            content = as_page(executed, notebook, suffix, parameters, checked[name])
            with store.replacing(PAGES / f"{page}.ipynb") as temporary:
                nbformat.write(content, temporary)
    for path in PAGES.glob("*.ipynb"):
        if path.stem not in pages:
            path.unlink()


class _Entry(NamedTuple):
    """An executed notebook as the store has it: what it is, and all that it depends on."""

    template: Path
    parameters: dict
    recipe: dict
    title: str


def _entry(notebook, parameters):
    import papermill

    template = NOTEBOOKS / f"{notebook}.ipynb"
    known = papermill.inspect_notebook(str(template))
    parameters = {name: value for name, value in parameters.items() if name in known}
    cells = nbformat.read(template, as_version=4).cells
    code = code_in("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
    recipe = {
        "cells": [[cell.source, json.dumps(cell.metadata, sort_keys=True)] for cell in cells],
        "parameters": parameters,
        "code": code,
        "files": {
            path.relative_to(REPOSITORY).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for name, files in FILES.items()
            if f"alvae.book.{name}" in code
            for path in files()
        },
        "machine": store.machine(),  # pages show seconds
    }
    if parameters.get("pool_name", "mnist") != "mnist":  # that of the package is in the code
        recipe["pool"] = load_pool(parameters["pool_name"])
    what = [str(parameters[name]) for name in ("digits", "profile") if name in parameters]
    return _Entry(template, parameters, recipe, ", ".join([notebook, *what]))


def execute(notebook, parameters):
    """Execute a notebook, or take it from the store where nothing that it depends on has changed.

    Parameters
    ----------
    notebook : str
        Name of a file in notebooks/, without its ending.
    parameters : dict
        Those that the notebook does not have are left out.

    Returns
    -------
    executed : nbformat.NotebookNode
    parameters : dict
        What the notebook was given.

    Raises
    ------
    ValueError
        What it depends on was edited while it ran.
    """
    import papermill

    entry = _entry(notebook, parameters)

    def run(_):
        executed = papermill.execute_notebook(
            entry.template,
            None,
            parameters=entry.parameters,
            kernel_name="python3",
            cwd=NOTEBOOKS,
            progress_bar=False,
            extra_arguments=QUIET,
        )
        now = _entry(notebook, parameters).recipe
        if changed := differences(readable(entry.recipe), readable(now)):
            raise ValueError(f"{notebook} ran while there were changes in {brief(changed)}")
        return executed

    load = partial(nbformat.read, as_version=4)
    executed = store.fetch(
        "pages", entry.recipe, SUFFIX, run, nbformat.write, load, title=entry.title
    )
    return executed, entry.parameters


def as_page(executed, notebook, suffix, parameters, experiment):
    """Turn an executed notebook into a page of the book.

    The cell of parameters shows their values in this run, ``{{ name }}`` becomes the value of a
    parameter, labels that would stand twice in the book get a suffix, and a last cell says what the
    page was made from. Folded cells in a row become one where none but the last shows anything.
    """
    page = nbformat.from_dict(executed)
    parameters = {name: _in_repository(value) for name, value in parameters.items()}
    how = _provenance(notebook, parameters, page)
    page.metadata.pop("papermill", None)
    page.cells = [c for c in page.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    values = {f.name: getattr(experiment, f.name) for f in fields(experiment)}
    texts = {
        name: html.escape(listing(value) if isinstance(value, list) else str(value))
        for name, value in values.items()
    }
    labels = _labels(page) if suffix else ()

    def fill(text):
        text = re.sub(r"\{\{ (\w+) \}\}", lambda match: texts[match[1]], text)
        for label in labels:
            text = re.sub(rf"(?<![\w-]){label}(?![\w-])", label + suffix, text)
        return text

    for cell in page.cells:
        cell.metadata.pop("papermill", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("metadata", {}).get("alvae") is None]
        else:
            cell.source = fill(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, parameters)
        figure = cell.metadata.get("mystnb", {})
        for part, key in (("figure", "caption"), ("figure", "name"), ("image", "alt")):
            if key in figure.get(part, {}):
                figure[part][key] = fill(figure[part][key])
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            if "text/markdown" in data:  # tables
                data["text/markdown"] = fill(data["text/markdown"])
            if "image/png" in data:
                data["image/png"] = _of_few_colors(data["image/png"])
    page.cells = _joined(page.cells)
    title, *rest = page.cells[0].source.split("\n")
    if suffix and texts["digits"] not in title:
        page.cells[0].source = "\n".join([f"{title}: {texts['digits']}", *rest])
    if parameters.get("profile") == "smoke":
        page.cells.insert(1, nbformat.v4.new_markdown_cell(_SMOKE_NOTE, id="smoke-note"))
    page.cells.append(nbformat.v4.new_markdown_cell(how, id="how"))
    return page


def _joined(cells):
    """One button opens all the code between two things that are seen."""
    joined = []
    for cell in cells:
        before = joined[-1] if joined else None
        if before and _is_folded(cell) and _is_folded(before) and not _shows(before):
            cell.source = f"{before.source}\n\n{cell.source}"
            cell.outputs = before.outputs + cell.outputs  # glue for the prose
            joined.pop()
        joined.append(cell)
    return joined


def _is_folded(cell):
    tags = set(cell.metadata.get("tags", []))
    return cell.cell_type == "code" and "hide-input" in tags and "parameters" not in tags


def _shows(cell):
    """Whether a cell has any output but values for the prose."""
    kinds = {kind for output in cell.outputs for kind in output.get("data", {"text": ""})}
    return any(not kind.startswith(GLUE) for kind in kinds)


def _of_few_colors(png):
    """A figure of 256 colors, as base64: nobody sees the difference, and it weighs a third."""
    image, lighter = Image.open(BytesIO(b64decode(png))), BytesIO()
    image = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(lighter, "PNG", optimize=True)
    return min(b64encode(lighter.getvalue()).decode(), png, key=len)


_SMOKE_NOTE = """```{warning}
This page is from a smoke run: a small part of the images, hardly any training and a few trials. Its
numbers and figures show that everything works, and nothing else.
```"""


def _lasted(seconds):
    return f"{round(seconds)} seconds" if round(seconds) < 60 else f"{duration(seconds)} minutes"


def _provenance(notebook, parameters, executed):
    """What the page was made from, how long that took, what it calls, and how to make another."""
    settings = [f"{name} = {value!r}".replace("`", "'") for name, value in parameters.items()]
    settings = ", ".join(f"`{setting}`" for setting in settings)
    settings = f" with {settings}" if settings else ""
    seconds = executed.metadata.get("papermill", {}).get("duration")
    took = f"; it took {_lasted(seconds)}" if seconds else ""
    called = [f"{{py:obj}}`{name} <alvae.{name}>`" for name in _called(executed)]
    called = f" It calls {listing(called)}." if called else ""
    command = f"papermill notebooks/{notebook}.ipynb out.ipynb -y 'digits: [1, 7]'"
    try_it = f" To execute it with parameters of your own: `{command}`."
    try_it = try_it if "digits" in parameters else ""
    versions = ", ".join(f"{name} {version(name)}" for name in ("alvae", "torch", "scikit-learn"))
    return f"""```{{admonition}} How this page was made
:class: note dropdown
From `notebooks/{notebook}.ipynb`{settings}; {versions}{took}.{called}{try_it}
```"""


def _called(executed):
    """The public names of alvae that a notebook imports, in their order."""
    cells = (cell.source for cell in executed.cells if cell.cell_type == "code")
    nodes = [node for source in cells for node in ast.walk(ast.parse(source))]
    taken = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "alvae"]
    return sorted({alias.name for node in taken for alias in node.names}, key=str.lower)


def _in_repository(value):
    """A path in the repository as it is on any machine; anything else as it is."""
    return value.removeprefix(f"{REPOSITORY}/") if isinstance(value, str) else value


def _labels(page):
    """Names of the figures, tables, equations and sections that the notebook defines."""
    found = set()
    for cell in page.cells:
        found |= {figure_name(cell)} - {None}
        texts = [cell.source] if cell.cell_type == "markdown" else []
        texts += [o.get("data", {}).get("text/markdown", "") for o in cell.get("outputs", [])]
        for text in texts:
            for a, b in re.findall(r"^(?:\(([\w-]+)\)=|:(?:label|name): ([\w-]+))$", text, re.M):
                found.add(a or b)
    return sorted(found)


def figure_name(cell):
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("name")


def _with_values(source, parameters):
    """The parameters cell with the values of this run in place of the defaults."""

    def value_of(match):
        name, annotation, default, comment = match.groups()
        value = repr(parameters[name]) if name in parameters else default
        return f"{name}{annotation or ''} = {value}{comment or ''}"

    return re.sub(r"^(\w+)(: \w+)? = (.*?)(  #.*)?$", value_of, source, flags=re.MULTILINE)

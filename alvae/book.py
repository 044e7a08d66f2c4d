"""From the manifest to the pages of the book.

`book/experiments.yml` says which notebook runs with which parameters. ``python -m alvae.book``
checks it, executes the notebooks with papermill and writes each as a page into `book/pages/`, with
its parameters filled in and its provenance at the end. What has not changed is not executed again.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import nbformat
import yaml

from alvae import store
from alvae.notebook import PROFILES, Experiment, listing

REPOSITORY = Path(__file__).resolve().parents[1]
MANIFEST = REPOSITORY / "book" / "experiments.yml"
CLAIMS = REPOSITORY / "book" / "claims.yml"
NOTEBOOKS = REPOSITORY / "notebooks"
PAGES = REPOSITORY / "book" / "pages"
RESULTS = REPOSITORY / "book" / "results"
CONSTRAINTS = REPOSITORY / "constraints.txt"

HEADLINE = "fig-all"
# The command of this very environment; the package cannot be run with -m.
JUPYTER_BOOK = (sys.executable, "-c", "from jupyter_book.cli.main import main; main()")


def load_manifest(path=MANIFEST):
    """Read and check the manifest.

    Returns
    -------
    experiments : dict of str to dict
        Parameters of each experiment, for `Experiment`.
    pages : dict of str to list of str
        For each notebook the names of the experiments that it runs.

    Raises
    ------
    ValueError
        If the file is missing or names a notebook, an experiment or a parameter that is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is missing; the manifest belongs to a clone of the repository")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or set(content) != {"common", "experiments", "pages"}:
        raise ValueError(f"{path.name} must have the sections common, experiments and pages")
    common = content["common"] or {}
    experiments = {name: common | params for name, params in content["experiments"].items()}
    allowed = {f.name for f in fields(Experiment)} - {"profile"}
    for name, params in experiments.items():
        if unknown := set(params) - allowed:
            raise ValueError(
                f"experiment {name} has {listing(sorted(unknown))}; "
                f"allowed are {listing(sorted(allowed))}"
            )
        local = REPOSITORY / params.get("pool_name", "mnist")  # whatever folder one is in
        if local.exists():
            params["pool_name"] = str(local)
    for notebook, names in content["pages"].items():
        if not (NOTEBOOKS / f"{notebook}.ipynb").is_file():
            raise ValueError(f"pages has {notebook}; there is no notebooks/{notebook}.ipynb")
        if unknown := set(names) - set(experiments):
            raise ValueError(
                f"page {notebook} has {listing(sorted(unknown))}; "
                f"the experiments are {listing(experiments)}"
            )
    return experiments, content["pages"]


def make_pages(profile="full"):
    """Execute every notebook of the manifest and write the pages of the book.

    Parameters
    ----------
    profile : "full" or "smoke", default="full"

    Returns
    -------
    dict of str to float
        The seconds that each page took.
    """
    experiments, pages = load_manifest()
    # All parameters are checked before the first notebook runs.
    checked = {name: Experiment(**params, profile=profile) for name, params in experiments.items()}
    seconds = {}
    for notebook, names in pages.items():
        for i, name in enumerate(names):
            start = perf_counter()
            # The first page of a notebook has its plain name and labels.
            suffix = f"-{name}" if i else ""
            parameters = experiments[name] | {"profile": profile}
            executed, parameters = execute(notebook, parameters)
            page = as_page(executed, notebook, suffix, parameters, checked[name])
            with store.replacing(PAGES / f"{notebook}{suffix}.ipynb") as temporary:
                nbformat.write(page, temporary)
            seconds[notebook + suffix] = perf_counter() - start
            print(f"{notebook}{suffix}: {seconds[notebook + suffix]:.0f} s", flush=True)
    for path in PAGES.glob("*.ipynb"):
        if path.stem not in seconds:
            path.unlink()
    return seconds


def build_html():
    """Build the pages into `_build/html`, all anew; a warning counts as an error."""
    for folder in ("html", ".doctrees"):
        shutil.rmtree(REPOSITORY / "_build" / folder, ignore_errors=True)
    command = [*JUPYTER_BOOK, "build", "-W", "-n", "--keep-going", "."]
    subprocess.run(command, cwd=REPOSITORY, check=True)


def report(seconds):
    """What each step took and its share of all, and what the usual way would take, as text."""
    total = sum(seconds.values())
    lines = [f"{step:<32}{s:7.0f} s {s / total:6.1%}" for step, s in seconds.items()]
    lines.append(f"{'all':<32}{total:7.0f} s, {total / 60:.1f} minutes")
    values = recorded(PAGES / "speed.ipynb") if "speed" in seconds else {}
    if values:
        ours, usual = (float(values[name]) for name in ("ours_minutes", "usual_minutes"))
        lines.append(f"VAEs and trials of the paper: {ours:.1f} minutes, {usual:.0f} the usual way")
    return "\n".join(lines)


def recorded(path):
    """The values that a page records for the prose, by name, as text."""
    values = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("scrapbook", {}).get("name"):
                values[name] = next(iter(output["data"].values()))
    return values


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
    """
    import papermill

    template = NOTEBOOKS / f"{notebook}.ipynb"
    known = papermill.inspect_notebook(str(template))
    parameters = {name: value for name, value in parameters.items() if name in known}

    def run():
        return papermill.execute_notebook(
            template,
            None,
            parameters=parameters,
            kernel_name="python3",
            cwd=NOTEBOOKS,
            progress_bar=False,
        )

    pool = Path(parameters.get("pool_name", "mnist"))
    modules = sorted(path.stem for path in (REPOSITORY / "alvae").glob("*.py"))
    recipe = {
        "cells": [cell.source for cell in nbformat.read(template, as_version=4).cells],
        "parameters": parameters,
        "source": store.source_digest(*modules),
        "files": [
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (MANIFEST, CLAIMS, CONSTRAINTS, *sorted(RESULTS.glob("*")), pool)
            if path.is_file()
        ],
    }
    executed = store.fetch(
        "pages", recipe, ".ipynb", run, nbformat.write, lambda path: nbformat.read(path, 4)
    )
    return executed, parameters


def as_page(executed, notebook, suffix, parameters, experiment):
    """Turn an executed notebook into a page of the book.

    The cell of parameters shows their values in this run, ``{{ name }}`` becomes the value of a
    parameter, labels that would stand twice in the book get a suffix, and a last cell says what the
    page was made from.
    """
    page = nbformat.from_dict(executed)
    page.metadata.pop("papermill", None)
    page.cells = [c for c in page.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    values = {f.name: getattr(experiment, f.name) for f in fields(experiment)}
    texts = {
        name: listing(value) if isinstance(value, list) else str(value)
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
        for output in cell.get("outputs", []):  # tables
            if "text/markdown" in output.get("data", {}):
                output["data"]["text/markdown"] = fill(output["data"]["text/markdown"])
    title, *rest = page.cells[0].source.split("\n")
    if suffix and texts["digits"] not in title:
        page.cells[0].source = "\n".join([f"{title}: {texts['digits']}", *rest])
    if parameters.get("profile") == "smoke":
        page.cells.insert(1, nbformat.v4.new_markdown_cell(_SMOKE_NOTE))
    page.cells.append(nbformat.v4.new_markdown_cell(_provenance(notebook, parameters)))
    return page


_SMOKE_NOTE = """```{warning}
This page is from a smoke run: a small part of the images, hardly any training and a few trials. Its
numbers and figures show that everything works, and nothing else.
```"""


def _provenance(notebook, parameters):
    """A note on what the page was made from, and how to make it with other parameters."""
    settings = ", ".join(f"`{name} = {value!r}`" for name, value in parameters.items())
    settings = f" with {settings}" if settings else ""
    try_it = (
        " To execute it with parameters of your own: "
        f"`papermill notebooks/{notebook}.ipynb out.ipynb -y 'digits: [1, 7]'`."
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("alvae", "torch", "scikit-learn"))
    return f"""```{{admonition}} How this page was made
:class: note dropdown
From `notebooks/{notebook}.ipynb`{settings}; {versions}.{try_it if "digits" in parameters else ""}
```"""


def _labels(page):
    """Names of the figures, tables, equations and sections that the notebook defines."""
    found = set()
    for cell in page.cells:
        found |= {_figure_name(cell)} - {None}
        texts = [cell.source] if cell.cell_type == "markdown" else []
        texts += [o.get("data", {}).get("text/markdown", "") for o in cell.get("outputs", [])]
        for text in texts:
            for a, b in re.findall(r"^(?:\(([\w-]+)\)=|:(?:label|name): ([\w-]+))$", text, re.M):
                found.add(a or b)
    return sorted(found)


def _figure_name(cell):
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("name")


def _with_values(source, parameters):
    """The parameters cell with the values of this run in place of the defaults."""

    def value_of(match):
        name, annotation, default, comment = match.groups()
        value = repr(parameters[name]) if name in parameters else default
        return f"{name}{annotation or ''} = {value}{comment or ''}"

    return re.sub(r"^(\w+)(: \w+)? = (.*?)(  #.*)?$", value_of, source, flags=re.MULTILINE)


def write_headline():
    """Copy the figure of the README out of the page that shows it, which must be a full one."""
    path = PAGES / "sampling_comparisons.ipynb"
    if not path.is_file() or "from a smoke run" in path.read_text(encoding="utf-8"):
        raise ValueError(f"{path} is missing or from a smoke run; it takes a full `make book`")
    (cell,) = (c for c in nbformat.read(path, as_version=4).cells if _figure_name(c) == HEADLINE)
    image = next(o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    with store.replacing(REPOSITORY / "book" / "_static" / "learning_curves.png") as temporary:
        temporary.write_bytes(b64decode(image))


def main(arguments=None):
    """Make the pages of the book, from the command line."""
    parser = argparse.ArgumentParser(prog="python -m alvae.book", description=main.__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="full", help="size of the runs")
    parser.add_argument(
        "--headline", action="store_true", help="only copy the figure of the README"
    )
    parser.add_argument("--html", action="store_true", help="build the HTML from the pages, too")
    options = parser.parse_args(arguments)
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars in pages; the kernels inherit it
    try:
        if options.headline:
            return write_headline()
        seconds = make_pages(options.profile)
        if options.html:
            start = perf_counter()
            build_html()
            seconds["HTML"] = perf_counter() - start
    except ValueError as error:
        sys.exit(f"{parser.prog}: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    print(report(seconds))


if __name__ == "__main__":
    main()

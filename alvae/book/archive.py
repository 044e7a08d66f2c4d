"""The tables of the long studies for those who reuse them: one archive, which describes itself.

Beside the tables it has `datapackage.json`, in the format of https://datapackage.org: what each
table holds, and for every column its type and what it means.
"""

import json
from functools import lru_cache
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd
import yaml

import alvae
from alvae import store
from alvae.book import COLUMNS, RESULTS
from alvae.book.cells import listing

NAME = "alvae-results.zip"
TYPES = {"i": "integer", "f": "number", "b": "boolean"}  # of pandas; anything else is text


@lru_cache
def meanings():
    """What each column that a table has means, by its name."""
    explained = yaml.safe_load(COLUMNS.read_text(encoding="utf-8"))
    there = {column for path in RESULTS.glob("*.csv") for column in pd.read_csv(path, nrows=0)}
    return {name: text for name, text in explained.items() if name in there}


def describe():
    """The contents of `datapackage.json`.

    Raises
    ------
    ValueError
        If a column is not explained.
    """
    return {
        "name": "alvae-results",
        "title": "Active learning in the latent space of a VAE: results of the long studies",
        "version": alvae.__version__,
        "resources": [_resource(path) for path in sorted(RESULTS.glob("*.csv"))],
    }


def _resource(path):
    from alvae.book.studies import list_studies  # here: it loads torch
    from alvae.book.study_kinds import KINDS

    table, name = pd.read_csv(path), path.stem
    if unknown := [column for column in table if column not in meanings()]:
        raise ValueError(f"{COLUMNS} does not say what {unknown} of {path.name} mean")
    made = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return {
        "name": name,
        "path": path.name,
        "title": KINDS[list_studies()[name]].__doc__.split("\n\n")[0].replace("\n    ", " "),
        "description": f"{_vaes(table, made['recipe']['experiment'])} "
        f"Made on {made['made']}; recipe in {name}.json.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "rows": len(table),
        "schema": {
            "fields": [
                {
                    "name": column,
                    "type": TYPES.get(table[column].dtype.kind, "string"),
                    "description": meanings()[column],
                }
                for column in table
            ]
        },
    }


def _vaes(table, experiment):
    """On what its VAEs were trained, and how."""
    if "seed" not in table and "task" in table:
        return f"Synthetic points with d = {table['latent_dim'].iloc[0]}."
    dims = table.get("latent_dim", pd.Series([experiment["latent_dim"]])).unique()
    d = "of several dimensions" if len(dims) > 1 else f"with d = {dims[0]}"
    moved = ", trained on shifted and rotated images" if experiment.get("translate") else ""
    pool = Path(experiment.get("pool_name", "mnist")).name
    of = "Digits" if pool == "mnist" else f"{pool}, classes"
    said = f"{of} {listing(experiment['digits'])}; VAEs {d}{moved}"
    if "seed" not in table:
        return f"{said}."
    seeds = sorted(table["seed"].unique())
    many = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
    which = f"{seeds[0]} to {seeds[-1]}" if many else listing(seeds)
    return f"{said}; seed{'s' * (len(seeds) > 1)} {which}."


def write(path):
    """Write the archive, of the same bytes as long as nothing in it changes.

    Returns
    -------
    dict
        Its description, as `describe` gives it.
    """
    about = describe()
    files = {"datapackage.json": json.dumps(about, indent=1).encode()}
    for file in sorted([*RESULTS.glob("*.csv"), *RESULTS.glob("*.json")]):
        files[file.name] = file.read_bytes()
    with store.replacing(path) as temporary, ZipFile(temporary, "w") as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return about

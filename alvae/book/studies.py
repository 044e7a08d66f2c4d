"""Makes the tables of the long comparisons, which `book/studies.yml` lists, and keeps them today's.

``python -m alvae.book.studies`` makes those that are stale: each a tidy table in `book/results/`,
beside a JSON file that says what made it. The tables are small and kept with the source, so that
the book shows them without the wait; :mod:`alvae.book.results` reads them.

An edit that changes no number makes a table stale all the same. ``--prove`` makes a slice of it
again, that of one VAE: if its rows come out to the last digit that is written, the table is stamped
as today's.
"""

import argparse
import hashlib
import io
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml

from alvae import store
from alvae.book import RESULTS, STUDIES
from alvae.book.cells import brief
from alvae.book.experiment import LOADER, Experiment, load_manifest
from alvae.book.study_kinds import KINDS
from alvae.pools import load_pool
from alvae.store.recipes import differences, digest, readable
from alvae.store.sources import code_of

DIGITS = "%.6g"  # of the numbers in a table
# Parameters of the experiment that a study may change.
CHANGED = "pool_name", "latent_dim", "translate", "degrees", "epochs", "budgets", "n_trials"
# Options of which a proof takes the first, as the same code takes all of them.
SWEPT = (
    "seeds",
    "changes",
    "shares",
    "dimensions",
    "betas",
    "clusters",
    "clusterings",
    "sizes",
    "n_vaes",
)
PARTS = ("space", "strategy", "classifier")  # columns that tell what takes part
WHERE = ("n_jobs", "scheduler")  # parameters that say where work is done, and change no number


def list_studies():
    """The kind of every study, by name: that which is named, or the name itself."""
    sections = yaml.load(STUDIES.read_text(encoding="utf-8"), LOADER)
    return {name: section.get("kind", name) for name, section in sections.items()}


def read_study(name):
    """The parameters of a study and the experiment that it varies.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.

    Returns
    -------
    experiment : Experiment
        With all that the study changes.
    options : dict
        The rest, for the function of the study.
    """
    parameters, options = _parameters(name)
    return Experiment(**parameters), options


def _parameters(name):
    """Those of the experiment, whose pool may not be at hand, and the rest."""
    options = yaml.load(STUDIES.read_text(encoding="utf-8"), LOADER)[name]
    options.pop("kind", None)
    parameters = load_manifest()[0][options.pop("experiment")]
    parameters |= {key: options.pop(key) for key in CHANGED if key in options}
    if min(parameters["budgets"]) < parameters["n_clusters"]:
        parameters["n_clusters"] = None  # these studies say themselves how many clusters
    return parameters, options


def make_table(name, experiment, options):
    """The table of a study, as it will be read again."""
    kind, options = KINDS[list_studies()[name]], dict(options)
    if seeds := options.pop("seeds", []):
        repeated = [(replace(experiment, random_state=seed), seed) for seed in seeds]
        table = pd.concat([kind(one, **options).assign(seed=seed) for one, seed in repeated])
    else:
        table = kind(experiment, **options)
    return table.to_csv(index=False, float_format=DIGITS)


def recipe_of(name):
    """All that the table of a study depends on."""
    parameters, options = _parameters(name)
    kind = KINDS[list_studies()[name]]
    return readable({
        "experiment": {key: value for key, value in parameters.items() if key not in WHERE},
        "options": options,
        "code": code_of(f"{kind.__module__}.{kind.__name__}", "alvae.book.experiment.Experiment"),
        **_pool(parameters.get("pool_name", "mnist")),
    })  # fmt: skip


def _pool(name):
    """What is in a pool from a file or a folder; nothing where it is not at hand."""
    if name == "mnist" or not Path(name).exists():  # that of the package is in the code
        return {}
    pool = load_pool(name)
    return {"pool": digest([pool.images, pool.labels, pool.test_images, pool.test_labels])}


def _with_seeds(recipe, seeds):
    return recipe | {"options": recipe["options"] | {"seeds": seeds}}


def stale(name, seeds=None):
    """Why a table is not today's.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.
    seeds : list of int, default=None
        Of the VAEs that are in it; those that are listed, if None.

    Returns
    -------
    list of str
        Empty if it is.
    """
    table, made = RESULTS / f"{name}.csv", _provenance(name)
    if not (table.is_file() and made):
        return ["there is none"]
    recipe = recipe_of(name) if seeds is None else _with_seeds(recipe_of(name), seeds)
    before = made["recipe"]
    if "pool" not in recipe:
        before = {key: value for key, value in before.items() if key != "pool"}
    reasons = differences(before, recipe)
    if made.get("sha256") != hashlib.sha256(table.read_bytes()).hexdigest():
        reasons.insert(0, "its content is not what was made")
    return reasons


def run_study(name, *, anew=False):
    """Make a table and its provenance, and write both into `book/results/`.

    A table of VAEs of several seeds is written after each of them. Those that it has already, made
    by today's code, stay, unless all is to be made `anew`.
    """
    experiment, options = read_study(name)
    recipe = recipe_of(name)  # now: what is edited while it runs does not count
    if "seeds" not in options:
        content = make_table(name, experiment, options)
        _write(name, content, _unchanged(name, recipe), machines=[store.machine()])
        return
    if not options["seeds"]:
        raise ValueError(f"{name} lists no seeds; allowed is a list of at least one")
    content, machines = "", []
    if done := [] if anew else _done(name):
        content = (RESULTS / f"{name}.csv").read_text(encoding="utf-8")
        machines = _provenance(name).get("machines", [])
    for seed in options["seeds"][len(done) :]:
        piece = make_table(name, experiment, options | {"seeds": [seed]})
        header, rows = piece.split("\n", 1)
        if content and not content.startswith(f"{header}\n"):
            raise ValueError(f"the VAE of seed {seed} gives other columns than those before it")
        content = content + rows if content else piece
        machines = sorted({*machines, store.machine()})
        done = [*done, seed]
        _write(name, content, _with_seeds(_unchanged(name, recipe), done), machines=machines)


def _unchanged(name, recipe):
    """The recipe, unless what a table depends on was edited while it was made."""
    if edited := differences(recipe, recipe_of(name)):
        raise ValueError(f"{brief(edited)} changed while the table was made; start again")
    return recipe


def _done(name):
    """The first of the seeds that are listed: those of which a table has today's rows."""
    seeds = _seeds_of(_provenance(name)) or []
    listed = _parameters(name)[1]["seeds"]
    return seeds if seeds == listed[: len(seeds)] and not stale(name, seeds) else []


def _provenance(name):
    """What made a table; nothing if that is not there or is damaged."""
    try:
        made = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        seeds = made["recipe"]["options"].get("seeds", [])
    except (FileNotFoundError, ValueError, TypeError, LookupError, AttributeError):
        return {}
    return made if isinstance(seeds, list) else {}


def _seeds_of(made):
    """The seeds of which there are rows; None if the study has none, or it is not known."""
    return made["recipe"]["options"].get("seeds") if made else None


def prove(name):
    """Make a slice of a stale table again, and stamp the table as today's if it comes out the same.

    The slice is one VAE, the first of those that are swept, with all strategies and classifiers, at
    the smallest budget of each and at the largest of all. The numbers depend on the processor, so
    that a proof is for the machine that the table was made on, or one like it.

    Parameters
    ----------
    name : str
        A section of `book/studies.yml`.

    Returns
    -------
    str
        What came out.
    """
    experiment, options = read_study(name)
    made = _provenance(name)
    reasons = stale(name, _seeds_of(made))
    if other := [reason for reason in reasons if not f"{reason}.".startswith("code.")]:
        return f"{brief(other)}: it must be made again"
    written = (RESULTS / f"{name}.csv").read_bytes()
    columns, rows = _rows_of(written.decode())
    if "seconds" in columns:
        return "it has seconds, which are never the same: it must be made again"
    narrow = {key: value[:1] for key, value in options.items() if key in SWEPT}
    small = replace(experiment, budgets=_extreme_budgets(written, experiment.budgets))
    recipe = recipe_of(name)
    columns_again, again = _rows_of(make_table(name, small, options | narrow))
    if columns_again != columns or (missing := set(again) - set(rows)):
        differing = (
            "columns" if columns_again != columns else f"{len(missing)} of {len(again)} rows"
        )
        return f"{differing} differ: it must be made again"
    made |= {"proved": _today(), "rows_proved": len(again)}
    code = {"code": _unchanged(name, recipe)["code"]}
    _write(name, written.decode(), made.pop("recipe") | code, **made)
    return f"{len(again)} rows are the same to the last digit: stamped"


def _rows_of(written):
    """The names of the columns, sorted, and the rows as they are written."""
    table = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False)
    columns = sorted(table)
    return columns, [*table[columns].itertuples(index=False, name=None)]


def _extreme_budgets(written, budgets):
    """Those in which all that takes part in a table has a row, and the largest."""
    table = pd.read_csv(io.BytesIO(written), keep_default_na=False)
    if "budget" not in table:
        return [min(budgets)]
    table = table[table["budget"].isin(budgets)]
    parts = [column for column in PARTS if column in table]
    smallest = table.groupby(parts)["budget"].min() if parts else table["budget"][:1]
    return sorted({*smallest.tolist(), max(budgets)})


def _write(name, content, recipe, **provenance):
    content = content.encode()
    provenance = {"made": _today()} | provenance
    provenance["sha256"] = hashlib.sha256(content).hexdigest()
    provenance |= {"alvae": version("alvae"), "recipe": recipe}
    with store.replacing(RESULTS / f"{name}.csv") as temporary:
        temporary.write_bytes(content)
    with store.replacing(RESULTS / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")


def _today():
    return datetime.now(UTC).date().isoformat()


def main(arguments=None):
    """Make the tables of the studies that are named, or all, if they are stale."""
    known = list(list_studies())
    parser = argparse.ArgumentParser(prog="python -m alvae.book.studies", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stale", action="store_true", help="only say which are stale, and why")
    how.add_argument(
        "--prove", action="store_true", help="make a slice of each again, and compare and stamp it"
    )
    how.add_argument("--all", action="store_true", help="make also those that are not stale")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(known):
        sys.exit(f"{parser.prog}: there is no study {sorted(unknown)[0]!r}; there are {known}")
    try:
        for name in options.names or known:
            reasons = stale(name)
            print(f"{name}: {f'stale: {brief(reasons)}' if reasons else 'as of today'}", flush=True)
            if options.prove and reasons:
                print(f"{name}: {prove(name)}", flush=True)
            elif options.all or (reasons and not options.stale and not options.prove):
                run_study(name, anew=options.all)
                print(f"{RESULTS / name}.csv", flush=True)
    except (ValueError, OSError, RuntimeError) as error:  # the last if code was edited meanwhile
        sys.exit(f"{parser.prog}: {name}: {error}")
    except KeyboardInterrupt:
        print(
            f"\n{parser.prog}: interrupted in {name}; the next run goes on there", file=sys.stderr
        )
        sys.exit(130)


if __name__ == "__main__":
    main()

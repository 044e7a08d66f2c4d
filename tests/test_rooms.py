"""The floors of the house: a room imports rooms below its own, and no private name of another."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

import alvae

HOME = Path(alvae.__file__).parent
# From the ground up; rooms on one line do not know each other.
FLOORS = [
    {"_checks", "_clusters", "_files", "_progress", "store"},
    {"_graphs", "_carried", "_checkpoints", "_tensors", "_liveness", "_readers", "_workers"},
    {"pools", "coverage"},
    {"vae", "queries", "classifiers", "summaries"},
    {"spaces", "_trial"},
    {"trials", "recommendation", "accuracy"},
    {"labeling"},
    {"book", "__main__"},
]
TORCH = ["vae", "_checkpoints", "_tensors", "_liveness"]
HEAVY = {"torch", "matplotlib", "papermill", "IPython", "distributed"}  # slow to load
PICTURES = ["book.figures", "book.interactive"]
LOADS = dict.fromkeys(PICTURES, {"matplotlib"}) | dict.fromkeys(TORCH, {"torch"})
LIGHT = [
    *(room for floor in FLOORS[:-1] for room in sorted(floor)),
    *("book", "book.cells", "book.experiment", "book.results", "book.comparison", *PICTURES),
]


def rooms():
    """Every file, and the room it belongs to."""
    for path in sorted(HOME.rglob("*.py")):
        parts = path.relative_to(HOME).with_suffix("").parts
        yield path, parts[0]


def imports(path):
    """The rooms that a file imports, with the names that it takes from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "alvae":
            names = {alias.name for alias in node.names}
            below = node.module.split(".")[1:]
            for name in names if not below else [None]:
                yield (below or [name])[0], names if below else set(), node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("alvae."):
                    yield alias.name.split(".")[1], set(), node.lineno


def floor_of(room):
    return next(k for k, floor in enumerate(FLOORS) if room in floor)


def test_every_room_is_on_a_floor():
    assert {room for _, room in rooms()} - {"__init__"} == set().union(*FLOORS)


@pytest.mark.parametrize(("path", "room"), [*rooms()], ids=lambda p: getattr(p, "stem", p))
def test_a_room_imports_only_rooms_below(path, room):
    if room == "__init__":
        return
    for other, names, line in imports(path):
        private = sorted(name for name in names if name.startswith("_"))
        where = f"{path.relative_to(HOME)}, line {line}"
        assert other == room or not private, f"{where}: {private} of {other}"
        assert other == room or floor_of(other) < floor_of(room), f"{where}: imports {other}"


@pytest.mark.parametrize("path", [path for path, _ in rooms()], ids=lambda p: p.stem)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


LOADED_BY_EACH = """
import json, multiprocessing, sys
import numpy, pandas, scipy.spatial, scipy.sparse.linalg, sklearn.cluster, sklearn.svm
import sklearn.datasets, joblib
# first

def modules(room):
    __import__(f"alvae.{room}")
    return sorted(sys.modules)

if __name__ == "__main__":
    # A fork for each room, so that only once one waits for what all of them load.
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        print(json.dumps(dict(zip(sys.argv[1:], pool.map(modules, sys.argv[1:], chunksize=1)))))
"""


@pytest.fixture(scope="module")
def loaded_by():
    """The modules that are loaded after a room alone was imported, by room."""
    found = {}
    for first, those in (("", [*{*LIGHT} - {*TORCH}]), ("import torch", TORCH)):
        command = [sys.executable, "-c", LOADED_BY_EACH.replace("# first", first), *those]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        found |= json.loads(result.stdout)
    return {room: set(modules) for room, modules in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("room", LIGHT)
def test_a_room_alone_loads_little(room, loaded_by):
    loaded = loaded_by[room]
    assert f"alvae.{room}" in loaded
    assert loaded & HEAVY <= LOADS.get(room, set())
    own = {name.split(".")[1] for name in loaded if name.startswith("alvae.")}
    top = room.split(".")[0]
    assert not (own - {top}) & set().union(*FLOORS[floor_of(top) :])


@pytest.mark.slow
def test_select_does_without_the_trial_runner(loaded_by):
    assert "alvae.trials" not in loaded_by["recommendation"]


@pytest.mark.slow
def test_a_strategy_is_had_without_torch():
    code = (
        "import sys; from alvae import KMeansCoreset, SpectralMedoids, PoissonLearning; "
        "sys.exit(bool({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_folder_is_in_the_wheel():
    """An editable install would hide that one is missing."""
    root = HOME.parent
    config = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = find_namespace_packages(root, **config["packages"]["find"])
    folders = {path.parent.relative_to(root) for path in HOME.rglob("*.py")} | {Path("alvae/data")}
    assert {".".join(folder.parts) for folder in folders} <= set(packages)


def test_all_that_is_listed_can_be_had():
    assert len(alvae.__all__) == len(set(alvae.__all__)) > 30
    for name in alvae.__all__:
        assert getattr(alvae, name) is not None
    assert set(dir(alvae)) == set(alvae.__all__)
    with pytest.raises(AttributeError, match="module 'alvae' has no attribute 'nothing'"):
        _ = alvae.nothing


WITHOUT = """
import importlib.util

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "papermill" else find(name, *rest)
"""


@pytest.mark.parametrize("arguments", [["-m", "alvae.book"], ["-c", "import alvae.book.cells"]])
def test_the_wing_says_what_it_needs(arguments, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}"}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert "alvae.book needs papermill: pip install 'alvae[book]'" in last
    assert len(result.stderr.splitlines()) == 1 or "-c" in arguments

"""The smoke book, disturbed: processes killed at random moments, two builds at once, damaged files.

What comes out is compared byte for byte with an undisturbed build. The seconds that trials and
trainings took are left out, and of pages the outputs that differ between two undisturbed builds:
all of them seconds, too.
"""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
import torch

from alvae import store
from alvae.book import REPOSITORY
from alvae.trials import TIMES

pytestmark = pytest.mark.nightly

N_KILLS = 20
N_DAMAGED = 200  # entries of each kind, each with a bit flipped and cut short
TIMED_PAGES = {"prior_work", "training", "speed", "claims"}  # these show seconds
SEED = int(os.environ.get("FAULT_SEED", time.time()))  # printed, to be repeated


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the repository, to build books in."""
    home = tmp_path_factory.mktemp("house") / "alvae"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, home / name)
    return home


def start(house, folder, *arguments):
    """A smoke book, with all its processes in a group of their own."""
    environment = os.environ | {"ALVAE_STORE": str(folder), "PYTHONPATH": str(house)}
    command = [sys.executable, "-m", "alvae.book", "--profile", "smoke", *arguments]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=house, env=environment, start_new_session=True, **said)


def finish(process):
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def kill(process):
    """Kill a process and all that it started, in any order, without a warning."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    random.shuffle(family)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.communicate()


def results(folder):
    """The content of every entry of a store, by its path, without the seconds."""
    found = {}
    for path in sorted(folder.glob("*/*")):
        kind, name = path.parent.name, f"{path.parent.name}/{path.name}"
        if kind == "trials" and path.suffix == ".csv":
            found[name] = pd.read_csv(path).drop(columns=list(TIMES)).to_csv()
        elif kind == "vae" and path.suffix == ".pt":
            content = torch.load(path, weights_only=True)
            untimed = [e | {"seconds": 0, "timed_on": 0} for e in content.pop("history")]
            weights = io.BytesIO()
            torch.save(content, weights)
            found[name] = [untimed, hashlib.sha256(weights.getvalue()).hexdigest()]
        elif kind == "pages" and path.suffix == ".ipynb":
            cells = nbformat.read(path, 4).cells
            title = store.read_about(path)["title"].split(",")[0]
            for i, cell in enumerate(cells):
                outputs = [json.dumps(o, sort_keys=True) for o in cell.get("outputs", [])]
                found[f"{name} {title} {i}"] = [cell.source, outputs]
    return found


def differences(one, other):
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@pytest.fixture(scope="module")
def undisturbed(house, tmp_path_factory):
    """The results of a build, and those of their names that differ from build to build."""
    folders = [tmp_path_factory.mktemp("undisturbed") / "store" for _ in "ab"]
    for folder in folders:
        finish(start(house, folder))
    one, other = map(results, folders)
    vary = differences(one, other)
    assert {name.split()[1] for name in vary if name.startswith("pages")} <= TIMED_PAGES
    assert all(name.startswith("pages") for name in vary)
    return one, vary, folders[0]


def test_killed_at_random_moments(house, undisturbed, tmp_path):
    expected, vary, _ = undisturbed
    rng = random.Random(SEED)
    killed = 0
    while killed < N_KILLS:
        process = start(house, tmp_path / "store")
        try:
            process.wait(rng.uniform(0.5, 9))
        except subprocess.TimeoutExpired:
            kill(process)
            killed += 1
        else:  # it had the time to end: from the beginning, with other moments
            finish(process)
            assert differences(expected, results(tmp_path / "store")) <= vary
            shutil.rmtree(tmp_path / "store")
    finish(start(house, tmp_path / "store"))
    found = results(tmp_path / "store")
    print(f"seed {SEED}: {killed} kills, {len(found)} results compared")
    assert differences(expected, found) <= vary
    assert not list((tmp_path / "store" / "damaged").glob("*"))
    assert not list((tmp_path / "store").glob("unfinished/*/*/*"))


def test_two_at_once(house, undisturbed, tmp_path):
    expected, vary, _ = undisturbed
    both = [start(house, tmp_path / "store", "--html") for _ in "ab"]
    for process in both:
        finish(process)
    assert differences(expected, results(tmp_path / "store")) <= vary
    assert not list((tmp_path / "store" / "damaged").glob("*"))
    assert (house / "_build" / "html" / "index.html").is_file()


@pytest.mark.parametrize("kind", ["vae", "trials", "pages"])
def test_every_bit_and_every_cut_is_noticed(kind, undisturbed, tmp_path):
    rng = random.Random(SEED)
    entries = [p for p in (undisturbed[2] / kind).glob("*") if not p.name.endswith(store.ABOUT)]
    noticed = 0
    for turn in range(N_DAMAGED):
        for cut in (False, True):
            entry = entries[turn % len(entries)]
            copies = [shutil.copy(path, tmp_path) for path in entry.parent.glob(f"{entry.name}*")]
            store.recall(tmp_path / entry.name, lambda _: None)
            damaged = Path(rng.choice(copies))
            content = bytearray(damaged.read_bytes())
            place = rng.randrange(len(content))
            if cut:
                content = content[:place]
            else:
                content[place] ^= 1 << rng.randrange(8)
            damaged.write_bytes(content)
            try:
                store.recall(tmp_path / entry.name, lambda _: None)
            except ValueError:
                noticed += 1
    print(f"seed {SEED}: {noticed} of {2 * N_DAMAGED} noticed")
    assert noticed == 2 * N_DAMAGED

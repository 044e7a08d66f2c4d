"""The store: entries that prove themselves, made once, whatever happens."""

import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alvae import store
from alvae.store import beside, digest, fetch, read_about, readable, replacing, root


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "store"))


def save_npz(value, path):
    np.savez(path, **value)


def load_npz(path):
    with path.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def test_root(tmp_path, monkeypatch):
    assert root() == tmp_path / "store"
    monkeypatch.delenv("ALVAE_STORE")
    assert root() == Path(platformdirs.user_cache_dir("alvae"))


def test_replacing(tmp_path):
    path = tmp_path / "deep" / "er" / "x.csv.gz"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.name.endswith(path.name)
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_replacing_fails_whole(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def entry(kind="kind", **recipe):
    """Arguments of fetch for an array that counts how often it is made."""
    made = []

    def make(unfinished):
        made.append(unfinished)
        return {"z": np.arange(9.0)}

    return made, (kind, recipe or {"a": 1}, ".npz", make, save_npz, load_npz)


def path_of(recipe, kind="kind"):
    return root() / kind / f"{digest(recipe)[:20]}.npz"


def test_fetch_makes_once_and_returns_what_it_loads():
    made, arguments = entry(what="z", x=np.zeros((2, 3)))
    for _ in range(2):
        np.testing.assert_array_equal(fetch(*arguments)["z"], np.arange(9))
    assert len(made) == 1
    fetch(*entry(what="other", x=np.zeros((2, 3)))[1])
    assert len(list((root() / "kind").glob("*.npz"))) == 2


def test_an_entry_says_what_made_it():
    recipe = {"seed": np.int64(3), "x": np.zeros((2, 3), np.uint8)}
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    fetch(*entry(**recipe)[1], title="nine numbers")
    about = read_about(path_of(recipe))
    assert about["title"] == "nine numbers"
    assert about["recipe"] == readable(recipe)
    assert about["machine"] == store.machine()
    assert about["alvae"] == version("alvae")
    assert before <= datetime.fromisoformat(about["made"]) <= datetime.now(UTC)
    content = path_of(recipe).read_bytes()
    assert about["bytes"] == len(content)
    assert about["sha256"] == hashlib.sha256(content).hexdigest()
    assert 0 <= about["seconds"] < 60


def test_a_temporary_file_has_a_name_that_housekeeping_knows(tmp_path):
    with replacing(tmp_path / "x.csv") as temporary:
        assert fnmatch(temporary.name, store.TEMPORARY)
        temporary.touch()


def flip(path, at, bit):
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    about=st.booleans(),
    share=st.floats(0, 1, exclude_max=True),  # sizes differ, as the seconds are written out
    bit=st.none() | st.integers(0, 7),
)
def test_every_flipped_bit_and_every_cut_is_noticed(about, share, bit):
    made, arguments = entry()
    fetch(*arguments)
    path = path_of({"a": 1})
    damaged = beside(path) if about else path
    place = int(share * damaged.stat().st_size)
    if bit is None:
        damaged.write_bytes(damaged.read_bytes()[:place])
    else:
        flip(damaged, place, bit)
    made.clear()
    with pytest.warns(UserWarning, match="is made again"):
        np.testing.assert_array_equal(fetch(*arguments)["z"], np.arange(9))
    assert len(made) == 1
    fetch(*arguments)
    assert len(made) == 1


def test_what_has_lost_its_value_meanwhile_is_not_kept_nor_lost():
    held = []
    made, (kind, recipe, suffix, _, save, load) = entry(held=held)

    def make(unfinished):
        held.append(open(os.devnull))  # noqa: SIM115
        return "the result"

    with pytest.warns(UserWarning, match="what is it is not kept in the store: .* no value"):
        assert fetch(kind, recipe, suffix, make, save, load, title="what is it") == "the result"
    held.pop().close()
    assert not list((root() / "kind").glob("*.npz"))


def test_what_is_damaged_is_set_aside():
    made, arguments = entry()
    fetch(*arguments)
    path = path_of({"a": 1})
    path.write_bytes(b"precious")
    with pytest.warns(UserWarning, match="its content is not what was written"):
        fetch(*arguments)
    (aside,) = (root() / "damaged").glob("*.npz")
    assert aside.read_bytes() == b"precious"


def test_an_entry_that_is_being_written_again_is_waited_for():
    made, arguments = entry()
    fetch(*arguments)
    path = path_of({"a": 1})
    whole = path.read_bytes()
    made.clear()
    with ThreadPoolExecutor(1) as pool:
        with store.alone(f"kind-{path.stem}", "kind"):
            path.write_bytes(b"newer than what is told about it")
            reader = pool.submit(fetch, *arguments)
            with pytest.raises(TimeoutError):
                reader.result(0.5)
            path.write_bytes(whole)
        np.testing.assert_array_equal(reader.result()["z"], np.arange(9))
    assert not made
    assert not (root() / "damaged").exists()


def test_an_entry_whose_files_are_not_both_there():
    made, arguments = entry()
    for missing in (path_of({"a": 1}), beside(path_of({"a": 1}))):
        fetch(*arguments)
        missing.unlink()
        made.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fetch(*arguments)
        assert len(made) == 1


def test_what_cannot_be_loaded_is_made_again():
    made, arguments = entry()
    fetch(*arguments)

    def fail_once(path):
        if len(made) == 1:
            raise ZeroDivisionError("a bug")
        return load_npz(path)

    with pytest.warns(UserWarning, match="a bug"):
        fetch(*arguments[:-1], fail_once)
    assert len(made) == 2


def test_nothing_is_left_of_a_failure():
    _, arguments = entry()

    def fail(*_):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fetch(*arguments[:3], fail, *arguments[4:])
    assert list((root() / "kind").iterdir()) == []
    with pytest.warns(UserWarning, match="could not be written, and is not kept: a bug"):
        fetch(*arguments[:4], fail, arguments[5])
    assert list((root() / "kind").iterdir()) == []


@pytest.mark.parametrize("kind", [OSError, MemoryError])
def test_what_says_nothing_about_an_entry_does_not_damage_it(kind):
    def failing(_):
        raise kind("too many open files")

    made, arguments = entry()
    fetch(*arguments)
    with pytest.raises(kind, match="too many open files"):
        fetch(*arguments[:5], failing)
    fetch(*arguments)
    assert len(made) == 1
    assert not (root() / "damaged").exists()


@pytest.mark.parametrize("kind", [OSError, RuntimeError])  # the latter is torch's
def test_a_result_that_cannot_be_written_is_not_lost(kind):
    def full(*_):
        raise kind("no space left on device")

    made, arguments = entry()
    with pytest.warns(UserWarning, match="could not be written.*no space left"):
        result = fetch(*arguments[:4], full, load_npz)
    np.testing.assert_array_equal(result["z"], np.arange(9))


def test_a_recipe_without_a_value_is_not_stored():
    made, arguments = entry(what=sys.stdout)
    for _ in range(2):
        with pytest.warns(UserWarning, match="kind is not kept in the store: .*no value"):
            fetch(*arguments)
    assert len(made) == 2
    assert not (root() / "kind").exists()


def said_beside_a_copy(folder, source):
    """What a script prints that finds a copy of the package, which it may edit."""
    home = Path(store.__file__).parents[1]
    shutil.copytree(home, folder / "alvae", ignore=lambda *_: ["data"])
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


EDITED = """
import os, warnings
from pathlib import Path
import numpy as np
from alvae import KMeansCoreset, _clusters, store

def fetch():
    recipe = {"strategy": KMeansCoreset(3)}
    make = lambda _: made.append(1) or "result"
    return store.fetch("kind", recipe, ".txt", make, lambda r, p: p.write_text(r), Path.read_text)

made = []
os.utime(_clusters.__file__, (1, 1))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    fetch(), fetch()
print(len(made), sum("was edited after it was loaded" in str(w.message) for w in caught))
"""


@pytest.mark.slow
def test_nothing_is_stored_under_code_that_is_not_what_runs(tmp_path):
    assert said_beside_a_copy(tmp_path, EDITED) == "2 2\n"
    assert not (root() / "kind").exists()


EDITED_MEANWHILE = """
import os, warnings
import numpy as np
import alvae.queries.coreset
from alvae import KMeansCoreset, TrialProtocol, learning_curves

def edit(X, chosen):
    os.utime(alvae.queries.coreset.__file__, (1, 1))
    return 1.0

X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
protocol = TrialProtocol(budgets=[8], n_trials=1, measures={"edit": edit})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    learning_curves({"plane": (X, X)}, y, y, {"c": KMeansCoreset(2)}, protocol, n_jobs=1)
print(sum("coreset.py was edited after it was loaded" in str(w.message) for w in caught))
"""


@pytest.mark.slow
def test_trials_during_which_their_code_was_edited_are_not_kept(tmp_path):
    assert said_beside_a_copy(tmp_path, EDITED_MEANWHILE) == "1\n"
    assert not (root() / "trials").exists() or not list((root() / "trials").glob("*.csv"))


def test_unfinished_work_is_found_again():
    def make(unfinished):
        unfinished.mkdir(parents=True, exist_ok=True)
        steps = sorted(path.name for path in unfinished.iterdir())
        (unfinished / f"step-{len(steps)}").touch()
        if len(steps) < 2:
            raise KeyboardInterrupt
        return {"z": np.array(steps)}

    arguments = ("kind", {"a": 1}, ".npz", make, save_npz, load_npz)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fetch(*arguments)
    assert fetch(*arguments)["z"].tolist() == ["step-0", "step-1"]
    assert list((root() / "unfinished").rglob("step*")) == []


def test_seconds_of_another_machine_are_left_out(monkeypatch):
    _, arguments = entry()
    timed = {"untimed": lambda result: result | {"seconds": np.nan}}
    assert "seconds" not in fetch(*arguments, **timed)
    monkeypatch.setattr(store, "machine", lambda: "another")
    assert np.isnan(fetch(*arguments, **timed)["seconds"])


def test_what_is_made_for_its_seconds_is_made_again_on_another_machine(monkeypatch):
    made, arguments = entry()
    fetch(*arguments, timed=True)
    fetch(*arguments, timed=True)
    assert len(made) == 1
    monkeypatch.setattr(store, "machine", lambda: "another")
    fetch(*arguments)
    assert len(made) == 1
    fetch(*arguments, timed=True)
    assert len(made) == 2
    fetch(*arguments, timed=True)
    assert len(made) == 2


def test_what_another_machine_began_is_made_again_for_its_seconds(monkeypatch):
    made = []

    def make(unfinished):
        made.append(unfinished)
        if len(made) == 1:
            store.keep(unfinished / "begun.npz", {"z": np.zeros(1)}, save_npz)
            raise KeyboardInterrupt
        return {"z": np.zeros(1)}

    arguments = ("kind", {"a": 1}, ".npz", make, save_npz, load_npz)
    with pytest.raises(KeyboardInterrupt):
        fetch(*arguments)
    monkeypatch.setattr(store, "machine", lambda: "another")
    fetch(*arguments)  # goes on with what was begun elsewhere
    assert len(made) == 2
    for _ in range(2):
        fetch(*arguments, timed=True)
    assert len(made) == 3


def test_what_has_changed_since_the_latest_of_a_title():
    def ask(**recipe):
        return store.changes("kind", recipe, ".npz", "nine numbers")

    assert ask(a=1) == []  # there never was one
    for recipe in ({"a": 0, "code": {"f": 1, "g": 2}}, {"a": 1, "code": {"f": 1, "g": 2}}):
        fetch(*entry(**recipe)[1], title="nine numbers")
    fetch(*entry(a=5)[1], title="others")
    assert ask(a=1, code={"f": 1, "g": 2}) == []
    assert ask(a=1, code={"f": 1, "g": 3}) == ["code.g"]
    assert "code.h" in ask(a=1, code={"f": 1, "g": 2, "h": 3})


IN_TURN = """
import sys, time
from pathlib import Path
from alvae import store

def say(word, path):
    with open(path, "a") as file:
        print(word, file=file)

def make(_):
    say("made", sys.argv[1])
    while Path(sys.argv[2]).read_text() != "here\\n" * 2:
        time.sleep(0.05)
    time.sleep(1)
    return "result"

say("here", sys.argv[2])

print(store.fetch("kind", {"a": 1}, ".txt", make, lambda r, p: p.write_text(r), Path.read_text))
"""


@pytest.mark.slow
def test_of_two_processes_one_makes_it_and_the_other_waits(tmp_path):
    command = [sys.executable, "-c", IN_TURN, tmp_path / "log", tmp_path / "here"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    said = [process.communicate() for process in [subprocess.Popen(command, **pipes) for _ in "ab"]]
    assert [out for out, _ in said] == ["result\n"] * 2
    assert (tmp_path / "log").read_text() == "made\n"
    assert sum("waiting for another process" in errors for _, errors in said) == 1
    assert list((root() / "locks").iterdir()) == []


@pytest.mark.parametrize("given", ["relative", "../other", "~no_such_user/store", "."])
def test_a_store_without_one_place_is_refused(given, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", given)
    with pytest.raises(ValueError, match=f"ALVAE_STORE is '{given}'; allowed is the absolute path"):
        root()


def a_file(tmp_path, _):
    (tmp_path / "store").write_text("")


def read_only(tmp_path, _):
    (tmp_path / "store").mkdir(mode=0o500)
    if os.geteuid() == 0:
        pytest.skip("the superuser may write into a read-only folder")


def full(_, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


@pytest.mark.parametrize("spoil", [a_file, read_only, full])
def test_a_store_that_cannot_be_written_is_found_before_the_work(spoil, tmp_path, monkeypatch):
    spoil(tmp_path, monkeypatch)
    made, arguments = entry()
    with pytest.raises(ValueError, match=f"the store {tmp_path / 'store'} .*ALVAE_STORE") as caught:
        fetch(*arguments)
    assert "\n" not in str(caught.value)
    assert made == []


KILLED = """
import os, signal
from alvae import store

with store.scratch() as folder:
    (folder / "large").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_scratch_of_a_killed_process_is_removed_by_the_next(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert len(list(root().rglob("large"))) == 1
    with store.scratch() as mine:
        (mine / "mine").touch()
        with store.scratch():
            assert (mine / "mine").exists()
        assert not list(root().rglob("large"))
    assert list((root() / "scratch").iterdir()) == []


def test_what_others_keep_in_a_folder_of_that_name_stays(tmp_path):
    home = root() / "scratch"
    (home / "poetry").mkdir(parents=True)
    (home / "poetry.lock").touch()
    (home / "poetry" / "sonnet").touch()
    with store.scratch():
        pass
    assert sorted(path.name for path in home.rglob("*")) == ["poetry", "poetry.lock", "sonnet"]


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/store", "/proc/store"])
def test_a_place_for_no_store_is_one_message(place, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", place)
    with (
        pytest.raises(ValueError, match=f"^the store {place} cannot be written: "),
        store.scratch(),
    ):
        pass


def test_many_look_for_room_at_once():
    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(store._check_writable, root() / "kind") for _ in range(300)]
    assert [look.exception() for look in looks] == [None] * 300
    assert list((root() / "kind").iterdir()) == []

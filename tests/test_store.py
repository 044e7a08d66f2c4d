import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alvae.store
from alvae.store import digest, fetch, replacing, root, source_digest

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
RECIPES = st.recursive(
    LEAVES, lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts), max_leaves=8
)


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


def test_digest_is_that_of_the_canonical_json():
    expected = hashlib.sha256(b'{"a": [1, 2.5, null, true], "b": "x"}').hexdigest()
    assert digest({"b": "x", "a": (np.int64(1), np.float32(2.5), None, np.True_)}) == expected


@given(RECIPES, RECIPES)
def test_digests_agree_only_where_recipes_do(a, b):
    # repr tells 1, 1.0 and True apart, which == does not.
    def canonical(recipe):
        if isinstance(recipe, dict):
            return sorted((key, canonical(part)) for key, part in recipe.items()), "dict"
        return [canonical(part) for part in recipe] if isinstance(recipe, list) else recipe

    assert (digest(a) == digest(b)) == (repr(canonical(a)) == repr(canonical(b)))


@given(st.dictionaries(st.text(), LEAVES))
def test_order_of_keys_does_not_matter(recipe):
    assert digest(recipe) == digest(dict(reversed(recipe.items())))


def test_digest_of_arrays():
    a = np.arange(6, dtype=np.float32)
    different = [
        a,
        a.reshape(2, 3),
        a.reshape(3, 2),
        a.astype(np.float64),
        a.astype(np.int32),
        a + 1,
    ]
    different += [a.tolist(), a[:0], a[0], np.array(a[0]), np.array(["0"])]
    assert len({digest({"x": x}) for x in different}) == len(different)
    assert digest(np.arange(12, dtype=np.float32)[::2] / 2) == digest(a)
    assert digest(np.asfortranarray(a.reshape(2, 3))) == digest(a.reshape(2, 3))


@pytest.mark.parametrize(
    "part",
    [{1, 2}, b"x", 1j, object(), len, Path("x"), {1: 2}, np.array([None]), np.longdouble(1)],
    ids=repr,
)
def test_other_types(part):
    with pytest.raises(TypeError, match="recipe held a") as caught:
        digest({"a": [part]})
    assert "\n" not in str(caught.value)


def test_source_digest():
    source = Path(alvae.store.__file__).read_bytes()
    assert source_digest("store") == digest({"store.py": hashlib.sha256(source).hexdigest()})
    assert source_digest("store", "pools") == source_digest("pools", "store")
    assert len({source_digest(*names) for names in (["store"], ["pools"], ["store", "pools"])}) == 3
    package = Path(alvae.store.__file__).parent
    files = sorted((package / "queries").rglob("*.py"))
    assert len(files) > 5
    named = {f"queries/{f.name}": hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    assert source_digest("queries") == digest(named)
    assert source_digest() not in {source_digest("queries"), source_digest("book")}
    with pytest.raises(ValueError, match="rooms held 'no_such'"):
        source_digest("store", "no_such")


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


def test_fetch_makes_once_and_returns_what_it_loads():
    made = []

    def make():
        made.append(1)
        return {"z": [1.0, 2.0]}  # a list, loaded as an array

    recipe = {"what": "z", "x": np.zeros((2, 3))}
    for _ in range(2):
        result = fetch("latents", recipe, ".npz", make, save_npz, load_npz)
        assert isinstance(result["z"], np.ndarray)
        np.testing.assert_array_equal(result["z"], [1, 2])
    assert len(made) == 1
    fetch("latents", recipe | {"what": "other"}, ".npz", make, save_npz, load_npz)
    fetch("others", recipe, ".npz", make, save_npz, load_npz)
    assert len(made) == 3


def test_fetch_keeps_the_recipe():
    recipe = {"seed": np.int64(3), "x": np.zeros((2, 3), np.uint8)}
    fetch("kind", recipe, ".json", lambda: [1], lambda v, p: p.write_text(str(v)), Path.read_text)
    name = digest(recipe)[:20]
    files = sorted(path.name for path in (root() / "kind").iterdir())
    assert files == [f"{name}.json", f"{name}.recipe.json"]
    assert json.loads((root() / "kind" / f"{name}.recipe.json").read_text()) == {
        "seed": 3,
        "x": {"dtype": "|u1", "shape": [2, 3], "sha256": hashlib.sha256(bytes(6)).hexdigest()},
    }


@pytest.mark.parametrize("content", [b"", b"junk", None], ids=["empty", "junk", "truncated"])
def test_a_corrupt_file_is_made_again(content):
    arguments = ("kind", {"a": 1}, ".npz", lambda: {"z": np.arange(9)}, save_npz, load_npz)
    fetch(*arguments)
    path = root() / "kind" / f"{digest({'a': 1})[:20]}.npz"
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.warns(UserWarning, match="made again"):
        again = fetch(*arguments)
    np.testing.assert_array_equal(again["z"], np.arange(9))
    np.testing.assert_array_equal(load_npz(path)["z"], np.arange(9))


def test_nothing_is_left_of_a_failure():
    def fail(*_):
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fetch("kind", {"a": 1}, ".npz", fail, save_npz, load_npz)
    with pytest.raises(RuntimeError, match="disk full"):
        fetch("kind", {"a": 1}, ".npz", dict, fail, load_npz)
    left = [path.name for path in (root() / "kind").iterdir()]
    assert left == [f"{digest({'a': 1})[:20]}.recipe.json"]


@pytest.mark.parametrize("room", ["queries", "book", None])
def test_a_file_of_a_package_is_in_its_digest(room, tmp_path, monkeypatch):
    """Also one that is new, or lies deeper than the others."""
    home = tmp_path / "alvae"
    shutil.copytree(Path(alvae.store.__file__).parent, home, ignore=lambda *_: ["data"])
    monkeypatch.setattr(alvae.store, "__file__", str(home / "store.py"))
    rooms, folder = [room] if room else [], home / (room or ".")
    seen = [source_digest(*rooms)]
    for file in (folder / "__init__.py", folder / "new.py", folder / "deeper" / "new.py"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("# changed")
        seen.append(source_digest(*rooms))
    assert len(set(seen)) == 4

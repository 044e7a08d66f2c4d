"""What a definition depends on, read off its source."""

import ast
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alvae
from alvae.store import sources
from alvae.store.sources import code_in, code_of

PACKAGE = Path(alvae.__file__).parent


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to be edited; a call of it forgets what was read before."""
    home = tmp_path / "alvae"
    shutil.copytree(PACKAGE, home, ignore=shutil.ignore_patterns("data", "__pycache__"))

    def forget():
        monkeypatch.setattr(sources, "_STATS", {})
        sources._module.cache_clear()
        sources._definition.cache_clear()
        sources._file_of.cache_clear()

    def edit(file, old, new):
        text = (home / file).read_text(encoding="utf-8")
        assert old in text
        (home / file).write_text(text.replace(old, new), encoding="utf-8")
        forget()

    monkeypatch.setattr(sources, "HOME", home)
    forget()
    yield edit
    forget()


STRATEGIES = ["KMeansMedoids", "SpectralMedoids", "TypiClust", "ProbCover", "KMeansCoreset"]


def strategies():
    return {name: code_of(f"alvae.queries.{name}") for name in STRATEGIES}


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("queries/medoids.py", "return np.zeros(1)", "return np.ones(1)", {"TypiClust"}),
        ("queries/covering.py", "PAIRS = 2**22", "PAIRS = 2**21", {"ProbCover"}),
        ("queries/medoids.py", "MOST_SMALL = 2**12", "MOST_SMALL = 2**11", {"SpectralMedoids"}),
        ("_graphs.py", "ROUNDING = 3e-7", "ROUNDING = 3e-6", {"SpectralMedoids"}),
        ("queries/coreset.py", "np.argsort(more - ideal", "np.argsort(ideal", {"KMeansCoreset"}),
        ("_clusters.py", "MINI_BATCH = 2**16", "MINI_BATCH = 2**15", set(STRATEGIES)),
        ("_checks.py", "if np.isinf(y).any()", "if np.isnan(y).all()", set(STRATEGIES)),
        ("queries/base.py", "if len(unlabeled) == 0:", "if not len(unlabeled):", set(STRATEGIES)),
        ("queries/uncertainty.py", "max_iter=1000", "max_iter=100", set()),
        ("classifiers/svc.py", "ROWS = 4096", "ROWS = 1024", set()),
    ],
)
def test_an_edit_changes_what_uses_it_and_nothing_else(package, file, old, new, changed):
    before = strategies()
    package(file, old, new)
    after = strategies()
    assert {name for name in STRATEGIES if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    """Points of groups in rounds', '    """Other words for the same'),
        ("def rounds(", "# a comment\n\n\ndef rounds("),
        (
            "drawn = np.full((n_rounds, len(groups)), -1)",
            "drawn = np.full(\n  (n_rounds, len(groups)), -1\n )",
        ),
        (
            "def rounds(groups, batch_size, rng, best_first=False)",
            "def rounds(groups: list, batch_size, rng, best_first=False)",
        ),
    ],
)
def test_words_and_layout_count_for_nothing(package, old, new):
    before = code_of("alvae.queries.KMeansCoreset")
    package("queries/coreset.py", old, new)
    assert code_of("alvae.queries.KMeansCoreset") == before


def test_versions_of_the_libraries_used():
    code = code_of("alvae.queries.SpectralMedoids")
    assert code["sklearn"] == version("scikit-learn")
    assert code["numpy"] == version("numpy")
    assert not {"torch", "pandas", "skactiveml", "itertools"} & set(code)
    assert code_of("skactiveml")["skactiveml"] == version("scikit-activeml")
    assert "torch" in code_of("alvae.vae.ConvVAE")


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, "1.0"),
        ({"url": "file:///a.whl", "archive_info": {}}, "1.0"),
        ({"url": "file:///a", "dir_info": {}}, "1.0 "),
        ({"url": "https://a", "vcs_info": {"commit_id": "b"}}, "1.0 "),
    ],
)
def test_a_library_from_a_folder_is_told_by_its_files(origin, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    folder, seen = tmp_path / "of_mine-1.0.dist-info", []
    folder.mkdir()
    (folder / "METADATA").write_text("Name: of-mine\nVersion: 1.0\n")
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    for content in "ab":
        for place in ("1", "2"):  # where it came from
            record = f"../../bin/a,{place}\nof_mine-1.0.dist-info/direct_url.json,{place}\n"
            (folder / "RECORD").write_text(f"{record}of_mine.py,sha256={content},1\n")
            seen.append(sources._version.__wrapped__("of_mine"))
    assert all(version.startswith(told) for version in seen)
    assert seen[0] == seen[1]
    assert (seen[0] == seen[2]) == (told == "1.0")


def test_a_notebook_depends_on_what_it_imports():
    code = code_in("from alvae import KMeansCoreset, store\n\nx = KMeansCoreset(3)\nstore.root()")
    assert "alvae.queries.coreset.KMeansCoreset" in code
    assert not [name for name in code if name.startswith("alvae.store")]  # it changes no result
    assert not [name for name in code if name.startswith("alvae.queries.medoids")]
    whole = code_in("from alvae import queries\n\nprint(queries)")
    assert "alvae.queries.medoids.TypiClust" in whole
    assert code_in("import numpy as np\n\nnp.zeros(3)") == {"numpy": np.__version__}


def test_of_a_whole_module():
    code = code_of("alvae.queries.covering")
    names = {"ProbCover", "MaxHerding", "Balls", "PAIRS", "_median_distance", "_blocks"}
    assert {f"alvae.queries.covering.{name}" for name in names} <= set(code)


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("if long: FAST = 1\nelif odd: SLOW = 2\nelse:\n    from a import b as c", "FAST SLOW c"),
        ("try:\n    import deep.er\nexcept ImportError:\n    deep = None", "deep"),
        ("with opened() as file:\n    def read(): return file", "file read"),
        ("WORDS.update(more)", "WORDS more"),
        ("a, (b, *c) = d", "a b c"),
    ],
)
def test_what_a_statement_of_a_module_binds(statement, names):
    (parsed,) = ast.parse(statement).body
    assert sources._bound(parsed) == set(names.split())


def imports_of(path):
    """The names that a file imports from alvae, the plain way."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "alvae":
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_whatever_a_module_uses_of_another_is_in_its_code(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    module = ".".join(part for part in parts if part != "__init__")
    code = code_of(module)
    used = {name.id for name in ast.walk(ast.parse(path.read_text())) if isinstance(name, ast.Name)}
    for home, name in imports_of(path):
        if {*home.split("."), name} & sources.NEUTRAL:
            assert not any(key.startswith(f"{home}.{name}") for key in code)
        elif (
            name in used and not (PACKAGE.parent / home.replace(".", "/") / f"{name}.py").is_file()
        ):
            assert any(key.endswith(f".{name}") or key.startswith(f"{home}.{name}") for key in code)


NAMES = st.sampled_from("abcde")
EXPRESSIONS = st.recursive(
    st.integers(0, 3).map(str) | NAMES,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda t: "({}{}{})".format(*t)
    ),
    max_leaves=4,
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_shapes_agree_only_where_trees_do(one, other):
    shapes = [repr(sources._shape(ast.parse(text).body)) for text in (one, other)]
    trees = [ast.dump(ast.parse(text)) for text in (one, other)]
    assert (shapes[0] == shapes[1]) == (trees[0] == trees[1])


def test_a_file_that_was_edited_after_it_was_loaded(package, monkeypatch):
    file = sources.HOME / "_clusters.py"
    monkeypatch.setattr(sources, "_STATS", {file: (0, 0)})
    code_of("alvae.classifiers.svc")
    with pytest.raises(RuntimeError, match="_clusters.py was edited after it was loaded"):
        code_of("alvae.queries.KMeansCoreset")


def test_a_file_that_is_removed_after_it_was_read(package):
    sources.code_of("alvae._clusters")
    (sources.HOME / "_clusters.py").unlink()
    with pytest.raises(RuntimeError, match="_clusters.py was removed after it was loaded"):
        sources.code_of("alvae._clusters")


def test_a_file_that_is_edited_after_it_was_read(package, monkeypatch):
    code_of("alvae.queries.KMeansCoreset")
    file = sources.HOME / "_clusters.py"
    stat = file.stat()
    monkeypatch.setattr(sources, "_STATS", {file: (stat.st_mtime_ns, stat.st_size)})
    code_of("alvae.queries.KMeansCoreset")
    file.write_text("MINI_BATCH = 3")
    with pytest.raises(RuntimeError, match="_clusters.py was edited after it was loaded"):
        code_of("alvae.queries.KMeansCoreset")

"""What notebooks hand to the prose."""

import numpy as np
import pandas as pd
import pytest

from alvae.book import cells
from alvae.book.cells import finding, listing, record, table
from alvae.book.experiment import Experiment, load_manifest


def test_what_the_book_says_must_hold_in_the_book_alone(capsys):
    finding("all is well", True)
    with pytest.raises(AssertionError, match="that all is well"):
        finding("all is well", False)
    three = load_manifest()[0]["three-digits"]
    part = {name: three[name] for name in ("digits", "latent_dim", "epochs")}
    for study in (Experiment(**three), Experiment(**part), Experiment(**part, n_jobs=1)):
        with pytest.raises(AssertionError, match="that all is well"):
            finding("all is well", False, study)
    assert not capsys.readouterr().out
    for other in ({"profile": "smoke"}, {"latent_dim": 2}, {"digits": [1, 7]}, {"epochs": 1}):
        finding("all is well", False, Experiment(**part | other))
        assert "does not hold that all is well" in capsys.readouterr().out


def test_tables_round_floats_keep_integers_and_mark_what_is_missing():
    frame = pd.DataFrame({"B": [20, 40], "mean": [0.12345, np.nan], "name": ["a", "b"]})
    text = table(frame, "A caption.", "tab-x").data
    assert text.startswith(":::{table} A caption.\n:name: tab-x\n\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[5:7]]
    assert rows == [["20", "0.123", "a"], ["40", "–", "b"]]


def test_values_are_recorded_as_plain_python_and_shown(monkeypatch):
    glued, shown = {}, []
    monkeypatch.setattr(
        "IPython.display.publish_display_data",
        lambda data, metadata: shown.append((data["text/plain"], metadata)),
    )
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: glued.update({name: value}))
    record(a=np.float64(0.5), b=np.int64(3), c=[0, 3, 9], d="x")
    assert glued == {"a": 0.5, "b": 3, "c": "0, 3 and 9", "d": "x"}
    assert type(glued["a"]) is float
    assert type(glued["b"]) is int
    assert shown[0] == ("a = 0.5", cells.RECORDED)


def test_listing():
    assert [listing(range(n)) for n in (1, 2, 3)] == ["0", "0 and 1", "0, 1 and 2"]


def test_names_in_a_table_are_not_html():
    frame = pd.DataFrame({"name": ["<script>alert(1)</script>", "a|b"], "n": [1, 2]})
    text = table(frame, "A caption.", "tab-x").data
    assert "<script" not in text
    assert "&lt;script>" in text
    assert r"a\|b" in text

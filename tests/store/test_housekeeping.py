"""``python -m alvae.store``: list, verify, prune."""

import os
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alvae import store
from alvae.store.__main__ import as_bytes, entries, main, size


@pytest.fixture(autouse=True)
def three_entries(tmp_path, monkeypatch):
    """Entries of 1, 2 and 3 kB, made 3, 2 and 1 days ago."""
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "store"))
    now = datetime.now(UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, zone):
            return now - timedelta(days=4 - cls.n, minutes=1)

    for n in (1, 2, 3):
        Clock.n = n
        with monkeypatch.context() as context:
            context.setattr(store, "datetime", Clock)
            store.fetch(
                "kind",
                {"n": n},
                ".bin",
                lambda _, n=n: bytes(1000 * n),
                lambda result, path: path.write_bytes(result),
                lambda path: path.read_bytes(),
                title=f"entry {n}",
            )


def left():
    return sorted(about["title"] for _, about in entries())


def test_list(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[-1] for line in lines[:3]] == ["entry 1", "entry 2", "entry 3"]
    assert lines[0].split()[1] == "1000"
    assert lines[2].split()[1] == "2.9K"
    assert lines[3] == f"3 entries, 5.9K, in {store.root()}"
    made = (datetime.now(UTC) - timedelta(days=3, minutes=1)).isoformat(timespec="minutes")
    assert lines[0].split()[0][:13] == made[:13]
    assert len(lines[0].split()[0]) == len("2026-01-31T12:59")


def test_verify(capsys):
    with pytest.raises(SystemExit) as end:
        main(["verify"])
    assert not end.value.code
    path = next(path for path, about in entries() if about["title"] == "entry 2")
    path.write_bytes(b"junk")
    with pytest.raises(SystemExit) as end:
        main(["verify"])
    assert end.value.code == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "0 of 3 entries are damaged",
        f"{path}: its content is not what was written",
        "1 of 3 entries are damaged",
    ]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--older-than", "2.5"], ["entry 2", "entry 3"]),
        (["--older-than", "0"], []),
        (["--older-than", "10"], ["entry 1", "entry 2", "entry 3"]),
        (["--down-to", "5200"], ["entry 2", "entry 3"]),
        (["--down-to", "5000"], ["entry 2", "entry 3"]),
        (["--down-to", "4K"], ["entry 3"]),
        (["--down-to", "1G"], ["entry 1", "entry 2", "entry 3"]),
        ([], ["entry 1", "entry 2", "entry 3"]),
    ],
)
def test_prune(arguments, kept, capsys):
    main(["prune", *arguments])
    assert left() == kept
    assert len(list((store.root() / "kind").iterdir())) == 2 * len(kept)
    assert f"removed {3 - len(kept)} entries" in capsys.readouterr().out


def test_prune_leaves_alone_what_is_of_somebody_else():
    folder = store.root() / "thesis"
    folder.mkdir(parents=True)
    for name in ("thesis.pdf", f"thesis.pdf{store.ABOUT}"):
        (folder / name).write_text("years of work")
    main(["prune", "--older-than", "0"])
    assert len(list(folder.iterdir())) == 2


def test_prune_removes_damage_and_what_nobody_will_finish(capsys):
    home = store.root()
    old, young, other = "0" * 20, "f" * 20, "of-somebody-else"
    for name, days in ((old, 8), (young, 6), (other, 8)):
        folder = home / "unfinished" / "vae" / name
        folder.mkdir(parents=True)
        (folder / "epoch-1.pt").touch()
        os.utime(folder, 2 * (time.time() - 24 * 3600 * days,))
    (home / "damaged").mkdir()
    (home / "damaged" / "01234567-x.csv").touch()
    (home / "damaged" / "of-somebody-else.csv").touch()
    store.beside(next(path for path, _ in entries())).write_text("junk")
    fragments = {}
    for name, days in ((f"{'1' * 20}.bin", 8), (f"{'2' * 20}.bin", 6), ("my-own.bin", 8)):
        for fragment in (home / "kind" / name, home / "kind" / f".{'a' * 12}.{name}"):
            fragment.touch()
            os.utime(fragment, 2 * (time.time() - 24 * 3600 * days,))
            fragments[fragment] = days < 7 or fragment.name == "my-own.bin"
    main(["prune"])
    assert "removed 1 entries" in capsys.readouterr().out
    assert {fragment: fragment.exists() for fragment in fragments} == fragments
    assert sorted(path.name for path in home.glob("unfinished/vae/*")) == [young, other]
    main(["prune", "--older-than", "0"])
    assert sorted(path.name for path in home.glob("unfinished/vae/*")) == [other]
    assert [path.name for path in home.glob("damaged/*")] == ["of-somebody-else.csv"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["prune", "--down-to", "much"],
        ["prune", "--older-than", "week"],
        ["shrink"],
        ["prune", "--older-than=-5"],
    ],
)
def test_unknown_words_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert arguments[-1].split("=")[-1] in capsys.readouterr().err


def test_no_store_yet_and_a_wrong_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "none"))
    main([])
    assert capsys.readouterr().out == f"0 entries, 0, in {tmp_path / 'none'}\n"
    monkeypatch.setenv("ALVAE_STORE", "relative")
    with pytest.raises(SystemExit, match=r"python -m alvae.store: ALVAE_STORE is 'relative'"):
        main([])


def test_sizes_as_text():
    assert [size(n) for n in (0, 999, 1024, 1536, 2**20, 5 * 2**30)] == [
        *("0", "999", "1.0K", "1.5K", "1.0M", "5.0G")
    ]
    assert np.array_equal(
        [as_bytes(t) for t in ("7", "1k", "1.5M", "2GB")], [7, 1024, 1572864, 2**31]
    )

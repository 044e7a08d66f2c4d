"""Keep the tests quiet and to themselves: no progress bars, and a store of their own."""

import os

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported

import pytest


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "store"))

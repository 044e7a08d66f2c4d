"""Keep the tests quiet and to themselves: no progress bars, and a store of their own."""

import os
from itertools import count

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported

import pytest

NUMBERS = count()


@pytest.fixture(autouse=True)
def own_store(tmp_path_factory, monkeypatch):
    """A place where nothing is yet: a folder is made by those who write into it."""
    monkeypatch.setenv(
        "ALVAE_STORE", str(tmp_path_factory.getbasetemp() / f"store-{next(NUMBERS)}")
    )

"""Trials and encoding on a Dask cluster of two processes against the same on this machine."""

import os
import signal
import time
from threading import Thread

import numpy as np
import pytest
from distributed import LocalCluster
from pandas.testing import assert_frame_equal

from alvae.pools import load_pool
from alvae.queries import KMeansCoreset, QueryStrategy, UniformSampling
from alvae.spaces import both_spaces, latent_codes
from alvae.trials import TrialProtocol, learning_curves
from alvae.vae import ConvVAE

pytestmark = [
    # What the libraries leave open when a worker is killed is for them to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NUMBERS = ["space", "strategy", "budget", "trial", "accuracy", "kernel", "C"]


class Slow(UniformSampling):
    """Uniform sampling that leaves time to kill a worker, and says who is at work."""

    def __init__(self, folder, random_state=None):
        self.folder = folder
        self.random_state = random_state

    def query(self, X, y=None, batch_size=1, *, prepared=None):
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.05)
        return super().query(X, y, batch_size, prepared=prepared)


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def problem():
    pool = load_pool("mnist", classes=[0, 3, 9]).take(np.arange(300), np.arange(200))
    vae = ConvVAE(latent_dim=2, epochs=1, random_state=0).fit(pool.images)
    return pool, vae, both_spaces(pool, vae)


def run(problem, strategies, **options):
    pool, _, spaces = problem
    labels, protocol = (pool.labels, pool.test_labels), TrialProtocol(budgets=[10, 30], n_trials=24)
    return learning_curves(spaces, *labels, strategies, protocol, **options)[NUMBERS]


@pytest.mark.slow
def test_the_numbers_are_those_of_one_worker_and_of_two(problem, scheduler, tmp_path, monkeypatch):
    strategies = {"uniform": UniformSampling(), "core-set": KMeansCoreset(5)}
    tables = []
    for options in ({"n_jobs": 1}, {"n_jobs": 2}, {"scheduler": scheduler}):
        monkeypatch.setenv("ALVAE_STORE", str(tmp_path / str(len(tables))))
        tables.append(run(problem, strategies, **options))
    assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert_frame_equal(tables[0], tables[2], check_exact=True)


@pytest.mark.slow
def test_codes_are_those_of_this_machine(problem, scheduler, monkeypatch):
    pool, vae, spaces = problem
    monkeypatch.setattr("alvae.spaces.BLOCK", 128)
    np.testing.assert_allclose(
        latent_codes(vae, pool.images, scheduler), spaces["latent"][0], rtol=1e-5
    )


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_time(problem, scheduler, tmp_path, monkeypatch):
    expected = run(problem, {"slow": UniformSampling()}, n_jobs=1)
    workers = tmp_path / "workers"
    workers.mkdir()

    def kill_one():
        deadline = time.monotonic() + 60
        while not (found := list(workers.iterdir())) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(int(found[0].name), signal.SIGKILL)

    monkeypatch.setenv("ALVAE_STORE", str(tmp_path / "other"))
    killer = Thread(target=kill_one, daemon=True)
    killer.start()
    table = run(problem, {"slow": Slow(workers)}, scheduler=scheduler)
    killer.join()
    assert len(list(workers.iterdir())) > 1
    assert_frame_equal(table, expected, check_exact=True)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", 3])
def test_without_an_answer_nothing_begins(problem, address, monkeypatch):
    monkeypatch.setattr("alvae._workers.CONNECT", 1)
    monkeypatch.setattr(QueryStrategy, "prepare", None)
    with pytest.raises(ValueError, match=f"scheduler is {address!r}; no Dask scheduler answers"):
        run(problem, {"uniform": UniformSampling()}, scheduler=address)


def test_a_cluster_without_workers_is_refused(problem, monkeypatch):
    monkeypatch.setattr("alvae._workers.CONNECT", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0", silence_logs="CRITICAL") as empty,
        pytest.raises(ValueError, match="it has no workers"),
    ):
        run(problem, {"uniform": UniformSampling()}, scheduler=empty.scheduler_address)

"""The parameters of the notebooks, checked before anything long starts, and the manifest."""

import re
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import yaml

from alvae._checks import check_choice, check_integer, check_number
from alvae.book import MANIFEST, NOTEBOOKS, REPOSITORY
from alvae.book.cells import listing
from alvae.pools import check_classes, load_pool

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is five times as fast
PROFILES = ("full", "smoke")
# What a smoke run does at most: enough to try every line, too little to say anything.
SMOKE = {"images": 1000, "test_images": 300, "epochs": 2, "n_trials": 2}


class ParameterError(ValueError):
    """A parameter that the user can mend: a notebook shows its message, and no traceback."""

    def _render_traceback_(self):
        return [f"ValueError: {self}"]


@dataclass(repr=False)
class Experiment:
    """The parameters of a notebook, and the data that they name.

    A parameter that a notebook does not use is left out. With the profile "smoke", pool, epochs and
    trials are cut down.

    Parameters
    ----------
    pool_name : str, default="mnist"
        See `load_pool`.
    digits : list of int, default=[0, 3, 9]
        Classes to keep, at least two.
    latent_dim : int, default=3
        Dimension of the latent space.
    translate, degrees : float, default=0
        Shifts and rotations in training, as `ConvVAE` takes them.
    n_clusters : int, optional
        Clusters K of the core-set, at most the smallest budget.
    budgets : list of int, optional
        Numbers of labels B, at most the size of the pool.
    n_trials : int, optional
        Trials per point.
    epochs : int, default=6
        Passes over the pool to train the VAE.
    random_state : int, default=0
        The seed of everything.
    n_jobs : int, default=-1
        Workers, -1 for one per core.
    scheduler : str, default=""
        Address of a Dask scheduler whose workers run the trials; "" is this machine.
    profile : "full" or "smoke", default="full"

    Attributes
    ----------
    pool : Pool

    Raises
    ------
    ValueError
        If a parameter is of the wrong kind or out of range for the pool.
    """

    _: KW_ONLY
    pool_name: str = "mnist"
    digits: list = field(default_factory=lambda: [0, 3, 9])
    latent_dim: int = 3
    translate: float = 0
    degrees: float = 0
    n_clusters: int | None = None
    budgets: list | None = None
    n_trials: int | None = None
    epochs: int = 6
    random_state: int = 0
    n_jobs: int = -1
    scheduler: str = ""
    profile: str = "full"

    def __post_init__(self):
        try:
            self._check()
        except ValueError as error:
            raise ParameterError(str(error)) from None

    def _check(self):
        check_choice("profile", self.profile, PROFILES)
        if not isinstance(self.pool_name, str | Path):
            raise ValueError(f"pool_name is {self.pool_name!r}; allowed are a str and a Path")
        check_integer("epochs", self.epochs, 1)
        check_number("translate", self.translate, 0)
        check_number("degrees", self.degrees, 0)
        check_integer("random_state", self.random_state, 0)
        if self.n_trials is not None:
            check_integer("n_trials", self.n_trials, 1)
        if not isinstance(self.n_jobs, int) or isinstance(self.n_jobs, bool) or self.n_jobs == 0:
            raise ValueError(f"n_jobs is {self.n_jobs!r}; allowed are integers but 0")
        if not isinstance(self.scheduler, str):
            raise ValueError(f"scheduler is {self.scheduler!r}; allowed is an address, or ''")
        if self.profile == "smoke":
            self.epochs = min(self.epochs, SMOKE["epochs"])
            self.n_trials = self.n_trials and min(self.n_trials, SMOKE["n_trials"])
        size = int(np.prod(self.pool.image_shape))
        check_integer("latent_dim", self.latent_dim, 1, size, "the values in an image")
        most = len(self.pool), "the images in the pool"
        if self.budgets is not None:
            _check_list("budgets", self.budgets)
            for budget in self.budgets:
                check_integer("budgets", budget, 1, *most)
            most = min(self.budgets), "the smallest of the budgets"
        if self.n_clusters is not None:
            check_integer("n_clusters", self.n_clusters, 1, *most)

    @cached_property
    def pool(self):
        """Images and labels of the digits."""
        if isinstance(self.digits, str):
            _check_list("digits", self.digits)
        try:
            check_classes(self.digits)
            pool = _load(self.pool_name).subset(self.digits)
        except ValueError as error:
            # In the words of the notebooks.
            raise ValueError(re.sub(r"^(classes|name) ", _notebook_name, str(error))) from None
        return smoke_sample(pool, self.random_state) if self.profile == "smoke" else pool

    @property
    def vae(self):
        """The VAE of this experiment, not fitted."""
        from alvae.vae import ConvVAE  # here: reading a manifest takes no torch

        names = ("latent_dim", "translate", "degrees", "epochs", "random_state")
        return ConvVAE(**{name: getattr(self, name) for name in names})

    def learning_curves(self, spaces, strategies, *, timed=False, **changes):
        """Learning curves of this experiment's pool, budgets, trials and seed.

        Parameters
        ----------
        spaces, strategies : dict
            As `alvae.learning_curves` takes them.
        timed : bool, default=False
            Whether it is for the sake of the seconds, too.
        **changes
            Of the `TrialProtocol`.

        Returns
        -------
        pandas.DataFrame
        """
        from alvae.trials import TrialProtocol, learning_curves  # here, like the VAE

        ours = {name: getattr(self, name) for name in ("budgets", "n_trials", "random_state")}
        protocol = TrialProtocol(**(ours | changes))
        data = spaces, self.pool.labels, self.pool.test_labels, strategies, protocol
        where = {"n_jobs": self.n_jobs, "scheduler": self.scheduler}
        return learning_curves(*data, **where, timed=timed)

    def __repr__(self):
        values = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"Experiment({values})"


def is_of_the_book(study):
    """Whether an experiment is, in all that it sets, a full one of the manifest."""
    free = "n_jobs", "scheduler"  # do not change results
    given = [f for f in fields(study) if f.name not in free and getattr(study, f.name) is not None]
    return any(
        all(params.get(f.name, f.default) == getattr(study, f.name) for f in given)
        for params in load_manifest()[0].values()
    )


@lru_cache(maxsize=1)
def _load(pool_name):
    """The whole pool, read once for all experiments on its digits."""
    return load_pool(pool_name)


def smoke_sample(pool, random_state):
    """A few random images of a pool, at least one of every class.

    Parameters
    ----------
    pool : Pool
    random_state : int

    Returns
    -------
    Pool
        In the order of this one; all of it where it is small.
    """
    chosen = (
        _draw(min(most, len(labels)), labels, seed)
        for most, labels, seed in zip(
            (SMOKE["images"], SMOKE["test_images"]),
            (pool.labels, pool.test_labels),
            np.random.SeedSequence(random_state).spawn(2),
            strict=True,
        )
    )
    return pool.take(*chosen)


def _draw(n, labels, seed):
    """Sorted indices of n random images, at least one of every class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    first = np.unique(labels[order], return_index=True)[1]  # the first of every class
    order = np.concatenate([order[first], np.delete(order, first)])
    return np.sort(order[: max(n, len(first))])


def _notebook_name(match):
    return {"classes": "digits", "name": "pool_name"}[match[1]] + " "


def _check_list(name, value):
    if isinstance(value, str):
        raise ValueError(
            f"{name} is the string {value!r}; allowed is a list of integers: papermill's -p hands "
            f"lists over as strings; use -y '{name}: {value}'"
        )
    integers = isinstance(value, list | tuple) and all(isinstance(v, int) for v in value)
    if not integers or not value or len(set(value)) < len(value):
        raise ValueError(f"{name} is {value!r}; allowed is a list of distinct integers")


def located(pool_name):
    """What `load_pool` takes, from whatever folder: a path in the repository becomes a whole one.

    Parameters
    ----------
    pool_name : str

    Returns
    -------
    str
    """
    local = REPOSITORY / pool_name
    return str(local) if pool_name != "mnist" and local.exists() else pool_name


def load_manifest(path=MANIFEST):
    """Read and check the manifest.

    Returns
    -------
    experiments : dict of str to dict
        Parameters of each experiment, for `Experiment`.
    pages : dict of str to list of str
        For each notebook the names of the experiments that it runs.

    Raises
    ------
    ValueError
        If the file is missing or names a notebook, an experiment or a parameter that is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is missing; the manifest belongs to a clone of the repository")
    content = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    if not isinstance(content, dict) or set(content) != {"common", "experiments", "pages"}:
        raise ValueError(f"{path.name} must have the sections common, experiments and pages")
    common = content["common"] or {}
    experiments = {name: common | params for name, params in content["experiments"].items()}
    allowed = {f.name for f in fields(Experiment)} - {"profile"}
    for name, params in experiments.items():
        if unknown := set(params) - allowed:
            raise ValueError(
                f"experiment {name} has {listing(sorted(unknown))}; "
                f"allowed are {listing(sorted(allowed))}"
            )
        if "pool_name" in params:
            params["pool_name"] = located(params["pool_name"])
    for notebook, names in content["pages"].items():
        if not (NOTEBOOKS / f"{notebook}.ipynb").is_file():
            raise ValueError(f"pages has {notebook}; there is no notebooks/{notebook}.ipynb")
        if unknown := set(names) - set(experiments):
            raise ValueError(
                f"page {notebook} has {listing(sorted(unknown))}; "
                f"the experiments are {listing(experiments)}"
            )
    return experiments, content["pages"]

"""What the notebooks of the book call beside the research itself.

Their parameters, checked before anything long starts (:class:`Experiment`), and what they hand to
the prose: values (:func:`record`), tables (:func:`table`) and verdicts (:func:`judge`).
"""

import re
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from alvae import figures
from alvae._checks import check_integer
from alvae.pools import check_classes, load_pool
from alvae.trials import learning_curves

PROFILES = ("full", "smoke")
RECORDED = {"alvae": "recorded"}  # metadata of the outputs of `record`
# What a smoke run does at most: enough to try every line, too little to say anything.
SMOKE = {"images": 1000, "test_images": 300, "epochs": 2, "n_trials": 2}


@dataclass(repr=False)
class Experiment:
    """The parameters of a notebook, checked before anything long starts, and the data they name.

    A parameter that a notebook does not use is left out. With the profile "smoke", pool, epochs and
    trials are cut down, and every figure says so.

    Parameters
    ----------
    pool_name : str, default="mnist"
        See `load_pool`.
    digits : list of int, default=[0, 3, 9]
        Classes to keep, at least two.
    latent_dim : int, default=3
        Dimension of the latent space.
    n_clusters : int, optional
        Clusters K of the core-set, at most the smallest budget.
    budgets : list of int, optional
        Numbers of labels B, at most the size of the pool.
    n_trials : int, optional
        Trials per point.
    epochs : int, default=8
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

    pool_name: str = "mnist"
    digits: list = field(default_factory=lambda: [0, 3, 9])
    latent_dim: int = 3
    n_clusters: int | None = None
    budgets: list | None = None
    n_trials: int | None = None
    epochs: int = 8
    random_state: int = 0
    n_jobs: int = -1
    scheduler: str = ""
    profile: str = "full"

    def __post_init__(self):
        if self.profile not in PROFILES:
            raise ValueError(f"profile is {self.profile!r}; allowed are {' and '.join(PROFILES)}")
        figures.use_style(self.profile)
        try:
            check_classes(self.digits)
            self.pool = load_pool(self.pool_name, classes=self.digits)
        except ValueError as error:
            # The notebooks' word for the classes.
            raise ValueError(re.sub(r"^(classes|name) ", _notebook_name, str(error))) from None
        check_integer("epochs", self.epochs, 1)
        check_integer("random_state", self.random_state, 0)
        if self.profile == "smoke":
            self._cut_down()
        size = int(np.prod(self.pool.image_shape))
        check_integer("latent_dim", self.latent_dim, 1, size, "the values in an image")
        if not isinstance(self.n_jobs, int) or isinstance(self.n_jobs, bool) or self.n_jobs == 0:
            raise ValueError(f"n_jobs is {self.n_jobs!r}; allowed are integers but 0")
        if not isinstance(self.scheduler, str):
            raise ValueError(f"scheduler is {self.scheduler!r}; allowed is an address, or ''")
        if self.n_trials is not None:
            check_integer("n_trials", self.n_trials, 1)
        most = len(self.pool), "the images in the pool"
        if self.budgets is not None:
            _check_list("budgets", self.budgets)
            for budget in self.budgets:
                check_integer("budgets", budget, 1, *most)
            most = min(self.budgets), "the smallest of the budgets"
        if self.n_clusters is not None:
            check_integer("n_clusters", self.n_clusters, 1, *most)

    def _cut_down(self):
        self.pool = self.pool.sample(
            min(SMOKE["images"], len(self.pool.images)),
            min(SMOKE["test_images"], len(self.pool.test_images)),
            random_state=self.random_state,
        )
        self.epochs = min(self.epochs, SMOKE["epochs"])
        if isinstance(self.n_trials, int):
            self.n_trials = min(self.n_trials, SMOKE["n_trials"])

    @property
    def vae(self):
        """The VAE of this experiment, not fitted."""
        from alvae.vae import ConvVAE  # here: reading a manifest takes no torch

        return ConvVAE(self.latent_dim, epochs=self.epochs, random_state=self.random_state)

    def learning_curves(self, spaces, strategies, **kwargs):
        """Learning curves of this experiment's pool, budgets, trials and seed.

        Parameters
        ----------
        spaces, strategies : dict
            As `alvae.learning_curves` takes them, like whatever else is given by keyword.

        Returns
        -------
        pandas.DataFrame
        """
        ours = {
            "budgets": self.budgets,
            "n_trials": self.n_trials,
            "random_state": self.random_state,
            "n_jobs": self.n_jobs,
            "scheduler": self.scheduler,
        }
        labels = self.pool.labels, self.pool.test_labels
        return learning_curves(spaces, *labels, strategies, **(ours | kwargs))

    def __repr__(self):
        values = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"Experiment({values})"


def record(**values):
    """Keep values for the prose of a page, which cites them as ``{glue:text}`name:.2f` ``.

    In the notebook itself they are shown below the cell; a page leaves that output out.

    Parameters
    ----------
    **values : scalar, str, or list
        NumPy scalars become Python numbers, and a list becomes text such as "0, 3 and 9".
    """
    from IPython.display import publish_display_data
    from myst_nb import glue

    for name, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        value = listing(value) if isinstance(value, list | tuple) else value
        glue(name, value, display=False)
        publish_display_data({"text/plain": f"{name} = {value}"}, RECORDED)


def table(frame, caption, name, decimals=3):
    """A table of the book, with a caption and a number, from a DataFrame.

    Parameters
    ----------
    frame : DataFrame
        The index is not shown; a missing value is shown as a dash.
    caption : str
        May hold Markdown.
    name : str
        What ``{numref}`` cites it by.
    decimals : int, default=3
        Of the floats.

    Returns
    -------
    IPython.display.Markdown
        In a cell with the metadata ``{"mystnb": {"markdown_format": "myst"}}``.
    """
    from IPython.display import Markdown

    def text(value):
        if pd.isna(value):
            return "–"
        return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)

    align = ["right" if is_numeric_dtype(dtype) else "left" for dtype in frame.dtypes]
    rows = (
        frame.astype(object)
        .map(text)
        .to_markdown(index=False, disable_numparse=True, colalign=align)
    )
    return Markdown(f":::{{table}} {caption}\n:name: {name}\n\n{rows}\n:::")


def judge(claims, ours):
    """Compare the paper's claims with our results.

    Parameters
    ----------
    claims : list of dict
        As in `book/claims.yml`.
    ours : dict of str to tuple
        For every claim's `ours` our value, its standard deviation over the trials and its standard
        error; shorter where there are none.

    Returns
    -------
    pandas.DataFrame
        `claim`, `paper`, `tolerance`, `ours`, `std`, `error` and `verdict`: "holds"; "undecided"
        where two standard errors more or less would turn it; or "does not hold".

    Raises
    ------
    ValueError
        If a claim names a result that is not there, or an unknown rule.
    """
    # By how much a value is inside of what the paper says.
    margins = {
        "about": lambda value, theirs, tolerance: tolerance - abs(value - theirs),
        "at least": lambda value, theirs, tolerance: value - (theirs - tolerance),
        "at most": lambda value, theirs, tolerance: theirs + tolerance - value,
    }
    rows = []
    for claim in claims:
        if claim["ours"] not in ours:
            raise ValueError(f"no result {claim['ours']!r}; there are {listing(ours)}")
        if claim["rule"] not in margins:
            raise ValueError(f"rule is {claim['rule']!r}; allowed are {listing(margins)}")
        value, std, error = (*ours[claim["ours"]], np.nan, np.nan)[:3]
        margin = margins[claim["rule"]](value, claim["theirs"], claim["tolerance"])
        undecided = abs(margin) < 2 * error  # False where there is no error
        rows.append(
            {
                "claim": claim["claim"],
                "paper": f"{claim['rule']} {claim['theirs']}",
                "tolerance": f"{claim['tolerance']:g}",
                "ours": f"{value:.4f}".rstrip("0").rstrip("."),
                "std": f"{std:.4f}" if np.isfinite(std) else "–",
                "error": f"{error:.4f}" if np.isfinite(error) else "–",
                "verdict": "undecided"
                if undecided
                else "holds"
                if margin >= 0
                else "does not hold",
            }
        )
    return pd.DataFrame(rows)


def listing(items):
    """Items as prose: "0, 3 and 9"."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


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

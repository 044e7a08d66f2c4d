"""Plays the user of the command `alvae`: a folder of image files, the command, labels by hand."""

import io
import shlex
from contextlib import chdir, redirect_stderr, redirect_stdout
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from alvae.labeling.command import main
from alvae.labeling.project import Project

FOLDERS = "attic", "shop/summer", "shop/winter"
N_COPIES = 5
HEIGHT = 680  # of a page within a page, in pixels


def write_files(folder, images, labels, random_state=0):
    """Write images as PNG files into folders, as untidy as such folders are.

    Whatever its class, an image is in any of three folders. There are exact copies, too, a blank
    image, a file that ends in its middle and one of text.

    Parameters
    ----------
    folder : path
        Made.
    images : uint8 array of shape (n, H, W) or (n, H, W, C), C = 1 or 3
    labels : sequence of str, length n
        The class of each.
    random_state : int, default=0

    Returns
    -------
    dict of str to str
        The truth: the class of every file, by its name within the folder. The blank one has none.
    """
    folder, rng = Path(folder), np.random.default_rng(random_state)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    images = images[..., 0] if images.shape[3:] == (1,) else images
    truth = {}
    for i, where in enumerate(rng.integers(len(FOLDERS), size=len(images))):
        name = f"{FOLDERS[where]}/{i:04}.png"
        Image.fromarray(images[i]).save(folder / name)
        truth[name] = labels[i]
    for name in rng.permutation([*truth])[:N_COPIES].tolist():
        copy = name.replace(".png", "-copy.png")
        (folder / copy).write_bytes((folder / name).read_bytes())
        truth[copy] = truth[name]
    Image.fromarray(np.zeros_like(images[0])).save(folder / "attic" / "blank.png")
    half = (folder / next(iter(truth))).read_bytes()
    (folder / "attic" / "half.png").write_bytes(half[: len(half) // 2])
    (folder / "notes.txt").write_text("Ask Ann about the boots.\n", encoding="utf-8")
    return truth


def run_in(folder, command, refused=False):
    """Run a command line of `alvae` in a folder, and print it and what it says.

    Paths are shown as seen from the folder, which may be a temporary one.

    Parameters
    ----------
    folder : path
    command : str
        As typed: "alvae select photos --budget 50".
    refused : bool, default=False
        Whether the command is to refuse its work.

    Raises
    ------
    RuntimeError
        It refuses, or it does not, against what was expected.
    """
    said, folder, stopped = io.StringIO(), Path(folder).resolve(), None
    with chdir(folder), redirect_stdout(said), redirect_stderr(said):
        try:
            main(shlex.split(command)[1:])
        except SystemExit as stop:
            stopped = stop.code
    lines = said.getvalue() + ("" if stopped is None else f"{stopped}\n")
    if (stopped is not None) != refused:
        raise RuntimeError(f"{command} {'does its work' if refused else 'refuses it'}: {lines}")
    print(f"$ {command}\n{lines.replace(f'{folder}/', '')}", end="")


def fill_in(path, truth):
    """Label every image in a `labels.csv` by the truth, as somebody at `label.html` would.

    Parameters
    ----------
    path : path
    truth : dict of str to str

    Returns
    -------
    pandas.DataFrame
        The table as it is now.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["label"] = table["file_name"].map(truth)
    table.to_csv(path, index=False)
    return table


def accuracy(project, truth, table="predictions.csv"):
    """Share of the labels in a table that are right, of those that are predicted.

    Parameters
    ----------
    project : path
    truth : dict of str to str
    table : str, default="predictions.csv"

    Returns
    -------
    float
    """
    table = pd.read_csv(Path(project) / table, dtype=str, keep_default_na=False)
    table = table[table["from"] == "predicted"]
    return float((table["label"] == table["file_name"].map(truth)).mean())


def numbered(project, labels):
    """The codes of the images that count in a project, and their labels as numbers.

    Parameters
    ----------
    project : path
    labels : dict of str to str, or Series
        By the name of the image.

    Returns
    -------
    codes : ndarray of shape (n, d)
        Of images that are neither blank nor copies.
    y : ndarray of shape (n,)
        Places of the labels among all of them, sorted; NaN where there is none.
    """
    project = Project(project)
    names = pd.Series(project.names)
    counts = project.firsts == names.index
    own = names[counts].map(labels)
    y = own.map({label: k for k, label in enumerate(sorted(set(pd.Series(labels))))})
    return np.asarray(project.codes)[counts], y.to_numpy(float)


def as_frame(path, title):
    """A page of HTML that was written to a file, within the page of the book.

    It is in the output as a whole, so that it works offline. Whoever prints sees the figure beside
    it alone.

    Parameters
    ----------
    path : path
    title : str
        For those who do not see it.

    Returns
    -------
    IPython.display.HTML
    """
    from IPython.display import HTML

    page = escape(Path(path).read_text(encoding="utf-8"))
    return HTML(
        f'<div class="page-within"><iframe title="{escape(title)}" srcdoc="{page}" loading="lazy" '
        f'style="width: 100%; height: {HEIGHT}px; border: 1px solid #767676"></iframe></div>'
    )

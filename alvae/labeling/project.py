"""The folder of a project: a pool, its codes, and what is known of the labels.

Everything that takes long is kept here, so that an interrupted command goes on where it was, and
the folder can be moved: it needs the original images only to show them large.

======================  ===========================================================
``project.json``        what the pool is
``pool.csv``            the names of the images
``images.npy``          the images, brought to one size
``codes.npy``           their codes, or the features that were given
``firsts.npy``          of each image the one of which it is a copy
``vae.pt``              the VAE
``labels.csv``          the images that were asked for, and their labels
``store``               results of steps
======================  ===========================================================
"""

import csv
import json
import os
import re
import shutil
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from alvae import store
from alvae.labeling.folder import MARK, SUFFIXES
from alvae.labeling.labels import Labels, as_cell, merge_labels, read_labels, write_table

FORMAT = 1
NAME = "project.json"
ARRAYS = "images", "codes", "firsts"
PATH = str | None
KINDS = {"format": int, "id": str, "source": PATH, "features_from": PATH}
KINDS |= {"seed": int, "budget": int, "refused": dict}
ASKED = "asked"  # names of the images that were asked for; None before any is, and in old projects
KINDS_SINCE = {ASKED: list | None}  # of what projects of earlier versions do not have


class Project:
    """A project that is there.

    Parameters
    ----------
    folder : path

    Raises
    ------
    ValueError
        There is no project, it is damaged, or one of another version of the tool.
    """

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        path = self.folder / NAME
        try:
            self.about = json.loads(path.read_text(encoding="utf-8"))
            known = self.about["format"]
            about = dict.fromkeys(KINDS_SINCE) | self.about
            wrong = [
                key
                for key, kind in (KINDS | KINDS_SINCE).items()
                if key not in about or not isinstance(about[key], kind)
            ]
        except (FileNotFoundError, NotADirectoryError):
            todo = maybe_meant(folder) or begin_first(folder)
            raise ValueError(f"{folder} is no project: it has no {NAME}{todo}") from None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
        if known != FORMAT:
            raise ValueError(f"{path} is of format {known}; this version of alvae knows {FORMAT}")
        if wrong:
            raise ValueError(f"{path} is damaged: its {wrong[0]} is missing, or of another kind")

    @staticmethod
    def is_at(folder):
        """Whether there is a project in a folder."""
        return (Path(folder) / NAME).is_file()

    @classmethod
    def begin(cls, folder, names, *, images=None, features=None, **about):
        """Write a new project.

        Parameters
        ----------
        folder : path
            Made if need be; what an interrupted beginning left there goes.
        names : list of str
        images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3), default=None
        features : ndarray of shape (n, d), default=None
            Codes from elsewhere.
        **about
            Kept in project.json.

        Returns
        -------
        Project
        """
        folder = Path(folder)
        for left in (*(folder / f"{name}.npy" for name in ARRAYS), *folder.glob(store.TEMPORARY)):
            left.unlink(missing_ok=True)
        for name, array in (("images", images), ("codes", features)):
            if array is not None:
                _save(folder / f"{name}.npy", array)
        write_table(folder / "pool.csv", ("file_name",), ([as_cell(name)] for name in names))
        about = {"format": FORMAT, **about, ASKED: None}
        _write_json(folder / NAME, about)  # last: it makes it a project
        return cls(folder)

    @property
    def path(self):
        """Where something of the project is: ``project.path("labels.csv")``."""
        return self.folder.joinpath

    @cached_property
    def names(self):
        """Of the images, in the order of the arrays."""
        try:
            with open(self.path("pool.csv"), encoding="utf-8", newline="") as file:
                names = [row[0].removeprefix("./") for row in csv.reader(file)][1:]
        except (OSError, ValueError, LookupError, csv.Error) as error:
            raise self._damaged("pool.csv", error) from None
        if not names:
            raise self._damaged("pool.csv", "it has no image")
        return names

    @property
    def images(self):
        """The images, memory-mapped; None where features were given alone."""
        images = self._array("images")
        if images is None and self.about["source"]:
            raise self._damaged("images.npy", "it is not there")
        return images

    @property
    def codes(self):
        """Of the images, (n, d); None before they are made."""
        codes = self._array("codes")
        if codes is None and self.about["features_from"]:
            raise self._damaged("codes.npy", "it is not there")
        return codes

    @property
    def is_chosen(self):
        """Whether images to label were chosen, or only begun with."""
        if ASKED in self.about:
            return self.asked is not None
        return self.firsts is not None and self.path("labels.csv").exists()

    @property
    def asked(self):
        """Names of the images that were asked for; None if none was, or that is not known."""
        return self.about.get(ASKED)

    def ask(self, names):
        """Write images that are to be labeled into labels.csv, and keep which these are."""
        if ASKED in self.about:
            self.about[ASKED] = [*dict.fromkeys([*(self.asked or ()), *names])]
            self.save()
        self.add_labels(dict.fromkeys(names, ""))

    @property
    def firsts(self):
        """Of each image the one of which it is a copy, or itself; -1 if it is blank."""
        return self._array("firsts")

    def keep(self, name, array):
        """Keep an array under a name, such as "codes"."""
        _save(self.path(f"{name}.npy"), array)

    def labels(self, path=None):
        """What labels.csv says, or another file, if most of it is on these images.

        Returns
        -------
        Labels
            Without a label if there is no labels.csv yet.
        """
        if path is not None:
            return read_labels(path, self.names, mostly=True)
        path = self.path("labels.csv")
        return read_labels(path, self.names) if path.exists() else Labels({}, [], [])

    def add_labels(self, labels):
        """Write labels into labels.csv, "" for images to be labeled; what it has stays.

        Returns
        -------
        list of str
            Labels that were other ones, a line each.
        """
        return merge_labels(self.path("labels.csv"), self.names, labels)

    @property
    def has_files(self):
        """Whether each image has a file of its own, and not a place in an array."""
        return bool(self.about["source"]) and self.names[0].lower().endswith(SUFFIXES)

    def save(self):
        """Write project.json."""
        _write_json(self.path(NAME), self.about)

    def _array(self, name):
        path = self.path(f"{name}.npy")
        if not path.exists():
            return None
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(path.name, error) from None
        if len(array) != len(self.names):
            raise self._damaged(path.name, f"it has {len(array)} rows for {len(self.names)} images")
        return array

    def _damaged(self, name, error):
        said = " ".join(str(error).split())
        return ValueError(
            f"{self.path(name)} is damaged: {said}; begin a new project with --out, and give it "
            "the labels of this one with --labels"
        )


def default_folder(source):
    """Where the project of these images or features is, if no other folder is named."""
    path = Path(source).resolve()
    return Path(f"{path.name if path.is_dir() else path.stem}-alvae")  # a folder has no ending


def maybe_meant(source):
    """For a message: whether the project of these images was meant; "" if there is none."""
    folder = default_folder(source)
    return f"; did you mean {folder}?" if Project.is_at(folder) else ""


def begin_first(source):
    """For a message: that these images need a project first; "" if they are no folder."""
    return "; begin one with: alvae select IMAGES --budget N" * Path(source).is_dir()


def check_free(folder):
    """Raise a ValueError if a folder has something that no command of this tool put there."""
    folder = Path(folder)
    if folder.is_dir() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise ValueError(
            f"{folder} is no project, and not empty; --out names a folder that is new or empty"
        )


@contextmanager
def at_work(folder):
    """Let one command at a time work in a project, which has the store.

    Raises
    ------
    ValueError
        Another one does, or the folder cannot be written.
    """
    folder = Path(folder).absolute()
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / MARK)
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another alvae is at work in {folder}; wait until it is done") from None
    except OSError as error:
        raise ValueError(f"{folder} cannot be written: {error.strerror}") from None
    before = os.environ.get("ALVAE_STORE")
    os.environ["ALVAE_STORE"] = str(folder / "store")
    try:
        yield folder
    except OSError as error:  # which may name no file, or one that was to become another
        path = Path(error.filename or folder)
        error.filename = str(path.with_name(re.sub(r"^\.[0-9a-f]{12}\.", "", path.name)))
        raise
    finally:
        os.environ.pop("ALVAE_STORE")
        if before is not None:
            os.environ["ALVAE_STORE"] = before
        if is_new and [path.name for path in folder.iterdir()] == [MARK]:  # it came to nothing
            with suppress(OSError):
                (folder / MARK).unlink()
                folder.rmdir()
        lock.release()


def check_room(folder):
    """Raise a ValueError if the disk of a project has no room for what takes long to make."""
    if (free := shutil.disk_usage(folder).free) < store.ROOM:
        raise ValueError(
            f"{folder} is on a disk with {free:,} bytes left, and {store.ROOM:,} are needed; make "
            "room, and run the same command again"
        )


def _save(path, array):
    with store.replacing(path) as temporary:
        np.save(temporary, np.ascontiguousarray(array), allow_pickle=False)


def _write_json(path, content):
    with store.replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

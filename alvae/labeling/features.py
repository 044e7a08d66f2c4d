"""Codes from elsewhere: a file with a row of numbers for each image, maybe with their names."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alvae._checks import check_points
from alvae._files import UNREADABLE, check_archive, check_npy_header
from alvae.labeling.labels import is_plain
from alvae.labeling.names import composed
from alvae.labeling.wording import counted

ARRAYS = "names", "codes"  # of an .npz file
LONGEST = 1000  # characters of a name
NO_NAMES = "its names are no list of strings, which names.astype(str) makes"


class Features(NamedTuple):
    """Codes of images.

    Parameters
    ----------
    path : Path
        Where they came from.
    codes : ndarray of shape (n, d)
    names : list of str or None
        Of the images, where the file has them.
    """

    path: Path
    codes: np.ndarray
    names: list | None

    @property
    def all_names(self):
        """The names, or the numbers of the rows where there are none."""
        return self.names or [str(i) for i in range(len(self.codes))]

    def of(self, names):
        """The codes of the images with these names; without names in the file, in its order.

        Raises
        ------
        ValueError
            If an image has no code, or there are more or fewer codes than images.
        """
        if self.names is not None:
            place = {composed(name): i for i, name in enumerate(self.names)}
            place |= {name: i for i, name in enumerate(self.names)}
            places = [place.get(name, place.get(composed(name))) for name in names]
            if lost := [name for name, i in zip(names, places, strict=True) if i is None]:
                raise ValueError(
                    f"{self.path} has no code of {counted(len(lost), 'image')}, such as {lost[0]}; "
                    f"its own names are such as {self.names[0]}"
                )
            return self.codes[places]
        if len(self.codes) != len(names):
            raise ValueError(
                f"{self.path} has {len(self.codes):,} rows, and there are {len(names):,} images "
                "that can be read; there must be a row for each of these, in the sorted order of "
                "their names"
            )
        return self.codes


def read_features(path):
    """Read an .npy file, or an .npz file with the arrays "names" and "codes".

    Parameters
    ----------
    path : Path

    Returns
    -------
    Features
        In the sorted order of the names, if there are some; else memory-mapped.

    Raises
    ------
    ValueError
        If it is no such file, whole, or has no finite numbers, or the same in every row.
    """
    if not path.is_file():
        raise ValueError(f"{path} is no file; features are an .npy file or an .npz file")
    names = None
    try:
        if zipfile.is_zipfile(path):
            names, codes = _read_archive(path)
        else:
            codes = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is no .npy file of numbers, whole, as numpy.save writes it, and no .npz file "
            f"with {' and '.join(ARRAYS)}: {' '.join(str(error).split())}"
        ) from None
    codes = check_points(str(path), codes)
    if len(codes) > 1 and np.array_equal(codes.min(axis=0), codes.max(axis=0)):
        raise ValueError(f"{path} has the same code in every row")
    if names is None:
        return Features(path, codes, None)
    names = [name.removeprefix("./") for name in names]
    _check_names(path, names, len(codes))
    order = sorted(range(len(names)), key=names.__getitem__)
    return Features(path, codes[order], [names[i] for i in order])


def _read_archive(path):
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        for name in ARRAYS:
            with archive.open(f"{name}.npy") as file:
                try:
                    check_npy_header(file, archive.getinfo(f"{name}.npy").file_size)
                except ValueError as error:
                    raise ValueError(NO_NAMES if name == "names" else error) from None
    with np.load(path, allow_pickle=False) as content:
        names, codes = (content[name] for name in ARRAYS)
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError(NO_NAMES)
    return names.tolist(), codes


def _check_names(path, names, n):
    if len(names) != n:
        raise ValueError(f"{path} has {len(names):,} names and {n:,} codes")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{path} has the name {twice[0]!a} twice")
    if (longest := max(map(len, names))) > LONGEST:
        raise ValueError(f"{path} has a name of {longest:,} characters; allowed are {LONGEST:,}")
    if odd := [name for name in names if not is_plain(name)]:
        raise ValueError(f"{path} has the name {odd[0]!a}, with characters that cannot be seen")

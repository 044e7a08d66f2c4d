"""Codes from elsewhere: a file with a row of numbers for each image, maybe with their names."""

import zipfile
from typing import NamedTuple

import numpy as np

from alvae._checks import check_points
from alvae._files import UNREADABLE, check_archive, check_npy_header
from alvae.labeling.labels import is_plain

ARRAYS = "names", "codes"  # of an .npz file


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

    path: object
    codes: np.ndarray
    names: list | None

    def of(self, names):
        """The codes of the images with these names; without names in the file, in its order.

        Raises
        ------
        ValueError
            If an image has no code, or there are more or fewer codes than images.
        """
        if self.names is not None:
            place = {name: i for i, name in enumerate(self.names)}
            if lost := [name for name in names if name not in place]:
                raise ValueError(
                    f"{self.path} has no code of {len(lost):,} images, as of {lost[0]}"
                )
            return self.codes[[place[name] for name in names]]
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
        Those of an .npy file memory-mapped.

    Raises
    ------
    ValueError
        If it is no such file, whole, or has no finite numbers.
    """
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
    if names is not None:
        _check_names(path, names, len(codes))
    return Features(path, codes, names)


def _read_archive(path):
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        for name in ARRAYS:
            with archive.open(f"{name}.npy") as file:
                check_npy_header(file, archive.getinfo(f"{name}.npy").file_size)
    with np.load(path, allow_pickle=False) as content:
        names, codes = (content[name] for name in ARRAYS)
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError("its names are no list of strings")
    return names.tolist(), codes


def _check_names(path, names, n):
    if len(names) != n:
        raise ValueError(f"{path} has {len(names):,} names and {n:,} codes")
    if len(set(names)) < n:
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{path} has the name {twice!a} twice")
    if odd := [name for name in names if not is_plain(name)]:
        raise ValueError(f"{path} has the name {odd[0]!a}, with characters that cannot be seen")

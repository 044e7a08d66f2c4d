"""Images and labels, and those of a test set: from files to four arrays.

What a file claims is checked before memory is taken for it. A `ValueError` says what is wrong.
"""

import gzip
import hashlib
import math
import zipfile
from importlib import resources

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

from alvae._files import check_archive, check_claim, check_npy_header, check_regular

MNIST_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"
NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
IDX_STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def read_mnist():
    """The four arrays of the bundled MNIST, once the digest of the file is right."""
    path = resources.files("alvae") / "data" / "mnist.npz"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != MNIST_SHA256:
        raise ValueError(f"the SHA-256 of the bundled file is {found}, not {MNIST_SHA256}")
    return read_npz(path)


def read_npz(path):
    """The four arrays of an .npz file, with the keys of the one that Keras downloads."""
    check_regular(path)
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not a whole .npz archive")
    check_archive(path)
    arrays = []
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if missing := [key for key in NPZ_KEYS if f"{key}.npy" not in sizes]:
            raise ValueError(f"it lacks {', '.join(missing)}")
        for name in (f"{key}.npy" for key in NPZ_KEYS):
            with archive.open(name) as file:
                check_npy_header(file, sizes[name])
            with archive.open(name) as file:
                arrays.append(np.lib.format.read_array(file, allow_pickle=False))
    return tuple(arrays)


def read_idx_folder(folder):
    """The four arrays of a folder of IDX files, plain ones before gzipped ones."""
    paths = []
    for stem in IDX_STEMS:
        plain = sorted(folder.glob(f"{stem}[-.]idx?-ubyte"))
        found = plain + sorted(folder.glob(f"{stem}[-.]idx?-ubyte.gz"))
        if not found:
            raise ValueError(f"the folder lacks a file {stem}-idx*-ubyte or {stem}-idx*-ubyte.gz")
        paths.append(found[0])
    return tuple(map(read_idx, paths))


def read_idx(path):
    """One IDX file of bytes: 0, 0, 8, the number of axes, their lengths, the values."""
    check_regular(path)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        start = file.read(4)
        if len(start) < 4 or start[:3] != b"\0\0\x08":
            raise ValueError(f"{path.name} does not begin like an IDX file of bytes")
        shape = np.frombuffer(file.read(4 * start[3]), ">u4").tolist()
        announced = math.prod(shape)
        check_claim(announced, path.stat().st_size)
        content = file.read(announced + 1)
    if len(shape) != start[3] or len(content) != announced:
        there = f"{len(content):,} bytes" if len(content) <= announced else "more"
        raise ValueError(f"{path.name} has {there}, not the {announced:,} it announces")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_openml(name, version, test_size, random_state):
    """The four arrays of an OpenML data set, split at random within classes."""
    bunch = datasets.fetch_openml(name, version=version, as_frame=False)
    data, target = np.asarray(bunch.data), np.asarray(bunch.target)
    if data.ndim != 2 or data.dtype.kind not in "buif" or target.shape != data.shape[:1]:
        raise ValueError("it is not a dense table of numbers with one label per row")
    n, n_features = data.shape
    side, color_side = math.isqrt(n_features), math.isqrt(n_features // 3)
    if side**2 == n_features:
        images = data.reshape(n, side, side)
    elif 3 * color_side**2 == n_features:
        images = data.reshape(n, 3, color_side, color_side).transpose(0, 2, 3, 1)
    else:
        raise ValueError(f"its {n_features} features are neither a square gray nor a color image")
    # OpenML keeps pixels as floats: whole ones up to 255 are gray levels.
    if images.max() > 1 and np.array_equal(images, np.clip(np.rint(images), 0, 255)):
        images = images.astype(np.uint8)
    index, test_index = train_test_split(
        np.arange(n), test_size=test_size, random_state=random_state, stratify=target.astype(str)
    )
    return images[index], target[index], images[test_index], target[test_index]

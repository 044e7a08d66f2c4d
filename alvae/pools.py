"""Pools: the images to choose from, and the test images that only measure accuracy.

:func:`load_pool` reads the bundled MNIST, an OpenML data set, or local files. A :class:`Pool`
checks what it is given, so that the other modules receive regular arrays of finite images.
"""

import re
import warnings
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from alvae._checks import (
    as_array_of_labels,
    check_exact,
    check_integer,
    check_unmasked,
    naming,
    shown,
)
from alvae._files import UNREADABLE
from alvae._readers import read_idx_folder, read_mnist, read_npz, read_openml

DARK = 64  # of the 255 gray levels


@dataclass(frozen=True, eq=False, repr=False)
class Pool:
    """A pool of images with the labels that an oracle would give, and test images with theirs.

    Parameters
    ----------
    images, test_images : array of shape (n, H, W) or (n, H, W, C), C = 1 or 3
        Integers in 0..255, or floats in [0, 1], which are kept as ``rint(255 x)``. Stored as uint8.
    labels, test_labels : array of shape (n,)
        Whole numbers, or strings. Strings that all parse as integers become these; others are
        encoded 0..C-1 in sorted order. Stored as int64.
    name : str, default ""
    class_names : tuple of str, default ()
        ``class_names[label]`` names a class; set when string labels were encoded.

    Raises
    ------
    ValueError
        Images of more than one size, NaN or out of range; labels of the wrong length or kind; no
        test image; fewer than two classes.
    """

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    name: str = ""
    class_names: tuple = ()

    def __post_init__(self):
        images, test_images = (
            (images if images.dtype == np.uint8 else np.rint(images * 255.0)).astype(np.uint8)
            for images in (
                check_images("images", self.images),
                check_images("test_images", self.test_images),
            )
        )
        warn_if_dark("images", self.images)
        if images.shape[1:] != test_images.shape[1:]:
            raise ValueError(
                f"test_images are of size {test_images.shape[1:]}; "
                f"allowed is the size of images, {images.shape[1:]}"
            )
        labels = as_labels("labels", self.labels, len(images))
        test_labels = as_labels("test_labels", self.test_labels, len(test_images))
        class_names = self.class_names
        if (labels.dtype.kind == "U") != (test_labels.dtype.kind == "U"):
            raise ValueError("labels and test_labels are strings and numbers; allowed is one kind")
        if labels.dtype.kind == "U":
            n = len(labels)
            names, codes = np.unique(np.concatenate([labels, test_labels]), return_inverse=True)
            if all(re.fullmatch("0|-?[1-9][0-9]{,14}", text) for text in names):
                codes = names.astype(np.int64)[codes]
            else:
                class_names = names.tolist()
            labels, test_labels = codes[:n], codes[n:]
        if len(np.unique(labels)) < 2:
            raise ValueError(f"labels is all {labels[0]}; allowed are two classes or more")
        fields = (images, labels.astype(np.int64), test_images, test_labels.astype(np.int64))
        for field, value in zip(
            ("images", "labels", "test_images", "test_labels"), fields, strict=True
        ):
            object.__setattr__(self, field, value)
        object.__setattr__(self, "class_names", as_class_names(class_names, labels, test_labels))

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        size = " x ".join(map(str, self.image_shape))
        return (
            f"Pool({self.name!r}: {len(self):,} images and {len(self.test_images):,} test images "
            f"of {size}, classes {self.classes})"
        )

    @property
    def image_shape(self):
        """(H, W, C), with C = 1 for images of shape (n, H, W)."""
        return (*self.images.shape[1:], 1)[:3]

    @property
    def classes(self):
        """Sorted list of the classes in the pool, as ints."""
        return np.unique(self.labels).tolist()

    def class_name(self, label):
        """Name of a class, as text: from `class_names`, or the label itself."""
        return self.class_names[label] if self.class_names else str(label)

    def flatten(self):
        """Pool and test images as float32 rows in [0, 1], each of shape (n, H * W * C)."""
        return tuple(
            as_floats(images.reshape(len(images), -1)) for images in (self.images, self.test_images)
        )

    def subset(self, classes):
        """The images of some classes.

        Parameters
        ----------
        classes : list of int, or None
            At least two classes of the pool; None keeps all.

        Returns
        -------
        Pool

        Raises
        ------
        ValueError
            If `classes` is anything else.
        """
        check_classes(classes)
        if classes is None:
            return self
        if not set(classes) <= set(self.classes):
            raise ValueError(
                f"classes is {list(classes)}; allowed are classes among {self.classes}"
            )
        return self.take(np.isin(self.labels, classes), np.isin(self.test_labels, classes))

    def take(self, index, test_index):
        """The images at these places of the pool, and of the test images."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            test_images=self.test_images[test_index],
            test_labels=self.test_labels[test_index],
        )


def load_pool(name="mnist", classes=None, *, version=1, test_size=1 / 7, random_state=0):
    """Load images and labels.

    Parameters
    ----------
    name : str or Path, default "mnist"
        - ``"mnist"``: the MNIST database [1]_, which comes with the package;
        - an ``.npz`` file with the arrays x_train, y_train, x_test and y_test;
        - a folder of IDX files, gzipped or not, named as those of MNIST
          (``train-images-idx3-ubyte``, ``t10k-labels.idx1-ubyte.gz``, ...);
        - any other string: the name of an OpenML data set of square images, gray, or in color with
          one plane after the other. A file or folder of that name comes first.
    classes : list of int, default None
        Classes to keep, at least two; None keeps all.
    version : int, default 1
        Of an OpenML data set, of which there may be several under one name.
    test_size : float, default 1/7
        Fraction of an OpenML data set that becomes the test images, stratified by class.
    random_state : int, default 0
        Seed of that split.

    Returns
    -------
    Pool

    Raises
    ------
    ValueError
        `name` cannot be found or read or holds no valid images; `classes` is not a list of at least
        two distinct classes of the pool; `test_size` is not between 0 and 1.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits",
           1998.
    """
    check_classes(classes)
    if not isinstance(name, (str, Path)):
        raise ValueError(f"name is {shown(name)}; allowed are a str and a Path")
    check_integer("version", version, 1)
    check_integer("random_state", random_state, 0, 2**32 - 1)
    if not isinstance(test_size, Real) or not 0 < test_size < 1:
        raise ValueError(f"test_size is {shown(test_size)}; allowed is a fraction between 0 and 1")
    try:
        path = Path(name).expanduser()
        is_local = path.exists() or path.suffix == ".npz" or path.parent != Path()
        if name == "mnist":
            arrays = read_mnist()
        elif is_local:
            arrays = read_idx_folder(path) if path.is_dir() else read_npz(path)
        else:
            arrays = read_openml(str(name), version, test_size, random_state)
        images, labels, test_images, test_labels = arrays
        pool = Pool(images, labels, test_images, test_labels, name=path.stem if is_local else name)
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"name is {str(name)!r}, which cannot be loaded: {reason} (allowed are 'mnist', "
            "an .npz file, a folder of IDX files, or the name of an OpenML data set)"
        ) from error
    return pool.subset(classes)


def check_classes(classes):
    """Raise ValueError unless `classes` is None or a list of at least two distinct ints."""
    if classes is None:
        return
    if (
        not (isinstance(classes, (list, tuple)) or getattr(classes, "ndim", 0) == 1)
        or not all(isinstance(c, Integral) and not isinstance(c, bool) for c in classes)
        or len(set(classes)) < max(2, len(classes))
    ):
        raise ValueError(
            f"classes is {shown(classes)}; allowed is a list of two or more distinct ints"
        )


def check_images(name, images):
    """Images as every room takes them: uint8, or floats in [0, 1], of one size.

    Parameters
    ----------
    name : str
        What to call them in a message.
    images : array-like of shape (n, H, W) or (n, H, W, C), C = 1 or 3
        Integers in 0..255, or floats in [0, 1].

    Returns
    -------
    array of that shape
        Floats as they are, memory-mapped or not, and whole numbers as uint8; True is 255.

    Raises
    ------
    ValueError
        Images of more than one size, of another shape or kind, NaN or out of range.
    """
    try:
        images = np.asanyarray(images)
    except ValueError:  # a list of arrays of different shapes
        images = np.empty(0, object)
    check_unmasked(name, images)
    if images.ndim == 0:
        raise ValueError(f"{name} is {shown(images.item())}; allowed is an array of images")
    if images.dtype == object:
        raise ValueError(f"{name} has images of more than one size; allowed is one size for all")
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,)) or not images.size:
        raise ValueError(
            f"{name} has shape {images.shape}; "
            "allowed are (n, H, W) and (n, H, W, C) with C = 1 or 3, none empty"
        )
    if images.dtype.kind not in "buif" or images.dtype.itemsize > 8:
        raise ValueError(
            f"{name} has dtype {images.dtype}; allowed are integers and floats of up to 64 bits"
        )
    low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
    is_integer = images.dtype.kind in "ui"
    if not (low >= 0 and high <= (255 if is_integer else 1)):  # also where a value is NaN
        raise ValueError(
            f"{name} has values from {low} to {high}; "
            "allowed are integers in 0..255 and floats in [0, 1]"
        )
    if images.dtype.kind == "b":
        return 255 * images.astype(np.uint8)
    dtype = np.uint8 if is_integer else images.dtype.newbyteorder("=")
    return images.astype(dtype, copy=False)


def warn_if_dark(name, images):
    """Warn if whole numbers, which stand for gray levels up to 255, are small ones all over."""
    first = np.asarray(images[:1000])
    if first.dtype.kind in "ui" and 0 < (most := first.max()) < DARK:
        warnings.warn(
            f"{name} has whole numbers up to {most}, which are taken as gray levels of 255 and so "
            f"are nearly black; if {most} is white, hand over {name} / {most}",
            stacklevel=3,
        )


def as_floats(images):
    """Images that `check_images` returned, as float32 in [0, 1]."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else np.float32(images)


def as_labels(name, labels, n):
    """Labels as n whole numbers or n strings; ValueError if they are neither."""
    labels = as_array_of_labels(name, labels)
    if labels.shape != (n,):
        raise ValueError(f"{name} has shape {labels.shape}; allowed is one per image, ({n},)")
    is_text = labels.dtype == object and all(isinstance(label, str) for label in labels)
    if is_text or labels.dtype.kind in "US":
        with naming(name, labels):
            return labels.astype(str)
    if labels.dtype.kind not in "uif" or not np.array_equal(labels, np.rint(labels)):
        raise ValueError(f"{name} is not whole numbers or strings; allowed is one or the other")
    check_exact(name, labels)
    return labels


def as_class_names(names, *labels):
    """Names as a tuple; ValueError unless they are strings, none at all or one for each label."""
    with naming("class_names", names):
        texts = tuple(names)
    low, high = min(map(np.min, labels)), max(map(np.max, labels))
    if (
        isinstance(names, str)
        or not all(isinstance(text, str) for text in texts)
        or (texts and not 0 <= low <= high < len(texts))
    ):
        raise ValueError(
            f"class_names is {shown(names)}; allowed is a list of strings in which every label, "
            f"from {low} to {high}, has its place"
        )
    return texts

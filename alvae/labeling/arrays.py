"""From files of arrays to one array of small images: NumPy's and IDX files."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from alvae._checks import check_integer
from alvae._files import UNREADABLE, check_archive, check_npy_header, check_regular
from alvae._readers import IDX_STEMS, read_idx
from alvae.labeling.folder import (
    LEAST_SIDE,
    SIDE,
    SUFFIXES,
    ImageFiles,
    common_shape,
    resized_remark,
)
from alvae.labeling.wording import counted
from alvae.pools import as_floats, check_images

KEYS = "images", "x_train"  # of the array that is meant in an .npz file with several


def holds_arrays(path):
    """Whether something is a file of arrays, or a folder of IDX files."""
    path = Path(path)
    if path.is_dir():
        return any(path.glob(f"{IDX_STEMS[0]}*ubyte*"))
    return path.is_file()


def read_arrays(path, side=SIDE):
    """Read images from an .npy or .npz file, an IDX file, or a folder of these.

    The names of the images are their numbers, from 0.

    Parameters
    ----------
    path : path
        Of an .npz file the array "images", "x_train" or the only one is taken; of a folder of IDX
        files the training images.
    side : int, default=32
        Pixels of the longer side at most.

    Returns
    -------
    ImageFiles

    Raises
    ------
    ValueError
        If it cannot be read, or holds no images.
    """
    check_integer("side", side, LEAST_SIDE)
    path = Path(path)
    try:
        images = check_images(path.name, _read(path))
    except UNREADABLE as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{path} holds no images that can be read: {said}") from None
    height, width = images.shape[1:3]
    if images.dtype != np.uint8:
        images = np.rint(255 * as_floats(images)).astype(np.uint8)
    images = images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images
    remarks = [f"{counted(len(images), 'image')} of {width} x {height} pixels"]
    if max(height, width) > side:
        shape = common_shape([(width, height)], side)
        images = np.stack([_resized(image, shape) for image in images])
        remarks += resized_remark([(width, height)], shape)
    return ImageFiles([str(i) for i in range(len(images))], images, {}, remarks)


def _read(path):
    if path.is_dir():
        path = sorted(path.glob(f"{IDX_STEMS[0]}*ubyte*"))[0]
    check_regular(path)
    if path.suffix.lower() in SUFFIXES:
        raise ValueError("it is one image; name its folder")
    if path.name.endswith(("ubyte", "ubyte.gz")):
        return read_idx(path)
    if zipfile.is_zipfile(path):
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            known = [key for key in KEYS if key in names] or names
            if known[0] not in KEYS and len(names) > 1:
                raise ValueError(f"it has {', '.join(names)}, and none of {' and '.join(KEYS)}")
            with archive.open(f"{known[0]}.npy") as file:
                check_npy_header(file, archive.getinfo(f"{known[0]}.npy").file_size)
        with np.load(path, allow_pickle=False) as content:
            return content[known[0]]
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _resized(image, shape):
    height, width = shape
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))

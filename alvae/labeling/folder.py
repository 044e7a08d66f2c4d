"""From image files of any size and mode to one array of small images."""

import json
import os
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from alvae import store
from alvae._checks import check_integer
from alvae._files import UNREADABLE, check_regular
from alvae._progress import progress_bar
from alvae.labeling.labels import is_plain
from alvae.labeling.wording import counted

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")  # Pillow would start other programs for others
SIDE = 32  # pixels of the longer side, which a small VAE can learn in minutes
LEAST_SIDE = 8
LONGEST = 2  # times the shorter side
BLOCK = 1000  # files that are read, and kept, at a time
COLORLESS = 8  # levels by which the colors of a gray pixel may differ, as JPEG rounds them
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue
WHITE = 255, 255, 255, 255
STRETCHED = "each stretched from its own darkest to its own brightest pixel, so brightness is lost"
MARK = ".alvae"  # a file that is in every project
BAD_IMAGE = (*UNREADABLE, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


class ImageFiles(NamedTuple):
    """What there is in a folder.

    Parameters
    ----------
    names : list of str
        Of the files, from the folder on, with "/" between folders; sorted.
    images : uint8 ndarray of shape (n, H, W) or (n, H, W, 3)
        One for each name. Without a third axis if none has a color.
    refused : dict of str to str
        Why files were left out, by their names.
    remarks : list of str
        What was done to the images, in words.
    """

    names: list
    images: np.ndarray
    refused: dict
    remarks: list


class _Header(NamedTuple):
    """What is known of an image before it is decoded."""

    size: tuple  # width and height, upright
    is_deep: bool
    is_transparent: bool
    has_pages: bool


def read_folder(folder, side=SIDE, like=None):
    """Read all images in a folder and the folders in it, and bring them to one size.

    Each is fitted into the common size whole, the rest filled with the color of its border. What is
    transparent is put on white, cameras' rotations are undone, and one of more than 8 bits is
    stretched from its darkest to its brightest pixel. What was read is kept in the store.

    Parameters
    ----------
    folder : path
    side : int, default=32
        Pixels of the longer side at most.
    like : tuple of int, default=None
        Shape of other images, (H, W) or (H, W, 3): these are brought to that size, and to gray or
        color as those are. None: the size of most of them, and gray if none has a color.

    Returns
    -------
    ImageFiles

    Raises
    ------
    ValueError
        There is no such folder, or no image in it that can be read.
    """
    check_integer("side", side, LEAST_SIDE)
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    files, refused = list_files(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd but readable metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        headers = {}
        with progress_bar(len(files), "reading sizes", "file") as bar:
            for name, found in _each(_read_header, folder, files):
                (refused if isinstance(found, str) else headers)[name] = found
                bar.update()
        files = [name for name in files if name in headers]
        _check_any(folder, files, refused)
        sizes = [headers[name].size for name in files]
        shape = like[:2] if like else common_shape(sizes, side)
        images, read = np.empty((len(files), *shape, 3), np.uint8), np.ones(len(files), bool)
        with progress_bar(len(files), "reading images", "file") as bar:
            for start in range(0, len(files), BLOCK):
                block = files[start : start + BLOCK]
                images[start : start + BLOCK], bad = _stored(folder, block, shape)
                refused |= bad
                read[start : start + BLOCK] = [name not in bad for name in block]
                bar.update(len(block))
    files = [name for name in files if name not in refused]
    _check_any(folder, files, refused)
    images = images if read.all() else images[read]
    has_color = _has_color(images)
    gray = len(like) == 2 if like else not has_color
    remarks = _remarks([headers[f] for f in files], shape, not has_color)
    if gray:
        images = _luminance(images) if has_color else images[..., 1].copy()
        remarks += ["made gray"] * has_color
    return ImageFiles(files, images, refused, remarks)


def _check_any(folder, files, refused):
    if not files:
        some = "".join(f"; {name}: {reason}" for name, reason in [*refused.items()][:3])
        raise ValueError(f"{folder} has no image that can be read ({', '.join(SUFFIXES)}){some}")


def common_shape(sizes, side=SIDE):
    """The size that images are brought to: that of most of them, and no larger than `side`.

    Parameters
    ----------
    sizes : array-like of shape (n, 2)
        Width and height of each.
    side : int, default=32
        Pixels of the longer side at most.

    Returns
    -------
    tuple of int
        Height and width; neither more than twice the other.
    """
    widths, heights = np.asarray(sizes, dtype=float).T
    ratio = np.median(np.log2(widths / heights)).clip(-np.log2(LONGEST), np.log2(LONGEST))
    longest = min(side, np.median(np.maximum(widths, heights)))
    sides = longest * 2 ** min(0, -ratio), longest * 2 ** min(0, ratio)
    return tuple(max(LEAST_SIDE, round(length)) for length in sides)


def list_files(folder):
    """Names of the image files, sorted, and why others and folders are left out, by their names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    names : list of str
    refused : dict of str to str
    """
    names, refused = [], {}

    def unreadable(error):
        refused[_name(folder, error.filename)] = _reason(error)

    for parent, folders, files in os.walk(folder, onerror=unreadable):
        for name in [*folders]:
            path = Path(parent) / name
            if reason := _reason_not_to_read(path):
                refused[_name(folder, path)] = reason
                folders.remove(name)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in files:
            name = _name(folder, Path(parent) / file)
            if file.startswith(".") or file in ("Thumbs.db", "desktop.ini"):
                continue  # of the system, and not of the user
            if not is_plain(name):
                refused[ascii(name)] = "its name has characters that cannot be seen"
            elif not name.lower().endswith(SUFFIXES):
                refused[name] = f"its name ends with none of {', '.join(SUFFIXES)}"
            else:
                names.append(name)
    return sorted(names), refused


def _reason_not_to_read(folder):
    try:
        if folder.is_symlink():
            return "a link to a folder, not followed"
        return "a project of alvae, not read" if (folder / MARK).exists() else None
    except OSError as error:
        return _reason(error)


def _name(folder, path):
    return Path(path).relative_to(folder).as_posix()


def _each(read, folder, names):
    """The names, and what is read of each: a reason, as a string, where it cannot be."""
    parallel = Parallel(n_jobs=-1, prefer="threads", return_as="generator", batch_size=16)
    tasks = (delayed(_or_reason)(read, folder / name) for name in names)
    return zip(names, parallel(tasks), strict=True)


def _or_reason(read, path):
    try:
        check_regular(path)
        return read(path)
    except BAD_IMAGE as error:
        return _reason(error)


def _reason(error):
    if isinstance(error, FileNotFoundError):
        return "it is not there any more"
    if isinstance(error, PermissionError):
        return "it may not be read"
    if isinstance(error, UnidentifiedImageError):
        return "it is no image, or of a kind that is not known"
    return " ".join(str(error).split()) or type(error).__name__


def _read_header(path):
    with Image.open(path, formats=FORMATS) as image:
        size = image.size[::-1] if _orientation(image) > 4 else image.size  # it lies on its side
        pages = getattr(image, "n_frames", 1) > 1
        return _Header(size, _is_deep(image), image.has_transparency_data, pages)


def _orientation(image):
    """How a camera was held, from 1, upright, to 8; 1 if that is not told, or not rightly."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # what a broken list of such facts raises is up to Pillow
        return 1


def _is_deep(image):
    """Whether it has more than 8 bits per channel, as Pillow calls such modes."""
    return image.mode.startswith(("I", "F"))


def _stored(folder, names, shape):
    """The images of some files, and why some of them cannot be read; from the store, if there."""
    recipe = {"files": [_seen(folder / name) for name in names], "names": names}
    recipe |= {"shape": shape, "code": _read_images}
    return store.fetch(
        "images",
        recipe,
        ".npz",
        make=lambda _: _read_images(folder, names, shape),
        save=_save,
        load=_load,
        title=f"{len(names):,} images from {names[0]}",
    )


def _seen(path):
    """By which a file that was edited is told from what it was."""
    try:
        there = path.stat()
    except OSError as error:
        return type(error).__name__
    return there.st_size, there.st_mtime_ns


def _read_images(folder, names, shape):
    images, refused = np.zeros((len(names), *shape, 3), np.uint8), {}
    for i, (name, found) in enumerate(_each(partial(read_image, shape=shape), folder, names)):
        if isinstance(found, str):
            refused[name] = found
        else:
            images[i] = found
    return images, refused


def _save(result, path):
    images, refused = result
    np.savez(path, images=images, refused=np.array(json.dumps(refused)))


def _load(path):
    with np.load(path, allow_pickle=False) as content:
        return content["images"], json.loads(str(content["refused"]))


def read_image(path, shape):
    """One image as an array of shape (H, W, 3), as `read_folder` reads it."""
    height, width = shape
    image = open_plain(path, (width, height))
    if image.size != (width, height):
        image = ImageOps.pad(image, (width, height), color=_of_border(image))
    return np.asarray(image)


def open_plain(path, size):
    """An image of 8 bits, in RGB, upright and without transparency.

    Parameters
    ----------
    path : path
    size : tuple of int
        Width and height that will be needed: a large JPEG is decoded no larger than it has to be.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    Exception
        One of `BAD_IMAGE`.
    """
    with Image.open(path, formats=FORMATS) as image:
        image.draft("RGB", tuple(2 * side for side in size))
        with suppress(Exception):  # what a broken list of facts raises is up to Pillow
            ImageOps.exif_transpose(image, in_place=True)
        return _plain(image, max(1, min(image.size) // (2 * max(size))))


def _plain(image, factor):
    """The image in RGB, where it is large made smaller by a factor, whatever it is kept as."""
    if _is_deep(image):
        values = np.asarray(image)[::factor, ::factor].astype(np.float32)
        low, high = values.min(), values.max()
        if not np.isfinite([low, high]).all():
            raise ValueError("it has pixels that are no numbers")
        levels = np.uint8(255 * ((values - low) / ((high - low) or 1)))
        return Image.fromarray(levels).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA").reduce(factor)
        white = Image.new("RGBA", image.size, WHITE)
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB").reduce(factor)


def _of_border(image):
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(np.median(border, axis=0).astype(int).tolist())


def _has_color(images):
    return any(
        (np.ptp(images[start : start + BLOCK], axis=-1) > COLORLESS).any()
        for start in range(0, len(images), BLOCK)
    )


def _luminance(images):
    """Color images made gray, as Pillow does (ITU-R 601-2)."""
    gray = np.empty(images.shape[:3], np.uint8)
    for start in range(0, len(images), BLOCK):
        gray[start : start + BLOCK] = np.rint(images[start : start + BLOCK] @ LUMINANCE)
    return gray


def _remarks(headers, shape, gray):
    sizes = {header.size for header in headers}
    of = f"of {len(sizes):,} sizes" if len(sizes) > 1 else "of {} x {} pixels".format(*min(sizes))
    remarks = [f"{counted(len(headers), 'image')} {of}, {'gray' if gray else 'in color'}"]
    remarks += resized_remark(sizes, shape)
    for what, done in (
        ("is_deep", f"with more than 8 bits: {STRETCHED}"),
        ("is_transparent", "with a channel for transparency: put on white"),
        ("has_pages", "with several pages or frames: the first was taken"),
    ):
        if n := sum(getattr(header, what) for header in headers):
            remarks.append(f"{counted(n, 'image')} {done}")
    return remarks


def resized_remark(sizes, shape):
    """In words what bringing images to one size did, in a list; empty if all have that size.

    Parameters
    ----------
    sizes : iterable of (int, int)
        Widths and heights.
    shape : (int, int)
        The common height and width.

    Returns
    -------
    list of str
    """
    height, width = shape
    if all(size == (width, height) for size in sizes):
        return []
    if any(max(size) > max(shape) for size in sizes):
        return [f"reduced to {width} x {height} pixels: what is smaller than that is lost"]
    return [f"brought to {width} x {height} pixels"]

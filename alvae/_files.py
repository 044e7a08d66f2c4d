"""Limits on what a file may claim, so that none takes more memory than there is in it."""

import math
import struct
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError

import numpy as np

PACKED = 100  # times that images may have been packed,
UNSUSPECTED = 2**26  # where they take more bytes than this
# What readers raise at a file that is damaged, or of another kind.
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
UNREADABLE += (ArithmeticError, UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error)


def check_claim(claimed, size):
    """Raise a ValueError if what was packed into so many bytes claims to be far more."""
    if claimed > max(UNSUSPECTED, PACKED * size):
        raise ValueError(f"it claims to hold {claimed:,} bytes in {size:,}")


def check_archive(path):
    """Raise a ValueError if a member of a zip archive claims far more bytes than it has."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            check_claim(member.file_size, member.compress_size)
        there = Path(path).stat().st_size
        if sum(member.compress_size for member in archive.infolist()) > there:
            raise ValueError("its members claim to lie in more bytes than it has")


def check_regular(path):
    """Raise a ValueError if something is there that is no file with an end, such as a pipe."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name} is not a regular file")


def check_npy_header(file, size):
    """Raise ValueError unless the header announces numbers or strings of as many bytes as follow.

    NumPy makes room for what a header announces before it reads any of it.
    """
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}
    if version not in readers:
        raise ValueError(f"it has an array in version {version} of the format")
    shape, _, dtype = getattr(np.lib.format, readers[version])(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, as if images were of two sizes")
    if (announced := math.prod(shape) * dtype.itemsize) != (there := size - file.tell()):
        raise ValueError(f"it has an array of {there:,} bytes, not the {announced:,} it announces")

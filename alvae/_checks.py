"""Checks of parameters, as every room needs them."""

import math
import re
import sys
import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn import get_config


def shown(value):
    """A value in a message: its repr on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


@contextmanager
def naming(name, value):
    """Let what a library raises at a value name the argument, on one line."""
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, RuntimeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        said = " ".join(str(error).split())
        named = re.search(rf"\b({name.replace(' or ', '|')})\b", said)
        raise kind(said if named else f"{name} is {shown(value)}: {said}") from error


def check_integer(name, value, least, most=math.inf, meaning=""):
    """Raise a ValueError unless `value` is an integer from `least` to `most`.

    `meaning` says in the message what `most` is, such as "the number of points".
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not least <= value <= most:
        allowed = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
        meaning = f", {meaning}" if meaning else ""
        raise ValueError(f"{name} is {shown(value)}; allowed are integers {allowed}{meaning}")


def check_number(name, value, least, inclusive=True):
    """Raise a ValueError unless `value` is a finite number above `least`, or equal if inclusive."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if (
        not is_number
        or not abs(value) <= sys.float_info.max
        or value < least
        or (value == least and not inclusive)
    ):
        relation = "of at least" if inclusive else "greater than"
        raise ValueError(f"{name} is {shown(value)}; allowed are finite numbers {relation} {least}")


def check_seed(name, value):
    """Raise a ValueError unless `value` is a seed of scikit-learn: None, or 32 bits."""
    if value is not None:
        check_integer(name, value, 0, 2**32 - 1)


def check_choice(name, value, allowed):
    """Raise a ValueError unless `value` is one of the words that are allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name} is {shown(value)}; allowed are {' and '.join(map(repr, allowed))}"
        )


def check_list(name, value):
    """Raise a ValueError unless `value` is a list of something, and not a word or a number."""
    is_list = isinstance(value, list | tuple | range) or getattr(value, "ndim", 0) == 1
    if not is_list or len(value) == 0:
        raise ValueError(f"{name} is {shown(value)}; allowed is a list with at least one element")


def check_named(name, value, least=1):
    """Raise a ValueError unless `value` is a dict that gives names to something."""
    if not isinstance(value, dict) or len(value) < least:
        raise ValueError(
            f"{name} is {shown(value)}; allowed is a dict with {least} or more entries"
        )
    for key in value:
        if not isinstance(key, str) or not key.isprintable():
            raise ValueError(
                f"{name} has the key {shown(key)}; allowed are names, as strings on one line"
            )


def check_unmasked(name, array):
    """Raise a ValueError if it is a masked array, whose mask would be lost on the way."""
    if np.ma.isMaskedArray(array):
        raise ValueError(f"{name} is a masked array; allowed is one without a mask")


def check_points(name, X):
    """Points as a float array of shape (n, d), not copied if it is one; ValueError if not finite.

    Under scikit-learn's `assume_finite` the values are not looked at.
    """
    check_unmasked(name, X)
    try:
        X = np.asarray(X)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal length; it must have shape (n, d)") from None
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"{name} has shape {X.shape}; it must have shape (n, d), n, d at least 1")
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {X.dtype}; its values must be real numbers")
    X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
    if get_config()["assume_finite"]:
        return X
    low, high = X.min(), X.max()
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{name} contains NaN or infinity; all its values must be finite")
    most = np.sqrt(np.finfo(X.dtype).max) / 1000
    if (largest := max(high, -low)) > most:
        raise ValueError(
            f"{name} has values up to {largest:.3g}; allowed are up to {most:.3g} as {X.dtype}, "
            "so that distances are finite"
        )
    return X


def as_array_of_labels(name, labels):
    """Labels of any kind as an array; ValueError if missing ones would become a class."""
    with naming(name, labels):
        labels = np.asanyarray(labels)
        is_nan = labels.dtype.kind in "US" and (labels.astype(str) == "nan").any()
    check_unmasked(name, labels)
    if is_nan:
        raise ValueError(f"{name} has the string 'nan', as NumPy writes NaN among strings")
    return labels


def check_exact(name, labels):
    """Raise a ValueError unless all labels are whole numbers that a float can tell apart."""
    low, high = labels.min(), labels.max()
    if not (low >= -(2**53) and high <= 2**53):  # also where one is NaN
        raise ValueError(f"{name} is from {low} to {high}; allowed is from -2**53 to 2**53")


def check_labels(y, n):
    """Labels as n floats, NaN where unlabeled; None is a pool without any label."""
    if y is None:
        return np.full(n, np.nan)
    try:
        y = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("y is not numeric; it must hold numbers, NaN where unlabeled") from None
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}; it must have shape ({n},), one label per point")
    if np.isinf(y).any():
        raise ValueError("y contains infinity; it must hold numbers, NaN where unlabeled")
    warn_of_minus_one(y)
    return y


def warn_of_minus_one(y):
    """Warn where -1 is one of three or more labels: elsewhere that means unlabeled."""
    if (y == -1).any() and len(np.unique(y[~np.isnan(y)])) > 2:
        warnings.warn("y has -1, which counts as a class; NaN means unlabeled", stacklevel=4)


def check_prepared(is_right):
    """Raise a ValueError if what was handed over as `prepared` is not right."""
    if not is_right:
        raise ValueError("prepared is not what prepare returns for these points and parameters")


def check_generator(random_state):
    """The `numpy.random.Generator` that a random state stands for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state is {shown(random_state)}; allowed are None, an integer of at least 0, "
            "a SeedSequence and a Generator"
        ) from None

"""Checks of parameters that every floor needs."""

import math
from numbers import Integral, Real

import numpy as np
from sklearn import get_config


def check_integer(name, value, least, most=math.inf, meaning=""):
    """Raise a ValueError unless `value` is an integer from `least` to `most`.

    `meaning` says in the message what `most` is, such as "the number of points".
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not least <= value <= most:
        allowed = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
        meaning = f", {meaning}" if meaning else ""
        raise ValueError(f"{name} is {value!r}; allowed are integers {allowed}{meaning}")


def check_number(name, value, least, inclusive=True):
    """Raise a ValueError unless `value` is a finite number above `least`, or equal if inclusive."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or value < least or (value == least and not inclusive):
        relation = "of at least" if inclusive else "greater than"
        raise ValueError(f"{name} is {value!r}; allowed are finite numbers {relation} {least}")


def check_points(name, X):
    """Points as a float array of shape (n, d), not copied if it is one; ValueError if not finite.

    scikit-learn's `assume_finite` leaves the look at all values out.
    """
    try:
        X = np.asarray(X)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal length; it must have shape (n, d)") from None
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"{name} has shape {X.shape}; it must have shape (n, d), n, d at least 1")
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {X.dtype}; its values must be real numbers")
    X = X.astype(np.result_type(X.dtype, np.float32), copy=False)
    if not get_config()["assume_finite"] and not np.isfinite([X.min(), X.max()]).all():
        raise ValueError(f"{name} contains NaN or infinity; all its values must be finite")
    return X

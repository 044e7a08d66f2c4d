"""Checks of parameters that every floor needs."""

import math
from numbers import Integral, Real


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

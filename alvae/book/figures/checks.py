"""Checks of what is to be drawn."""

import numpy as np


def check_numbers(name, values, shape):
    """As an array of finite numbers of this shape, in which None stands for any length."""
    try:
        values = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal length; it must be one array") from None
    lengths = zip(values.shape, shape, strict=False)
    if values.ndim != len(shape) or any(n < 1 or n != (m or n) for n, m in lengths):
        required = f"({', '.join(str(m or 'any') for m in shape)})"
        raise ValueError(f"{name} has shape {values.shape}; it must have shape {required}")
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN, infinity or no numbers; it must be finite numbers")
    return values


def check_positive(name, values):
    """Raise a ValueError unless they are finite numbers above 0, one-dimensional."""
    if check_numbers(name, values, (None,)).min() <= 0:
        raise ValueError(f"{name} must be above 0 to be drawn on a logarithmic axis")


def check_integers(name, values, shape, n):
    values = check_numbers(name, values, shape)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= n:
        raise ValueError(
            f"{name} is {values.dtype} from {values.min()} to {values.max()}; "
            f"allowed are integers from 0 to {n - 1}"
        )
    return values


def check_chosen(chosen, n):
    """As arrays of indices into n points, by the name of the strategy."""
    if not chosen:
        raise ValueError("chosen is empty; it must hold the indices of at least one strategy")
    return {
        name: check_integers(f"chosen[{name!r}]", indices, (None,), n)
        for name, indices in chosen.items()
    }


def check_columns(name, table, columns):
    missing = [column for column in columns if column not in table]
    if missing or len(table) == 0:
        raise ValueError(
            f"{name} has {len(table)} rows of {list(table)}; "
            f"it must have at least one row, of {columns}"
        )

"""Who takes part in a comparison: all that a package exports, by the names that it gives itself."""

from inspect import signature

from sklearn.base import clone

from alvae import queries


def line_up(package, **known):
    """The estimators of a package, by the names in their `variants`.

    Parameters
    ----------
    package : module
        `alvae.queries` or `alvae.classifiers`.
    **known
        Parameters for those that have them, or whose parts have them: the number of clusters, of
        classes, the reconstruction errors of a pool. Who cannot do without one that is not known
        takes no part.

    Returns
    -------
    dict of str to estimator
    """
    found = {}
    for exported in package.__all__:
        kind = getattr(package, exported)
        accepted = signature(kind).parameters.values()
        required = {p.name for p in accepted if p.default is p.empty}
        for name, params in getattr(kind, "variants", {}).items():
            own = {p.name: known[p.name] for p in accepted if p.name in known}
            # Of a strategy among them a copy, as its own parameters are set, too.
            own |= {key: clone(value, safe=False) for key, value in params.items()}
            if not required <= own.keys():
                continue
            estimator = kind(**own)
            parts = {
                key: known[key.split("__")[-1]]
                for key in estimator.get_params()
                if key.split("__")[-1] in known and key not in params
            }
            found[name] = estimator.set_params(**parts)
    return found


def cold_starts(**known):
    """The query strategies that need no label, by name; `known` as for `line_up`."""
    strategies = line_up(queries, **known)
    return {name: strategy for name, strategy in strategies.items() if not strategy.needs_labels}

"""Points whose images the VAE reconstructs well."""

from typing import ClassVar

import numpy as np
from sklearn.base import clone

from alvae._checks import check_integer
from alvae._graphs import nearest_neighbors
from alvae.queries.base import QueryStrategy, as_strategy
from alvae.queries.medoids import KMeansMedoids, SpectralMedoids


class BestReconstructed(QueryStrategy):
    """Swap every point that a strategy chooses for the best reconstructed one around it.

    Some images have a code among those of another class: a 9 amid the 3s. Where one label speaks
    for a cluster, such an image costs the whole cluster. The decoder makes of its code an image of
    that place, a 3, so that its reconstruction error is large. Each chosen point is swapped, in the
    order of choice, for the unlabeled point of least error among its nearest neighbors that are not
    chosen yet, itself included.

    Parameters
    ----------
    strategy : QueryStrategy
        Its own random state is not used.
    errors : array-like of shape (n,)
        Reconstruction error of every point of the pool; see `reconstruction_errors`.
    random_state : int, SeedSequence, Generator or None, default=None
        Source of randomness, as `numpy.random.default_rng` takes it.
    n_neighbors : int, default=50
        Points to choose from.
    """

    variants: ClassVar = {
        "medoids, reconstructed": {"strategy": KMeansMedoids()},
        "spectral, reconstructed": {"strategy": SpectralMedoids()},
    }

    def __init__(self, strategy, errors, random_state=None, n_neighbors=50):
        self.strategy = strategy
        self.errors = errors
        self.random_state = random_state
        self.n_neighbors = n_neighbors

    def check_params(self, n, batch_size=None):
        as_strategy(self.strategy).check_params(n, batch_size)
        check_integer("n_neighbors", self.n_neighbors, 1)
        try:
            errors = np.asarray(self.errors, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"errors is not numeric; it must be {n} finite numbers") from None
        if errors.shape != (n,) or not np.isfinite(errors).all():
            raise ValueError(
                f"errors has shape {errors.shape}; it must be {n} finite numbers, one a point"
            )

    def _seeded_by(self, rng):
        return clone(as_strategy(self.strategy)).set_params(random_state=rng)

    def _prepare(self, X, graph, rng):
        return self._seeded_by(rng).prepare(X, graph)

    def _select(self, X, y, unlabeled, batch_size, rng, prepared):
        chosen = self._seeded_by(rng).query(X, y, batch_size, prepared=prepared)
        errors = np.asarray(self.errors, dtype=float)
        # As many more as the points chosen before may have taken.
        n = min(self.n_neighbors + batch_size - 1, len(unlabeled))
        around = unlabeled[nearest_neighbors(X[unlabeled], n, X[chosen])[1]]
        taken = np.zeros(len(X), dtype=bool)
        for i, near in enumerate(around):
            near = near[~taken[near]][: self.n_neighbors]
            chosen[i] = near[errors[near].argmin()]
            taken[chosen[i]] = True
        return chosen

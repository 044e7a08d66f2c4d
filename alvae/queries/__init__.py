"""Query strategies: which points of a pool to label next.

Every strategy is called as `query(X, y, batch_size)`, in whatever space X lives: pixels, latent
codes, other features. At a cold start nothing is labeled and y is None. Distances are Euclidean
and codes are taken as they are: a latent code of few dimensions that is normalized to length 1
loses the coordinate that tells a dense region from the empty middle.

A strategy that is listed here is found by the contract tests, the comparison and the benchmark.
"""

from alvae.queries.base import QueryStrategy, UniformSampling, as_strategy
from alvae.queries.coreset import KMeansCoreset
from alvae.queries.covering import MaxHerding, ProbCover
from alvae.queries.k_center import KCenterGreedy
from alvae.queries.medoids import KMeansMedoids, SpectralMedoids, TypiClust
from alvae.queries.reconstruction import BestReconstructed
from alvae.queries.uncertainty import ClusterUncertainty, EntropySampling

__all__ = [
    "BestReconstructed",
    "ClusterUncertainty",
    "EntropySampling",
    "KCenterGreedy",
    "KMeansCoreset",
    "KMeansMedoids",
    "MaxHerding",
    "ProbCover",
    "QueryStrategy",
    "SpectralMedoids",
    "TypiClust",
    "UniformSampling",
    "as_strategy",
]

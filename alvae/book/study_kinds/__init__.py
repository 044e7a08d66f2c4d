"""The kinds of long comparisons: each a function from an experiment to one tidy table.

The seed of an experiment is that of its VAE and of its trials. A study repeats it for several.
"""

from alvae.book.study_kinds.codes import (
    cost_study,
    graph_study,
    normalization_study,
    training_study,
)
from alvae.book.study_kinds.estimates import estimate_study
from alvae.book.study_kinds.few_labels import (
    beta_study,
    controls_study,
    dimension_study,
    ensemble_study,
    points_study,
    published_study,
    rare_study,
    share_study,
    spreading_study,
    uncertainty_study,
)
from alvae.book.study_kinds.paper import (
    classifier_study,
    clustering_study,
    clusters_study,
    epochs_study,
    hypotheses_study,
    paper_study,
    vae_study,
)

KINDS = {
    "paper": paper_study,
    "hypotheses": hypotheses_study,
    "epochs": epochs_study,
    "vae": vae_study,
    "classifier": classifier_study,
    "clustering": clustering_study,
    "clusters": clusters_study,
    "controls": controls_study,
    "points": points_study,
    "published": published_study,
    "ensemble": ensemble_study,
    "rare": rare_study,
    "uncertainty": uncertainty_study,
    "spreading": spreading_study,
    "share": share_study,
    "dimension": dimension_study,
    "beta": beta_study,
    "training": training_study,
    "normalization": normalization_study,
    "cost": cost_study,
    "graph": graph_study,
    "estimate": estimate_study,
}

"""The codes of the images in a project: a VAE is trained, and says what its codes are worth."""

import warnings
from time import perf_counter

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone

from alvae import store
from alvae._graphs import NeighborGraph
from alvae._progress import progress_bar, without_bars
from alvae.labeling.project import check_room
from alvae.labeling.review import POOR, blank_images, copies, described, exact_firsts
from alvae.labeling.wording import counted
from alvae.recommendation import recommended_vae

N_NEIGHBORS = 10  # of the graph
TIMED_STEPS = 4
NAMED = 3  # copies
FEWEST = 3  # images that can be told apart


def encode(project):
    """Make the codes of the pool if they are not there, and say what they are worth."""
    if project.codes is None:
        from alvae.spaces import fit_stored, latent_codes, reconstruction_errors  # torch is slow

        check_room(project.folder)
        images = project.images
        no_neighbors = csr_matrix((len(images), len(images)))
        _check_enough(project, _firsts(images, no_neighbors))  # before anything long
        vae = recommended_vae(images, project.about["seed"])
        minutes = max(1, round(_training_seconds(vae, images) / 60))
        print(f"training a VAE of {vae.latent_dim} dimensions: about {minutes} min", flush=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            vae = fit_stored(vae, images)
        for warning in caught:
            fault, advice, _ = str(warning.message).partition(": try ")
            if advice:  # it is for those who write Python
                print(f"the training could be better: {fault}; another --seed may help")
        with store.replacing(project.path("vae.pt")) as temporary:
            vae.save(temporary)
        project.about["described"] = described(images, reconstruction_errors(vae, images))
        project.save()
        project.keep("codes", latent_codes(vae, images))  # last: then all of it is there
    if (share := project.about.get("described")) is not None:
        print(f"the codes keep {share:.0%} of the differences between these small images")
        if share < POOR:
            print(
                "they are poor: so small a VAE cannot describe these images; codes of a network "
                "that was trained on many others will do better (--features)"
            )
    if project.firsts is None:
        firsts = np.arange(len(project.names))
        if project.images is not None and project.about["features_from"]:
            firsts = exact_firsts(project.images)  # so small they may be too small to be told apart
        elif project.images is not None:
            graph = NeighborGraph(np.asarray(project.codes))
            firsts = _firsts(project.images, graph.weights(N_NEIGHBORS))
        project.keep("firsts", firsts)
    own = project.firsts == np.arange(len(project.names))
    blank = project.firsts == -1
    if not own.all():
        n_copies = np.sum(~own & ~blank)
        some = counted(n_copies, "copy", "copies"), counted(blank.sum(), "blank image")
        print(f"not to be labeled: {some[0]}{_of_which(project, ~own & ~blank)} and {some[1]}")
    _check_enough(project, project.firsts)


def _of_which(project, are_copies):
    """In brackets the first copies, and of which images they are; "" if there is none."""
    index = np.flatnonzero(are_copies)
    said = [
        f"{project.names[i]} {'of' if k else 'is a copy of'} {project.names[project.firsts[i]]}"
        for k, i in enumerate(index[:NAMED])
    ]
    return f" ({', '.join(said + ['...'] * (len(index) > NAMED))})" if said else ""


def _firsts(images, neighbors):
    blank = blank_images(images)
    firsts = copies(images, neighbors, blank)
    firsts[blank] = -1
    return firsts


def _check_enough(project, firsts):
    """Raise a ValueError unless there are images that can be told apart."""
    if (n := np.sum(firsts == np.arange(len(firsts)))) < FEWEST:
        raise ValueError(
            f"{project.folder} has {counted(n, 'image')} neither blank nor a copy; at least "
            f"{FEWEST} are needed"
        )


def _training_seconds(vae, images):
    """How long training will take, from a few steps of it; the first ones take longer."""
    few = clone(vae).set_params(epochs=1)
    some = images[: TIMED_STEPS * vae.batch_size]
    with progress_bar(2, "estimating the time", "trial") as bar, without_bars():
        few.fit(some)
        bar.update()
        start = perf_counter()
        few.fit(some)
        bar.update()
    return (perf_counter() - start) / len(some) * len(images) * vae.epochs

"""The state of a training after an epoch, from which it goes on when it was interrupted."""

import math
import warnings
from pathlib import Path

import numpy as np
import torch

from alvae import store
from alvae._checks import naming

UNTIMED = {"seconds": math.nan, "timed_on": None}  # of an epoch that another machine trained


class TrainingState:
    """All that a training step changes, and all that the next one depends on.

    Parameters
    ----------
    folder : path or None
        Where it is kept; None: nowhere.
    vae : estimator
    images : array
        What trains, and on what: the state of another class, other parameters, other images is
        left alone.
    generator : torch.Generator
    network, optimizer, schedule : object with a `state_dict`
    """

    def __init__(self, folder, vae, images, generator, network, optimizer, schedule):
        with naming("checkpoints", folder):
            self.folder = None if folder is None else Path(folder)
        try:
            self.given = self.folder and store.digest([type(vae), vae.get_params(), images])
        except (TypeError, RuntimeError) as error:  # a class that has no value
            self._warn(error)
            self.folder = None
        self.generator = generator
        self.device = next(network.parameters()).device
        self.parts = {"network": network, "optimizer": optimizer, "schedule": schedule}

    def keep(self, history):
        """Write the state after the latest epoch of the history, in place of earlier ones."""
        if not self.folder:
            return
        state = {"given": self.given, "history": history, "noise": self.generator.get_state()}
        state["own_noise"] = torch.get_rng_state()  # of a network that draws, too
        if self.device.type == "cuda":
            state["gpu_noise"] = torch.cuda.get_rng_state(self.device)
        state |= {name: part.state_dict() for name, part in self.parts.items()}
        path = self.folder / f"epoch-{len(history):06}.pt"
        is_of_here = all(epoch["timed_on"] for epoch in history)
        where = {} if is_of_here else {"machine": "several"}
        try:
            store.keep(path, state, torch.save, **where)
        except Exception as error:  # torch raises a RuntimeError where a disk is full
            self._warn(error)
            return
        for other in path.parent.glob("epoch-*"):
            if not other.name.startswith(path.name):
                other.unlink(missing_ok=True)

    def resume(self):
        """Put all parts into the latest state that was kept; the history up to there, or []."""
        kept = self.folder.glob("epoch-*.pt") if self.folder else ()
        for path in sorted(kept, reverse=True):
            try:
                state, about = store.recall(path, _load)
            except Exception as error:  # whatever a damaged file raises
                warnings.warn(f"{path} is left out: {error}", stacklevel=4)
                continue
            if state.get("given") == self.given:
                for name, part in self.parts.items():
                    part.load_state_dict(state[name])
                self.generator.set_state(state["noise"])
                torch.set_rng_state(state["own_noise"])
                if self.device.type == "cuda" and "gpu_noise" in state:
                    torch.cuda.set_rng_state(state["gpu_noise"], self.device)
                if about["machine"] == store.machine():
                    return state["history"]
                return [epoch | UNTIMED for epoch in state["history"]]
        return []

    def _warn(self, error):
        warnings.warn(f"the training cannot be resumed here: {error}", stacklevel=5)


def plain(params):
    """Parameters as Python's own numbers and words: others do not pass weights_only=True."""
    numbers = {k: v.item() for k, v in params.items() if isinstance(v, np.generic)}
    return params | numbers | {k: str(v) for k, v in params.items() if isinstance(v, torch.device)}


def _load(path):
    return torch.load(path, map_location="cpu", weights_only=True)

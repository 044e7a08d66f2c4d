"""The convolutional variational autoencoder of the paper, whole, in this one file.

Encoder: four 3x3 convolutions with 32, 64, 64 and 64 filters, the first and the third with stride
2, each followed by batch normalization [2]_ and a ReLU; two heads give the mean and log-variance of
q(z|x) [1]_. Decoder: a dense layer and two transposed 3x3 convolutions with stride 2.

The loss is the negative of the paper's equation (2), with a weight β on the regularization term:

    loss(x) = -E_q(z|x)[log p(x|z)] + β D_KL(q(z|x) || N(0, I))

.. [1] D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", 2014, arXiv:1312.6114.
.. [2] S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.
"""

import math
from copy import deepcopy
from datetime import date
from time import perf_counter

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn import functional as F

from alvae import store
from alvae._checkpoints import TrainingState, plain
from alvae._checks import check_generator, check_integer, check_number, check_points
from alvae._files import UNREADABLE, check_archive
from alvae._liveness import liveness, warn_if_dead
from alvae._progress import progress_bar
from alvae._tensors import assign, background, named_device, random_affine, to_batch, training_dtype
from alvae.pools import check_images, warn_if_dark

FILTERS, STRIDES = (32, 64, 64, 64), (2, 1, 2, 1)
RMSPROP = {"alpha": 0.9, "eps": 1e-7, "momentum": 0.9}
WARM_UP, SAMPLE = 200, 2000  # steps; images on which filters must answer
BLOCK = 256  # images encoded or decoded at a time: bounds the memory, changes no result


class Encoder(nn.Module):
    """q(z|x): from images to the mean and the log-variance of a diagonal Gaussian."""

    def __init__(self, image_shape, latent_dim):
        super().__init__()
        height, width, channels = image_shape
        layers = []
        for n_in, n_out, stride in zip((channels, *FILTERS[:-1]), FILTERS, STRIDES, strict=True):
            layers.append(nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False))
            layers += _normalized_relu(n_out)
        self.convolutions = nn.Sequential(*layers)
        features = FILTERS[-1] * math.prod(_sizes(height, width)[-1])
        self.mu = nn.Linear(features, latent_dim)
        self.log_var = nn.Linear(features, latent_dim)
        nn.init.zeros_(self.log_var.weight)  # starts at σ = 1, far from where exp overflows
        nn.init.zeros_(self.log_var.bias)

    def forward(self, x):  # (B, C, H, W)
        x = self.convolutions(x).flatten(1)  # (B, 64 H/4 W/4)
        with torch.autocast(x.device.type, enabled=False):  # the codes themselves are not rounded
            return self.mu(x.float()), self.log_var(x.float())  # (B, d) each


class Decoder(nn.Sequential):
    """p(x|z): from codes (B, d) to the logits (B, C, H, W) of the pixels, Bernoulli variables."""

    def __init__(self, image_shape, latent_dim):
        height, width, channels = image_shape
        whole, half, quarter = _sizes(height, width)
        _, _, n_half, n_quarter = FILTERS
        super().__init__(
            nn.Linear(latent_dim, n_quarter * math.prod(quarter)),
            nn.Unflatten(1, (n_quarter, *quarter)),
            *_normalized_relu(n_quarter),
            _upsampling(n_quarter, n_half, quarter, half, bias=False),
            *_normalized_relu(n_half),
            _upsampling(n_half, channels, half, whole),
        )
        nn.init.normal_(self[-1].weight, std=0.01)  # starts near 1/2 for every pixel
        nn.init.zeros_(self[-1].bias)


def _sizes(height, width):
    """Of the images, and after each stride of 2."""
    return [(math.ceil(height / by), math.ceil(width / by)) for by in (1, 2, 4)]


def _normalized_relu(n):
    """Batch normalization centers what a filter answers, so that few filters die."""
    return nn.BatchNorm2d(n), nn.ReLU(inplace=True)


def _upsampling(n_in, n_out, size, larger, bias=True):
    """A transposed convolution with stride 2, from one size of image to about its double."""
    padding = [to - (2 * of - 1) for of, to in zip(size, larger, strict=True)]
    return nn.ConvTranspose2d(n_in, n_out, 3, 2, padding=1, output_padding=padding, bias=bias)


def gaussian_kl(mu, log_var):
    """Closed-form D_KL(N(mu, diag(exp(log_var))) || N(0, I)), in nats: (n, d) twice -> (n,)."""
    return 0.5 * (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1)


def sample_posterior(mu, log_var, generator=None):
    """Draw z ~ N(mu, diag(exp(log_var))) as mu + σ ε, so that gradients reach mu and log_var."""
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * log_var) * noise.to(mu.device)


class ConvVAE(TransformerMixin, BaseEstimator):
    """Convolutional variational autoencoder, as a scikit-learn transformer.

    RMSProp has the constants of Keras, decay 0.9 and epsilon 1e-7, and a momentum of 0.9, with
    which it needs fewer epochs. Training runs in bfloat16 where the processor or the GPU has
    instructions for it, else in float32; encoding and decoding are in float32.
    `fit` warns about dead filters and unused latent dimensions (posterior collapse).

    Parameters
    ----------
    latent_dim : int, default=3
        Dimension d of the latent space, at most the number of values in an image.
    beta : float, default=0.26
        Weight β of the regularization term, at least 0; 1 gives the paper's equation (2) itself.
    epochs : int, default=6
        Passes over the images.
    batch_size : int, default=64
        Images per step. 64 leave a GPU idle most of the time; another size trains another VAE.
    learning_rate : float, default=7e-4
        Largest step size of RMSProp. It grows from zero in the first 200 steps, while RMSProp's
        averages are young, and falls linearly to zero at the last.
    translate, degrees : float, default=0
        Largest shift, as a share of height and width, and largest rotation of what the encoder sees
        in training, around it the color of edges; the target stays. Their class must stay, too.
    device : str, default="auto"
        A torch device such as "cpu" or "cuda"; "auto" is a GPU where there is one.
    random_state : int or None, default=None
        Seed of the weights, the order of the images and the noise.

    Attributes
    ----------
    history_ : list of dict
        For every epoch `epoch`; `loss`, `reconstruction` and `kl`, means per image in nats; on a
        sample of the images `dead`, the share of filters that are 0 for all, and `rank`, the number
        of dimensions that the codes span; `seconds`, and the day `timed_on`.
    image_shape_ : tuple of int
        Shape of one image as it was given: (H, W) or (H, W, C).
    encoder_, decoder_ : Encoder, Decoder
        The trained networks.
    """

    def __init__(
        self,
        latent_dim=3,
        beta=0.26,
        epochs=6,
        batch_size=64,
        learning_rate=7e-4,
        translate=0,
        degrees=0,
        device="auto",
        random_state=None,
    ):
        self.latent_dim = latent_dim
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.translate = translate
        self.degrees = degrees
        self.device = device
        self.random_state = random_state

    def fit(self, X, y=None, *, checkpoints=None):
        """Train encoder and decoder on the images.

        Parameters
        ----------
        X : array of shape (n, H, W) or (n, H, W, C)
            Images, uint8 or floats in [0, 1], C = 1 or 3; converted batch by batch, so that they
            may be memory-mapped.
        y : ignored
        checkpoints : path, default=None
            Folder of this training alone, which keeps the state after the latest epoch. If it was
            interrupted, it goes on from there, and ends as if it had not been.

        Returns
        -------
        self

        Raises
        ------
        ValueError, FloatingPointError
            If a parameter is out of range or X does not hold images; if the loss overflows.
        """
        X = check_images("X", X)
        warn_if_dark("X", X)
        self._check_params(X)
        seed = int(np.random.SeedSequence(self.random_state).generate_state(1, np.uint64)[0]) >> 1
        device = named_device(self.device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            networks = self._built(X.shape[1:])
            history = self._train(networks, X, torch.Generator().manual_seed(seed), checkpoints)
        self.encoder_, self.decoder_ = networks  # last: a training that fails changes nothing
        self.history_, self.image_shape_ = history, X.shape[1:]
        return self

    def _train(self, networks, X, generator, checkpoints):
        """All epochs that are left; order and noise come from the CPU, the same everywhere."""
        encoder, decoder = network = nn.ModuleList(networks)
        device = next(network.parameters()).device
        optimizer = torch.optim.RMSprop(network.parameters(), self.learning_rate, **RMSPROP)
        beta, steps = float(self.beta), math.ceil(len(X) / self.batch_size)  # of an epoch
        last = self.epochs * steps
        schedule = torch.optim.lr_scheduler.LambdaLR(  # linear up, then linear down to zero
            optimizer, lambda step: min((step + 1) / WARM_UP, 1 - step / last)
        )
        state = TrainingState(checkpoints, self, X, generator, network, optimizer, schedule)
        dtype, fill = training_dtype(device), background(X).to(device)
        history = state.resume()
        with progress_bar(self.epochs, "training the VAE", "epoch") as bar:
            bar.update(len(history))
            for epoch in range(len(history) + 1, self.epochs + 1):
                start = perf_counter()
                totals = torch.zeros(2, device=device)  # reconstruction and KL, over all images
                order = torch.randperm(len(X), generator=generator)
                network.train()
                for rows in order.tensor_split(steps):  # no small batch is left over
                    x = to_batch(X[rows.numpy()], device)
                    seen = random_affine(x, self.translate, self.degrees, fill, generator)
                    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                        mu, log_var = encoder(seen)
                        logits = decoder(sample_posterior(mu, log_var, generator))
                    reconstruction = reconstruction_loss(logits.float(), x).sum()
                    terms = torch.stack([reconstruction, gaussian_kl(mu, log_var).sum()])
                    loss = (terms[0] + beta * terms[1]) / len(x)
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    totals += terms.detach()
                reconstruction, kl = (totals / len(X)).tolist()
                if not math.isfinite(loss := reconstruction + beta * kl):
                    remedy = f"try a smaller learning_rate than {self.learning_rate}"
                    raise FloatingPointError(f"the loss is {loss} in epoch {epoch}: {remedy}")
                means = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
                network.eval()
                sample = (to_batch(X[rows.numpy()], device) for rows in order[:SAMPLE].split(BLOCK))
                means |= liveness(encoder, decoder, sample)
                clock = {"seconds": perf_counter() - start, "timed_on": date.today().isoformat()}
                history.append({"epoch": epoch, **means, **clock})
                if epoch < self.epochs:
                    state.keep(history)
                bar.set_postfix(loss=f"{loss:.1f}", refresh=False)
                bar.update()
        if last > WARM_UP:  # a shorter training has hardly begun
            warn_if_dead(history[-1], min(self.latent_dim, len(X) - 1))
        return history

    def encode(self, X):
        """Mean and log-variance of q(z|x) for every image.

        Parameters
        ----------
        X : array of shape (n, H, W) or (n, H, W, C)
            Images of the size seen in `fit`.

        Returns
        -------
        mu, log_var : float32 ndarrays of shape (n, latent_dim)
        """
        check_is_fitted(self)
        X = check_images("X", X)
        if X.shape[1:] != self.image_shape_:
            shapes = f"{X.shape[1:]}; this VAE was trained on {self.image_shape_}"
            raise ValueError(f"X has images of shape {shapes}")
        mu, log_var = np.empty((2, len(X), self.latent_dim), dtype=np.float32)
        device = next(self.encoder_.parameters()).device
        with torch.inference_mode():
            for rows in gen_batches(len(X), BLOCK):
                codes = self.encoder_(to_batch(X[rows], device))
                mu[rows], log_var[rows] = (code.cpu().numpy() for code in codes)
        return mu, log_var

    def transform(self, X):
        """Posterior means: the latent codes of the images, of shape (n, latent_dim), float32."""
        return self.encode(X)[0]

    def inverse_transform(self, Z):
        """Decode latent codes into images.

        Parameters
        ----------
        Z : array of shape (n, latent_dim)

        Returns
        -------
        float32 ndarray of shape (n, H, W) or (n, H, W, C)
            The mean of p(x|z), in [0, 1].
        """
        check_is_fitted(self)
        Z = check_points("Z", Z).astype(np.float32)
        if Z.shape[1] != self.latent_dim:
            raise ValueError(f"Z has shape {Z.shape}; it must have shape (n, {self.latent_dim})")
        images = np.empty((len(Z), *self.image_shape_), dtype=np.float32)
        device = next(self.decoder_.parameters()).device
        with torch.inference_mode():
            for rows in gen_batches(len(Z), BLOCK):
                logits = self.decoder_(torch.from_numpy(Z[rows]).to(device))
                decoded = torch.sigmoid(logits).permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, C)
                images[rows] = decoded.reshape(-1, *self.image_shape_)
        return images

    def sample(self, n, random_state=None):
        """Draw n images: codes from the prior N(0, I), decoded as by `inverse_transform`.

        Parameters
        ----------
        n : int
        random_state : int, SeedSequence, Generator or None, default=None
        """
        check_integer("n", n, 1)
        rng = check_generator(random_state)
        return self.inverse_transform(rng.standard_normal((n, self.latent_dim)))

    def save(self, path):
        """Write the trained VAE to a file, whole or not at all; `load` reads it."""
        check_is_fitted(self)
        content = {
            "params": plain(self.get_params()),
            "image_shape": list(self.image_shape_),
            "history": self.history_,
            "encoder": self.encoder_.state_dict(),
            "decoder": self.decoder_.state_dict(),
        }
        with store.replacing(path) as temporary:
            torch.save(content, temporary)

    @classmethod
    def load(cls, path, device=None):
        """Read a VAE that `save` wrote, onto this device, or the one that its parameter names.

        A file that `save` did not write is a ValueError, and a device that is not here.
        """
        try:
            check_archive(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
            where, weights = content["params"]["device"], (content["encoder"], content["decoder"])
            vae = cls(**content["params"] | {"device": "cpu"})
            vae.history_, vae.image_shape_ = content["history"], tuple(content["image_shape"])
            vae.encoder_, vae.decoder_ = vae._built(vae.image_shape_, weights)
        except UNREADABLE as error:
            raise ValueError(f"path is {str(path)!r}; it must be a file written by save") from error
        return vae._moved(device or where)

    def on_cpu(self):
        """A copy of the trained VAE on the CPU, for workers and machines without a GPU."""
        check_is_fitted(self)
        return deepcopy(self)._moved("cpu")

    def _moved(self, device):
        nn.ModuleList([self.encoder_, self.decoder_]).to(named_device(device))
        return self.set_params(device=device)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def networks(self, image_shape):
        """Encoder and decoder, not trained, of images (H, W, C); a subclass may have its own."""
        return Encoder(image_shape, self.latent_dim), Decoder(image_shape, self.latent_dim)

    def _built(self, image_shape, weights=()):
        where = {"device": named_device(self.device), "memory_format": torch.channels_last}
        with torch.device("meta" if weights else "cpu"):  # no room for what is only claimed
            networks = self.networks((*image_shape, 1)[:3])
        for network, state in zip(networks, weights, strict=False):
            assign(network, state)
        return [network.to(**where).eval() for network in networks]

    def _check_params(self, X):
        check_integer("latent_dim", self.latent_dim, 1, math.prod(X.shape[1:]))
        check_integer("epochs", self.epochs, 1)
        check_integer("batch_size", self.batch_size, 1)
        if self.random_state is not None:
            check_integer("random_state", self.random_state, 0)
        check_number("learning_rate", self.learning_rate, 0, inclusive=False)
        for name in ("beta", "translate", "degrees"):
            check_number(name, getattr(self, name), 0)
        smallest_batch = len(X) // math.ceil(len(X) / self.batch_size)
        if smallest_batch * math.prod(_sizes(*X.shape[1:3])[-1]) == 1:
            raise ValueError("X has one tiny image per batch; batch normalization needs two")


def reconstruction_loss(logits, x):
    """-log p(x|z) of Bernoulli pixels, in nats: (B, C, H, W) twice -> (B,)."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2, 3))

"""Images on their way to a network: which device, which precision, which shape; turned a little."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from alvae._checks import shown


def named_device(name):
    """The torch device of this name on this machine; "auto" is a GPU where there is one."""
    if isinstance(name, str) and name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device).numpy(force=True)  # "meta" has no values
    except (RuntimeError, TypeError, ValueError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device is {shown(name)}; it must be 'auto' or a device that torch has here"
        ) from error
    return device


def training_dtype(device):
    """torch.bfloat16 where the hardware has instructions for it, torch.float32 elsewhere."""
    if device.type == "cpu":
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()
        fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else torch.float32


def assign(network, weights):
    """Let tensors, by name, be those of a network, whose own need not have any values."""
    own = network.state_dict()
    for name, tensor in weights.items():
        if name in own and tensor.dtype != own[name].dtype:
            raise ValueError(f"{name} is of {tensor.dtype}; it must be of {own[name].dtype}")
        if (stored := tensor.untyped_storage().nbytes()) < tensor.nbytes:
            raise ValueError(f"{name} claims to hold {tensor.nbytes:,} bytes in {stored:,}")
    network.load_state_dict(weights, assign=True)


def to_batch(images, device):
    """Images (B, H, W) or (B, H, W, C) as float32 in [0, 1], (B, C, H, W) with channels last."""
    # PyTorch wants arrays that it may write to; a memory-mapped one may be read-only.
    x = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float()  # there: bytes travel faster
    return (x.unsqueeze(3) if x.ndim == 3 else x).permute(0, 3, 1, 2)


def background(images):
    """The color of images (n, H, W) or (n, H, W, C) at their edges, in [0, 1], (C, 1, 1).

    The median of each channel, over a thousand images.
    """
    x = to_batch(images[:: -(-len(images) // 1000)], "cpu")
    edges = torch.cat([x[:, :, [0, -1]].flatten(2), x[..., [0, -1]].flatten(2)], dim=2)
    return edges.transpose(0, 1).flatten(1).median(dim=1).values[:, None, None]


def random_affine(x, translate, degrees, fill, generator):
    """Images (B, C, H, W) rotated and shifted at random, each in its own way.

    Uniform up to `degrees`, and up to the share `translate` of height and width. What comes in from
    outside has the color `fill`, (C, 1, 1).
    """
    if not (translate or degrees):
        return x
    draws = 2 * torch.rand((3, len(x)), generator=generator) - 1
    angle = math.radians(degrees) * draws[0]
    cos, sin, (right, down) = angle.cos(), angle.sin(), 2 * translate * draws[1:]
    ratio = x.shape[2] / x.shape[3]  # the grid goes from -1 to 1 along both sides
    rows = [cos, -sin * ratio, right, sin / ratio, cos, down]
    matrices = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrices.to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x - fill, grid, align_corners=False) + fill

"""Random shifts and rotations, against SciPy's and against exact cases."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from alvae._tensors import background, random_affine

DARK = torch.zeros(1, 1, 1)


def blob(n=1, side=21):
    """One soft spot off the middle of each image."""
    images = np.zeros((n, side, side))
    images[:, 6, 13] = 1
    images = ndimage.gaussian_filter(images, (0, 2, 2))
    return torch.from_numpy(images[:, None]).float()


def centers(x):
    """Of mass, from the middle."""
    return np.array([ndimage.center_of_mass(image) for image in x[:, 0].numpy()]) - 10


def generator():
    return torch.Generator().manual_seed(0)


def test_without_a_change_the_images_are_the_same():
    x = blob()
    assert random_affine(x, 0, 0, DARK, generator()) is x


def test_rotations_turn_about_the_middle_up_to_the_angle():
    x = blob(300)
    before, after = centers(x[:1])[0], centers(random_affine(x, 0, 30, DARK, generator()))
    np.testing.assert_allclose(np.hypot(*after.T), np.hypot(*before), atol=0.05)
    angles = np.degrees(np.arctan2(after[:, 1], after[:, 0]) - np.arctan2(before[1], before[0]))
    assert np.abs(angles).max() < 30.5
    assert angles.min() < -27
    assert angles.max() > 27


def test_a_rotation_is_that_of_scipy():
    x = blob()
    turned = random_affine(x, 0, 40, DARK, generator())
    before, after = (np.arctan2(*centers(y)[0]) for y in (x, turned))
    expected = ndimage.rotate(x[0, 0].numpy(), np.degrees(after - before), reshape=False, order=1)
    np.testing.assert_allclose(turned[0, 0].numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("shape", [(21, 41), (41, 21)])
def test_a_rotation_of_an_image_with_unequal_sides_is_that_of_scipy(shape):
    image = np.zeros(shape)
    image[5:9, 12:16] = image[12:15, 8:11] = 1
    image = ndimage.gaussian_filter(image, 1)
    x = torch.from_numpy(np.repeat(image[None, None], 40, axis=0)).float()
    turned = random_affine(x, 0, 25, DARK, generator()).numpy()[:, 0]
    angles = np.linspace(-25, 25, 501)
    rotated = np.array([ndimage.rotate(image, angle, reshape=False, order=1) for angle in angles])
    inside = np.s_[:, 6:-6, 6:-6]  # SciPy treats what is at the border in another way
    for one in turned:
        errors = np.abs(rotated[inside] - one[inside[1:]]).max(axis=(1, 2))
        assert errors.min() < 0.02


def test_shifts_go_up_to_the_share_in_each_direction():
    x = blob(300)
    moves = centers(random_affine(x, 0.1, 0, DARK, generator())) - centers(x)
    assert np.abs(moves).max() < 2.15
    np.testing.assert_allclose(moves.max(axis=0), 2.1, atol=0.15)
    np.testing.assert_allclose(moves.min(axis=0), -2.1, atol=0.15)
    assert abs(np.corrcoef(moves.T)[0, 1]) < 0.2


def test_what_comes_in_from_outside_is_background():
    x = torch.ones(50, 3, 8, 8)
    shifted = random_affine(x, 0.5, 0, torch.tensor([0.0, 0.5, 1.0])[:, None, None], generator())
    assert shifted.shape == x.shape
    torch.testing.assert_close(shifted.amin(dim=(0, 2, 3)), torch.tensor([0.0, 0.5, 1.0]))
    assert shifted.max() <= 1 + 1e-6


def test_dark_on_bright_moves_as_bright_on_dark():
    x = blob(20)
    expected = 1 - random_affine(1 - x, 0.2, 30, 1 - DARK, generator())
    torch.testing.assert_close(random_affine(x, 0.2, 30, DARK, generator()), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_background_is_the_color_that_most_edges_have(dtype):
    images = np.full((3000, 6, 5, 3), [255, 51, 0], dtype=np.uint8)
    images[::10, 1:3] = 100  # a part of some edges
    images[:, 1:-1, 1:-1] = 17
    images = images if dtype == np.uint8 else images.astype(np.float32) / 255
    torch.testing.assert_close(background(images).flatten(), torch.tensor([1, 0.2, 0]))
    torch.testing.assert_close(background(images[..., 1]).flatten(), torch.tensor([0.2]))


def test_the_seed_decides():
    x = blob(5)
    assert torch.equal(
        random_affine(x, 0.1, 9, DARK, generator()), random_affine(x, 0.1, 9, DARK, generator())
    )

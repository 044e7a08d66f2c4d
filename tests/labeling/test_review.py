"""What is told before labels are paid for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA

from alvae import load_pool
from alvae._graphs import NeighborGraph
from alvae.labeling import review
from alvae.labeling.review import blank_images, copies, described, exact_firsts


@pytest.fixture(scope="module")
def images():
    return load_pool().images[:120]


def test_blank_images_are_those_without_anything_on_them(images):
    faint = np.full((28, 28), 100, np.uint8)
    faint[:, :14] += 1
    some = np.stack(
        [images[0], np.zeros((28, 28), np.uint8), faint, np.full((28, 28), 255, np.uint8)]
    )
    assert blank_images(some).tolist() == [False, True, True, True]
    assert not blank_images(images).any()
    red = np.zeros((2, 8, 8, 3), np.uint8)
    red[..., 0] = 200
    red[1, :4] = (0, 0, 200)
    assert blank_images(red).tolist() == [True, False]


def distances(images):
    flat = images.reshape(len(images), -1).astype(float)
    return np.sqrt(np.square(flat[:, None] - flat[None]).mean(axis=2))


def test_copies_are_found_among_neighbors(images):
    rng = np.random.default_rng(0)
    noisy = np.clip(images[:20] + rng.normal(0, 3, (20, 28, 28)), 0, 255).astype(np.uint8)
    some = np.concatenate([images, noisy, images[:5]])
    neighbors = NeighborGraph(some.reshape(len(some), -1).astype(np.float32)).weights(10)
    firsts = copies(some, neighbors, np.zeros(len(some), bool))
    near = distances(some) < review.SAME
    assert firsts.tolist() == [int(np.flatnonzero(row)[0]) for row in near]
    assert firsts[120:140].tolist() == list(range(20))


def test_the_same_image_is_a_copy_whoever_its_neighbors_are(images):
    some = np.repeat(images[:2], [40, 1], axis=0)
    assert copies(some, csr_matrix((41, 41)), np.zeros(41, bool)).tolist() == [0] * 40 + [40]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_the_first_of_each_kind_stands_for_it(kinds):
    images = np.array(kinds, np.uint8)[:, None, None] * np.full((1, 2, 2), 40, np.uint8)
    firsts = copies(images, csr_matrix((len(kinds),) * 2), np.zeros(len(kinds), bool))
    assert firsts.tolist() == [kinds.index(kind) for kind in kinds]


def test_what_codes_keep_is_the_explained_variance(images):
    flat = images.reshape(120, -1) / 255
    pca = PCA(5, random_state=0).fit(flat)
    lost = np.square(flat - pca.inverse_transform(pca.transform(flat))).sum(axis=1)
    assert described(images, lost) == pytest.approx(pca.explained_variance_ratio_.sum())
    of_the_mean = np.square(flat - flat.mean(axis=0)).sum(axis=1)
    assert described(images, of_the_mean) == pytest.approx(0, abs=1e-9)
    assert described(images, np.zeros(120)) == 1
    assert described(np.zeros_like(images), np.zeros(120)) == 0


def test_of_a_slow_film_only_what_is_like_its_first_image_is_a_copy():
    film = np.stack([np.roll(np.eye(28, dtype=np.uint8) * 9 + 100, 0, 1)] * 40)
    film = (film + np.arange(40)[:, None, None] * 3).clip(0, 255).astype(np.uint8)
    everyone = csr_matrix(np.ones((40, 40)))
    firsts = copies(film, everyone, np.zeros(40, bool))
    assert firsts.tolist() == [i - i % 2 for i in range(40)]
    alone = np.arange(40) == 0
    assert copies(film, everyone, alone)[:3].tolist() == [0, 1, 1]


def verdicts(images):
    blank = blank_images(images)
    everyone = csr_matrix(np.ones((len(images), len(images))))
    return blank.tolist(), copies(images, everyone, blank).tolist()


@settings(max_examples=20)
@given(st.floats(0.2, 1), st.floats(0, 1))
def test_a_pool_of_less_contrast_has_the_same_copies_and_blank_images(images, share, place):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, (10, 28, 28))
    nothing = 40 + rng.normal(0, 1, (10, 28, 28))
    some = np.concatenate([images[:40], images[:10] + noise, nothing]).clip(0, 255)
    dim = np.rint(share * some + place * 255 * (1 - share)).astype(np.uint8)
    assert verdicts(dim) == verdicts(some.astype(np.uint8))


@pytest.fixture
def dim():
    """Cells on dark ground, each somewhere else, of levels from 40 to 60."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    places = np.unique(rng.integers(8, 24, (60, 2)), axis=0)
    cells = np.stack([np.hypot(x - a, y - b) < 2 for a, b in places])
    return (12 + cells * rng.integers(28, 49, (len(cells), 1, 1))).astype(np.uint8)


@pytest.mark.parametrize("n_places", [0, 1, 900])
def test_different_cells_in_the_dark_are_no_copies(n_places, dim):
    assert distances(dim)[0, 1:].min() < review.SAME
    if n_places:  # a hot pixel in every image, in one place or in any
        places = np.random.default_rng(1).integers(n_places, size=len(dim))
        dim.reshape(len(dim), -1)[np.arange(len(dim)), places] = 255
    some = np.concatenate([dim, dim[:1]])
    assert verdicts(some) == ([False] * len(some), [*range(len(dim)), 0])


def test_a_faint_image_is_not_blank_where_all_are_faint():
    rng = np.random.default_rng(0)
    faint = np.full((30, 32, 32), 120)
    for image, (a, b) in zip(faint, rng.integers(0, 22, (30, 2)), strict=True):
        image[a : a + 10, b : b + 10] += 6
    faint[0] = 120
    faint = faint.astype(np.uint8)
    assert faint[1:].std(axis=(1, 2)).max() < review.BLANK
    blank, firsts = verdicts(faint)
    assert blank == [True] + [False] * 29
    exactly = [int(np.flatnonzero((faint == one).all(axis=(1, 2)))[0]) for one in faint]
    assert firsts == exactly


def test_where_most_images_are_blank_they_are_found(images):
    nothing = np.random.default_rng(0).normal(90, 1, (80, 28, 28)).astype(np.uint8)
    some = np.concatenate([nothing, images[:20]])
    assert blank_images(some).tolist() == [True] * 80 + [False] * 20


def test_new_images_are_blank_by_the_contrast_of_the_pool(images):
    faint = (100 + images[:3] / 50).astype(np.uint8)
    assert blank_images(faint, images).all()
    assert not blank_images(faint, np.concatenate([faint, faint])).any()


def test_beside_other_codes_only_what_is_the_same_in_every_bit_is_set_aside(images):
    near, faint = images[0].copy(), np.full((28, 28), 90, np.uint8)
    near[0, 0], faint[5, 5] = 3, 91
    some = np.stack([images[0], near, images[0], faint, np.full((28, 28), 90, np.uint8)])
    assert exact_firsts(some).tolist() == [0, 1, 0, 3, -1]
    colored = np.zeros((2, 8, 8, 3), np.uint8)
    colored[..., 0] = 200
    colored[1, :4] = 9
    assert exact_firsts(colored).tolist() == [-1, 1]

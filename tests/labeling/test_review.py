"""What is told before labels are paid for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA

from alvae import load_pool
from alvae._graphs import NeighborGraph
from alvae.labeling import review
from alvae.labeling.review import blank_images, copies, described


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

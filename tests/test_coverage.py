"""The measures against all pairwise distances and against the definition of NMI."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from alvae.coverage import covering_radius, kmeans_nmi, mean_distance


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [1, 3, 50])
@pytest.mark.parametrize("n_selected", [1, 2, 40, 300])
def test_largest_and_mean_are_those_of_all_distances(d, n_selected, dtype):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(300, d)).astype(dtype)
    selected = rng.choice(300, n_selected, replace=False)
    expected = cdist(X, X[selected]).min(axis=1)
    radius, mean = covering_radius(X, selected), mean_distance(X, selected)
    assert isinstance(radius, float)
    assert isinstance(mean, float)
    assert radius == pytest.approx(expected.max(), rel=1e-12, abs=0)
    assert mean == pytest.approx(expected.mean(), rel=1e-12, abs=0)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_covering_radius_on_a_grid(data):
    # Small integers: many ties and duplicates, and exact squares.
    n = data.draw(st.integers(1, 30))
    X = np.array(data.draw(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=n, max_size=n)))
    selected = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
    squares = ((X[:, None] - X[selected]) ** 2).sum(axis=2)
    assert covering_radius(X, selected) ** 2 == pytest.approx(squares.min(axis=1).max())


def test_covering_radius_by_hand():
    X = [[0, 0], [3, 4], [6, 8], [0, 1]]
    assert covering_radius(X, [0]) == 10
    assert covering_radius(X, [0, 2]) == 5
    assert covering_radius(X, [3, 2, 1]) == 1
    assert covering_radius(X, [0, 1, 2, 3]) == 0
    assert mean_distance(X, [0]) == 4
    assert mean_distance(X, [1, 3]) == 1.5


def test_over_many_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(101, 3))
    expected = cdist(X, X[:5]).min(axis=1)
    for block in (1, 10, 100, 101, 102):
        monkeypatch.setattr("alvae.coverage.BLOCK", block)
        assert covering_radius(X, np.arange(5)) == pytest.approx(expected.max(), rel=1e-12)
        assert mean_distance(X, np.arange(5)) == pytest.approx(expected.mean(), rel=1e-12)


def test_covering_radius_far_from_the_origin():
    X = np.random.default_rng(0).integers(0, 2**20, size=(60, 2)) / 2**20
    assert covering_radius(X + 2.0**30, [0, 1, 2]) == covering_radius(X, [0, 1, 2])


def test_covering_radius_of_bytes_does_not_wrap_around():
    assert covering_radius(np.array([[0], [10], [255]], dtype=np.uint8), [1]) == 245


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(5), "X has shape"),
        (np.zeros((5, 2, 2)), "X has shape"),
        (np.zeros((0, 2)), "X has shape"),
        ([[1, 2], [3]], "X has rows"),
        ([["a"], ["b"]], "X has dtype"),
        ([[0.0], [np.nan]], "X contains NaN"),
        ([[0.0], [np.inf]], "X contains NaN or infinity"),
    ],
)
def test_bad_X(X, message):
    with pytest.raises(ValueError, match=message):
        covering_radius(X, [0])
    with pytest.raises(ValueError, match=message):
        kmeans_nmi(X, [0, 1])


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        ([], "selected has shape"),
        (np.zeros(0, dtype=int), "selected has shape"),
        (2, "selected has shape"),
        ([[0, 1]], "selected has shape"),
        ([0.0, 1.0], "selected has .* dtype float64"),
        ([True, False, True, False, True], "selected has .* dtype bool"),
        ([0, 6], "selected is from 0 to 6; allowed are indices from 0 to 5"),
        ([-1, 0], "selected is from -1"),
        ([0, 1, 0], "selected contains an index twice"),
    ],
)
def test_bad_selected(selected, message):
    with pytest.raises(ValueError, match=message):
        covering_radius(np.zeros((6, 2)), selected)


def blobs(separation, seed=0):
    rng = np.random.default_rng(seed)
    blob = np.repeat([0, 1, 2], [40, 60, 80])
    X = separation * np.eye(3)[blob] + rng.normal(size=(180, 3))
    return X, np.array([0, 3, 9])[blob]


def nmi(a, b):
    """Mutual information over the mean of the entropies, from the table of counts."""
    table = np.array([[np.sum((a == i) & (b == j)) for j in set(b)] for i in set(a)])
    h_a, h_b = entropy(table.sum(axis=1)), entropy(table.sum(axis=0))
    return (h_a + h_b - entropy(table.ravel())) / ((h_a + h_b) / 2)


@pytest.mark.parametrize("n_init", [1, 4])
@pytest.mark.parametrize("n_clusters", [None, 2, 7])
def test_nmi_is_that_of_its_definition(n_clusters, n_init):
    X, labels = blobs(separation=2)
    clusters = KMeans(n_clusters or 3, n_init=n_init, random_state=1).fit_predict(X)
    expected = nmi(clusters, labels)
    assert 0.1 < expected < 0.9
    ours = kmeans_nmi(X, labels, n_clusters, n_init=n_init, random_state=1)
    assert ours == pytest.approx(expected)


def test_nmi_does_not_depend_on_the_number_of_threads():
    """Of points between clusters a rounding decides, and ten starts are compared."""
    X = np.random.default_rng(0).random((20_000, 30), dtype=np.float32)
    found = set()
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads):
            found.add(kmeans_nmi(X, np.arange(20_000) % 3, 3, n_init=2))
    assert len(found) == 1


def test_nmi_of_separate_and_of_meaningless_classes():
    X, labels = blobs(separation=30)
    assert kmeans_nmi(X, labels) == pytest.approx(1)
    assert kmeans_nmi(X, labels.astype(str)) == pytest.approx(1)
    assert kmeans_nmi(X, np.random.default_rng(0).permutation(labels)) < 0.1


@pytest.mark.parametrize("labels", [[0, 1], np.zeros((5, 1)), 1])
def test_bad_labels(labels):
    with pytest.raises(ValueError, match="labels has shape"):
        kmeans_nmi(np.zeros((5, 2)), labels)


@pytest.mark.parametrize("n_clusters", [0, -1, 6, 2.0, "3", True])
def test_bad_n_clusters(n_clusters):
    with pytest.raises(ValueError, match="n_clusters is .* from 1 to 5"):
        kmeans_nmi(np.zeros((5, 2)), [0, 1, 0, 1, 0], n_clusters)

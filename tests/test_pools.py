import gzip
import hashlib
import os
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import datasets
from sklearn.utils import Bunch

from alvae import _readers
from alvae.pools import Pool, check_images, load_pool


@pytest.fixture(scope="module")
def mnist():
    return load_pool()


@pytest.fixture
def small():
    return arrays()


def arrays(size=(6, 5), n=30, n_test=12, n_classes=3):
    rng = np.random.default_rng(0)
    return SimpleNamespace(
        x_train=rng.integers(0, 256, (n, *size), dtype=np.uint8),
        y_train=np.arange(n, dtype=np.uint8) % n_classes,
        x_test=rng.integers(0, 256, (n_test, *size), dtype=np.uint8),
        y_test=np.arange(n_test, dtype=np.uint8) % n_classes,
    )


def make(data, **changes):
    parts = vars(data) | changes
    return Pool(parts["x_train"], parts["y_train"], parts["x_test"], parts["y_test"])


def write_idx(folder, data, gzipped=False, pattern="{}-idx{}-ubyte"):
    for stem, array in zip(_readers.IDX_STEMS, vars(data).values(), strict=True):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.tobytes()
        path = folder / (pattern.format(stem, array.ndim) + (".gz" if gzipped else ""))
        path.write_bytes(gzip.compress(content) if gzipped else content)


def assert_same(pool, data):
    np.testing.assert_array_equal(pool.images, data.x_train)
    np.testing.assert_array_equal(pool.labels, data.y_train)
    np.testing.assert_array_equal(pool.test_images, data.x_test)
    np.testing.assert_array_equal(pool.test_labels, data.y_test)
    assert pool.images.dtype == pool.test_images.dtype == np.uint8
    assert pool.labels.dtype == pool.test_labels.dtype == np.int64


def error_of(call, *args, **kwargs):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, every caller looks at the message
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    assert "allowed" in message
    return message


# Bundled MNIST


@pytest.mark.parametrize(
    ("classes", "n", "n_test"),
    [
        ([0, 3, 9], 18_003, 2_999),
        ([0, 3, 7, 9], 24_268, 4_027),
        ([0, 2, 3, 7, 9], 30_226, 5_059),
    ],
)
def test_counts_of_the_paper(classes, n, n_test):
    pool = load_pool("mnist", classes)
    assert (len(pool), len(pool.test_images)) == (n, n_test)
    assert (len(pool.labels), len(pool.test_labels)) == (n, n_test)
    assert pool.classes == classes
    assert np.unique(pool.test_labels).tolist() == classes


def test_mnist_is_mnist(mnist):
    assert mnist.images.shape == (60_000, 28, 28)
    assert mnist.image_shape == (28, 28, 1)
    assert mnist.classes == list(range(10))
    assert mnist.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert mnist.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert mnist.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert repr(mnist) == (
        "Pool('mnist': 60,000 images and 10,000 test images of 28 x 28 x 1, "
        "classes [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"
    )


def test_classes_keep_images_with_their_labels(mnist):
    pool = load_pool(classes=(9, 0))
    keep = (mnist.labels == 0) | (mnist.labels == 9)
    np.testing.assert_array_equal(pool.images, mnist.images[keep])
    np.testing.assert_array_equal(pool.labels, mnist.labels[keep])


def test_wrong_digest_is_an_error(monkeypatch):
    monkeypatch.setattr(_readers, "MNIST_SHA256", "0" * 64)
    assert "SHA-256" in error_of(load_pool)


@pytest.mark.parametrize(
    "classes",
    [
        [],
        [3],
        [3, 3],
        [0, 3, 3],
        ["0", "3"],
        [0, 12],
        [-1, 3],
        [0.0, 3.0],
        [True, False],
        3,
        {0, 3},
    ],
)
def test_bad_classes(classes):
    assert "classes is" in error_of(load_pool, classes=classes)


def test_classes_as_text():
    assert "classes is '[0, 1]'; allowed is a list" in error_of(load_pool, classes="[0, 1]")


@pytest.mark.parametrize("test_size", [0, 1, -0.5, "0.1", float("nan")])
def test_bad_test_size(test_size):
    assert "test_size is" in error_of(load_pool, test_size=test_size)


# A pool


def test_flatten(small):
    X, X_test = make(small).flatten()
    assert X.shape == (30, 30)
    assert X_test.shape == (12, 30)
    assert X.dtype == X_test.dtype == np.float32
    np.testing.assert_allclose(X[7, 2 * 5 + 3], small.x_train[7, 2, 3] / 255, rtol=1e-6)


@pytest.mark.parametrize("size", [(6, 5), (6, 5, 1), (6, 5, 3)])
def test_image_shape(size):
    assert make(arrays(size)).image_shape == (6, 5, size[2] if len(size) == 3 else 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_images_round_trip(small, dtype):
    floats = {key: (vars(small)[key] / 255).astype(dtype) for key in ("x_train", "x_test")}
    assert_same(make(small, **floats), small)


def test_a_pool_keeps_its_own_images(small):
    pool = make(small)
    before = pool.images.copy()
    small.x_train[:] = 0
    np.testing.assert_array_equal(pool.images, before)


def test_strings_that_are_numbers(small):
    pool = make(small, y_train=small.y_train.astype(str), y_test=small.y_test.astype("S1"))
    assert_same(pool, small)
    assert pool.class_names == ()


def test_strings_are_encoded_in_sorted_order(small):
    names = np.array(["shirt", "boot", "coat"])
    pool = make(small, y_train=names[small.y_train].astype(object), y_test=names[small.y_test])
    assert pool.class_names == ("boot", "coat", "shirt")
    assert pool.labels[:3].tolist() == [2, 0, 1]
    assert [pool.class_names[label] for label in pool.test_labels] == names[small.y_test].tolist()


@pytest.mark.parametrize("names", [("01", "1"), ("1_0", "10"), ("1", "99999999999999999999")])
def test_strings_that_are_one_number_or_none_keep_apart(small, names):
    names = np.array([*names, "2"])
    pool = make(small, y_train=names[small.y_train], y_test=names[small.y_test])
    assert pool.class_names == tuple(sorted(names))
    assert [pool.class_names[label] for label in pool.labels] == names[small.y_train].tolist()


@pytest.mark.parametrize("names", [5, "ab", ["a", 1], ["only one"], None])
def test_names_that_do_not_fit_are_refused(names):
    images = np.zeros((4, 8, 8), np.uint8)
    with pytest.raises((ValueError, TypeError), match="^class_names"):
        Pool(images, [0, 1, 0, 1], images, [0, 1, 1, 1], class_names=names)
    assert Pool(images, [0, 1, 0, 1], images, [1] * 4, class_names=["a", "b"]).class_name(1) == "b"


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">u2"])
def test_the_order_of_bytes_does_not_matter(dtype):
    images = np.arange(2 * 8 * 8).reshape(2, 8, 8).astype(dtype)
    images = images if images.dtype.kind == "u" else images / images.max()
    checked = check_images("images", images)
    assert checked.dtype.isnative
    np.testing.assert_array_equal(checked, images)


@pytest.mark.parametrize(
    ("labels", "test_labels"),
    [
        (np.array(["cat", "dog", "cat", np.nan]), ["cat"] * 4),
        ([0.0, 1.0, 0.0, 1.0], ["0", "1", "0", "1"]),
        ([0, 1, 0, 1], ["cat", "dog", "cat", "dog"]),
        (np.ma.array([0, 1, 0, 1], mask=[0, 0, 0, 1]), [0, 1, 0, 1]),
        (np.array(["é".encode(), b"b", b"a", b"a"]), ["a"] * 4),
    ],
)
def test_labels_that_would_be_taken_for_others_are_refused(labels, test_labels):
    images = np.zeros((4, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="^labels"):
        Pool(images, labels, images, test_labels)


BAD_IMAGES = {
    "NaN": np.full((30, 6, 5), np.nan),
    "infinite": np.full((30, 6, 5), np.inf),
    "float gray levels": np.full((30, 6, 5), 255.0),
    "negative": np.full((30, 6, 5), -1),
    "too bright": np.full((30, 6, 5), 256),
    "flat": np.zeros((30, 30)),
    "channels first": np.zeros((30, 3, 6, 5)),
    "four channels": np.zeros((30, 6, 5, 4)),
    "empty": np.zeros((0, 6, 5)),
    "text": np.full((30, 6, 5), "a"),
    "two sizes": [np.zeros((6, 5))] * 29 + [np.zeros((5, 6))],
    "two widths": [np.zeros((6, 5))] * 29 + [np.zeros((6, 4))],
    "objects": np.full((30, 6, 5), None),
}


@pytest.mark.parametrize("images", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images(small, images):
    assert error_of(make, small, x_train=images).startswith("images ")
    assert error_of(make, small, x_test=images).startswith("test_images ")


def test_one_nan_is_enough(small):
    images = small.x_train / 255
    images[3, 2, 1] = np.nan
    assert "images has values from nan" in error_of(make, small, x_train=images)


def test_test_images_of_another_size(small):
    assert "test_images are of size (5, 6)" in error_of(make, small, x_test=np.zeros((12, 5, 6)))


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(29),
        np.zeros((30, 3), int),
        np.full(30, 0.5),
        np.full(30, np.nan),
        np.r_[np.arange(29.0), np.inf],
        np.arange(30, dtype=np.uint64) + 2**63,
        np.arange(30) + 2**53,
        np.array(["a", None] * 15, object),
        np.arange(30) > 9,
    ],
)
def test_bad_labels(small, labels):
    assert error_of(make, small, y_train=labels).startswith("labels ")


def test_one_class(small):
    assert "two classes" in error_of(make, small, y_train=np.full(30, 4))


# Local files


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_npz_of_color_images(tmp_path, as_type):
    data = arrays((32, 32, 3))
    np.savez_compressed(tmp_path / "tiles.npz", **vars(data))
    pool = load_pool(as_type(tmp_path / "tiles.npz"))
    assert_same(pool, data)
    assert pool.image_shape == (32, 32, 3)
    assert pool.name == "tiles"
    assert load_pool(tmp_path / "tiles.npz", [0, 2]).classes == [0, 2]
    assert "classes is [0, 3]" in error_of(load_pool, tmp_path / "tiles.npz", [0, 3])


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("pattern", ["{}-idx{}-ubyte", "{}.idx{}-ubyte"])
@pytest.mark.parametrize("size", [(6, 5), (6, 5, 3)])
def test_idx_round_trip(tmp_path, gzipped, pattern, size):
    data = arrays(size)
    write_idx(tmp_path, data, gzipped, pattern)
    assert_same(load_pool(tmp_path), data)


def test_idx_of_mnist_has_the_digests_of_the_original_files(mnist):
    # The digests of the uncompressed files, from alvae/data/README.md.
    header = bytes([0, 0, 8, 1]) + np.array([10_000], ">u4").tobytes()
    found = hashlib.sha256(header + mnist.test_labels.astype(np.uint8).tobytes()).hexdigest()
    assert found == "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"


def test_idx_of_another_type(tmp_path, small):
    write_idx(tmp_path, small)
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(b"\0\0\x0d" + path.read_bytes()[3:])
    assert "train-labels-idx1-ubyte does not begin" in error_of(load_pool, tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 10, -1])
@pytest.mark.parametrize("gzipped", [False, True])
def test_truncated_idx(tmp_path, small, keep, gzipped):
    write_idx(tmp_path, small, gzipped)
    path = next(tmp_path.glob("train-images*"))
    path.write_bytes(path.read_bytes()[:keep])
    assert str(tmp_path) in error_of(load_pool, tmp_path)


def test_idx_folder_that_lacks_a_file(tmp_path, small):
    write_idx(tmp_path, small)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert "lacks a file t10k-labels" in error_of(load_pool, tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 500, -1])
def test_truncated_npz(tmp_path, small, keep):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **vars(small))
    path.write_bytes(path.read_bytes()[:keep])
    assert "x.npz" in error_of(load_pool, path)


def test_corrupt_npz(tmp_path, small):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **vars(small))
    content = bytearray(path.read_bytes())
    content[400:420] = bytes(20)
    path.write_bytes(content)
    assert "x.npz" in error_of(load_pool, path)


def test_npz_of_images_of_two_sizes(tmp_path, small):
    images = np.empty(30, object)
    images[:] = [np.zeros((6, 5 + i % 2)) for i in range(30)]
    np.savez(tmp_path / "x.npz", **vars(small) | {"x_train": images})
    assert "two sizes" in error_of(load_pool, tmp_path / "x.npz")


def test_npz_with_nan(tmp_path, small):
    np.savez(tmp_path / "x.npz", **vars(small) | {"x_train": np.full((30, 6, 5), np.nan)})
    assert "nan" in error_of(load_pool, tmp_path / "x.npz")


def test_npz_without_test_labels(tmp_path, small):
    del small.y_test
    np.savez(tmp_path / "x.npz", **vars(small))
    assert "lacks y_test" in error_of(load_pool, tmp_path / "x.npz")


def test_npy_is_not_npz(tmp_path, small):
    np.save(tmp_path / "x.npy", small.x_train)
    assert "not a whole .npz" in error_of(load_pool, tmp_path / "x.npy")


def test_a_file_without_an_end(tmp_path, small):
    """Whoever reads from it waits for ever."""
    assert "null is not a regular file" in error_of(load_pool, "/dev/null")
    write_idx(tmp_path, small)
    path = next(tmp_path.glob("train-labels*"))
    path.unlink()
    os.mkfifo(path)
    assert f"{path.name} is not a regular file" in error_of(load_pool, tmp_path)


@pytest.mark.parametrize("name", ["nowhere.npz", "no/where", "/no/where.npz", "~/no where/"])
def test_missing_file(monkeypatch, name):
    monkeypatch.setattr(datasets, "fetch_openml", lambda *_, **__: pytest.fail("asked OpenML"))
    assert f"name is {name!r}" in error_of(load_pool, name)


@pytest.mark.parametrize("name", [None, 3, ["mnist"]])
def test_name_of_another_type(name):
    assert f"name is {name!r}" in error_of(load_pool, name)


# OpenML


def fake_openml(monkeypatch, data, target):
    def fetch_openml(name, **kwargs):
        assert kwargs["as_frame"] is False
        return Bunch(data=data, target=target, details={"name": name})

    monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)


def test_openml(monkeypatch):
    levels = np.random.default_rng(0).integers(0, 256, (70, 16))
    levels[:, 0] = np.arange(70)
    fake_openml(monkeypatch, levels.astype(float), np.array(["3", "9"] * 35, object))
    pool = load_pool("some digits")
    assert (len(pool), len(pool.test_images), pool.image_shape) == (60, 10, (4, 4, 1))
    assert pool.name == "some digits"
    assert np.bincount(pool.test_labels).tolist() == [0, 0, 0, 5, 0, 0, 0, 0, 0, 5]
    for images, labels in ((pool.images, pool.labels), (pool.test_images, pool.test_labels)):
        rows = images[:, 0, 0]
        np.testing.assert_array_equal(images.reshape(-1, 16), levels[rows])
        np.testing.assert_array_equal(labels, np.where(rows % 2, 9, 3))
    assert not set(pool.images[:, 0, 0]) & set(pool.test_images[:, 0, 0])
    assert len(load_pool("some digits", test_size=0.5)) == 35
    np.testing.assert_array_equal(load_pool("some digits").images, pool.images)
    assert not np.array_equal(load_pool("some digits", random_state=1).images, pool.images)


def test_openml_in_color(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3))
    planes = np.stack([images[..., c].reshape(20, 16) for c in range(3)], axis=1).reshape(20, 48)
    fake_openml(monkeypatch, planes.astype(float), np.array(["cat", "dog"] * 10, object))
    pool = load_pool("animals", test_size=0.5)
    assert pool.image_shape == (4, 4, 3)
    assert pool.class_names == ("cat", "dog")
    expected = {image.tobytes() for image in images.astype(np.uint8)}
    assert {image.tobytes() for image in np.r_[pool.images, pool.test_images]} == expected


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (np.zeros((20, 5)), np.arange(20) % 2),
        (np.full((20, 4), np.nan), np.arange(20) % 2),
        (np.full((20, 4), 300.0), np.arange(20) % 2),
        (np.full((20, 4), "a", object), np.arange(20) % 2),
        (np.zeros((20, 4)), np.array(["a", None] * 10, object)),
        (np.zeros((20, 4)), np.zeros(20)),
        (np.zeros((20, 4)), np.r_[1, np.zeros(19)]),
        (np.zeros((20, 4)), None),
    ],
)
def test_openml_that_is_no_pool_of_images(monkeypatch, data, target):
    fake_openml(monkeypatch, data, target)
    assert "name is 'other'" in error_of(load_pool, "other")


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("no data set\nminst")])
def test_openml_out_of_reach(monkeypatch, error):
    def fetch_openml(*args, **kwargs):
        raise error

    monkeypatch.setattr(datasets, "fetch_openml", fetch_openml)
    assert "name is 'minst'" in error_of(load_pool, "minst")

"""Hostile files: none executes anything, writes anywhere, or takes much memory."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from alvae import store
from alvae._files import check_archive, check_claim
from alvae._readers import IDX_STEMS, NPZ_KEYS
from alvae.pools import load_pool
from alvae.spaces import fit_stored
from alvae.vae import ConvVAE


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def npy(shape, content=b"", dtype="|u1"):
    """An .npy file that announces this shape, whatever follows."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def good():
    images = np.random.default_rng(0).integers(0, 256, (8, 4, 4), dtype=np.uint8)
    arrays = dict(zip(NPZ_KEYS, (images, np.arange(8) % 2, images, np.arange(8) % 2), strict=True))
    files = {}
    for key, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array)
        files[f"{key}.npy"] = file.getvalue()
    return files


def write_npz(path, changed, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (good() | changed).items():
            archive.writestr(name, content)


def header_of_60_gb(folder):
    write_npz(folder / "x.npz", {"x_train.npy": npy((6 * 10**10 // 784, 28, 28), b"1234")})


def header_below_zero(folder):
    write_npz(folder / "x.npz", {"x_train.npy": npy((-1, 4, 4), b"1234")})


def zip_bomb(folder):
    write_npz(folder / "x.npz", {"x_train.npy": npy((80, 1024, 1024), bytes(80 * 2**20))})


def zip_bomb_beside_noise(folder):
    """Noise that makes the file large, so that the bomb takes less of it."""
    files = {"x_train.npy": npy((80, 1024, 1024), bytes(80 * 2**20)), "noise": os.urandom(2**22)}
    write_npz(folder / "x.npz", files)


def pickle_in_npy(folder):
    file = io.BytesIO()
    np.save(file, np.array([Evil(folder / "pwned")] * 8, object), allow_pickle=True)
    write_npz(folder / "x.npz", {"y_train.npy": file.getvalue()})


def path_out_of_the_archive(folder):
    files = {f"../../{name}": content for name, content in good().items()}
    with zipfile.ZipFile(folder / "x.npz", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_idx(folder, images):
    folder = folder / "x.npz"  # a folder, whatever its name
    folder.mkdir()
    for stem in IDX_STEMS:
        content = images if "images" in stem else struct.pack(">4B1I", 0, 0, 8, 1, 2) + b"\0\1"
        with gzip.open(folder / f"{stem}-idx{content[3]}-ubyte.gz", "wb") as file:
            file.write(content)


def idx_of_4_gb(folder):
    write_idx(folder, struct.pack(">4B3I", 0, 0, 8, 3, 5 * 10**6, 28, 28) + bytes(100))


def gzip_bomb(folder):
    write_idx(folder, struct.pack(">4B3I", 0, 0, 8, 3, 2, 28, 28) + bytes(80 * 2**20))


def idx_of_many_axes(folder):
    write_idx(folder, bytes([0, 0, 8, 255]) + b"\xff" * 40)


HOSTILE = {
    header_of_60_gb: "an array of 4 bytes, not the .* it announces",
    header_below_zero: "cannot be loaded",
    zip_bomb: "it claims to hold .* bytes in",
    zip_bomb_beside_noise: "it claims to hold .* bytes in",
    pickle_in_npy: "it holds Python objects",
    path_out_of_the_archive: "it lacks x_train",
    idx_of_4_gb: "it claims to hold 3,920,000,000 bytes in",
    gzip_bomb: "has more, not the 1,568 it announces",
    idx_of_many_axes: "cannot be loaded",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner"


@pytest.mark.parametrize("write", HOSTILE, ids=lambda write: write.__name__)
def test_a_hostile_pool_is_refused(write, folder):
    write(folder)
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(ValueError, match=HOSTILE[write]) as caught:
        load_pool(str(folder / "x.npz"))
    assert "\n" not in str(caught.value)
    assert sorted(folder.parent.rglob("*")) == before


def test_a_member_without_the_ending_of_an_array_is_not_read(folder):
    """NumPy would read it, whatever it claims."""
    write_npz(folder / "x.npz", {"x_train": npy((10**9, 28, 28), b"1234")})
    assert len(load_pool(folder / "x.npz")) == 8


PEAK = """
import sys
from pathlib import Path
from alvae.book.benchmarks import peak_memory
from alvae.pools import load_pool

before = peak_memory()
for path in sys.argv[1:]:
    try:
        load_pool(path)
    except ValueError:
        print(peak_memory() - before)
"""


@pytest.mark.slow
def test_no_hostile_pool_takes_much_memory(tmp_path):
    paths = []
    for write in HOSTILE:
        (tmp_path / write.__name__).mkdir()
        write(tmp_path / write.__name__)
        paths.append(tmp_path / write.__name__ / "x.npz")
    result = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True)
    assert len(result.stdout.split()) == len(HOSTILE), result.stderr
    assert max(map(int, result.stdout.split())) < 2**26


def evil_vae(path):
    torch.save({"params": {}, "encoder": Evil(path.parent / "pwned")}, path)


def bare_pickle(path):
    path.write_bytes(pickle.dumps(Evil(path.parent / "pwned")))


def packed_weights(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(80 * 2**20))


def weights(path, **claims):
    """A small VAE that says to be another one."""
    vae = ConvVAE(2, epochs=1, random_state=0).fit(np.zeros((3, 8, 8), dtype=np.uint8))
    vae.save(path)
    content = torch.load(path)
    torch.save(content | claims, path)


def many_dimensions(path):
    weights(path, params={"latent_dim": 10**8})


def large_images(path):
    weights(path, image_shape=[30_000, 40_000])


def repeated_weights(path):
    encoder, _ = ConvVAE(2).networks((8, 8, 1))
    shapes = {name: weight.shape for name, weight in encoder.state_dict().items()}
    weights(path, encoder={name: torch.zeros(()).expand(shape) for name, shape in shapes.items()})


def cut_pickle(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
        archive.writestr("archive/version", b"3")


def nowhere(path):
    weights(path, params={"latent_dim": 2, "device": "meta"})


@pytest.mark.parametrize(
    "write",
    [
        *(evil_vae, bare_pickle, packed_weights, many_dimensions, large_images, repeated_weights),
        *(cut_pickle, nowhere),
    ],
)
def test_a_hostile_vae_is_refused(write, folder):
    write(folder / "vae.pt")
    said = r"path is .*vae.pt'; it must be a file written by save"
    if write is nowhere:
        said = "device is 'meta'; it must be 'auto' or a device that torch has here"
    with pytest.raises(ValueError, match=said):
        ConvVAE.load(folder / "vae.pt")
    assert [path.name for path in folder.iterdir()] == ["vae.pt"]


@pytest.mark.parametrize("path", [5, None, "none.pt"])
def test_what_is_no_file_of_a_vae(path):
    with pytest.raises(ValueError, match=f"path is '{path}'; it must be a file written by save"):
        ConvVAE.load(path)


def test_a_hostile_vae_in_the_store_is_set_aside(folder):
    """Even where whoever put it there has sealed it."""
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    vae = ConvVAE(2, epochs=1, random_state=0)
    expected = fit_stored(vae, images).transform(images)
    (path,) = (store.root() / "vae").glob("*.pt")
    about = store.read_about(path)
    store.keep(path, None, lambda _, p: evil_vae(p), **about)
    (pwned,) = [path.parent / "pwned"]
    with pytest.warns(UserWarning, match="is made again"):
        again = fit_stored(vae, images)
    np.testing.assert_array_equal(again.transform(images), expected)
    assert not pwned.exists()


@pytest.mark.parametrize("text", ['{"seal": 1}', "[]", "3", '"x"', "[" * 10**6, "null", "\0"])
def test_whatever_stands_in_a_file_about_an_entry(text, folder):
    store.keep(folder / "x", "content", lambda result, path: path.write_text(result))
    (folder / f"x{store.ABOUT}").write_text(text)
    with pytest.raises(ValueError, match="missing or damaged"):
        store.recall(folder / "x", Path.read_text)


def test_what_is_packed_as_images_are_is_let_through(folder):
    images = np.zeros((100, 28, 28), np.uint8)  # far more than a hundredfold, and small
    labels = np.arange(100) % 2
    arrays = dict(zip(NPZ_KEYS, (images, labels, images, labels), strict=True))
    np.savez_compressed(folder / "black.npz", **arrays)
    assert len(load_pool(str(folder / "black.npz"))) == 100
    check_archive(folder / "black.npz")
    check_claim(2**26, 1)
    check_claim(2**33, 2**27)
    with pytest.raises(ValueError, match="claims to hold 67,108,865 bytes in 1"):
        check_claim(2**26 + 1, 1)

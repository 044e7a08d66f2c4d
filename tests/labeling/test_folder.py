"""Image files of any kind become small images, and what cannot be read is told."""

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alvae.labeling import folder as reader
from alvae.labeling.folder import SIDE, SUFFIXES, common_shape, read_folder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def picture(size=(20, 20), mode="L", seed=0):
    """A bright disk on dark ground, off the middle."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    disk = np.hypot(x / width - 0.6, y / height - 0.4) < 0.25
    values = np.where(disk, 200, 40).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def test_names_and_images_belong_together(folder):
    for i, name in enumerate(["b.png", "a/z.png", "a/b/c.PNG", "ä = 1.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 10), 50 * i, np.uint8)).save(folder / name, "PNG")
    names, images, refused, remarks = read_folder(folder)
    assert names == ["a/b/c.PNG", "a/z.png", "b.png", "ä = 1.png"]
    assert images[:, 0, 0].tolist() == [100, 50, 0, 150]
    assert images.shape == (4, 12, 10)
    assert refused == {}
    assert remarks == ["4 images of 10 x 12 pixels, gray"]


MODES = {
    "png": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "tiff": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"],
    "jpg": ["L", "RGB", "CMYK", "YCbCr"],
    "webp": ["L", "RGB", "RGBA"],
    "bmp": ["1", "L", "P", "RGB", "RGBA"],
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix in MODES for mode in MODES[suffix]]
)
def test_every_mode_shows_the_same_picture(mode, suffix, folder):
    plain = picture((40, 40))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(plain).astype(np.uint16) * 100)
    elif mode == "F":
        image = Image.fromarray(np.asarray(plain) / np.float32(7) - 3)
    else:
        image = plain.convert(mode, dither=Image.Dither.NONE)
    image.save(folder / f"one.{suffix}")
    (read,) = read_folder(folder).images
    assert read.ndim == 2  # gray, whatever it was kept as
    expected = np.asarray(plain.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)
    assert np.corrcoef(read.ravel(), expected.ravel())[0, 1] > 0.95


def test_transparent_parts_are_white_and_color_is_kept(folder):
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 5, 10))
    image.save(folder / "one.png")
    names, images, _, remarks = read_folder(folder)
    assert images[0, 0, 0].tolist() == [0, 0, 255]
    assert images[0, 0, 9].tolist() == [255, 255, 255]
    assert remarks == [
        "1 image of 10 x 10 pixels, in color",
        "1 image with a channel for transparency: put on white",
    ]


def test_an_image_that_lies_on_its_side_is_put_upright(folder):
    upright = picture((16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    upright.rotate(90).save(folder / "one.png", exif=exif)
    (read,) = read_folder(folder).images
    np.testing.assert_array_equal(read, np.asarray(upright))


def test_of_many_bits_each_is_stretched_by_itself_and_that_is_said(folder):
    values = np.linspace(3000, 3500, 100).reshape(10, 10).astype(np.uint16)
    for i, factor in enumerate((1, 4)):  # the same picture, four times as bright
        Image.fromarray(factor * values).save(folder / f"{i}.png")
    read = read_folder(folder)
    assert (read.images.min(), read.images.max()) == (0, 255)
    np.testing.assert_array_equal(*read.images)
    assert read.remarks[-1] == (
        "2 images with more than 8 bits: each stretched from its own darkest to its own brightest "
        "pixel, so brightness is lost"
    )


def test_other_shapes_are_filled_with_the_color_of_their_border(folder):
    for i in range(3):
        picture((32, 32)).save(folder / f"{i}.png")
    Image.fromarray(np.full((10, 40), 90, np.uint8)).save(folder / "wide.png")
    names, images, *_ = read_folder(folder)
    assert images.shape == (4, 32, 32)
    assert (images[names.index("wide.png")] == 90).all()


@given(st.lists(st.tuples(*[st.integers(1, 3000)] * 2), min_size=1, max_size=9), st.integers(8, 64))
def test_a_common_size_is_no_larger_than_asked_and_no_ribbon(sizes, side):
    height, width = common_shape(sizes, side)
    assert 8 <= min(height, width) <= max(height, width) <= side
    assert max(height, width) <= 2 * min(height, width) + 1  # as sides are rounded


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(640, 480)], (24, 32)),
        ([(4, 4)], (8, 8)),
        ([(100, 20)], (16, 32)),
    ],
)
def test_a_common_size_by_hand(sizes, shape):
    assert common_shape(sizes) == shape


def bomb(path):
    """A PNG of 60,000 x 60,000 pixels that says so, in a few bytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IEND", b""))


def test_what_cannot_be_read_is_named_and_the_rest_is_read(folder):
    picture((64, 64), seed=1).save(folder / "good.png")
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cut early.png").write_bytes(whole[:20])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no image")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("of the system")
    (folder / "new\nline.png").write_bytes(whole)
    bomb(folder / "bomb.png")
    os.mkfifo(folder / "pipe.png")
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(folder / "nan.tiff")
    names, images, refused, _ = read_folder(folder)
    assert names == ["good.png"]
    assert len(images) == 1
    bad = ["cut.png", "cut early.png", "empty.jpg", "text.png", "notes.txt", "'new\\nline.png'"]
    assert set(refused) == {*bad, "bomb.png", "pipe.png", "nan.tiff"}
    assert all(reason and "\n" not in reason for reason in refused.values())
    assert refused["notes.txt"] == "its name ends with none of " + ", ".join(SUFFIXES)
    assert refused["text.png"] == "it is no image, or of a kind that is not known"


def test_a_file_that_vanishes_is_left_out(folder, monkeypatch):
    for i in range(3):
        picture(seed=i).save(folder / f"{i}.png")
    read_header = reader._read_header

    def read_and_remove(path):
        header = read_header(path)
        if path.name == "1.png":
            path.unlink()
        return header

    monkeypatch.setattr(reader, "_read_header", read_and_remove)
    names, images, refused, _ = read_folder(folder)
    assert names == ["0.png", "2.png"]
    assert len(images) == 2
    assert refused == {"1.png": "it is not there any more"}


def test_a_folder_that_may_not_be_read_is_left_out(folder, monkeypatch):
    (folder / "secret").mkdir()
    picture().save(folder / "secret" / "1.png")
    picture().save(folder / "2.png")
    exists = Path.exists

    def forbidden(path, **options):  # as for whoever is not root
        if path.parent.name == "secret":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return exists(path, **options)

    monkeypatch.setattr(Path, "exists", forbidden)
    read = read_folder(folder)
    assert read.names == ["2.png"]
    assert read.refused == {"secret": "it may not be read"}


def test_a_folder_without_images_is_told(folder):
    with pytest.raises(ValueError, match=r"has no image that can be read \(.bmp"):
        read_folder(folder)
    (folder / "one.png").write_text("no image")
    with pytest.raises(ValueError, match="one.png: it is no image"):
        read_folder(folder)
    with pytest.raises(ValueError, match="is no folder"):
        read_folder(folder / "none")


def test_what_was_read_is_not_read_again_until_it_changes(folder, monkeypatch):
    for i in range(3):
        picture((12, 12), seed=i).save(folder / f"{i}.png")
    first = read_folder(folder)
    with monkeypatch.context() as context:
        context.setattr(reader, "read_image", None)
        again = read_folder(folder)
    np.testing.assert_array_equal(first.images, again.images)
    Image.new("L", (12, 12), 7).save(folder / "1.png")
    assert (read_folder(folder).images[1] == 7).all()


def test_broken_facts_about_a_photograph_do_not_matter(folder):
    entry = b"\x12\x01\x02\x00\x03\x00\x00\x00ab\x00\x00"  # a word for the orientation
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + bytes(4)
    picture((16, 16)).save(folder / "one.jpg", exif=exif)
    assert len(read_folder(folder).images) == 1


def test_of_several_frames_the_first_is_taken_and_that_is_said(folder):
    frames = [Image.new("L", (12, 12), level) for level in (50, 99)]
    frames[0].save(folder / "film.tiff", save_all=True, append_images=frames[1:])
    read = read_folder(folder)
    assert (read.images == 50).all()
    assert read.remarks[-1] == "1 image with several pages or frames: the first was taken"


def test_a_link_to_a_folder_is_told(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    picture().save(tmp_path / "elsewhere" / "1.png")
    picture().save(folder / "2.png")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    read = read_folder(folder)
    assert read.names == ["2.png"]
    assert read.refused == {"link": "a link to a folder, not followed"}


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_a_large_image_is_the_small_one_in_little_memory(mode, folder):
    small = picture((32, 32))
    large = small.resize((3200, 3200), Image.Resampling.NEAREST)
    if mode == "I;16":
        Image.fromarray(np.asarray(large).astype(np.uint16) * 100).save(folder / "one.png")
    else:
        large.convert(mode).save(folder / "one.png")
    (read,) = read_folder(folder).images
    assert np.corrcoef(read.ravel(), np.asarray(small).ravel())[0, 1] > 0.98


def test_images_that_are_made_smaller_lose_something_and_that_is_said(folder):
    Image.new("L", (64, 48), 90).save(folder / "large.png")
    lost = "reduced to 32 x 24 pixels: what is smaller than that is lost"
    assert read_folder(folder).remarks[-1] == lost
    Image.new("L", (32, 24), 90).save(folder / "large.png")
    assert read_folder(folder).remarks == ["1 image of 32 x 24 pixels, gray"]


def test_every_file_is_counted_once_at_a_time(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ALVAE_PROGRESS", str(tmp_path / "progress"))
    for i in range(3):
        Image.new("L", (12, 12), 90).save(folder / f"{i}.png")
    read_folder(folder)
    said = (tmp_path / "progress").read_text()
    assert "reading sizes: file 3 of 3" in said
    assert "reading images: file 3 of 3" in said


def test_images_are_made_like_others(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "color.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "gray.png")
    gray, color = (read_folder(tmp_path, like=like) for like in ((20, 30), (20, 30, 3)))
    expected = [Image.fromarray(pixels).convert("L"), Image.fromarray(pixels[..., 0])]
    np.testing.assert_allclose(gray.images, [np.asarray(one) for one in expected], atol=1)
    assert "made gray" in gray.remarks
    np.testing.assert_array_equal(color.images[0], pixels)
    np.testing.assert_array_equal(color.images[1], pixels[..., [0, 0, 0]])
    small = read_folder(tmp_path, like=(10, 10))
    assert small.images.shape == (2, 10, 10)

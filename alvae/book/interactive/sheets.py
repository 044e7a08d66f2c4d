"""Many small images as one: a sheet of tiles."""

import base64
import io

import numpy as np
from PIL import Image

LARGEST = 32  # pixels of a tile: a picture of thousands of points is to stay small
SHADES = 16  # of gray: as good to look at as 256, in little more than half the bytes


def sprite_sheet(images):
    """Lay images out as the tiles of one PNG file, row by row.

    Parameters
    ----------
    images : uint8 array of shape (n, H, W) or (n, H, W, C)

    Returns
    -------
    png : bytes
        Of 16 shades of gray, or of all colors.
    columns : int
        Image i is the tile in row ``i // columns`` and column ``i % columns``.
    tile : (int, int)
        Height and width of a tile: those of an image, or of one made smaller.
    """
    images = _small(images.squeeze(-1) if images.shape[3:] == (1,) else images)
    n, height, width, *channels = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    tiles = np.zeros((rows * columns, height, width, *channels), np.uint8)
    tiles[:n] = images
    sheet = tiles.reshape(rows, columns, height, width, *channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, *channels)
    file = io.BytesIO()
    if channels:
        Image.fromarray(sheet).save(file, "PNG", optimize=True)
    else:
        step = 255 / (SHADES - 1)
        shades = Image.fromarray(np.rint(sheet / step).astype(np.uint8), "P")
        shades.putpalette(
            np.repeat(np.rint(np.arange(SHADES) * step), 3).astype(np.uint8).tobytes()
        )
        shades.save(file, "PNG", optimize=True, bits=4)
    return file.getvalue(), columns, (height, width)


def data_uri(png):
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _small(images):
    longest = max(images.shape[1:3])
    if longest <= LARGEST:
        return images
    height, width = (max(1, round(side * LARGEST / longest)) for side in images.shape[1:3])
    return np.array(
        [np.asarray(Image.fromarray(image).resize((width, height))) for image in images]
    )

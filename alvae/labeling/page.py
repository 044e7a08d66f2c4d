"""Pages that open from the disk: images to label, and the report on predictions."""

import base64
import io
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from alvae import store
from alvae.labeling.folder import BAD_IMAGE, open_plain, read_image
from alvae.labeling.labels import FORMULAS, UNCLEAR, as_cell
from alvae.labeling.names import file_in
from alvae.labeling.review import are_alike, same_level

LARGE = 512  # pixels of the longer side of an image that is to be labeled
SMALL = 64  # up to which an image is enlarged pixel by pixel
QUALITY = 90  # of JPEG


def write_label_page(path, project, chosen, neighbors, classes, labels):
    """Write the page on which images are labeled.

    Parameters
    ----------
    path : path
    project : Project
    chosen : list of int
        The images to label.
    neighbors : list of list of int
        Of each, the images nearest to it.
    classes : list of str
        Names that are known.
    labels : dict of str to str
        Known labels, by the names of images.

    Returns
    -------
    int
        How many images have a file, and are shown small, as it is not there, or another one now.
    """
    source = Path(project.about["source"] or "")
    originals = [None] * len(chosen)
    if project.has_files:
        same = same_level(project.images)
        originals = [_original(project, i, source, same) for i in chosen]
    images = [
        {
            "name": project.names[i],
            "cell": as_cell(project.names[i]),
            "label": labels.get(project.names[i], ""),
            "neighbors": [
                {"name": project.names[j], "source": as_source(project.images[j])} for j in near
            ],
            **(large or {"source": as_source(project.images[i]), "small": True}),
        }
        for i, near, large in zip(chosen, neighbors, originals, strict=True)
    ]
    write_page(
        path,
        "label.html",
        title=project.folder.name,
        project=project.about["id"],
        images=images,
        classes=classes,
        unclear=UNCLEAR,
        formulas=FORMULAS,
    )
    return originals.count(None) if project.has_files else 0


def write_page(path, template, **content):
    """Write a page from its template, whole or not at all.

    Nothing runs or is styled in it but by its own script and style: its policy names their digests.
    """
    text = _templates().get_template(template).render(**content)
    for tag in ("script", "style"):
        content = text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(sha256(content.encode()).digest()).decode()
        text = text.replace(f"sha256-of-the-{tag}", f"sha256-{digest}", 1)
    with store.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")  # a folder may be named so


def as_source(image):
    """A small image as the source of an <img>."""
    return _encoded(Image.fromarray(np.asarray(image)), "PNG")


def _original(project, i, folder, same):
    """The image as it is in its folder; None if it is not there, or another one than was read."""
    small = project.images[i]
    try:
        path = file_in(folder, project.names[i])
        now = read_image(path, small.shape[:2])
        image = open_plain(path, (LARGE, LARGE))
    except BAD_IMAGE:
        return None
    if not are_alike(now if small.ndim == 3 else now[..., 1], small, same):
        return None
    image.thumbnail((LARGE, LARGE))
    few = max(image.size) <= SMALL
    return {"source": _encoded(image, "PNG" if few else "JPEG"), "small": few}


def _encoded(image, kind):
    file = io.BytesIO()
    image.save(file, kind, quality=QUALITY)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


@cache
def _templates():
    loader = PackageLoader("alvae.labeling", "pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

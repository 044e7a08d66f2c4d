"""Predictions for other tools: folders named by classes, tasks of Label Studio."""

import json
import posixpath
import re
import shutil
from itertools import count
from urllib.parse import quote

from alvae import store
from alvae.labeling.names import file_in

RESERVED = '<>:"/\\|?*'  # in names of files somewhere, as is a dot at the end
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows
LONGEST = 200  # bytes of a name


def check_only_links(folder):
    """Raise a ValueError if something is there besides the links of an earlier time."""
    paths = folder.rglob("*") if folder.is_dir() and not folder.is_symlink() else [folder]
    if any(path.exists() and not path.is_symlink() and not path.is_dir() for path in paths):
        raise ValueError(f"{folder} has something besides links; move or remove it first")


def write_folders(folder, predictions, source):
    """Put links to the images into folders named by classes, as image folders are read.

    Parameters
    ----------
    folder : Path
        Replaced where it has nothing but links, as somebody may have put images right in it.
    predictions : dict of str to str
        The class of each image, by its name.
    source : Path
        Where the images are.

    Returns
    -------
    list of str
        Images that are not there any more, and get no link.

    Raises
    ------
    ValueError
        `folder` has something besides links, or no image is there.
    """
    check_only_links(folder)
    gone = [name for name in predictions if not file_in(source, name).is_file()]
    if gone and len(gone) == len(predictions):
        raise ValueError(
            f"there is no {source / gone[0]}, for a link; --images says where it is now"
        )
    absent = set(gone)
    predictions = {name: k for name, k in predictions.items() if name not in absent}
    folders = {}
    for label in dict.fromkeys(predictions.values()):
        name = as_folder(label)
        taken = {other.casefold() for other in folders.values()}
        numbered = (f"{name}-{i}" for i in count(2))
        folders[label] = (
            name
            if name.casefold() not in taken
            else next(one for one in numbered if one.casefold() not in taken)
        )
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        for name, label in predictions.items():
            link = new / folders[label] / name
            link.parent.mkdir(parents=True, exist_ok=True)
            target = file_in(source, name).absolute()
            try:
                link.symlink_to(target)
            except OSError:  # where links are not allowed
                shutil.copyfile(target, link)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return gone


def as_folder(label):
    """The name of a class as that of a folder, on any system."""
    safe = "".join("_" if c in RESERVED or not c.isprintable() else c for c in label)
    safe = safe.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").rstrip(". ")
    return f"_{safe}" if not safe.strip(". ") or DEVICE.fullmatch(safe) else safe


def write_tasks(path, rows, source, labels):
    """Write tasks of Label Studio, with labels as annotations and predictions.

    They name images below a folder that Label Studio serves as local files.

    Parameters
    ----------
    path : Path
    rows : iterable of (str, str, float)
        Name, predicted class and confidence of each image.
    source : Path
        Where the images are.
    labels : dict of str to str
        Labels that were given, by the names of images.
    """
    tasks = []
    for name, label, confidence in rows:
        image = f"/data/local-files/?d={quote(posixpath.join(source.name, name))}"
        task = {"data": {"image": image, "file_name": name}}
        if name in labels:
            task["annotations"] = [{"result": [_choice(labels[name])]}]
        elif label:
            task["predictions"] = [
                {"model_version": "alvae", "score": confidence, "result": [_choice(label)]}
            ]
        tasks.append(task)
    with store.replacing(path) as temporary:
        temporary.write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")


def _choice(label):
    return {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
    }

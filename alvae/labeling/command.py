"""The command ``alvae``: which images to label, and what the others are.

::

    alvae select IMAGES --budget 50      # choose images; writes labels.csv and label.html
    alvae predict PROJECT                # label all images from the labels that there are
    alvae select PROJECT --more 20       # choose more
"""

import argparse
import errno
import sys
import warnings
from pathlib import Path

from alvae._checks import check_integer
from alvae.labeling.project import Project, at_work
from alvae.labeling.steps import begin, choose, move_images, predict, show, take_over

LABELS = (
    "labels to take over into labels.csv: a table with the columns file_name and label, a JSON "
    "export of Label Studio, or a folder with a folder of images for each class, whatever is below"
)
DESCRIPTION = "Label a few images of a large pool, and let the others be labeled."


def main(arguments=None):
    """Run the command; what the user can mend is told on one line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names that a terminal cannot show
    parser = argparse.ArgumentParser(prog="alvae", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="select|predict", dest="command")
    _select_arguments(commands.add_parser("select", help="choose images to label"))
    _predict_arguments(commands.add_parser("predict", help="label all images"))
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"alvae: {message}", file=sys.stderr)
            options.run(options)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        todo = "; make room, and run the same command again" if full else ""
        sys.exit(f"alvae {options.command}: {where}{error.strerror or error}{todo}")
    except (ValueError, RuntimeError) as error:  # the latter from torch, where a disk is full
        sys.exit(f"alvae {options.command}: {' '.join(str(error).split())}")


def _common_arguments(parser):
    parser.add_argument("--labels", type=Path, metavar="FILE", help=LABELS)
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="where images are now")


def _select_arguments(parser):
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        metavar="IMAGES|PROJECT",
        help="a folder of images, an .npy or .npz file, IDX files; or a project that there is",
    )
    parser.add_argument("--budget", type=int, help="how many images to label")
    parser.add_argument("--more", type=int, help="how many more, in a project that there is")
    parser.add_argument("--out", type=Path, metavar="PROJECT", help="folder of the new project")
    parser.add_argument(
        "--features", type=Path, metavar="NPY", help="codes from elsewhere, a row for each image"
    )
    _common_arguments(parser)
    parser.add_argument("--seed", type=int, help="of all that is random, in a new project (0)")
    parser.set_defaults(run=_select)


def _predict_arguments(parser):
    parser.add_argument("project", type=Path, metavar="PROJECT")
    _common_arguments(parser)
    parser.add_argument(
        "--write",
        action="append",
        default=[],
        choices=("folders", "label-studio"),
        help="also the images in folders by class, as links, or tasks of Label Studio",
    )
    parser.set_defaults(run=_predict)


def _select(options):
    source = options.source
    if source is None and options.features is None:
        raise ValueError("name a folder of images, a project, or --features")
    for path in filter(None, (source, options.features, options.labels)):
        if not path.exists():
            raise ValueError(f"there is no {path}")
    for name, value in (("budget", options.budget), ("more", options.more)):
        if value is not None:
            check_integer(f"--{name}", value, 1)
    if source is not None and Project.is_at(source):
        _more(options)
    else:
        _new(options)


def _new(options):
    """Choose images in a new project, or in one that the same command began."""
    source, folder = options.source, options.out
    if options.more is not None:
        raise ValueError(f"{source} is no project; --more is for one that there is")
    if options.images is not None:
        raise ValueError(f"{source} is no project; --images is for one whose images were moved")
    if options.budget is None:
        raise ValueError("--budget is missing: how many images can be labeled?")
    seed = 0 if options.seed is None else options.seed
    check_integer("--seed", seed, 0, 2**32 - 1)
    if folder is None:
        folder = Path(f"{(source or options.features).resolve().stem}-alvae")
    with at_work(folder):
        project = begin(folder, source, options.features, options.budget, seed)
        if options.labels is not None:
            take_over(project, options.labels)
        left = options.budget - len(project.labels().names)
        choose(project, left) if left > 0 else show(project)


def _more(options):
    """Choose more images in a project, or show again what was asked for."""
    for name in ("budget", "out", "features", "seed"):
        if getattr(options, name) is not None:
            raise ValueError(f"{options.source} is a project; --{name} is for a new one")
    with at_work(options.source):
        project = _opened(options.source, options)
        if options.more is not None:
            choose(project, options.more)
        else:
            show(project)


def _predict(options):
    Project(options.project)  # a folder that is none stays as it is
    with at_work(options.project):
        predict(_opened(options.project, options), options.write)


def _opened(folder, options):
    """The project, with what its images and labels are now."""
    project = Project(folder)
    if options.images is not None:
        move_images(project, options.images)
    if options.labels is not None:
        take_over(project, options.labels)
    return project

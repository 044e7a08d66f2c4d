"""The command ``alvae``: which images to label, and what the others are.

::

    alvae select IMAGES --budget 50      # choose images; writes labels.csv and label.html
    alvae predict PROJECT                # label all images from the labels that there are
    alvae select PROJECT --more 20       # choose more
    alvae predict PROJECT --new IMAGES   # label other images, too
"""

import argparse
import errno
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

from alvae._checks import check_integer
from alvae.labeling.new_images import read_new
from alvae.labeling.project import Project, at_work, check_free, default_folder, maybe_meant
from alvae.labeling.steps import begin, choose, choose_first, move_images, predict, take_over

LABELS = (
    "labels to take over into labels.csv: a table with the columns file_name and label, a JSON "
    "export of Label Studio, or a folder with a folder of images for each class, whatever is "
    "below; labels that labels.csv has stay; refused if more than half are of other images"
)
MOVED = "folder to which the images were moved"
DESCRIPTION = "Choose which few images of a pool to label; all others are labeled from these."
USE = """\
alvae select photos/ --budget 50       choose 50 images; writes labels.csv and label.html
alvae predict photos-alvae/            from the labels: predictions.csv and report.html
alvae select photos-alvae/ --more 20   choose the next ones to label
alvae predict photos-alvae/ --new later/   label images that came later, too
"""
UNCLEAR_HELP = (
    "The key u in label.html writes the label ?: nobody can tell what the image is. It is left out "
    "of the learning, still gets a prediction, and no other image is asked for in its place."
)


def main(arguments=None):
    """Run the command; what the user can mend is told on one line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names that a terminal cannot show
    parser = argparse.ArgumentParser(
        prog="alvae",
        description=DESCRIPTION,
        epilog=USE,
        formatter_class=argparse.RawDescriptionHelpFormatter,  # a line for each command
    )
    parser.add_argument("--version", action="version", version=f"alvae {version('alvae')}")
    commands = parser.add_subparsers(required=True, metavar="select|predict", dest="command")
    for name, add_arguments, does in (
        ("select", _select_arguments, "choose images to label"),
        ("predict", _predict_arguments, "label all images"),
    ):
        add_arguments(commands.add_parser(name, help=does, epilog=UNCLEAR_HELP))
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The number of unique classes is greater than")
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
    parser.add_argument("--images", type=Path, metavar="FOLDER", help=MOVED)


def _select_arguments(parser):
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        metavar="IMAGES|PROJECT",
        help="a folder of images, an .npy file, an .npz file (its array images, x_train or the "
        "only one), IDX files; or an existing project",
    )
    parser.add_argument("--budget", type=int, help="how many images to label")
    parser.add_argument("--more", type=int, help="how many more, in an existing project")
    parser.add_argument("--out", type=Path, metavar="PROJECT", help="folder of the new project")
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help="codes from elsewhere: an .npz file with the arrays names (of the files, with the "
        "folders, and / between them) and codes, a row for each; or an .npy file with a row for "
        "each image that can be read, in the sorted order of these names",
    )
    _common_arguments(parser)
    parser.add_argument("--seed", type=int, help="of all that is random, in a new project (0)")
    parser.set_defaults(run=_select)


def _predict_arguments(parser):
    parser.add_argument("project", type=Path, metavar="PROJECT")
    _common_arguments(parser)
    parser.add_argument(
        "--new",
        action="append",
        default=[],
        type=Path,
        metavar="IMAGES",
        help="images that are not in the project, to be labeled, too, in predictions-IMAGES.csv: a "
        "folder or a file, as for select; where the project has --features, such a file",
    )
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
    given = source or options.features
    if options.more is not None:
        raise ValueError(
            f"{given} is no project; --more is for an existing one{maybe_meant(given)}"
        )
    if options.images is not None:
        raise ValueError(
            f"{given} is no project; --images is for one whose images were moved"
            f"{maybe_meant(given)}"
        )
    if options.budget is None:
        raise ValueError("--budget is missing: how many images can be labeled?")
    seed = 0 if options.seed is None else options.seed
    check_integer("--seed", seed, 0, 2**32 - 1)
    if folder is None:
        folder = default_folder(given)
    if not Project.is_at(folder):
        check_free(folder)
    with at_work(folder):
        project = begin(folder, source, options.features, options.budget, seed)
        if options.labels is not None:
            take_over(project, options.labels)
        choose_first(project)


def _more(options):
    """Choose more images in a project, or show again what was asked for."""
    for name in ("budget", "out", "features", "seed"):
        if getattr(options, name) is not None:
            raise ValueError(f"{options.source} is a project; --{name} is for a new one")
    with at_work(options.source):
        project = _opened(options.source, options)
        if options.more is None:
            choose_first(project)
        elif not project.is_chosen:
            raise ValueError(
                f"{options.source} has not chosen its first {project.about['budget']} images yet; "
                "without --more it goes on with that"
            )
        else:
            choose(project, options.more)


def _predict(options):
    project = Project(options.project)  # a folder that is none stays as it is
    for path in options.new:
        if not path.exists():
            raise ValueError(f"there is no {path}")
    with at_work(options.project):
        new = [read_new(project, path) for path in options.new]
        tables = [some.table for some in new]
        if twice := [table for table in tables if tables.count(table) > 1]:
            raise ValueError(f"two of --new would write {twice[0]}; give one of them another name")
        predict(_opened(options.project, options), options.write, new)


def _opened(folder, options):
    """The project, with what its images and labels are now."""
    project = Project(folder)
    if options.images is not None:
        move_images(project, options.images)
    if options.labels is not None:
        take_over(project, options.labels)
    return project

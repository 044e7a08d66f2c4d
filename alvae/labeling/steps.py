"""The steps of the tool: begin, choose, predict. Each says what it does and finds."""

from collections import Counter
from pathlib import Path
from shlex import quote
from uuid import uuid4

import numpy as np

from alvae._checks import check_integer
from alvae._graphs import NeighborGraph, nearest_neighbors
from alvae.classifiers import PoissonMBO
from alvae.labeling.arrays import holds_arrays, read_arrays
from alvae.labeling.codes import encode
from alvae.labeling.export import check_only_links, write_folders, write_tasks
from alvae.labeling.features import read_features
from alvae.labeling.folder import list_files, read_folder
from alvae.labeling.labels import PREDICTION, UNCLEAR, as_cell, look_alike, write_table
from alvae.labeling.names import composed, file_in
from alvae.labeling.new_images import codes_of, confidences, label_new
from alvae.labeling.outlook import MORE, outlook
from alvae.labeling.page import write_label_page
from alvae.labeling.project import Project, check_room
from alvae.labeling.report import write_report
from alvae.labeling.wording import counted, left_out
from alvae.queries import SpectralMedoids

NEAREST = 8  # neighbors that are shown beside an image
MOST = 5  # classes that are named
MOST_TOLD = 20  # problems with labels


def begin(folder, source, features, budget, seed):
    """Begin a project in a folder, or go on with the one that was begun there.

    Parameters
    ----------
    folder : Path
    source : Path or None
        A folder of images, or a file of arrays.
    features : Path or None
        Codes from elsewhere, a file with a row for each image.
    budget, seed : int

    Returns
    -------
    Project
    """
    given = {"source": source and str(source.absolute()), "seed": seed, "budget": budget}
    given["features_from"] = features and str(features.absolute())
    if Project.is_at(folder):
        project = Project(folder)
        if other := [key for key in given if project.about[key] != given[key]]:
            more = budget - project.about["budget"]
            add = f"alvae select {quote(str(folder))} --more {more}"
            raise ValueError(
                f"{folder} is a project with the {other[0].replace('_', ' ')} "
                f"{project.about[other[0]]}; --out names another folder"
                + (f"; to label {more} more: {add}" if other == ["budget"] and more > 0 else "")
            )
        if features and not np.array_equal(
            read_features(features).of(project.names), project.codes
        ):
            raise ValueError(
                f"{features} has other codes than when {folder} was begun; --out names another "
                "folder"
            )
        _tell_new_files(project, source)
        return project
    codes = None if features is None else read_features(features)
    if source is None:
        names, images, remarks, refused = codes.all_names, None, [], {}
    else:
        check_room(folder)
        if not holds_arrays(source) and (files := list_files(source)[0]):  # before all are read
            check_integer("--budget", budget, 1, len(files), "the number of image files")
        read = read_arrays if holds_arrays(source) else read_folder
        names, images, refused, remarks = read(source)
    for line in (*remarks, *left_out(refused)):
        print(line)
    array = None if codes is None else codes.of(names)
    check_integer("--budget", budget, 1, len(names), "the number of images")
    given |= {"id": uuid4().hex, "refused": refused}
    return Project.begin(folder, names, images=images, features=array, **given)


def _tell_new_files(project, source):
    """Say how many image files were added to the folder after the project was begun."""
    if source is None or holds_arrays(source):
        return
    known = {*map(composed, (*project.names, *project.about["refused"]))}
    if n := sum(composed(name) not in known for name in list_files(source)[0]):
        print(
            f"{counted(n, 'file is', 'files are')} new since this project was begun and "
            f"{'is' if n == 1 else 'are'} not in it"
        )


def choose_first(project):
    """Choose as many images as the budget says, or show them again where that is done."""
    names, asked, budget = project.labels().names, project.asked, project.about["budget"]
    n_known = len(names)
    if project.is_chosen and (names or asked):
        if asked and not {*asked} & {*names}:  # interrupted, or all of their rows were deleted
            project.add_labels(dict.fromkeys(asked, ""))
        show(project)
    elif n_known < budget:
        choose(project, budget - n_known)
    else:
        known_labels(project)
        encode(project)
        project.ask([])
        print(
            f"{project.path('labels.csv')} has {counted(n_known, 'image')} already, and the budget "
            f"is {budget:,}: no more are asked for; alvae predict {quote(str(project.folder))} "
            "labels the others"
        )


def choose(project, n):
    """Choose n images more, and write them into label.html and labels.csv."""
    known = known_labels(project)
    if known.names:
        _check_any_label(project, known)
        if project.is_chosen and (n_open := len(known.names) - len(known.of)) >= n:
            raise ValueError(
                f"{project.path('labels.csv')} has {n_open:,} images without a label; label these "
                "first, or delete their rows"
            )
    if not (left := len(project.names) - len(known.names)):
        raise ValueError(f"{project.folder} has no image left: all are in labels.csv")
    most = left, "the number of images that are left"
    check_integer("the number of images", n, 1, *most)  # before anything long
    encode(project)
    index, y, classes = _labeled_pool(project, known.of)
    unclear = np.array([known.of.get(project.names[i]) == UNCLEAR for i in index])
    index, y = index[~unclear], y[~unclear]
    said = y.copy()
    asked = set(known.names)
    y[np.isnan(y) & [project.names[i] in asked for i in index]] = 0  # asked for, and not said yet
    most = int(np.isnan(y).sum())
    if n > most and not project.is_chosen:  # the budget was given before that was known
        print(
            f"only {counted(most, 'image is', 'images are')} left and neither blank nor a copy, "
            f"and {n:,} were to be chosen"
        )
        if not (n := most):
            project.ask([])
            return
    meaning = "those that are left and neither blank nor copies"
    check_integer("the number of images", n, 1, most, meaning)
    X, strategy = project.codes[index], SpectralMedoids(random_state=project.about["seed"])
    graph = NeighborGraph(X)
    chosen = index[strategy.query(X, y, n, prepared=strategy.prepare(X, graph))]
    if len(classes) > 1:
        classifier = PoissonMBO().fit(X, said, prepared=graph)
        for line in outlook(project, known.of, classifier, graph, said, n).lines:
            print(line)
    new = [project.names[i] for i in chosen]
    show(project, new)
    project.ask(new)  # last: with it the choice is made
    print(f"{counted(n, 'more image')} to label: see {project.path('labels.csv')}")


def _check_any_label(project, known):
    """Raise a ValueError if labels.csv has no label; say how many images in it have none."""
    if not known.names:
        again = f"alvae select {quote(str(project.folder))}"
        raise ValueError(f"{project.folder} has no images chosen yet; {again} goes on with that")
    if not known.of:
        raise ValueError(f"{project.path('labels.csv')} has no label yet; label some first")
    if n := len(known.names) - len(known.of):
        has = "has" if n == 1 else "have"
        print(f"{n:,} of {len(known.names):,} images in labels.csv {has} no label yet")


def show(project, new=()):
    """Write the page with all images that were asked for, and new ones."""
    if project.images is None:
        print(f"label the images in {project.path('labels.csv')}")
        return
    known = project.labels()
    place = {name: i for i, name in enumerate(project.names)}
    chosen = [place[name] for name in (*known.names, *new)]
    own = np.flatnonzero(project.firsts == np.arange(len(place)))  # others would say nothing new
    n_near = min(NEAREST + 1, len(own))
    near = own[nearest_neighbors(project.codes[own], n_near, project.codes[chosen])[1]]
    near = [[j for j in row if j != i][:NEAREST] for i, row in zip(chosen, near, strict=True)]
    classes = [label for label in dict.fromkeys(known.of.values()) if label != UNCLEAR]
    path = project.path("label.html")
    if n := write_label_page(path, project, chosen, near, classes, known.of):
        print(
            f"{counted(n, 'image')} not in {project.about['source']} any more, or replaced there: "
            "shown small (--images says where they are)"
        )
    print(
        f"open {path} in a browser, label the images, and download labels.csv; then\n"
        f"  alvae predict {quote(str(path.parent))} --labels ~/Downloads/labels.csv\n"
        f"adds these labels to {path.with_name('labels.csv')}, and keeps those that it has"
    )


def predict(project, write=(), new=()):
    """Label all images, and write predictions.csv and report.html.

    Parameters
    ----------
    project : Project
    write : list of str
        Of "folders" and "label-studio", what is written, too.
    new : list of NewImages
        Images that are not in the pool: each gets a table of its own.
    """
    if write and not project.has_files:
        raise ValueError(f"{project.folder} has no image files, which --write is for")
    if "folders" in write:
        check_only_links(project.path("predictions"))
    labels = known_labels(project)
    _check_any_label(project, labels)
    known = labels.of
    encode(project)
    index, y, classes = _labeled_pool(project, known)
    if len(classes) < 2:
        n_classes = counted(len(classes), "class", "classes")
        raise ValueError(
            f"{project.path('labels.csv')} has {n_classes} of images that count; two or more are "
            "needed"
        )
    codes = codes_of(project, new)  # before anything is written
    graph = NeighborGraph(project.codes[index])
    classifier = PoissonMBO().fit(graph.X, y, prepared=graph)
    predicted = classifier.transduction_.astype(int)
    shares = confidences(classifier.scores_)
    row = np.full(len(project.names), -1)
    row[index] = np.arange(len(index))
    row = np.where(project.firsts == -1, -1, row[project.firsts])  # a copy is what its original is
    rows = []
    for name, i in zip(project.names, row.tolist(), strict=True):
        if known.get(name, UNCLEAR) != UNCLEAR:
            rows.append((name, known[name], "1", "labeled"))
        elif i < 0:
            rows.append((name, "", "", "blank"))
        else:
            rows.append((name, classes[predicted[i]], f"{shares[i]:.3f}", "predicted"))
    path = project.path("predictions.csv")
    write_table(path, PREDICTION, ((as_cell(name), *values) for name, *values in rows))
    origins = Counter(origin for *_, origin in rows)
    n_labels, n_blank = len(rows) - origins["blank"], origins["blank"]
    blank = f"; {counted(n_blank, 'blank image has', 'blank images have')} none" * bool(n_blank)
    print(
        f"labels for {counted(n_labels, 'image')} written to {path}: {origins['labeled']:,} yours, "
        f"{origins['predicted']:,} predicted{blank}"
    )
    if lonely := _lonely(known):
        print(f"with one label only: {', '.join(map(repr, lonely))}; a misspelled one?")
    to_expect = outlook(project, known, classifier, graph, y, min(MORE, int(np.isnan(y).sum())))
    for line in to_expect.lines:
        print(line)
    path = project.path("report.html")
    write_report(path, project, graph, index, y, predicted, shares, classes, rows, to_expect)
    print(f"a summary with examples is in {path}, which opens in any browser")
    source = Path(project.about["source"] or project.folder)
    if "folders" in write:
        path = project.path("predictions")
        gone = write_folders(path, {name: label for name, label, *_ in rows if label}, source)
        for line in left_out(dict.fromkeys(gone, "it is gone")):
            print(line)
        print(f"the images are in {path}, by class, as links")
    if "label-studio" in write:
        path = project.path("label-studio.json")
        given = {name: label for name, label in known.items() if label != UNCLEAR}
        write_tasks(path, [(n, k, float(c or 0)) for n, k, c, _ in rows], source, given)
        print(f"tasks of Label Studio are in {path}")
    label_new(project, new, codes, classifier, graph, classes, [label for _, *label in rows])


def _lonely(known):
    """Classes with one label; none where these are too many to be mistakes."""
    n_labels = Counter(label for label in known.values() if label != UNCLEAR)
    lonely = sorted(label for label, n in n_labels.items() if n == 1)
    return lonely if len(lonely) <= min(MOST, len(n_labels) / 2) else []


def move_images(project, folder):
    """Take the images from another folder, into which they, or most of them, were moved."""
    if lost := [name for name in project.names if not file_in(folder, name).is_file()]:
        said = f"{folder} lacks {len(lost):,} of the images, such as {lost[0]}"
        if len(lost) > len(project.names) / 2:
            raise ValueError(said)
        print(said)
    project.about["source"] = str(folder.absolute())
    project.save()


def known_labels(project, path=None):
    """Labels that are known; problems in their file are told."""
    labels = project.labels(path)
    _tell(labels.problems)
    return labels


def _tell(problems):
    for problem in problems[:MOST_TOLD]:
        print(problem)
    if (more := len(problems) - MOST_TOLD) > 0:
        print(f"and {more:,} more like these")


def take_over(project, path):
    """Write the labels of another file into labels.csv, and tell which ones are not taken."""
    labels = known_labels(project, path).of
    if not labels:
        raise ValueError(f"{path} has no label of an image of {project.folder}")
    _tell(project.add_labels(labels))
    of = Counter(labels.values())
    some = [f"{n:,} {label!r}" for label, n in of.most_common(MOST)] + ["..."] * (len(of) > MOST)
    print(f"{path} has {counted(len(labels), 'label')}{': ' * bool(of)}{', '.join(some)}")


def _labeled_pool(project, known):
    """Images that count, their labels as numbers (NaN where unlabeled), and the classes.

    A label of a copy is one of its original, unless that has one itself.
    """
    firsts = project.firsts
    index = np.flatnonzero(firsts == np.arange(len(firsts)))
    of = {}
    for i, name in enumerate(project.names):
        label = known.get(name, UNCLEAR)
        if label != UNCLEAR and firsts[i] >= 0:
            own = firsts[i] == i
            other = of.get(int(firsts[i]), label)
            if other != label:
                print(f"{name!r} is {label!r}, and another copy of it is {other!r}")
            if own or int(firsts[i]) not in of:
                of[int(firsts[i])] = label
    classes = sorted(set(of.values()))
    for one, other in look_alike(classes):
        print(f"{one!a} and {other!a} count as two classes; if they are one, edit labels.csv")
    code = {label: k for k, label in enumerate(classes)}
    y = np.full(len(firsts), np.nan)
    y[list(of)] = [code[label] for label in of.values()]
    return index, y[index], classes

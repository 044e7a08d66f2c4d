"""The report on predictions: classes, examples, and what no label speaks for."""

from collections import Counter

import numpy as np
from sklearn.decomposition import PCA

from alvae._clusters import kmeans
from alvae.labeling.page import as_source, write_page
from alvae.labeling.wording import counted

EXAMPLES = 12  # of each kind
CLUSTERS = 8  # without a label, at most
MOST_CLUSTERS, STEPS = 300, 50  # of K-means
MAPPED = 3000  # images on the map, at most
WIDTH, HEIGHT, MARGIN = 640, 480, 10  # of the map
# Okabe and Ito's, which color-blind readers tell apart; then again, with another mark.
COLORS = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"
MARKS = "circle", "square", "triangle", "diamond"
# A small one, as part of a path: a line of no length has a round or a square cap.
TRACES = {
    "circle": "h0",
    "square": "h0",
    "triangle": "m0-2l2 3h-4z",
    "diamond": "m0-2l2 2-2 2-2-2z",
}


def write_report(path, project, graph, index, y, predicted, shares, classes, table, outlook):
    """Write the report.

    Parameters
    ----------
    path : path
    project : Project
    graph : NeighborGraph
        Of the codes of the images that count.
    index : integer ndarray of shape (n,)
        These images, in the pool.
    y : ndarray of shape (n,)
        Their labels, as numbers of classes; NaN where there is none.
    predicted : integer ndarray of shape (n,)
        The class of each.
    shares : ndarray of shape (n,)
        How sure that is.
    classes : list of str
    table : list of (str, str, str, str)
        The rows of predictions.csv, with those of copies and blank images: these are counted.
    outlook : Outlook
        On the accuracy to expect.
    """
    labeled = ~np.isnan(y)
    n_images = Counter(label for _, label, *_ in table if label)
    n_labels = Counter(label for _, label, _, origin in table if origin == "labeled")
    names = [*classes, *sorted({*n_images} - {*classes})]  # those of blank images come last
    styles = [
        (COLORS[k % len(COLORS)], MARKS[k // len(COLORS) % len(MARKS)]) for k in range(len(names))
    ]

    def shown(some):
        if project.images is None:
            return []
        return [
            {"name": project.names[index[i]], "source": as_source(project.images[index[i]])}
            for i in some
        ]

    rows = []
    for k, name in enumerate(names):
        members = np.flatnonzero((predicted == k) & ~labeled)
        by_share = members[np.argsort(-shares[members], kind="stable")]
        rows.append({
            "name": name,
            "style": styles[k],
            "n_labels": n_labels[name],
            "n_images": f"{n_images[name]:,}",
            "share": f"{n_images[name] / n_images.total():.1%}",
            "sure": shown(by_share[:EXAMPLES]),
            "doubtful": shown(by_share[EXAMPLES:][::-1][:EXAMPLES]),
        })  # fmt: skip
    n = len(table) - n_images.total()
    write_page(
        path,
        "report.html",
        title=project.folder.name,
        folder=project.folder.name,
        n_images=f"{len(project.names):,}",
        n_labeled=n_labels.total(),
        blank=counted(n, "blank image has", "blank images have") if n else "",
        outlook=[f"{line[0].upper()}{line[1:]}." for line in outlook.lines],
        is_estimate=outlook.is_estimate,
        classes=rows,
        map=_map(graph.X, labeled, [styles[k] for k in predicted]),
        unknown=_unknown(graph, labeled, predicted, classes, shown),
    )


def _map(X, labeled, styles):
    X = np.asarray(X, dtype=np.float64)
    places = PCA(min(2, *X.shape), random_state=0).fit_transform(X)
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    low, high = np.quantile(places, [0.001, 0.999], axis=0)
    places = ((places - low) / np.where(high > low, high - low, 1)).clip(0, 1)
    places = np.round(MARGIN + places * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN), 1)
    some = np.random.default_rng(0).permutation(len(X))[:MAPPED]
    points = {}  # a path for each class: thousands of elements would weigh more than the images
    for i in some:
        x, y = places[i]
        points.setdefault(styles[i], []).append(f"M{x:g} {y:g}{TRACES[styles[i][1]]}")
    return {
        "points": [("".join(trace), *style) for style, trace in points.items()],
        "labeled": [(*places[i].tolist(), styles[i]) for i in np.flatnonzero(labeled)],
        "n": len(some),
        "width": WIDTH,
        "height": HEIGHT,
        "n_others": max(X.shape[1] - 2, 0),
    }


def _unknown(graph, labeled, predicted, classes, shown):
    """The largest clusters without a label, of about three for each label."""
    n_clusters = min(3 * np.count_nonzero(labeled), MOST_CLUSTERS, len(labeled))
    clusters = kmeans(graph.X, n_clusters, np.random.default_rng(0), max_iter=STEPS)
    sizes = np.bincount(clusters)
    without = np.flatnonzero(
        (np.bincount(clusters[labeled], minlength=len(sizes)) == 0) & (sizes > 0)
    )
    largest = without[np.argsort(-sizes[without], kind="stable")][:CLUSTERS]
    found = []
    for cluster in largest:
        members = np.flatnonzero(clusters == cluster)
        most = classes[np.bincount(predicted[members]).argmax()]
        found.append(
            {"n_images": f"{len(members):,}", "label": most, "images": shown(members[:EXAMPLES])}
        )
    return found

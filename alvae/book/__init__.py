"""The wing that only the book calls: parameters, pages, figures, studies, benchmarks.

It takes `pip install "alvae[book]"` and a clone of the repository, whose files these are:
"""

from importlib.util import find_spec
from pathlib import Path

EXTRAS = ("IPython", "matplotlib", "myst_nb", "nbformat", "papermill", "tabulate", "yaml")
if missing := [name for name in EXTRAS if find_spec(name) is None]:
    raise ImportError(
        f"alvae.book needs {', '.join(missing)}: pip install 'alvae[book]'", name=__name__
    )

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"  # one for each section, without outputs
MANIFEST = REPOSITORY / "book" / "experiments.yml"  # which notebook runs with which parameters
STUDIES = REPOSITORY / "book" / "studies.yml"  # the long comparisons,
RESULTS = REPOSITORY / "book" / "results"  # and their tables
COLUMNS = REPOSITORY / "book" / "columns.yml"  # what their columns mean
CLAIMS = REPOSITORY / "book" / "claims.yml"  # of the paper
CITATION = REPOSITORY / "CITATION.cff"  # how to cite the book and the paper
CONSTRAINTS = REPOSITORY / "constraints.txt"  # the versions of everything
PAGES = REPOSITORY / "book" / "pages"  # executed notebooks; not in git
INTERACTIVE = Path(__file__).parent / "interactive"  # scripts of the pictures to look into
STATIC = REPOSITORY / "book" / "_static"  # style sheet and figure of the README
BUILD = REPOSITORY / "_build"  # the built book; not in git

"""From pages to the book: HTML, PDF, the figure of the README, a report of where the time went."""

import argparse
import os
import shutil
import subprocess
import sys
from base64 import b64decode

import nbformat
from papermill.exceptions import PapermillExecutionError

from alvae import store
from alvae.book import BUILD, PAGES, REPOSITORY, STATIC
from alvae.book.experiment import PROFILES
from alvae.book.pages import figure_name, list_pages, make_pages
from alvae.book.status import Status

HEADLINE = "fig-all"
HTML = "HTML"  # the last step of the book, after its pages
# The command of this very environment; the package cannot be run with -m.
JUPYTER_BOOK = (sys.executable, "-c", "from jupyter_book.cli.main import main; main()")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TO_PAPER = (
    "--headless=new",
    "--no-sandbox",  # of its own; the pages are ours
    "--generate-pdf-document-outline",
    "--no-pdf-header-footer",
    "--virtual-time-budget=120000",  # milliseconds for the formulas
)


def build_html():
    """Build the pages into `_build/html`, all anew; a warning counts as an error.

    Raises
    ------
    subprocess.CalledProcessError
        With all that the build said as its `output`.
    """
    with store.alone(f"html-{store.digest(str(BUILD))[:12]}", "the HTML of this book"):
        for folder in ("html", ".doctrees"):
            shutil.rmtree(BUILD / folder, ignore_errors=True)
        _jupyter_book()


def _jupyter_book(*options):
    command = [*JUPYTER_BOOK, "build", "-W", "-n", "--keep-going", *options, "."]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    subprocess.run(command, cwd=REPOSITORY, check=True, **said)


def build_pdf():
    """Print all pages, as one, into `_build/alvae.pdf`, by a Chromium without a window.

    Raises
    ------
    ValueError
        If there is no Chromium, or no page.
    subprocess.CalledProcessError
        With all that was said as its `output`.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise ValueError(f"the PDF is printed by one of {', '.join(BROWSERS)}; none is installed")
    if not any(PAGES.glob("*.ipynb")):
        raise ValueError(f"there are no pages in {PAGES}; `make book` makes them")
    with store.alone(f"html-{store.digest(str(BUILD))[:12]}", "the HTML of this book"):
        shutil.rmtree(BUILD / "singlehtml", ignore_errors=True)
        _jupyter_book("--builder", "singlehtml")
        whole, path = one_page(BUILD / "singlehtml"), BUILD / "alvae.pdf"
        with store.replacing(path) as temporary:
            command = [browser, *TO_PAPER, f"--print-to-pdf={temporary}", whole.as_uri()]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return path


def one_page(folder):
    """The page with all pages, moved to where the paths in it, and links to itself, lead."""
    (written,) = (folder / "book").rglob("*.html")
    name = written.relative_to(folder).as_posix()
    text = written.read_text(encoding="utf-8").replace(f'href="{name}#', 'href="#')
    whole = folder / "index.html"
    whole.write_text(text, encoding="utf-8")
    return whole


def report(seconds):
    """What each step took and its share of all, and what the usual way would take, as text."""
    total = sum(seconds.values())
    lines = [f"{step:<32}{s:7.0f} s {s / total:6.1%}" for step, s in seconds.items()]
    lines.append(f"{'all':<32}{total:7.0f} s, {total / 60:.1f} minutes")
    values = recorded(PAGES / "speed.ipynb") if "speed" in seconds else {}
    if values:
        ours, usual = (float(values[name]) for name in ("ours_minutes", "usual_minutes"))
        lines.append(f"VAEs and trials of the paper: {ours:.1f} minutes, {usual:.0f} the usual way")
    return "\n".join(lines)


def recorded(path):
    """The values that a page records for the prose, by name, as text."""
    values = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("scrapbook", {}).get("name"):
                values[name] = next(iter(output["data"].values()))
    return values


def write_headline():
    """Copy the figure of the README out of the page that shows it, which must be a full one."""
    path = PAGES / "sampling_comparisons.ipynb"
    if not path.is_file() or "from a smoke run" in path.read_text(encoding="utf-8"):
        raise ValueError(f"{path} is missing or from a smoke run; it takes a full `make book`")
    (cell,) = (c for c in nbformat.read(path, as_version=4).cells if figure_name(c) == HEADLINE)
    image = next(o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {}))
    with store.replacing(STATIC / "learning_curves.png") as temporary:
        temporary.write_bytes(b64decode(image))


def make(profile, status):
    """Make the steps of the book that `status` has, the pages and perhaps the HTML."""
    make_pages(profile, status)
    if HTML in status.steps:
        with status.step(HTML):
            build_html()


def main(arguments=None):
    """Make the pages of the book, from the command line."""
    parser = argparse.ArgumentParser(prog="python -m alvae.book", description=main.__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="full", help="size of the runs")
    parser.add_argument(
        "--headline", action="store_true", help="only copy the figure of the README"
    )
    parser.add_argument("--pdf", action="store_true", help="only print the pages that are made")
    parser.add_argument("--html", action="store_true", help="build the HTML from the pages, too")
    options = parser.parse_args(arguments)
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars in pages; the kernels inherit it
    try:
        if options.headline:
            return write_headline()
        if options.pdf:
            return print(build_pdf())
        status = Status([*list_pages(), *([HTML] if options.html else [])], options.profile)
        make(options.profile, status)
    except PapermillExecutionError as error:
        sys.exit(f"{parser.prog}: {status.current} failed: {error}")
    except (ValueError, OSError, RuntimeError) as error:  # the last if code was edited meanwhile
        sys.exit(f"{parser.prog}: {error}")
    except subprocess.CalledProcessError as error:
        print(error.output or "", file=sys.stderr)
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        print(
            f"\n{parser.prog}: interrupted in {status.current}, step {len(status.seconds) + 1} of "
            f"{len(status.steps)}. Kept: the pages that are done, and in {store.root()} every VAE "
            "that is trained and every point of a curve that is complete. The next run goes on "
            "from there.",
            file=sys.stderr,
        )
        sys.exit(130)
    print(report(status.seconds))

"""The extension of Sphinx, with Sphinx itself on a small book."""

import json
import re

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from alvae.book import REPOSITORY

CONF = f"""
html_theme = "sphinx_book_theme"
html_context = {{"default_mode": "auto"}}
html_title = "A book"
templates_path = ["{REPOSITORY / "book/_templates"}"]
extensions = ["sphinx_thebe", "myst_nb", "sphinx-mathjax-offline", "sphinx.ext.autodoc", "numpydoc"]
extensions += ["alvae.book.html"]
autodoc_default_options = {{"members": True}}
numpydoc_show_class_members = False
nb_execution_mode = "off"
"""
INDEX = """# This & *that*

```{warning}
Not this.
```

The "first" paragraph & no other.

```{toctree}
part
```

$x^2$

"Quoted" text.

```{eval-rst}
.. autoclass:: alvae.KCenterGreedy
.. autoclass:: alvae.EntropySampling
.. autoclass:: alvae.GridSearchSVC
.. autoclass:: alvae.ConvVAE

.. [CIT] A citation of `something`.
```
"""
PART = "# Part\n\n```{toctree}\npage\n```\n"
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Page"},
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {"tags": ["hide-input"]},
            "outputs": [],
            "source": "1 + 1",
        },
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 4,
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Make the small book, with what the environment says of where it will be published."""

    def make(url):
        folder = tmp_path_factory.mktemp("book")
        (folder / "conf.py").write_text(CONF)
        (folder / "index.md").write_text(INDEX)
        (folder / "part.md").write_text(PART)
        (folder / "page.ipynb").write_text(json.dumps(NOTEBOOK))
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("ALVAE_BOOK_URL", raising=False)
            if url:
                patch.setenv("ALVAE_BOOK_URL", url)
            with patch_docutils(folder), docutils_namespace():
                places = folder, folder, folder / "html", folder / "trees"
                Sphinx(*places, "html", status=None, warning=None).build()
        return folder / "html"

    return make


@pytest.fixture(scope="module")
def book(build):
    return build(None)


@pytest.fixture(scope="module")
def published(build):
    return build("https://example.org/book/")


@pytest.fixture(scope="module")
def page(book):
    return (book / "index.html").read_text()


def tags(html):
    return dict(re.findall(r'<meta (?:property|name)="([^"]*)" content="([^"]*)"', html))


def test_no_script_of_thebe_is_loaded(page):
    assert "THEBE_JS_URL" not in page
    assert "sphinx-thebe.js" not in page
    assert "scripts/sphinx-book-theme.js" in page  # while others are


def test_there_is_one_search_box(page):
    assert page.count("search-button-field") == 1


def test_the_theme_is_that_of_the_system(page):
    assert 'data-default-mode="auto"' in page


def test_a_page_is_described_by_its_first_paragraph(page, published):
    text = "The “first” paragraph &amp; no other."
    found = tags(page)
    assert found["description"] == found["og:description"] == text
    assert found["og:title"] == "This &amp; that"
    assert not {"og:url", "og:image"} & set(found)  # they take an address
    found = tags((published / "page.html").read_text())
    assert found["og:title"] == "Page"
    assert found["og:url"] == "https://example.org/book/page.html"
    assert found["og:image"] == "https://example.org/book/_static/learning_curves.png"
    assert (REPOSITORY / "book/_static/learning_curves.png").is_file()


def test_the_page_for_missing_ones_is_relative_to_the_book(book, published):
    assert '<base href="/">' in (book / "404.html").read_text()
    text = (published / "404.html").read_text()
    assert text.index('<base href="https://example.org/book/">') < text.index("<link")
    assert "No such page" in text
    assert "<base" not in (published / "index.html").read_text()


def test_names_that_screen_readers_hear_are_those_that_others_see(book, page):
    assert '<summary aria-label="Pages below"><span' in page
    assert "<summary>" in (book / "page.html").read_text()
    assert "Toggle hidden content" not in (book / "page.html").read_text()
    assert '<button class="btn search-button-field' in page
    assert 'aria-label="Search"' not in page.split("search-button-field")[1].split(">")[0]
    assert 'role="list"' in page
    assert "doc-biblioentry" not in page


def test_docstrings_read_as_they_do_in_python(page):
    assert 'default="auto"' in page.replace("&quot;", '"')
    assert "“Quoted” text" in page  # of the prose alone quotation marks are set
    assert re.search(r">\[1\]<", page)
    assert "<p>B. Settles, " in page  # and no list that begins with B
    assert not re.search(r"\[R[0-9a-f]+-1\]", page)
    assert "alvae.GridSearchSVC.fit" in page
    assert "set_fit_request" not in page


def test_what_no_page_loads_is_left_out(book):
    static = book / "_static"
    assert not [*static.rglob("*.map")]
    root = static / "mathjax"
    assert [path.name for path in root.glob("*-*.js")] == ["tex-chtml.js"]
    assert (static / "scripts/fontawesome.js").read_text() == ""
    assert [*root.glob("output/chtml/fonts/woff-v2/*.woff")]

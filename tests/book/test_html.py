"""The extension of Sphinx, with Sphinx itself on a small book."""

import pytest
from sphinx.application import Sphinx

CONF = """
html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
extensions = ["sphinx_thebe", "alvae.book.html"]
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text("Title\n=====\n\nText.\n")
    Sphinx(folder, folder, folder / "html", folder / "trees", "html", status=None).build()
    return (folder / "html" / "index.html").read_text()


def test_no_script_of_thebe_is_loaded(page):
    assert "THEBE_JS_URL" not in page
    assert "sphinx-thebe.js" not in page
    assert "scripts/sphinx-book-theme.js" in page  # while others are


def test_there_is_one_search_box(page):
    assert page.count("search-button-field") == 1


def test_the_theme_is_that_of_the_system(page):
    assert 'data-default-mode="auto"' in page

"""What Jupyter Book's pages need beside its settings: an extension of Sphinx, for `_config.yml`.

All that ties the book to Jupyter Book, to Sphinx and to the theme is here and in the templates of
`book/_templates`; the command that builds the pages is in `alvae.book.publish`.
"""

import os
import re
from html import escape
from pathlib import Path
from textwrap import shorten
from urllib.parse import urljoin

from docutils import nodes
from docutils.statemachine import StringList
from markupsafe import Markup
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from alvae.book import BUILD, REPOSITORY, RESULTS, archive, citation

PREVIEW = "_static/learning_curves.png"  # what other sites show with a link to the book
# What the theme, MyST-NB and numpydoc write, and what a reader, or a screen reader, understands.
MENDED = {
    r'<summary aria-label="Toggle hidden content">': "<summary>",  # its text is its name
    r'role="doc-biblioentry"': 'role="listitem"',  # what a list is made of
    r"\[R[0-9a-f]{12}-(\d+)\]": r"[\1]",  # a reference of a docstring, numbered within it
}
# The button that opens the pages below a page in the sidebar has an icon, and no name.
NAMELESS, NAMED = "<summary><span", '<summary aria-label="Pages below"><span'


def settings(app, config):
    """What the theme would set otherwise, and what only the environment knows."""
    # The sidebar has a search box; that of a bar on top, empty but for it, goes.
    config.html_theme_options["navbar_persistent"] = []
    config.html_additional_pages["404"] = "404.html"
    # Where the book will be published. Nothing needs it but previews and the page for missing ones.
    config.html_baseurl = os.environ.get("ALVAE_BOOK_URL", config.html_baseurl)


def without_thebe(app, pagename, templatename, context, doctree):
    """No page runs code by thebe, whose scripts come all the same, twice: an error each time."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()
    ]


def mend(app, pagename, templatename, context, doctree):
    """Name and nest things as screen readers expect it."""
    for wrong, right in MENDED.items():
        context["body"] = re.sub(wrong, right, context.get("body", ""))
    if tree := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: Markup(
            str(tree(*args, **options)).replace(NAMELESS, NAMED)
        )


def describe(app, pagename, templatename, context, doctree):
    """Tell search engines and other sites what the page is about."""
    base = app.config.html_baseurl
    if pagename == "404":  # shown at any address, so nothing in it is relative to that
        context["metatags"] = f'<base href="{escape(base or "/")}">' + context.get("metatags", "")
    if doctree is None:
        return
    text = first_paragraph(doctree)
    about = {"og:type": "article", "og:site_name": app.config.html_title or app.config.project}
    about["og:title"] = Markup(context.get("title", "")).striptags()
    if text:
        about["og:description"] = text
    if base:
        about["og:url"] = urljoin(base, app.builder.get_target_uri(pagename))
        about["og:image"] = urljoin(base, PREVIEW)
    tags = [f'<meta property="{name}" content="{escape(value)}">' for name, value in about.items()]
    if text:
        tags.append(f'<meta name="description" content="{escape(text)}">')
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def first_paragraph(doctree):
    """The text of a page's first paragraph that is no warning or note, shortened to a preview."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            return shorten(paragraph.astext(), 200, placeholder=" ...")
    return ""


def only_ours(app, what, name, obj, skip, options):
    """scikit-learn gives its estimators methods, for its own routing, that nobody calls here."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def initials(app, what, name, obj, options, lines):
    """An author's "B." at the start of a reference is no second item of a list."""
    lines[:] = [re.sub(r"^(\.\. \[\S+\] )(?=[A-Z]\. )", r"\1\\", line) for line in lines]


def straight_quotes(app, doctree):
    """Strings in docstrings are code: "auto" keeps the quotation marks of Python."""
    for described in doctree.findall(addnodes.desc_content):
        for text in [*described.findall(nodes.Text)]:
            if text != (straight := re.sub("[“”]", '"', text)):
                text.parent.replace(text, nodes.Text(straight))


def prune(app, exception):
    """Leave out what no page loads: nearly half of the book, and 1.5 MB of a page."""
    if exception or app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static"
    for path in static.rglob("*.map"):
        path.unlink()
    mathjax = Path(app.config.mathjax_path)
    for path in (static / mathjax.parent).glob("*-*.js"):  # whole sets of components
        if path.name != mathjax.name:
            path.unlink()
    # The icons come from a web font; this would draw them a second time.
    if (script := static / "scripts" / "fontawesome.js").is_file():
        script.write_text("")


class Written(SphinxDirective):
    """A directive whose content, in Markdown, is written from files of the repository."""

    def write(self):
        raise NotImplementedError

    def run(self):
        node = nodes.container()
        lines = StringList(self.write().splitlines(), self.env.docname)
        self.state.nested_parse(lines, self.content_offset, node)
        return node.children


class Citation(Written):
    """The entries of BibTeX that `CITATION.cff` amounts to."""

    def write(self):
        return f"```bibtex\n{citation.bibtex()}\n```"


class Tables(Written):
    """The tables of `book/results` and the archive of them all, to be downloaded."""

    def write(self):
        about = archive.write(BUILD / archive.NAME)
        lines = [
            f"{{download}}`{archive.NAME} </{(BUILD / archive.NAME).relative_to(REPOSITORY)}>`",
            "",
            "| table | what it holds | rows |",
            "|---|---|---:|",
        ]
        for of in about["resources"]:
            file = f"{{download}}`{of['name']} </{RESULTS.relative_to(REPOSITORY)}/{of['path']}>`"
            lines.append(f"| {file} | {of['title']} {of['description']} | {of['rows']} |")
        return "\n".join(lines)


class Columns(Written):
    """What the columns of these tables mean."""

    def write(self):
        rows = [f"| `{name}` | {meaning} |" for name, meaning in archive.meanings().items()]
        return "\n".join(["| column | what it means |", "|---|---|", *rows])


def setup(app):
    """Called by Sphinx."""
    for name, directive in {"citation": Citation, "tables": Tables, "columns": Columns}.items():
        app.add_directive(f"alvae-{name}", directive)
    app.connect("config-inited", settings, priority=1000)  # after those who set options
    for change in (without_thebe, mend, describe):
        app.connect("html-page-context", change, priority=1000)  # after those who add scripts
    app.connect("autodoc-process-docstring", initials, priority=1000)  # after numpydoc
    app.connect("doctree-read", straight_quotes)
    app.connect("autodoc-skip-member", only_ours)
    app.connect("build-finished", prune, priority=1000)  # after those who copy files
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The reference names all that is public, and the glossary has what the pages need."""

import inspect
import re

import alvae
import alvae.classifiers
import alvae.queries
from alvae.book import REPOSITORY

PAGES = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "book/api").glob("*.md")]
GLOSSARY = (REPOSITORY / "book/glossary.md").read_text(encoding="utf-8")


def documented():
    """The names of the reference, each with whether it is a class."""
    return [
        (name, kind == "class")
        for page in PAGES
        for kind, name in re.findall(r"^\.\. auto(class|function):: (\w+)$", page, re.MULTILINE)
    ]


def test_every_public_name_is_in_the_reference_once():
    names = [name for name, _ in documented()]
    assert sorted(names) == sorted({*alvae.__all__} - {"__version__"})
    assert {*alvae.queries.__all__, *alvae.classifiers.__all__} <= set(names)
    assert "`alvae.__version__`" in (REPOSITORY / "book/api.md").read_text(encoding="utf-8")


def test_each_as_what_it_is_and_with_a_docstring():
    for name, is_class in documented():
        public = getattr(alvae, name)
        assert inspect.isclass(public) == is_class, name
        assert len(public.__doc__) > 40, name


def test_every_page_lists_what_it_documents():
    for page in PAGES:
        (block,) = re.findall(r"autosummary::\n   :nosignatures:\n\n((?:   \w+\n)+)", page)
        assert block.split() == re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE)


def test_fit_and_predict_of_every_classifier_are_shown():
    """Sphinx shows what a class has itself; what it inherits must be named."""
    page = (REPOSITORY / "book/api/classifiers.md").read_text(encoding="utf-8")
    for name in alvae.classifiers.__all__:
        one = getattr(alvae, name)
        if not inspect.isclass(one) or one is alvae.PoolClassifier:
            continue
        (block,) = re.findall(rf"autoclass:: {name}\n((?:\n|   .+\n)*)", page)
        for method in ("fit", "predict"):
            assert (method in vars(one)) != (f".. automethod:: {method}\n" in block), (name, method)
            assert "Parameters" in getattr(one, method).__doc__


def test_the_glossary_is_in_order_and_short():
    terms = re.findall(r"^(\S.*)\n  \S", GLOSSARY.split("```{glossary}")[1], re.MULTILINE)
    assert len(terms) > 40
    assert terms == sorted(terms, key=lambda term: term.lower())
    needed = {"medoid", "core-set", "Gram matrix", "nats", "ELBO", "latent space", "cold start"}
    needed |= {"posterior mean", "covering radius", "budget", "pool", "oracle", "k-center"}
    needed |= {"Poisson learning", "MBO scheme", "volume constraint", "spectral clustering", "NMI"}
    needed |= {"dead unit", "rate and distortion", "support vector machine", "kernel"}
    assert needed <= set(terms)

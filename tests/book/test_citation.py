"""How to cite, read by a parser of BibTeX."""

import pybtex.database
import pytest
import yaml

import alvae
from alvae.book import CITATION, REPOSITORY, citation


@pytest.fixture
def entries():
    return pybtex.database.parse_string(citation.bibtex(), "bibtex").entries


def test_the_software_is_what_the_citation_file_says(entries):
    said = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    software = entries["alvae"]
    assert software.type == said["type"] == "software"
    assert software.fields["title"].strip("{}") == said["title"]
    assert software.fields["version"] == alvae.__version__
    (authors,) = software.persons["author"]
    assert str(authors).strip("{}") == said["authors"][0]["name"]


def test_the_paper_is_that_of_the_bibliography(entries):
    text = (REPOSITORY / "book/references.bib").read_text(encoding="utf-8")
    listed = pybtex.database.parse_string(text, "bibtex").entries["pourkamali2019effectiveness"]
    paper = entries["pourkamali2019"]
    assert paper.fields["title"].strip("{}") == listed.fields["title"].replace("{", "").replace(
        "}", ""
    )
    assert paper.fields["year"] == listed.fields["year"]
    assert [person.last_names for person in paper.persons["author"]] == [
        person.last_names for person in listed.persons["author"]
    ]

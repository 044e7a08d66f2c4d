"""How to cite the book and the paper, in BibTeX, from `CITATION.cff`."""

import yaml

import alvae
from alvae.book import CITATION


def bibtex():
    """An entry for the software, and one for each work that it refers to.

    Returns
    -------
    str
    """
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    works = {"alvae": {"version": alvae.__version__} | cited}
    works |= {_key(work): work for work in cited.get("references", [])}
    return "\n\n".join(_entry(key, work) for key, work in works.items())


def _key(work):
    return f"{work['authors'][0]['family-names'].split('-')[0].lower()}{work['year']}"


def _entry(key, work):
    fields = {
        "author": " and ".join(map(_author, work["authors"])),
        "title": f"{{{work['title']}}}",
        "year": str(work.get("year") or work.get("date-released", ""))[:4],
        "version": str(work.get("version", "")),
        "url": work.get("url") or work.get("repository-code", ""),
    }
    lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items() if value]
    kind = {"software": "software", "article": "article"}.get(work["type"], "misc")
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _author(author):
    if "name" in author:  # of a group, which is not taken apart into names
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"

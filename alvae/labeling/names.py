"""Names of files that are the same to their reader, whatever system wrote them."""

import unicodedata

FORMS = "NFC", "NFD"  # of letters with marks: those of most systems, and of an older Mac


def composed(name):
    """The name with each letter and its marks as one character, where there is such a one."""
    return unicodedata.normalize(FORMS[0], name)


def file_in(folder, name):
    """The path of a file in a folder, also where its name is written in another form there.

    Parameters
    ----------
    folder : Path
    name : str
        With "/" between folders.

    Returns
    -------
    Path
        As the name is given if there is no such file.
    """
    paths = [folder / form for form in (name, *(unicodedata.normalize(f, name) for f in FORMS))]
    return next((path for path in paths if path.is_file()), paths[0])

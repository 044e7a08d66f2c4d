"""Names of files that are the same to their reader, whatever system wrote them."""

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict

UPLOADED = re.compile("[0-9a-f]{8}-")  # what Label Studio puts before the name of an upload
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


class Names:
    """Finds the image that a path in a file means; `given` are all paths in that file.

    A path may have more in front than the name, as on another machine. In front of a name without a
    folder that must be what most have there: "broken/a.png" may be an image that was left out.
    """

    def __init__(self, names, given):
        plain = {composed(name): name for name in names}
        self.form = composed if len(plain) == len(names) else str  # else two differ in that alone
        self.known = plain if len(plain) == len(names) else {name: name for name in names}
        self.by_base = defaultdict(list)
        for name in self.known:
            self.by_base[posixpath.basename(name)].append(name)
        given = map(self.form, given)
        fronts = Counter(front for one in given if (front := self._above(one)[1]) is not None)
        self.front = max(fronts, key=fronts.get, default="")

    def find(self, given, is_upload=False):
        """Its name; None if there is none, or several."""
        return self.known.get(self._find(self.form(given), is_upload))

    def _find(self, given, is_upload):
        above, front = self._above(given)
        if above and ("/" in above or front in ("", self.front)):
            return above
        name = _slashed(given)
        base = posixpath.basename(name)
        below = [one for one in self.by_base.get(base, []) if one.endswith(f"/{name}")]
        if is_upload and not below and UPLOADED.match(base):
            below = self.by_base.get(base[9:], [])
        return below[0] if len(below) == 1 else None

    def _above(self, given):
        """The longest name that a path ends with, and what is in front of it."""
        name = _slashed(given)
        for one in (given, given.strip(), _normal(given.strip()), name):
            if one in self.known:
                return one, ""
        some = self.by_base.get(posixpath.basename(name), [])
        above = max((one for one in some if name.endswith(f"/{one}")), key=len, default=None)
        return above, above and name.removesuffix(above)


def _slashed(path):
    return _normal(path.strip().replace("\\", "/"))


def _normal(path):
    return posixpath.normpath(path).lstrip("/") if path else ""

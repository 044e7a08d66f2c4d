"""Which code a result depends on: definitions, all that they use inside alvae, and libraries.

A definition is a function, a class or a constant of a module. What it uses is read off its source,
name by name, so that an edit of one class leaves alone what only uses another. Comments,
docstrings, annotations and layout count for nothing; nor does what keeps results and shows
progress, which changes none.
"""

import ast
import hashlib
import json
import sys
from collections import defaultdict
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

HOME = Path(__file__).parents[1]
IMPORTS = (ast.Import, ast.ImportFrom)
NEUTRAL = {"store", "_progress"}  # rooms on which no result depends
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WITHOUT_EFFECT = {"annotation", "returns", "ctx", "kind", "type_comment"}
# The files as they were when this process began, which is what it has loaded, or will load.
_STATS = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in HOME.rglob("*.py")}


def code_of(*names):
    """Digests of definitions and of all that they use, and versions of the libraries used.

    Parameters
    ----------
    *names : str
        Such as "alvae.vae.ConvVAE", or "alvae.vae" for all that is in a module.

    Returns
    -------
    dict of str to str
        Sorted by the names of definitions and of libraries.

    Raises
    ------
    RuntimeError
        A file was edited after this process began: what was loaded cannot be told from it.
    """
    return _closure(target for name in names for target in _targets(name.split(".")))


def code_in(source):
    """The same for all that a piece of source uses, such as the cells of a notebook."""
    tree = ast.parse(source)
    module = _Module("", tree)
    statements = [s for s in tree.body if not isinstance(s, IMPORTS)]
    used = {target for statement in statements for target in _used(module, statement)}
    return _closure(target for target in used if target[0])  # not what it defines itself


def _closure(targets):
    """Of targets (module, name), a library having no name, and of all that they use in turn."""
    found, waiting = {}, list(targets)
    while waiting:
        target = waiting.pop()
        if target not in found:
            found[target], uses = _definition(*target)
            waiting += uses
    for file in filter(None, {_file_of(module_name) for module_name, _ in found}):
        _unedited(file)
    return {".".join(filter(None, target)): found[target] for target in sorted(found)}


@cache
def _definition(module_name, name):
    """Digest and uses of a definition; of a library its version, and no uses."""
    if not name:
        return _version(module_name), ()
    module = _module(module_name)
    statements = [s for s in module.statements[name] if not isinstance(s, IMPORTS)]
    shapes = repr([_shape(statement) for statement in statements])
    uses = {target for statement in statements for target in _used(module, statement)}
    return hashlib.sha256(shapes.encode()).hexdigest()[:16], tuple(sorted(uses))


class _Module:
    """The statements of a module, by the names that they bind or change."""

    def __init__(self, name, tree):
        self.name = name
        self.statements = defaultdict(list)
        for statement in tree.body:
            for bound in _bound(statement):
                self.statements[bound].append(statement)


@cache
def _module(name):
    """A module of alvae, read from its file; None if there is none of this name."""
    if file := _file_of(name):
        return _Module(name, ast.parse(_unedited(file).read_text(encoding="utf-8")))
    return None


@cache
def _file_of(name):
    path = HOME.parent.joinpath(*name.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _unedited(file):
    """The file, unless it is another one than this process loaded, or will load."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        raise RuntimeError(f"{file} was removed after it was loaded; start Python again") from None
    if _STATS.get(file, now := (stat.st_mtime_ns, stat.st_size)) != now:
        raise RuntimeError(f"{file} was edited after it was loaded; start Python again")
    return file


def _bound(statement):
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, IMPORTS):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = getattr(statement, "targets", None) or [statement.target]
        return {node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)}
    children = [c for c in ast.walk(statement) if isinstance(c, ast.stmt) and c is not statement]
    if children:  # if, try, for, with
        return {name for child in children for name in _bound(child)}
    # A call, say, may change whatever it names.
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _used(module, statement):
    """The targets that a statement of a module uses."""
    names = _Names()
    names.visit(statement)
    targets = {target for parts in names.imported for target in _targets(parts)}
    return targets.union(*(_resolve(module, *chain) for chain in names.chains))


def _resolve(module, name, *attributes):
    """The targets that a name stands for in a module; none if it is not bound there."""
    targets = set()
    for statement in module.statements.get(name, ()):
        if isinstance(statement, IMPORTS):
            for bound, parts in _imported(statement):
                if bound == name:
                    targets |= _targets((*parts, *attributes))
        else:
            targets.add((module.name, name))
    return targets


class _Names(ast.NodeVisitor):
    """The names in a piece of source, each with the attributes that are asked of it."""

    def __init__(self):
        self.chains, self.imported = set(), set()

    def visit_Name(self, node):
        self.chains.add((node.id,))

    def visit_Attribute(self, node):
        rest = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            self.chains.add((node.id, *rest))
        else:
            self.visit(node)

    def visit_Import(self, node):
        self.imported |= {parts for _, parts in _imported(node)}

    visit_ImportFrom = visit_Import

    def generic_visit(self, node):
        for field, value in ast.iter_fields(node):
            if field not in WITHOUT_EFFECT:
                for part in value if isinstance(value, list) else [value]:
                    if isinstance(part, ast.AST):
                        self.visit(part)


def _imported(statement):
    """The names that an import binds, and the full names of what they stand for, in parts."""
    for alias in statement.names:
        parts = tuple(alias.name.split("."))
        if isinstance(statement, ast.ImportFrom):
            yield alias.asname or alias.name, (*statement.module.split("."), alias.name)
        elif alias.asname:
            yield alias.asname, parts
        else:
            yield parts[0], parts[:1]


def _targets(parts):
    """The targets that a full name stands for: one, or those of a whole module."""
    if parts[0] != HOME.name:
        return set() if parts[0] in sys.stdlib_module_names else {(parts[0], "")}
    if parts[1:2] and parts[1] in NEUTRAL:
        return set()
    n = max(n for n in range(1, len(parts) + 1) if _module(".".join(parts[:n])))
    module, rest = _module(".".join(parts[:n])), parts[n:]
    if rest and (targets := _resolve(module, *rest)):
        return targets
    if rest and "__getattr__" in module.statements:  # a package that finds names when asked
        found = getattr(import_module(module.name), rest[0])
        return _targets((*found.__module__.split("."), found.__name__))
    return set().union(*(_resolve(module, name) for name in module.statements))


@cache
def _version(library):
    """Version of an installed library, "" if there is none of this name."""
    try:
        return _told(distribution(library))
    except PackageNotFoundError:  # the distribution has another name
        named = sorted(set(packages_distributions().get(library, ())))
        return ", ".join(_told(distribution(name)) for name in named)


def _told(installed):
    """Its version; with a digest of its modules where these may change without a new version."""
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if not {"dir_info", "vcs_info"} & origin.keys():  # from an index, or a file
        return installed.version
    files = (installed.read_text("RECORD") or "").splitlines()
    modules = [file for file in files if ".dist-info/" not in file and not file.startswith("..")]
    content = hashlib.sha256("\n".join(sorted(modules)).encode()).hexdigest()
    return f"{installed.version} {content[:16]}"


def _shape(node):
    """A piece of source as nested tuples, without what has no effect."""
    if isinstance(node, list):
        return [_shape(part) for part in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
        fields["body"] = node.body[1:]
    # What is empty is left out, as versions of Python differ in what else there could be.
    effects = {
        name: _shape(value)
        for name, value in fields.items()
        if name not in WITHOUT_EFFECT and value is not None and value != []
    }
    return type(node).__name__, sorted(effects.items())

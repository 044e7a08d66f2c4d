"""What byte code asks for: global names, and modules."""

import dis
import types
from contextlib import suppress
from importlib.util import resolve_name


def global_names(code):
    """The names that byte code, and that of the functions in it, may ask for."""
    asked = (i for i in dis.get_instructions(code) if "GLOBAL" in i.opname or "NAME" in i.opname)
    names = {instruction.argval for instruction in asked}
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            names |= global_names(part)
    return names


def imports(code, package):
    """The full names of the modules that byte code imports, and of what it imports from them."""
    found, before = set(), (None, None)
    for instruction in dis.get_instructions(code):
        if instruction.opname == "EXTENDED_ARG":  # a part of the next one
            continue
        if instruction.opname == "IMPORT_NAME":
            level, names = before
            dots = "." * level if isinstance(level, int) else ""
            with suppress(ImportError):  # there is no such package
                module = resolve_name(dots + instruction.argval, package)
                found |= {module, *(f"{module}.{name}" for name in names or ())}
        before = before[1], instruction.argval
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= imports(part, package)
    return found

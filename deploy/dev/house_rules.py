# SPDX-License-Identifier: Apache-2.0
"""The house's own lint rules: what no general linter knows. `make lint` runs them; each says why it is there.

    python deploy/dev/house_rules.py [FOLDER]

Each rule is a generator over one parsed file of the product; adding it to RULES is the registration.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PRODUCT = ("gateway", "consent", "connectors")
MODULE_LINES = 400
FUNCTION_LINES = 60

Found = Iterator[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class File:
    """One file of the product: its path from the root (with /), its text and its tree."""

    path: str
    text: str
    tree: ast.Module


def environment(file: File) -> Found:
    """Only gateway/settings.py reads the environment.

    Why: a setting that is read elsewhere has no unit, no reason, no documentation row and no refusal to start.
    """
    if file.path == "gateway/settings.py":
        return
    for node in ast.walk(file.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv" | "putenv"):
                yield node.lineno, "reads the environment: add a field to gateway/settings.py"
            case ast.ImportFrom(module="os", names=names) if {n.name for n in names} & {"environ", "getenv"}:
                yield node.lineno, "reads the environment: add a field to gateway/settings.py"


WRITES_LOG = re.compile(r"(?i)\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|REPLACE\s+INTO)\s+\"?log\"?\.")


WRITES = ("insert", "update", "delete")


def log_writes(file: File) -> Found:
    """Only gateway/audit writes to the tables of the log; others may read them.

    Why: the sequencer orders every entry under the head's lock; a second writer would fork the tree.
    """
    if file.path.startswith("gateway/audit/"):
        return
    taken = _names_of_log_tables(file.tree)
    for node in ast.walk(file.tree):
        match node:
            case ast.Constant(value=str(sql)) if WRITES_LOG.search(sql):
                yield node.lineno, "writes to the log: go through gateway.audit.log.Log"
            case ast.Call(func=ast.Attribute(value=table, attr=verb)) if verb in WRITES and _root(table) in taken:
                yield node.lineno, "writes to the log: go through gateway.audit.log.Log"
            case ast.Call(func=ast.Name(id=verb) | ast.Attribute(attr=verb), args=[table, *_]) if (
                verb in WRITES and _root(table) in taken
            ):
                yield node.lineno, "writes to the log: go through gateway.audit.log.Log"


def _names_of_log_tables(tree: ast.Module) -> set[str]:
    """The names by which a file knows the log's tables, or the module that has them."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="gateway.audit.tables", names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.ImportFrom(module="gateway.audit", names=aliases):
                names |= {alias.asname or alias.name for alias in aliases if alias.name == "tables"}
    return names


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def hidden_imports(file: File) -> Found:
    """No import inside a function.

    Why: import-linter sees it, a reader does not; it is how circles begin.
    """
    for function in _functions(file.tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node.lineno, f"imports inside {function.name}(): move it to the top"


def sizes(file: File) -> Found:
    """A module stays under 400 lines, a function under 60.

    Why: a file near 400 is asking to become two; a stage must be readable on one screen.
    """
    if (lines := file.text.count("\n")) > MODULE_LINES:
        yield lines, f"has {lines} lines, more than {MODULE_LINES}: make it two"
    for function in _functions(file.tree):
        if (length := (function.end_lineno or 0) - function.lineno) > FUNCTION_LINES:
            yield function.lineno, f"{function.name}() has {length} lines, more than {FUNCTION_LINES}"


def docstrings(file: File) -> Found:
    """Every module, and every public function and class at the top of one, says what it is.

    Why: the docstring is where types, units, errors and the clause of a specification are stated.
    """
    if not ast.get_docstring(file.tree):
        yield 1, "the module has no docstring"
    for node in file.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if not name.startswith("_") and not ast.get_docstring(node):
                    yield node.lineno, f"{name} has no docstring"


def licence(file: File) -> Found:
    """The first line is the SPDX identifier.

    Why: who copies one file takes its licence along.
    """
    if not file.text.startswith("# SPDX-License-Identifier: Apache-2.0\n"):
        yield 1, "does not begin with the SPDX line"


UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|placeholder|dummy|for now)\b")


def unfinished(file: File) -> Found:
    """Nothing in the product says of itself that it is unfinished.

    Why: such a note is a promise with no owner; an issue has one.
    """
    for number, line in enumerate(file.text.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield number, f"says {found.group()!r}: finish it, or file an issue"


RULES: tuple[Callable[[File], Found], ...] = (
    environment,
    log_writes,
    hidden_imports,
    sizes,
    docstrings,
    licence,
    unfinished,
)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def check(root: Path) -> list[str]:
    """All findings in the product under `root`, as `path:line: rule: what to do`."""
    found = []
    for path in sorted(path for room in PRODUCT for path in (root / room).rglob("*.py")):
        text = path.read_text()
        file = File(path.relative_to(root).as_posix(), text, ast.parse(text))
        for rule in RULES:
            found += [f"{file.path}:{line}: {rule.__name__}: {what}" for line, what in rule(file)]
    return found


def main() -> int:
    """Print the findings; exit status 1 when there are any."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    found = check(root)
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

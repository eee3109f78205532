# SPDX-License-Identifier: Apache-2.0
"""Small faults planted in the rules of consent, one at a time, each of which some test must see.

A mutant is the module's source with one place changed: a comparison turned round or moved by one, `and` for `or`, a
part of a condition left out, a state or a kind exchanged, a statement dropped. Its functions take the place of the
real ones in the running process, the rules' own tests are called as plain functions, and the first that fails ends
the mutant. So hundreds of mutants cost minutes, not hours.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.GtE, ast.LtE),
    ast.LtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.LtE, ast.GtE),
    ast.GtE: (ast.Lt, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
TURNED = {"any": "all", "all": "any", "min": "max", "max": "min"}
DROPPED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Return, ast.Continue)


Path_ = tuple[tuple[str, int | None], ...]
"""How to come to a node from the top: name of the field, and place where it is a list."""


@dataclass(frozen=True)
class Mutant:
    """`key` names the place and the change, and stays the same while the code around it moves."""

    key: str
    module: str
    source: str
    path: Path_
    changed: ast.AST

    def tree(self) -> ast.Module:
        """The module with its one change."""
        tree = ast.parse(self.source)
        _put(tree, self.path, self.changed)
        return ast.fix_missing_locations(tree)


def mutants(module: ModuleType) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its source."""
    source = Path(str(module.__file__)).read_text()
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    for owner, path in _places(tree):
        node = _at(tree, path)
        for changed in _changes(node) if len(path) > 1 or isinstance(node, ast.FunctionDef) else ():
            text = f"{module.__name__}.{owner}: {_line(node)} → {_line(changed)}"
            seen[text] = seen.get(text, 0) + 1
            key = text if seen[text] == 1 else f"{text} #{seen[text]}"
            yield Mutant(key, module.__name__, source, path, changed)


def _places(tree: ast.Module) -> Iterator[tuple[str, Path_]]:
    """(name of the function or constant, path) of every node that could be changed."""

    def walk(node: ast.AST, path: Path_, owner: str) -> Iterator[tuple[str, Path_]]:
        if path:
            yield owner, path
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for place, child in enumerate(value) if isinstance(value, list) else ((None, value),):
                if not isinstance(child, ast.AST):
                    continue
                yield from walk(child, (*path, (name, place)), _owner(child, owner))

    for place, top in enumerate(tree.body):
        if isinstance(top, ast.FunctionDef) or (
            isinstance(top, (ast.Assign, ast.AnnAssign)) and _owner(top, "") != "__all__"
        ):
            yield from walk(top, (("body", place),), _owner(top, ""))


def _owner(node: ast.AST, owner: str) -> str:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return f"{owner}.{node.name}".lstrip(".")
    if not owner and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if not owner and isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return owner


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in FLIPPED[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        for place in range(len(node.values)):
            rest = node.values[:place] + node.values[place + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("State", "Kind")
    ):
        yield ast.Attribute(node.value, _next(node.value.id, node.attr), node.ctx)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TURNED:
        yield ast.Call(ast.Name(TURNED[node.func.id], ast.Load()), node.args, node.keywords)
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield ast.comprehension(node.target, node.iter, [], node.is_async)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.If) and isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, DROPPED) and not _is_text(node):
        yield ast.Pass()


def _next(enumeration: str, name: str) -> str:
    names = [member.name for member in getattr(sys.modules["consent.words"], enumeration)]
    return str(names[(names.index(name) + 1) % len(names)])


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _line(node: ast.AST) -> str:
    text = "if " + ast.unparse(node.test) if isinstance(node, ast.If) else ast.unparse(node)
    return " ".join(text.split())


def _at(node: Any, path: Path_) -> Any:
    for name, place in path:
        node = getattr(node, name) if place is None else getattr(node, name)[place]
    return node


def _put(tree: ast.Module, path: Path_, changed: ast.AST) -> None:
    parent, (name, place) = _at(tree, path[:-1]), path[-1]
    if place is None:
        setattr(parent, name, changed)
    else:
        getattr(parent, name)[place] = changed


# -- running --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The process with the mutant in the place of its module: functions get the mutant's code, constants its value
    wherever they were imported."""
    module = sys.modules[mutant.module]
    namespace: dict[str, Any] = {"__name__": mutant.module, "__file__": module.__file__}
    exec(compile(mutant.tree(), str(module.__file__), "exec"), namespace)  # noqa: S102 - our own source
    undo: list[Callable[[], None]] = []
    try:
        _exchange(vars(module), namespace, mutant.module, undo)
        yield
    finally:
        for one in reversed(undo):
            one()


def _exchange(
    here: Any, there: dict[str, Any], home: str, undo: list[Callable[[], None]], *, top: bool = True
) -> None:
    for name, old in list(here.items()):
        new = there.get(name)
        if isinstance(old, FunctionType) and isinstance(new, FunctionType) and old.__module__ == home:
            undo.append(_code(old, new))
        elif isinstance(old, property) and isinstance(new, property):
            undo.append(_code(old.fget, new.fget))
        elif isinstance(old, type) and isinstance(new, type) and old.__module__ == home:
            _exchange(vars(old), dict(vars(new)), home, undo, top=False)
        elif top and not name.startswith("__") and isinstance(old, (dict, tuple, frozenset)) and new is not None:
            undo.extend(_constant(name, old, new))


def _code(old: Any, new: Any) -> Callable[[], None]:
    before: tuple[CodeType, Any, Any] = (old.__code__, old.__defaults__, old.__kwdefaults__)
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__

    def restore() -> None:
        old.__code__, old.__defaults__, old.__kwdefaults__ = before

    return restore


def _constant(name: str, old: Any, new: Any) -> Iterator[Callable[[], None]]:
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("consent.") and vars(module).get(name) is old:
            setattr(module, name, new)
            yield lambda module=module: setattr(module, name, old)


def cases(*modules: ModuleType) -> list[Callable[[], None]]:
    """The tests of modules as plain calls, their parameters filled in. Only such as need no fixture."""
    found: list[Callable[[], None]] = []
    for module in modules:
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function):
                found.extend(_filled(function))
    return found


def _filled(function: Callable[..., None]) -> Iterator[Callable[[], None]]:
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    axes = []
    for mark in marks:
        names = mark.args[0].replace(" ", "").split(",") if isinstance(mark.args[0], str) else list(mark.args[0])
        axes.append([dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in mark.args[1]])
    for rows in itertools.product(*axes):
        arguments = {name: value for row in rows for name, value in row.items()}
        assert hasattr(function, "hypothesis") or set(inspect.signature(function).parameters) == set(arguments)
        yield lambda arguments=arguments: function(**arguments)


def seen(mutant: Mutant, tests: list[Callable[[], None]]) -> bool:
    """Whether any of the tests fails on the mutant. A test that cannot even run has seen it."""
    try:
        with planted(mutant):
            for test in tests:
                test()
    except (Exception, pytest.fail.Exception):
        return True
    return False

"""The mutants of a kernel module: its code with one operator, constant or bound changed."""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path

KERNELS = Path(__file__).resolve().parent.parent / "tica_fn" / "kernels"

BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "cos": "sin", "sin": "cos"}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """All mutants of one node: the same node with one thing changed."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in BINARY:
        yield _with(node, op=BINARY[type(node.op)]())
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table in (BOUNDARY, NEGATION):
            if type(node.ops[0]) in table:
                yield _with(node, ops=[table[type(node.ops[0])]()])
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for table in (BOUNDARY, NEGATION):
                if type(op) in table:
                    yield _with(node, ops=[*node.ops[:k], table[type(op)](), *node.ops[k + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        changed = (value + 1, value - 1) if isinstance(value, int) else (value + 1.0, -value or 1.0)
        yield from (_with(node, value=new) for new in dict.fromkeys(changed))
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "range":
            stop = len(node.args) > 1
            shorter = ast.BinOp(node.args[stop], ast.Sub(), ast.Constant(1))
            yield _with(node, args=[*node.args[:stop], shorter, *node.args[stop + 1 :]])
            if stop:
                later = ast.BinOp(node.args[0], ast.Add(), ast.Constant(1))
                yield _with(node, args=[later, *node.args[1:]])
        elif name in NAMES:
            kind = "attr" if isinstance(node.func, ast.Attribute) else "id"
            yield _with(node, func=_with(node.func, **{kind: NAMES[name]}))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _places(node: ast.AST, path: tuple = ()) -> Iterator[tuple[tuple, ast.AST]]:
    """Every node of the code without docstrings, annotations, imports and lists of names."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.arguments):
        return
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
        return
    yield path, node
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "returns", "annotation", "ctx"):
            continue
        for k, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                here = (name, k) if isinstance(value, list) else (name, None)
                yield from _places(child, (*path, here))


def _replaced(tree: ast.AST, path: tuple, new: ast.AST) -> ast.AST:
    tree = copy.deepcopy(tree)
    node = tree
    for name, k in path[:-1]:
        node = getattr(node, name) if k is None else getattr(node, name)[k]
    name, k = path[-1]
    if k is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[k] = new
    return ast.fix_missing_locations(tree)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the changed module."""

    module: str
    text: str
    tree: ast.Module
    function: str


def path_of(module: str) -> Path:
    """Source of a kernel module."""
    return KERNELS / f"{module.replace('.', '/')}.py"


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, named by its place below the kernels: `flat`, `stars.stamps`."""
    tree = ast.parse(path_of(module).read_text())
    for path, node in _places(tree):
        for new in changes(node):
            was = " ".join(ast.unparse(node).split())[:60]
            now = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(new))).split())[:60]
            top = getattr(tree, path[0][0])[path[0][1]]
            if isinstance(top, ast.FunctionDef) and not top.decorator_list:
                continue  # plain Python that stands for an overload and is never compiled
            # A changed constant of the module may stand in any of its functions.
            function = top.name if isinstance(top, ast.FunctionDef) else ""
            text = f"{module}:{getattr(node, 'lineno', 0)}: {was} -> {now}"
            yield Mutant(module, text, _replaced(tree, path, new), function)

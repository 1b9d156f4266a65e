"""Whoever opens a transaction that writes is carried out again when a server breaks it off, or says why not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import memu

SOURCE = Path(memu.__file__).parent

ONCE = {
    "database/store.py:writer": "a block, which cannot be run again: its callers are",
    "database/mirror.py:_adopt": "at opening, from a file that only a store on SQLite has, which breaks off nobody",
}
"""Functions that are not repeated, and why."""


def opens(node: ast.AST) -> bool:
    """Whether a node is a call of `….writer(` or of `records.transaction(`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    called = ast.unparse(node.func)
    return called.endswith(".writer") or called.endswith("records.transaction")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def writing() -> Iterator[tuple[str, bool]]:
    """Every function that opens a transaction which writes, and whether it is repeated."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        outermost = [one for one in functions(tree) if not any(inside(one, other) for other in functions(tree))]
        for function in outermost:
            if any(opens(node) for node in ast.walk(function)):
                decorators = {ast.unparse(one) for one in function.decorator_list}
                yield f"{path.relative_to(SOURCE).as_posix()}:{function.name}", "repeated" in decorators


def inside(one: ast.AST, other: ast.AST) -> bool:
    return one is not other and any(node is one for node in ast.walk(other))


def test_every_writing_function_is_repeated_or_says_why_not() -> None:
    found = dict(writing())
    assert len(found) > 15
    bare = {name for name, repeated in found.items() if not repeated}
    assert bare == set(ONCE)


def test_no_transaction_is_opened_outside_of_a_function() -> None:
    """Nor on a receiver that the other test would not see: all are called `writer` or `records.transaction`."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {id(node) for function in functions(tree) for node in ast.walk(function)}
        named = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "transaction"]
        for node in named:
            owner = ast.unparse(node.value)
            assert owner.endswith(("records", "writer", "reader", "self")), f"{path}:{node.lineno}: {owner}.transaction"
        assert all(id(node) in known for node in ast.walk(tree) if opens(node)), path

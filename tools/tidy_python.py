"""The tidy rules that need Python's own parser; each takes a module's text and yields (line, words)."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION_LINES = 70
ASSERTING_CALLS = re.compile(r"^(assert_\w+|raises|warns|fail|expect_\w+|assert_that|validate_response)$")
TEST_NAME = re.compile(r"^test_[a-z0-9_]+__[a-z0-9_]+$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(text: str) -> Iterator[Function]:
    """Yield every function and method of a module, nested ones too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield node


def long_functions(text: str) -> Iterator[tuple[int, str]]:
    """Yield each function longer than a screen, its docstring counted."""
    for node in functions(text):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}: move its loops into callees"


def busy_package(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement of an `__init__.py` other than its docstring and a version."""
    body = ast.parse(text).body
    for index, node in enumerate(body):
        docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        version = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or version or future):
            yield node.lineno, "a package's __init__.py holds its docstring only: import modules, re-export nothing"


def called_name(node: ast.Call) -> str:
    """Return the last name of what is called: `raises` for `pytest.raises(...)`."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def asserting_functions(module: ast.Module) -> set[str]:
    """Return the names of a module's functions that assert something themselves."""
    return {
        node.name
        for node in ast.walk(module)
        if isinstance(node, Function)
        and any(
            isinstance(inner, ast.Assert)
            or (isinstance(inner, ast.Call) and ASSERTING_CALLS.match(called_name(inner)) is not None)
            for inner in ast.walk(node)
        )
    }


def tests_without_assertion(text: str) -> Iterator[tuple[int, str]]:
    """Yield each test that neither asserts nor expects an error, by itself or through a function of its module."""
    module = ast.parse(text)
    asserting = asserting_functions(module)
    for node in ast.walk(module):
        if not isinstance(node, Function) or not node.name.startswith("test_") or node.name in asserting:
            continue
        calls = {called_name(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
        if not calls & asserting and not any(name.startswith("assert_") for name in calls):
            yield node.lineno, f"{node.name} asserts nothing, so it cannot fail: assert what must hold, or delete it"


def badly_named_tests(text: str) -> Iterator[tuple[int, str]]:
    """Yield each test whose name is not test_<subject>__<behaviour>."""
    for node in functions(text):
        if node.name.startswith("test_") and TEST_NAME.match(node.name) is None:
            yield node.lineno, f"{node.name} does not read test_<subject>__<behaviour>: rename it"

"""The harness knows mechanisms, not projects: none is named in its code, only in citations and in
the examples of its help."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from harness.cards import card_ids
from harness.explain import options

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "harness").rglob("*.py"))
EXAMPLES = {"harness/help.py"}
NAMED = re.compile(
    rf"(?<![a-z0-9])({'|'.join({*card_ids(), *options('repro')} - {'alp', 'l1'})})(?![a-z0-9])",
    re.IGNORECASE,
)
"""Two ids are words of other trades: an l1 norm, the Alps."""


def words_of(tree: ast.Module) -> Iterator[str]:
    """Every name and text of a module but its docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = list(ast.walk(tree))
    docs = {
        id(statement.value)
        for node in nodes
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value
        for field in ("id", "attr", "name", "arg", "module"):
            if isinstance(word := getattr(node, field, None), str):
                yield word


def test_no_project_is_named() -> None:
    named = {
        str(path.relative_to(ROOT)): sorted(word for word in words if NAMED.search(word))
        for path in FILES
        for words in [set(words_of(ast.parse(path.read_text())))]
        if str(path.relative_to(ROOT)) not in EXAMPLES
    }
    assert {file: words for file, words in named.items() if words} == {}


def test_a_name_would_be_found() -> None:
    words = list(words_of(ast.parse('"""tinyzero"""\nif repro == "tinyzero": run_dapo()')))
    assert [word for word in words if NAMED.search(word)] == ["tinyzero", "run_dapo"]

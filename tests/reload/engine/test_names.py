"""Does a statement say which names it binds, reads and calls, now and later?"""

from __future__ import annotations

import ast

import pytest

from reloadls.reload.engine.analysis.names import Uses, uses_of


def uses(text: str) -> Uses:
    return uses_of(ast.parse(text).body)


def dotted(chains: set[tuple[str, ...]]) -> set[str]:
    return {".".join(chain) for chain in chains}


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("a = b = 1", {"a", "b"}),
        ("(a, [b, *c]) = x", {"a", "b", "c"}),
        ("import os.path, sys as s", {"os", "s"}),
        ("from m import a as b", {"b"}),
        ("def f(a):\n b = 1", {"f"}),
        ("class A:\n b = 1", {"A"}),
        ("for i in x:\n y = i", {"i", "y"}),
        ("with x as y: pass", {"y"}),
        ("if (n := f()): pass", {"n"}),
        ("match x:\n case {'a': [b, *c], **d}: pass", {"b", "c", "d"}),
        ("try: import a\nexcept ImportError as e: a = None", {"a"}),
        ("[i for i in x]", set()),
        ("a.b = 1", set()),
        ("a[0] = 1", set()),
    ],
)
def test_what_it_binds(text: str, binds: set[str]) -> None:
    assert uses(text).binds == binds


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("x = config.LIMIT * y", {"config.LIMIT", "y"}),
        ("def f(a=D): return E", {"D"}),
        ("@deco(A)\ndef f(): return E", {"deco", "A"}),
        ("class A(B, metaclass=M):\n x = C\n y = x\n def m(self): return D", {"B", "M", "C"}),
        ("x = [i + N for i in S]", {"N", "S"}),
        ("x = sorted(S, key=lambda i: i + N)", {"sorted", "S", "N"}),
        ("f = lambda i: i + N", set()),
        ("x += 1", {"x"}),
        ("x: T = 1", {"T"}),
    ],
)
def test_what_it_reads_when_it_runs(text: str, reads: set[str]) -> None:
    assert dotted(uses(text).now.reads) == reads


@pytest.mark.parametrize(
    ("text", "name", "reads"),
    [
        ("def f(a): return a + N", "f", {"N"}),
        ("def f():\n global n\n n = m", "f", {"m"}),
        ("def f():\n def g(): return N\n return g", "f", set()),
        ("def f():\n def g(): return N\n return g()", "f", {"N"}),
        ("def f():\n def g(): return N\n return g", "f.<locals>.g", {"N"}),
        ("class A:\n k = 1\n def m(self): return k", "A.m", {"k"}),
        ("f = lambda i: i + N", "<lambda>", {"N"}),
    ],
)
def test_what_its_functions_read(text: str, name: str, reads: set[str]) -> None:
    assert dotted(uses(text).later[name].reads) == reads


def test_what_is_called_and_what_is_kept() -> None:
    now = uses("x = f(g, h(1).a, A(2))\ny = A(3)").now
    assert dotted(now.calls) == {"f", "h", "A"}
    assert now.kept == {"g"}
    assert dotted(now.made) == {"h", "A"}

"""The import graph of both packages."""

from __future__ import annotations

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


@pytest.mark.parametrize(
    ("package", "type_checking_too"),
    [("botkit", True), ("botkit_sandbox", False)],
    ids=["botkit", "botkit_sandbox"],
)
def test_modules_do_not_import_each_other_in_a_circle(package: str, type_checking_too: bool) -> None:
    graph = grimp.build_graph(package, exclude_type_checking_imports=not type_checking_too, cache_dir=None)
    _fail_on_a_circle({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("botkit", exclude_type_checking_imports=True, cache_dir=None)
    imports: dict[str, set[str]] = {}
    for module in graph.modules - {"botkit"}:
        package = _package(module)
        imported = map(_package, graph.find_modules_directly_imported_by(module) - {"botkit"})
        imports.setdefault(package, set()).update(set(imported) - {package})
    _fail_on_a_circle(imports)


def _package(module: str) -> str:
    """`botkit.relay` of `botkit.relay.inbound.stream`."""
    return ".".join(module.split(".")[:2])


def _fail_on_a_circle(imports: Mapping[str, Set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))

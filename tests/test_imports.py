"""The import graph of both packages."""

from __future__ import annotations

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
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))

"""Everything that fuzzing has kept is tried again."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import CORPUS
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_is_a_finding(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs, "an empty corpus tries nothing"
    for path in inputs:
        try:
            TARGETS[name](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{name} fails on {path.name}") from error

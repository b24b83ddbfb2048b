from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from benchmarks.applications import KITS
from benchmarks.processes import application, configure

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", KITS)
def test_an_application_is_served_with_its_kit_running(name: str, tmp_path: Path) -> None:
    with (
        application(name, configure(tmp_path)) as (_, port),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer,
    ):
        assert answer.status == 200

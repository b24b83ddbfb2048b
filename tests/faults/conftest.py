from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.clouds import Clouds, running_clouds
from tests.faults.services import InProcess, Process, configuration


@pytest.fixture(scope="module")
def shared_clouds() -> Iterator[Clouds]:
    with running_clouds() as clouds:
        yield clouds


@pytest.fixture
def clouds(shared_clouds: Clouds) -> Iterator[Clouds]:
    """Both clouds, in good order at the beginning and the end of each test."""
    shared_clouds.well_again()
    shared_clouds.do(lambda: shared_clouds.sandbox.wire.entries.clear())
    before = shared_clouds.sandbox.salesforce.settings
    yield shared_clouds
    shared_clouds.sandbox.salesforce.settings = before
    shared_clouds.well_again()


@pytest.fixture
def kit(clouds: Clouds, tmp_path: Path) -> Iterator[Callable[..., InProcess]]:
    """Starts kits in this process: `kit(receive="poll", changes={…})`."""
    with ExitStack() as stack:

        def start(**how: Any) -> InProcess:
            return stack.enter_context(InProcess(configuration(tmp_path, clouds, **how), clouds))

        yield start


@pytest.fixture
def service(clouds: Clouds, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts `botkit serve` as a process."""
    with ExitStack() as stack:

        def start(**how: Any) -> Process:
            return stack.enter_context(Process(configuration(tmp_path, clouds, **how), clouds))

        yield start

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.doors import DoorName
from tests.faults.services import EACH_DOOR, EACH_PROGRAM, InProcess, Process, Program, configuration
from tests.faults.stage import Stage, running_stage


@pytest.fixture(scope="module")
def shared_stage() -> Iterator[Stage]:
    with running_stage() as stage:
        yield stage


@pytest.fixture
def stage(shared_stage: Stage) -> Iterator[Stage]:
    """Both clouds, without faults at the beginning and at the end of each test."""
    shared_stage.clouds.calm()
    shared_stage.clouds.do(shared_stage.clouds.wire.entries.clear)
    yield shared_stage
    shared_stage.clouds.calm()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs over both doors; one that runs with both ways of receiving has another door for each."""
    if "receive" in metafunc.fixturenames:
        return
    if "kit" in metafunc.fixturenames:
        metafunc.parametrize("door", EACH_DOOR)
    if "service" in metafunc.fixturenames:
        metafunc.parametrize("program", EACH_PROGRAM)


@pytest.fixture
def door(request: pytest.FixtureRequest) -> DoorName:
    return "asgi" if request.getfixturevalue("receive") == "stream" else "wsgi"


@pytest.fixture
def kit(stage: Stage, door: DoorName, tmp_path: Path) -> Iterator[Callable[..., InProcess]]:
    """Starts kits in this process: `kit(receive="poll", changes={…})`."""
    with ExitStack() as stack:

        def start(**how: Any) -> InProcess:
            return stack.enter_context(InProcess(configuration(tmp_path, stage, **how), stage, door=door))

        yield start


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Program:
    return "serve" if request.getfixturevalue("receive") == "stream" else "wsgi"


@pytest.fixture
def service(stage: Stage, program: Program, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a service as a process."""
    with ExitStack() as stack:

        def start(**how: Any) -> Process:
            return stack.enter_context(Process(configuration(tmp_path, stage, **how), stage, program=program))

        yield start

from __future__ import annotations

import pytest

from benchmarks.streams import STREAMS_PER_CONNECTION, run
from botkit.http.network import HttpVersion

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("version", "tls", "connections"), [("1.1", False, 12), ("1.1", True, 12), ("2", True, 1)]
)
def test_streams_share_a_connection_only_over_http_2(
    version: HttpVersion, tls: bool, connections: int
) -> None:
    measured = run(version, 10, tls=tls)
    assert measured["streams"] == 12 < STREAMS_PER_CONNECTION
    assert measured["connections"] == connections

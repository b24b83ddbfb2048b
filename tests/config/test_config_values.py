"""Durations, callback hosts and organisation ids."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.salesforce import checksum, parse_organization_id
from botkit.config.values import parse_callback_host, parse_duration
from botkit.errors import UnusableValue


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2),
        ("10m", 600),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("7", 7),
        (7, 7),
        (0.5, 0.5),
        (" 2s ", 2),
    ],
)
def test_durations_are_read_as_people_write_them(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written", ["", "s", "2 s", "2d", "-2s", "1e3", "٣s", "999999h", -1, math.inf, math.nan, 1e300]
)
def test_an_invalid_duration_is_refused(written: str | float) -> None:
    with pytest.raises(UnusableValue):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("bots.kore.ai", "bots.kore.ai"),
        (" Bots.Kore.AI ", "bots.kore.ai"),
        ("bots.kore.ai:8443", "bots.kore.ai:8443"),
        ("127.0.0.1:8001", "127.0.0.1:8001"),
        ("localhost", "localhost"),
        ("[::1]:8001", "[::1]:8001"),
        ("kore_internal", "kore_internal"),
    ],
)
def test_callback_hosts_are_hosts_with_or_without_a_port(written: str, host: str) -> None:
    assert parse_callback_host(written) == host


@pytest.mark.parametrize(
    "written",
    [
        "https://bots.kore.ai",
        "bots.kore.ai/path",
        "*.kore.ai",
        "a b",
        "",
        "bots.kore.ai:",
        "bots.kore.ai:99999",
        "bots..kore.ai",
        "-bots.kore.ai",
        "user@bots.kore.ai",
        "[::1",
        "999.1.1.1",
        "bots.kore.ai:0",
        "böts.kore.ai",
    ],
)
def test_an_invalid_callback_host_is_refused(written: str) -> None:
    with pytest.raises(UnusableValue):
        parse_callback_host(written)


def test_the_fix_for_a_url_names_its_host() -> None:
    with pytest.raises(UnusableValue, match=r"write bots\.kore\.ai"):
        parse_callback_host("https://bots.kore.ai/api/")


@given(st.text(max_size=40))
def test_no_text_makes_the_host_parser_crash(text: str) -> None:
    try:
        host = parse_callback_host(text)
    except UnusableValue:
        return
    assert parse_callback_host(host) == host


# Worked out by hand: in the block 00DD0 the third and the fourth are upper case, 4 + 8 = 12, which is M.
@pytest.mark.parametrize("full", ["00D000000000062EAA", "00DD0000000JudkMAC"])
def test_eighteen_characters_with_the_right_checksum_are_an_organisation_id(full: str) -> None:
    assert parse_organization_id(full) == full
    assert checksum(full[:15]) == full[15:]


def test_fifteen_characters_are_an_organisation_id() -> None:
    assert parse_organization_id(" 00D000000000062 ") == "00D000000000062"


@pytest.mark.parametrize(
    "wrong",
    ["00D000000000062EAB", "00d000000000062EAA", "00D00000000006", "005000000000062", "", "00D00000000006é"],
)
def test_other_organisation_ids_are_refused(wrong: str) -> None:
    with pytest.raises(UnusableValue):
        parse_organization_id(wrong)


def test_an_id_whose_letters_lost_their_case_is_refused() -> None:
    with pytest.raises(UnusableValue, match="mistyped"):
        parse_organization_id("00DD0000000JUDKMAC")

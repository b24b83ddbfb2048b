"""Identifiers that every attempt of a call shares."""

from __future__ import annotations

import uuid

from botkit.agents.miaw.identifiers import derived_id


def test_a_derived_id_is_the_uuid_of_its_name() -> None:
    for number in range(200):
        named = uuid.uuid5(uuid.NAMESPACE_URL, f"botkit:receipt:session/{number}")
        assert derived_id("receipt", "session", str(number)) == str(named)

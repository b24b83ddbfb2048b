"""The order of events in a conversation's life (protocol section 5)."""

from __future__ import annotations


async def test_a_new_conversation_is_routed_waits_and_is_assigned_without_any_message(salesforce):
    client = await salesforce.client().sign_in()
    async with client.listening() as stream:
        await client.create()
        await stream.count(3)
        assert stream.names == ["ROUTING_RESULT", "SESSION_STATUS_CHANGED", "ROUTING_WORK_RESULT"]
        routing, status, work = (event.payload for event in stream.events)
        assert (routing["routingType"], routing["failureType"]) == ("Initial", "None")
        assert (status["sessionStatusPrev"], status["sessionStatus"]) == ("New", "Waiting")
        assert work["workType"] == "Assigned"

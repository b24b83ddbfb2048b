"""Organisations that require more, or answer otherwise, than the documentation says: the hand-off works all the same."""

from __future__ import annotations

from tests.scenarios.stage import JANE, Stage


def test_a_token_is_granted_where_a_context_is_required(stage: Stage) -> None:
    stage.salesforce_behaves(context_required=True)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    case.told_by(JANE, "hello")
    ada.hears("hello")


def test_a_conversation_works_with_every_loose_answer_at_once(either: Stage) -> None:
    either.salesforce_behaves(
        last_event_id_as_number=True,
        create_reply="empty",
        acknowledge_status=204,
        entries_payload="string",
        entry_spelling="loose",
        entries_key="entries",
        error_key="code",
    )
    ada = either.person()
    case = ada.is_helped_by(JANE)
    case.told_by(JANE, "hello")
    ada.hears("hello")
    ada.says("hi Jane")
    case.gets("hi Jane")
    case.transferred_by(JANE)
    ada.hears("Jane Doe has left the conversation")
    case.accepted_by(JANE)
    ada.hears("Jane Doe has joined", times=2)
    case.ended_by(JANE)
    ada.hears("has ended")
    ada.talks_to_the_bot_again()

"""The conversation with the bot, the hand-off, and messages both ways with an agent."""

from __future__ import annotations

from botkit.testing.waiting import until
from tests.scenarios.stage import JANE, Stage

GREETING = [
    ("user", "hi"),
    ("bot", "Hello Ada! I am the Acme Assistant."),
    ("bot", 'Ask me for your order status, or say "talk to an agent" to reach a person.'),
]


def test_without_an_agent_the_bot_talks_as_if_botkit_were_not_there(stage: Stage) -> None:
    ada = stage.person()
    ada.says("hi")
    ada.hears("talk to an agent")
    assert ada.chat() == GREETING


def test_a_dialog_that_waits_for_an_answer_gets_it(stage: Stage) -> None:
    ada = stage.person()
    ada.says("order status")
    ada.hears("What is your order number?")
    ada.says("48214")
    ada.hears("Your order 48214 is")
    assert ada.told(by="botkit") == []


def test_the_user_hears_that_an_agent_is_looked_for_then_how_to_end_it_then_who_came(
    everywhere: Stage,
) -> None:
    ada = everywhere.person()
    case = ada.asks_for_an_agent()
    ada.hears("endagentchat")
    case.accepted_by(JANE)
    ada.hears(JANE)
    assert ada.chat() == [
        ("user", "talk to an agent"),
        ("bot", "I am handing you over to one of my human colleagues."),
        ("botkit", "One moment, please. We are looking for an agent who can help you."),
        ("botkit", "To end the conversation with the agent at any time, send: endagentchat"),
        ("botkit", "Jane Doe has joined the conversation."),
    ]


def test_messages_go_both_ways_in_order(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    for number in range(1, 6):
        ada.says(f"question {number}")
        case.told_by(JANE, f"answer {number}")
    case.gets("question 5")
    ada.hears("answer 5")
    assert case.typed() == [f"question {number}" for number in range(1, 6)]
    assert ada.told(by="agent") == [f"answer {number}" for number in range(1, 6)]


def test_messages_typed_before_an_agent_accepts_arrive_in_order_after_the_story(either: Stage) -> None:
    ada = either.person()
    ada.says("talk to an agent")
    for number in range(1, 5):
        ada.says(f"hello {number}?")
    case = until(ada.cases)[0]
    case.gets("hello 4?")
    case.accepted_by(JANE)
    ada.hears(JANE)
    ada.says("finally")
    case.gets("finally")
    assert case.typed() == ["hello 1?", "hello 2?", "hello 3?", "hello 4?", "finally"]


def test_what_an_agent_says_is_shown_with_their_name(everywhere: Stage) -> None:
    ada = everywhere.person()
    ada.is_helped_by(JANE).told_by(JANE, "How can I help?")
    said = ada.hears("How can I help?")
    assert (said.speaker, said.name) == ("agent", JANE)


def test_what_is_said_to_the_agent_does_not_reach_the_bot(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.says("hi")
    case.gets("hi")
    case.told_by(JANE, "hi Ada")
    ada.hears("hi Ada")
    assert not any("I am the Acme Assistant" in text for text in ada.told())


def test_the_bot_is_silent_while_an_agent_is_there(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    kore = stage.clouds.kore
    # Such as a reminder that the bot scheduled before.
    stage.clouds.do(
        kore.lanes.put,
        ada.id,
        lambda: kore.talk.utter(ada.user, "Your basket is waiting!", dialog_id="", node_id=""),
    )
    until(lambda: stage.wire("skipUserMessage", about=ada.id), "for the bot's message to be skipped")
    case.told_by(JANE, "I am still here")
    ada.hears("I am still here")
    assert "Your basket is waiting!" not in ada.told()


def test_arabic_and_emoji_arrive_letter_by_letter_on_both_sides(everywhere: Stage) -> None:
    ada = everywhere.person(language="ar")
    case = ada.is_helped_by(JANE)
    question, answer = "مرحبًا! رقم الطلب هو 48213 👩🏽‍💻", "أهلًا وسهلًا \u200f(طلبك #48213) في الطريق 🚚"
    ada.says(question)
    case.gets(question)
    case.told_by(JANE, answer)
    ada.hears(answer)


def test_a_very_long_message_reaches_the_agent_whole_and_in_order(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    words = " ".join(f"word{number}" for number in range(4_000))
    ada.says(words)
    ada.says("that was all")
    case.gets("that was all")
    assert " ".join(case.typed()[:-1]) == words
    assert len(case.typed()) > 2


def test_several_users_at_once_stay_apart(everywhere: Stage) -> None:
    names = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra")
    people = [everywhere.person(name, email=f"{name[:3]}@example.com".lower()) for name in names]
    for person in people:
        person.says("talk to an agent")
    cases = [until(person.cases)[0] for person in people]
    for person, case in zip(people, cases, strict=True):
        case.accepted_by(JANE)
        person.says(f"I am {person.user.name}")
        case.told_by(JANE, f"Hello {person.user.name}")
    for person, case in zip(people, cases, strict=True):
        case.gets(f"I am {person.user.name}")
        person.hears(f"Hello {person.user.name}")
        assert case.typed() == [f"I am {person.user.name}"]
        assert person.told(by="agent") == [f"Hello {person.user.name}"]

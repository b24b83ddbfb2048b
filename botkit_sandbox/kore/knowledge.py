"""FAQs of knowledge tasks and small talk: questions with a fixed answer. docs/protocols/kore-xo-botkit.md, 7.10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botkit_sandbox.kore.decoding import decoded
from botkit_sandbox.kore.prompts import Prompt
from botkit_sandbox.kore.reading import objects, text_of
from botkit_sandbox.kore.understanding import Utterance, closest, normalised

# What the builder's concepts stand for. The platform has many more words for each.
_CONCEPTS: Mapping[str, tuple[str, ...]] = {
    "~emohello": (
        "hello",
        "hi",
        "hey",
        "hi there",
        "hello there",
        "good morning",
        "good afternoon",
        "good evening",
    ),
    "~emogoodbye": ("bye", "goodbye", "good bye", "see you", "bye bye"),
    "~emohowzit": ("how are you", "how are you doing", "how do you do", "whats up"),
    "~emothanks": ("thanks", "thank you"),
    "thank ~you": ("thank you",),
    "~emohappy": ("great", "awesome", "wonderful", "cool"),
    "~positiveackwords": ("good", "nice", "perfect", "fine"),
    "~ibedone": ("i am done", "im done", "done", "thats all", "that is all"),
    "what ~your name": ("what is your name", "whats your name"),
    "what ~you called": ("what are you called",),
    "~yes": ("yes", "yeah", "yep", "ok", "okay", "sure"),
    "!y ~yes": ("yes", "yeah", "yep", "ok", "okay", "sure"),
    "!n ~no": ("no", "nope", "nah"),
}
_SYNTAX = frozenset("~<>[]{}!|*")


@dataclass(frozen=True, slots=True)
class Known:
    """A question with its fixed answer, or the task that answers it. `questions` are the words of each wording."""

    id: str
    kind: Literal["faq", "greetings"]
    language: str
    questions: tuple[tuple[str, ...], ...]
    answers: tuple[Prompt, ...]
    title: str


def knowledge_of(definition: Mapping[str, Any]) -> tuple[Known, ...]:
    """All FAQs and small talk of an export."""
    return tuple(known for known in (*_faqs(definition), *_small_talk(definition)) if known.questions)


def _faqs(definition: Mapping[str, Any]) -> Iterator[Known]:
    number = 0
    for task in objects(definition.get("knowledgeTasks")):
        held = task.get("faqs")
        for faq in objects(held.get("faqs") if isinstance(held, dict) else held):
            number += 1
            title = text_of(faq.get("question"))
            others = [text_of(other.get("question")) for other in objects(faq.get("alternateQuestions"))]
            language = text_of(task.get("language")) or "en"
            yield Known(
                id=f"faq-{number}",
                kind="faq",
                language=language,
                questions=tuple(filter(None, map(normalised, (title, *others)))),
                answers=tuple(_answers(faq.get("answer"), language)),
                title=title,
            )


def _small_talk(definition: Mapping[str, Any]) -> Iterator[Known]:
    number = 0
    for talk in objects(definition.get("smallTalk")):
        for group in objects(talk.get("groups")):
            for node in objects(group.get("nodes")):
                number += 1
                language = text_of(node.get("language")) or text_of(talk.get("language")) or "en"
                spoken = [text_of(item.get("text")) for item in objects(node.get("userUtterances"))]
                yield Known(
                    id=f"talk-{number}",
                    kind="greetings",
                    language=language,
                    questions=tuple(filter(None, (normalised(text) for text in _plain(spoken)))),
                    answers=tuple(_answers(node.get("botUtterances"), language)),
                    title=spoken[0] if spoken else "",
                )


def _plain(spoken: Iterable[str]) -> Iterator[str]:
    """The sentences behind utterances: a concept stands for its words; other patterns are not read."""
    for text in spoken:
        written = text.strip().casefold()
        if written in _CONCEPTS:
            yield from _CONCEPTS[written]
        elif not _SYNTAX & set(written):
            yield written.replace("_", " ")


def _answers(raw: object, language: str) -> Iterator[Prompt]:
    for answer in objects(raw):
        if text := decoded(text_of(answer.get("text"))):
            scripted = answer.get("type", "basic") != "basic" and "print(" in text
            yield Prompt(text_of(answer.get("channel")) or "default", language, text, scripted)


def exactly_known(known: Iterable[Known], text: str, language: str) -> Known | None:
    """The question that `text` is, word for word."""
    words = normalised(text)
    found = [one for one in known if words and words in one.questions]
    return next((one for one in found if one.language == language), found[0] if found else None)


def nearly_known(known: Iterable[Known], text: str) -> Known | None:
    """The FAQ with which `text` shares most words, if there is just one."""
    faqs = {one.id: one for one in known if one.kind == "faq"}
    questions = [Utterance(one.id, one.language, words) for one in faqs.values() for words in one.questions]
    found = closest(questions, normalised(text))
    return faqs[found] if found else None

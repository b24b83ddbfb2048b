"""Scripts of dialogs: their JavaScript is executed, with only its context and a time limit.

QuickJS has no file system, network or timers, so the three limits below bound what a script can do.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md. `javascript/globals.js` has the objects that scripts
find.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from botkit_sandbox.errors import ScriptEngineMissing, ScriptError
from botkit_sandbox.kore.node_options import TAG_LEVELS, Tag

if TYPE_CHECKING:
    import quickjs

TIME_LIMIT_SECONDS = 1.0
MEMORY_LIMIT_BYTES = 32 * 1024 * 1024
STACK_LIMIT_BYTES = 256 * 1024
CONTEXT_LIMIT_BYTES = 1024 * 1024  # the platform's own limit (2.5)
_SHOWN_AT_MOST = 50_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a script finds beside its context: env, content, the bot's own functions, and the session's id."""

    environment: Mapping[str, str] = field(default_factory=dict)
    content: Mapping[str, str] = field(default_factory=dict)
    functions: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """The result of a script. `unplayed` says what the script missed here, such as a function that the emulator lacks."""

    context: dict[str, Any]
    log: tuple[str, ...]
    printed: str
    tags: tuple[Tag, ...] = ()
    unplayed: tuple[str, ...] = ()
    closes_session: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The value of an expression as text, or the reason why it has none."""

    text: str
    error: str | None = None


def require_engine() -> None:
    """Raises: ScriptEngineMissing."""
    if find_spec("quickjs") is None:
        raise ScriptEngineMissing(
            "the sandbox runs the scripts of dialogs with QuickJS, which is not installed: "
            "pip install 'botkit[sandbox]'"
        )


def run_script(
    source: str, *, context: Mapping[str, Any], around: Surroundings = Surroundings()
) -> ScriptResult:
    """Execute a Script node. Blocks for at most about a second; call it on a worker thread.

    Raises:
        ScriptError: the script raised an error, ran too long, or exceeded a limit.
    """
    import quickjs

    try:
        engine = _engine(context, around, source)
        # In a function, so that a script may end itself with `return`.
        engine.eval(f"(function () {{{source}\n}}).call(globalThis);")
        changed = str(engine.eval("JSON.stringify(context)"))
        output = json.loads(str(engine.eval("JSON.stringify(__output)")))
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        raise ScriptError(str(error).partition("\n")[0]) from error
    finally:
        engine = None  # now: in a traceback it could reach another thread, and QuickJS crashes there
    if len(changed.encode()) > CONTEXT_LIMIT_BYTES:
        raise ScriptError("the context grew over 1024 KB")
    left = json.loads(changed) if changed.startswith("{") else None
    if left is None:
        raise ScriptError("the script replaced `context` by a value that is not an object")
    return ScriptResult(
        context=left,
        log=tuple(output["log"]),
        printed="".join(output["printed"]),
        tags=tuple(Tag(level, name, value) for level, name, value in output["tags"] if level in TAG_LEVELS),
        unplayed=tuple(output["notes"]),
        closes_session=bool(output["closes"]),
    )


def evaluate(
    expressions: Sequence[str], *, context: Mapping[str, Any], around: Surroundings = Surroundings()
) -> list[Evaluation]:
    """The values of the expressions of placeholders, each on its own. Blocks as `run_script` does.

    Raises:
        ScriptError: together they exceeded a limit.
    """
    import quickjs

    try:
        engine = _engine(context, around, "".join(expressions))
        engine.set("__expressions", json.dumps(list(expressions)))
        found = json.loads(str(engine.eval(_EVALUATE)))
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        raise ScriptError(str(error).partition("\n")[0]) from error
    finally:
        engine = None  # as above
    return [Evaluation(str(text)[:_SHOWN_AT_MOST], error) for text, error in found]


# Objects and lists are shown as JSON, what is absent as nothing.
_EVALUATE = """
JSON.stringify(JSON.parse(__expressions).map(function (expression) {
  try {
    var value = (0, eval)("(" + expression + "\\n)");
    if (value === undefined || value === null) return ["", null];
    return [typeof value === "object" ? JSON.stringify(value) : String(value), null];
  } catch (error) {
    return ["", String(error)];
  }
}));
"""


def _engine(context: Mapping[str, Any], around: Surroundings, source: str) -> quickjs.Context:
    import quickjs

    engine = quickjs.Context()
    engine.set_memory_limit(MEMORY_LIMIT_BYTES)
    engine.set_max_stack_size(STACK_LIMIT_BYTES)
    engine.set_time_limit(TIME_LIMIT_SECONDS)
    environment = {"context": context, "env": around.environment, "content": around.content}
    engine.set("__input", json.dumps({**environment, "sessionId": around.session_id}))
    for file, mention in _FILES.items():
        if mention.search(source) or mention.search(around.functions):
            engine.eval(_read(file))
    if around.functions:
        try:
            engine.eval(around.functions)
        except quickjs.JSException as error:
            engine.set("__problem", f"the bot's file of functions failed: {str(error).partition(chr(10))[0]}")
            engine.eval("__output.notes.push(__problem); undefined")
    return engine


_FILES = {
    "lodash.js": re.compile(r"(?<![\w$])_(?![\w$])"),
    "moment.js": re.compile("moment"),
    "globals.js": re.compile(""),
}
"""The files of `javascript/`, each with what a script contains that needs it: reading a library takes milliseconds."""


@functools.cache
def _read(file: str) -> str:
    return (files("botkit_sandbox.kore") / "javascript" / file).read_text(encoding="utf-8")


def syntax_error(source: str) -> str | None:
    """The reason why `source` is not valid JavaScript, or None. Nothing is executed."""
    import quickjs

    engine = quickjs.Context()
    engine.set("__source", source)
    try:
        engine.eval("new Function(__source); undefined")
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        return str(error).partition("\n")[0]
    return None

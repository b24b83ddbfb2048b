"""Script nodes: the JavaScript of a dialog is executed, with only its context and a time limit.

QuickJS has no file system, network or timers, so the three limits below bound what a script can do.

Numbers in parentheses are sections of docs/protocols/kore-xo-botkit.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from botkit_sandbox.errors import ScriptEngineMissing, ScriptError

TIME_LIMIT_SECONDS = 1.0
MEMORY_LIMIT_BYTES = 32 * 1024 * 1024
STACK_LIMIT_BYTES = 256 * 1024
CONTEXT_LIMIT_BYTES = 1024 * 1024  # the platform's own limit (2.5)

# The globals of a script in the XO builder beside `context`. Session objects have put/get/delete (KD/sessvars);
# agentUtils.setMetaInfo is documented for sister integrations (6.4); where it stores the value is inferred.
_PRELUDE = """
var context = JSON.parse(__context), env = JSON.parse(__environment), content = {}, __log = [], __printed = [];
(function (global) {
  var session = context.session = context.session || {};
  ["EnterpriseContext", "BotContext", "UserContext", "UserSession", "BotUserSession"].forEach(function (name) {
    var held = session[name] = session[name] || {};
    var methods = {
      put: function (key, value) { session[name][key] = value; },
      get: function (key) { return session[name][key]; },
      delete: function (key) { delete session[name][key]; }
    };
    Object.keys(methods).forEach(function (method) {
      Object.defineProperty(held, method, {value: methods[method], enumerable: false, configurable: true});
    });
    global[name] = held;
  });
  global.agentUtils = {setMetaInfo: function (key, value) { session.BotUserSession[key] = value; }};
  global.print = function (text) { __printed.push(String(text)); };
  global.koreDebugger = {log: function (line) { if (__log.length < 100) __log.push(String(line).slice(0, 1000)); }};
})(globalThis);
"""


def require_engine() -> None:
    """Raises: ScriptEngineMissing."""
    if find_spec("quickjs") is None:
        raise ScriptEngineMissing(
            "the sandbox runs the scripts of dialogs with QuickJS, which is not installed: "
            "pip install 'botkit[sandbox]'"
        )


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """The result of a script."""

    context: dict[str, Any]
    log: tuple[str, ...]
    printed: str


def run_script(source: str, *, context: Mapping[str, Any], environment: Mapping[str, str]) -> ScriptResult:
    """Execute a Script node. Blocks for at most about a second; call it on a worker thread.

    Raises:
        ScriptError: the script raised an error, ran too long, or exceeded a limit.
    """
    import quickjs

    engine = quickjs.Context()
    engine.set_memory_limit(MEMORY_LIMIT_BYTES)
    engine.set_max_stack_size(STACK_LIMIT_BYTES)
    engine.set_time_limit(TIME_LIMIT_SECONDS)
    try:
        engine.set("__context", json.dumps(context))
        engine.set("__environment", json.dumps(environment))
        engine.eval(_PRELUDE)
        engine.eval(source)
        changed = str(engine.eval("JSON.stringify(context)"))
        log = str(engine.eval("JSON.stringify(__log)"))
        printed = str(engine.eval("__printed.join('')"))
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        raise ScriptError(str(error).partition("\n")[0]) from error
    finally:
        del engine  # now: in a traceback it could reach another thread, and QuickJS crashes there
    if len(changed.encode()) > CONTEXT_LIMIT_BYTES:
        raise ScriptError("the context grew over 1024 KB")
    left = json.loads(changed) if changed.startswith("{") else None
    if left is None:
        raise ScriptError("the script replaced `context` by a value that is not an object")
    return ScriptResult(context=left, log=tuple(json.loads(log)), printed=printed)


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

"""Script nodes: a dialog's JavaScript, really executed, with nothing but its context and a little time.

QuickJS has no file system, network or timers, so what a script can do is bounded by the three limits below.
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
CONTEXT_LIMIT_BYTES = 1024 * 1024  # the platform's own limit, protocol section 2.5

# What a script of the XO builder finds beside `context`. Session objects have put/get/delete (KD/sessvars);
# agentUtils.setMetaInfo is documented for sister integrations (section 6.4), where the value goes is inferred.
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
            "the sandbox runs the scripts of a bot's dialogs with QuickJS, which is not installed: "
            "pip install 'botkit[sandbox]'"
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script left behind."""

    context: dict[str, Any]
    log: tuple[str, ...]
    printed: str


def run_script(source: str, *, context: Mapping[str, Any], environment: Mapping[str, str]) -> Ran:
    """Execute a Script node. Blocks for at most about a second; call it on a worker thread.

    Raises:
        ScriptError: it threw, did not end in time, or grew out of its limits.
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
        del (
            engine
        )  # here and now: a traceback must not carry it to another thread, which QuickJS does not survive
    if len(changed.encode()) > CONTEXT_LIMIT_BYTES:
        raise ScriptError("the context grew over 1024 KB")
    left = json.loads(changed) if changed.startswith("{") else None
    if left is None:
        raise ScriptError("the script replaced `context` by something that is no object")
    return Ran(context=left, log=tuple(json.loads(log)), printed=printed)


def syntax_error(source: str) -> str | None:
    """Why `source` does not parse as JavaScript, or None. Nothing of it is executed."""
    import quickjs

    engine = quickjs.Context()
    engine.set("__source", source)
    try:
        engine.eval("new Function(__source); undefined")
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        return str(error).partition("\n")[0]
    return None

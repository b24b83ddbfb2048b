// The globals of a script in the XO builder: docs/protocols/kore-xo-botkit.md, 7.7.
// `__input` is JSON: {context, env, content, sessionId}. `__output` is read back after the script.
var __lodash, __moment;  // as lodash.js and moment.js leave them, where a script needs them
var __output = {log: [], printed: [], notes: [], tags: [], closes: false};

(function (global) {
  "use strict";

  var input = JSON.parse(__input);
  var context = input.context, session = context.session = context.session || {};
  global.context = context;
  global.env = input.env;
  global.content = input.content;

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

  function note(what) {
    if (__output.notes.length < 20 && __output.notes.indexOf(what) < 0) __output.notes.push(what);
  }

  // An object whose every member may be read, called and constructed: each call is noted, and the script goes on.
  function standIn(name) {
    var target = function () {};
    return new Proxy(target, {
      get: function (_, key) {
        if (key === Symbol.toPrimitive || key === "toString" || key === "valueOf") return function () { return ""; };
        if (typeof key === "symbol" || key === "toJSON" || key === "then") return undefined;
        return standIn(name + "." + key);
      },
      apply: function () { note(name + "() is not played"); return standIn(name + "()"); },
      construct: function () { note("new " + name + "() is not played"); return standIn("new " + name); }
    });
  }

  // The members that the emulator has, and a stand-in for every other one.
  function library(name, members) {
    return new Proxy(members, {
      get: function (own, key) {
        return key in own || typeof key === "symbol" ? own[key] : standIn(name + "." + key);
      }
    });
  }

  function tag(level) {
    return function (name, value) {
      if (__output.tags.length < 100) __output.tags.push([level, String(name), value === undefined ? "" : String(value)]);
    };
  }

  function translate(text) { note("koreUtil.autoTranslate() is not played"); return text; }

  global.print = function (text) { __output.printed.push(String(text)); };
  global.koreDebugger = {
    log: function (line) { if (__output.log.length < 100) __output.log.push(String(line).slice(0, 1000)); }
  };
  global.tags = {
    addUserLevelTag: tag("user"), addSessionLevelTag: tag("session"), addMessageLevelTag: tag("message")
  };
  // agentUtils.setMetaInfo is documented for sister integrations (6.4); where it stores the value is inferred.
  global.agentUtils = library("agentUtils", {
    setMetaInfo: function (key, value) { session.BotUserSession[key] = value; }
  });
  global.koreUtil = library("koreUtil", {
    _: __lodash,
    moment: __moment,
    momenttz: __moment,
    getSessionId: function () { return input.sessionId; },
    closeConversationSession: function () { __output.closes = true; },
    ClearAuthProfiles: function () {},
    ClearAllAuthProfiles: function () {},
    getCurrentOptions: function () { return {}; },
    getAmbiguousIntents: function () { return {intents: []}; },
    autoTranslate: translate,
    AutoTranslate: translate
  });
  if (__lodash) global._ = __lodash;
  if (__moment) global.moment = __moment;
})(globalThis);

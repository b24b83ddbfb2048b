// The part of lodash that scripts of dialogs use as koreUtil._, written anew. A name that is missing here is undefined.
var __lodash = (function () {
  "use strict";

  function path(of) {
    return Array.isArray(of) ? of : String(of).replace(/\[["']?([^\]"']+)["']?\]/g, ".$1").split(".").filter(Boolean);
  }
  function isObject(value) { return value !== null && (typeof value === "object" || typeof value === "function"); }
  function isNil(value) { return value === undefined || value === null; }
  function get(object, where, otherwise) {
    var found = path(where).reduce(function (held, key) { return isNil(held) ? undefined : held[key]; }, object);
    return found === undefined ? otherwise : found;
  }
  function set(object, where, value) {
    var steps = path(where), last = steps.pop(), held = object;
    steps.forEach(function (key) { held = isObject(held[key]) ? held[key] : (held[key] = {}); });
    held[last] = value;
    return object;
  }
  function isEqual(one, other) {
    if (one === other || (one !== one && other !== other)) return true;
    if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) return false;
    if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
    var keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every(function (key) { return isEqual(one[key], other[key]); });
  }
  function matches(part) {
    return function (value) { return Object.keys(part).every(function (key) { return isEqual(get(value, key), part[key]); }); };
  }
  // A function, the name of a property, [name, value], or an object with the wanted properties.
  function iteratee(by) {
    if (typeof by === "function") return by;
    if (Array.isArray(by)) return function (value) { return isEqual(get(value, by[0]), by[1]); };
    if (isObject(by)) return matches(by);
    return isNil(by) ? function (value) { return value; } : function (value) { return get(value, by); };
  }
  function list(of) { return isNil(of) ? [] : Array.isArray(of) ? of : typeof of === "string" ? of.split("") : Object.values(of); }
  function entries(of) {
    return Array.isArray(of) ? of.map(function (v, i) { return [i, v]; }) : isNil(of) ? [] : Object.entries(of);
  }
  function clone(value) { return Array.isArray(value) ? value.slice() : isObject(value) ? Object.assign({}, value) : value; }
  function cloneDeep(value) {
    if (Array.isArray(value)) return value.map(cloneDeep);
    if (value instanceof Date) return new Date(value.getTime());
    if (!isObject(value) || typeof value === "function") return value;
    return Object.fromEntries(Object.entries(value).map(function (pair) { return [pair[0], cloneDeep(pair[1])]; }));
  }
  function merge(into) {
    Array.prototype.slice.call(arguments, 1).forEach(function (from) {
      Object.keys(from || {}).forEach(function (key) {
        if (key === "__proto__") return;
        into[key] = isObject(from[key]) && isObject(into[key]) ? merge(into[key], from[key]) : cloneDeep(from[key]);
      });
    });
    return into;
  }
  function compare(a, b) { return a < b ? -1 : a > b ? 1 : 0; }
  function orderBy(of, by, directions) {
    var keys = (Array.isArray(by) ? by : [by]).map(iteratee), down = [].concat(directions || []);
    return list(of).slice().sort(function (a, b) {
      return keys.reduce(function (order, key, i) {
        return order || compare(key(a), key(b)) * (down[i] === "desc" || down[i] === false ? -1 : 1);
      }, 0);
    });
  }
  function groupBy(of, by) {
    return list(of).reduce(function (groups, value) {
      var key = iteratee(by)(value);
      (groups[key] = groups[key] || []).push(value);
      return groups;
    }, {});
  }
  function uniqBy(of, by) {
    var seen = [], key = iteratee(by);
    return list(of).filter(function (value) { var k = key(value); return seen.indexOf(k) < 0 && seen.push(k); });
  }
  function flatten(of, deep) {
    return list(of).reduce(function (flat, value) {
      return flat.concat(Array.isArray(value) ? (deep ? flatten(value, true) : value) : [value]);
    }, []);
  }
  function best(of, by, wins) {
    var key = iteratee(by);
    return list(of).reduce(function (held, value) {
      return held === undefined || wins(key(value), key(held)) ? value : held;
    }, undefined);
  }
  function more(a, b) { return a > b; }
  function less(a, b) { return a < b; }
  function sum(numbers) { return numbers.reduce(function (total, n) { return total + n; }, 0); }
  function words(text) { return String(text).replace(/([a-z\d])([A-Z])/g, "$1 $2").split(/[^A-Za-z0-9]+/).filter(Boolean); }
  function upperFirst(text) { text = String(text); return text.charAt(0).toUpperCase() + text.slice(1); }
  function includes(of, value) {
    return typeof of === "string" ? of.indexOf(value) >= 0 : list(of).some(function (v) { return isEqual(v, value); });
  }
  function filter(of, by) { return list(of).filter(iteratee(by)); }
  function forEach(of, visit) {
    entries(of).every(function (pair) { return visit(pair[1], pair[0], of) !== false; });
    return of;
  }
  function map(of, by) {
    var f = iteratee(by);
    return entries(of).map(function (pair) { return f(pair[1], pair[0], of); });
  }
  function pick(object, keys) {
    var wanted = flatten(Array.prototype.slice.call(arguments, 1)).map(String);
    return Object.fromEntries(Object.entries(object || {}).filter(function (pair) { return wanted.indexOf(pair[0]) >= 0; }));
  }
  function omit(object) {
    var unwanted = flatten(Array.prototype.slice.call(arguments, 1)).map(String);
    return Object.fromEntries(Object.entries(object || {}).filter(function (pair) { return unwanted.indexOf(pair[0]) < 0; }));
  }

  var own = {
    get: get, set: set, isEqual: isEqual, isObject: isObject, isNil: isNil, clone: clone, cloneDeep: cloneDeep, merge: merge,
    has: function (object, where) { return get(object, where) !== undefined; },
    isArray: Array.isArray,
    isString: function (value) { return typeof value === "string"; },
    isNumber: function (value) { return typeof value === "number"; },
    isBoolean: function (value) { return typeof value === "boolean"; },
    isFunction: function (value) { return typeof value === "function"; },
    isUndefined: function (value) { return value === undefined; },
    isNull: function (value) { return value === null; },
    isNaN: function (value) { return typeof value === "number" && value !== value; },
    isDate: function (value) { return value instanceof Date; },
    isPlainObject: function (value) { return isObject(value) && Object.getPrototypeOf(value) === Object.prototype; },
    isEmpty: function (value) { return isNil(value) || typeof value === "number" || typeof value === "boolean" || list(value).length === 0; },
    keys: function (of) { return Object.keys(of || {}); },
    values: list,
    toPairs: function (of) { return Object.entries(of || {}); },
    fromPairs: function (pairs) { return Object.fromEntries(pairs); },
    zipObject: function (keys, values) { return Object.fromEntries(keys.map(function (key, i) { return [key, values[i]]; })); },
    invert: function (of) { return Object.fromEntries(Object.entries(of).map(function (pair) { return [pair[1], pair[0]]; })); },
    pick: pick, omit: omit,
    mapValues: function (of, by) {
      return Object.fromEntries(entries(of).map(function (pair) { return [pair[0], iteratee(by)(pair[1], pair[0])]; }));
    },
    assign: Object.assign, extend: Object.assign,
    defaults: function (into, from) { return Object.assign(into, Object.assign({}, from, into)); },
    defaultTo: function (value, otherwise) { return isNil(value) || value !== value ? otherwise : value; },
    map: map, collect: map, pluck: map, filter: filter, forEach: forEach, each: forEach, includes: includes, contains: includes,
    reject: function (of, by) { var f = iteratee(by); return list(of).filter(function (v) { return !f(v); }); },
    partition: function (of, by) { var f = iteratee(by); return [filter(of, f), own.reject(of, f)]; },
    find: function (of, by) { return list(of).find(iteratee(by)); },
    findLast: function (of, by) { return list(of).slice().reverse().find(iteratee(by)); },
    findIndex: function (of, by) { return list(of).findIndex(iteratee(by)); },
    findKey: function (of, by) { return Object.keys(of).find(function (key) { return iteratee(by)(of[key], key); }); },
    some: function (of, by) { return list(of).some(iteratee(by)); },
    every: function (of, by) { return list(of).every(iteratee(by)); },
    reduce: function (of, fold, from) { return entries(of).reduce(function (held, pair) { return fold(held, pair[1], pair[0]); }, from); },
    size: function (of) { return list(of).length; },
    sortBy: function (of, by) { return orderBy(of, by); }, orderBy: orderBy, groupBy: groupBy,
    keyBy: function (of, by) { return Object.fromEntries(list(of).map(function (v) { return [iteratee(by)(v), v]; })); },
    countBy: function (of, by) { return own.mapValues(groupBy(of, by), function (group) { return group.length; }); },
    uniq: function (of) { return uniqBy(of); }, unique: function (of) { return uniqBy(of); }, uniqBy: uniqBy,
    flatten: function (of) { return flatten(of); }, flattenDeep: function (of) { return flatten(of, true); },
    flatMap: function (of, by) { return flatten(map(of, by)); },
    compact: function (of) { return list(of).filter(Boolean); },
    chunk: function (of, size) {
      var parts = [];
      for (var i = 0; i < of.length; i += size || 1) parts.push(of.slice(i, i + (size || 1)));
      return parts;
    },
    first: function (of) { return list(of)[0]; }, head: function (of) { return list(of)[0]; },
    last: function (of) { return list(of)[list(of).length - 1]; },
    nth: function (of, n) { return list(of)[n < 0 ? list(of).length + n : n]; },
    initial: function (of) { return list(of).slice(0, -1); }, tail: function (of) { return list(of).slice(1); },
    take: function (of, n) { return list(of).slice(0, n === undefined ? 1 : n); },
    drop: function (of, n) { return list(of).slice(n === undefined ? 1 : n); },
    slice: function (of, from, to) { return list(of).slice(from, to); },
    indexOf: function (of, value) { return list(of).indexOf(value); },
    join: function (of, between) { return list(of).join(between); },
    reverse: function (of) { return of.reverse(); },
    concat: function (of) { return [].concat.apply([], arguments); },
    union: function () { return uniqBy(flatten(Array.prototype.slice.call(arguments))); },
    intersection: function (of, other) { return list(of).filter(function (v) { return includes(other, v); }); },
    difference: function (of, other) { return list(of).filter(function (v) { return !includes(other, v); }); },
    without: function (of) { return own.difference(of, Array.prototype.slice.call(arguments, 1)); },
    zip: function (a, b) { return a.map(function (v, i) { return [v, b[i]]; }); },
    remove: function (of, by) {
      var gone = filter(of, by);
      gone.forEach(function (value) { of.splice(of.indexOf(value), 1); });
      return gone;
    },
    range: function (from, to, step) {
      if (to === undefined) { to = from; from = 0; }
      step = step || (from < to ? 1 : -1);
      var numbers = [];
      for (var n = from; step > 0 ? n < to : n > to; n += step) numbers.push(n);
      return numbers;
    },
    times: function (n, f) { return own.range(n).map(f || function (i) { return i; }); },
    sum: function (of) { return sum(list(of)); }, sumBy: function (of, by) { return sum(map(of, by)); },
    mean: function (of) { return sum(list(of)) / list(of).length; },
    max: function (of) { return best(of, undefined, more); }, min: function (of) { return best(of, undefined, less); },
    maxBy: function (of, by) { return best(of, by, more); }, minBy: function (of, by) { return best(of, by, less); },
    round: function (number, digits) { var f = Math.pow(10, digits || 0); return Math.round(number * f) / f; },
    clamp: function (number, low, high) { return Math.min(Math.max(number, low), high); },
    random: function (low, high) {
      if (high === undefined) { high = low === undefined ? 1 : low; low = 0; }
      return low + Math.floor(Math.random() * (high - low + 1));
    },
    sample: function (of) { return list(of)[Math.floor(Math.random() * list(of).length)]; },
    shuffle: function (of) { return orderBy(of, function () { return Math.random(); }); },
    capitalize: function (text) { return upperFirst(String(text).toLowerCase()); }, upperFirst: upperFirst,
    lowerFirst: function (text) { return String(text).charAt(0).toLowerCase() + String(text).slice(1); },
    toUpper: function (text) { return String(text).toUpperCase(); }, toLower: function (text) { return String(text).toLowerCase(); },
    startCase: function (text) { return words(text).map(upperFirst).join(" "); },
    camelCase: function (text) { return own.lowerFirst(words(text).map(own.capitalize).join("")); },
    kebabCase: function (text) { return words(text).join("-").toLowerCase(); },
    snakeCase: function (text) { return words(text).join("_").toLowerCase(); },
    trim: function (text) { return String(text).trim(); }, split: function (text, by) { return String(text).split(by); },
    replace: function (text, what, by) { return String(text).replace(what, by); },
    startsWith: function (text, start) { return String(text).startsWith(start); },
    endsWith: function (text, end) { return String(text).endsWith(end); },
    padStart: function (text, n, by) { return String(text).padStart(n, by); },
    toNumber: Number, toString: function (value) { return isNil(value) ? "" : String(value); }, parseInt: parseInt,
    identity: function (value) { return value; }, noop: function () {}
  };
  own.pull = function (of) {
    var unwanted = Array.prototype.slice.call(arguments, 1);
    own.remove(of, function (value) { return unwanted.indexOf(value) >= 0; });
    return of;
  };
  return own;
})();

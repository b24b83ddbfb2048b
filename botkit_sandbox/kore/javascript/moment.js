// The part of moment.js that scripts of dialogs use as koreUtil.moment, written anew. Every time is UTC, every name English.
var __moment = (function () {
  "use strict";

  var MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December"];
  var DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  var MS = {millisecond: 1, second: 1000, minute: 60000, hour: 3600000, day: 86400000, week: 604800000};
  var SHORT = {ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week", M: "month", y: "year", Q: "quarter"};
  var LONG = {LT: "h:mm A", LTS: "h:mm:ss A", L: "MM/DD/YYYY", l: "M/D/YYYY", LL: "MMMM D, YYYY", ll: "MMM D, YYYY",
    LLL: "MMMM D, YYYY h:mm A", LLLL: "dddd, MMMM D, YYYY h:mm A"};

  function unit(name) { return SHORT[name] || String(name || "millisecond").replace(/s$/, "").toLowerCase(); }
  function two(n) { return String(n).padStart(2, "0"); }
  function ordinal(n) {
    var last = n % 10, teen = Math.floor(n % 100 / 10) === 1;
    return n + (teen || last > 3 || last === 0 ? "th" : ["st", "nd", "rd"][last - 1]);
  }

  var TOKENS = {
    YYYY: function (d) { return d.getUTCFullYear(); }, YY: function (d) { return two(d.getUTCFullYear() % 100); },
    Q: function (d) { return Math.floor(d.getUTCMonth() / 3) + 1; },
    MMMM: function (d) { return MONTHS[d.getUTCMonth()]; }, MMM: function (d) { return MONTHS[d.getUTCMonth()].slice(0, 3); },
    MM: function (d) { return two(d.getUTCMonth() + 1); }, M: function (d) { return d.getUTCMonth() + 1; },
    Do: function (d) { return ordinal(d.getUTCDate()); }, DD: function (d) { return two(d.getUTCDate()); },
    D: function (d) { return d.getUTCDate(); },
    dddd: function (d) { return DAYS[d.getUTCDay()]; }, ddd: function (d) { return DAYS[d.getUTCDay()].slice(0, 3); },
    dd: function (d) { return DAYS[d.getUTCDay()].slice(0, 2); }, d: function (d) { return d.getUTCDay(); },
    HH: function (d) { return two(d.getUTCHours()); }, H: function (d) { return d.getUTCHours(); },
    hh: function (d) { return two(d.getUTCHours() % 12 || 12); }, h: function (d) { return d.getUTCHours() % 12 || 12; },
    mm: function (d) { return two(d.getUTCMinutes()); }, m: function (d) { return d.getUTCMinutes(); },
    ss: function (d) { return two(d.getUTCSeconds()); }, s: function (d) { return d.getUTCSeconds(); },
    SSS: function (d) { return String(d.getUTCMilliseconds()).padStart(3, "0"); },
    A: function (d) { return d.getUTCHours() < 12 ? "AM" : "PM"; }, a: function (d) { return d.getUTCHours() < 12 ? "am" : "pm"; },
    ZZ: function () { return "+0000"; }, Z: function () { return "+00:00"; }, z: function () { return "UTC"; },
    X: function (d) { return Math.floor(d.getTime() / 1000); }, x: function (d) { return d.getTime(); }
  };
  var IN_FORMAT = /\[([^\]]*)\]|YYYY|YY|Q|MMMM|MMM|MM|M|Do|DD|D|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z|z|X|x/g;

  function formatted(date, format) {
    if (isNaN(date)) return "Invalid date";
    if (!format) format = "YYYY-MM-DDTHH:mm:ssZ";
    format = format.replace(/\[[^\]]*\]|LTS|LT|LLLL|LLL|LL|L|ll|l/g, function (found) { return LONG[found] || found; });
    return format.replace(IN_FORMAT, function (token, literal) {
      return literal !== undefined ? literal : TOKENS[token](date);
    });
  }

  function parsed(value, format) {
    if (value === undefined) return new Date();
    if (value === null) return new Date(NaN);
    if (value instanceof Moment) return new Date(value.valueOf());
    if (value instanceof Date || typeof value === "number") return new Date(value);
    if (Array.isArray(value)) return new Date(Date.UTC(value[0], value[1] || 0, value[2] || 1, value[3] || 0, value[4] || 0));
    if (typeof value !== "string") return new Date(NaN);
    return format ? parsedAs(value, [].concat(format)[0]) : parsedFreely(value);
  }

  function parsedFreely(text) {
    var iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)?$/.exec(text);
    if (iso) return new Date(Date.UTC(iso[1], iso[2] - 1, iso[3], iso[4] || 0, iso[5] || 0, iso[6] || 0, iso[7] || 0));
    return new Date(text);
  }

  function parsedAs(text, format) {
    var at = {YYYY: NaN, M: 1, D: 1, H: 0, m: 0, s: 0}, left = text, afternoon = null;
    var now = new Date();
    at.YYYY = now.getUTCFullYear();
    (format.match(/[YMDHhmsAa]+o?|[^YMDHhmsAa]+/g) || []).forEach(function (token) {
      var number = /^\d{1,4}/.exec(left), word = /^[A-Za-z]+/.exec(left);
      if (/^MMM/.test(token) && word) {
        at.M = 1 + MONTHS.findIndex(function (name) { return name.toLowerCase().indexOf(word[0].toLowerCase()) === 0; });
        left = left.slice(word[0].length);
      } else if (/^[Aa]$/.test(token) && word) {
        afternoon = /^p/i.test(word[0]);
        left = left.slice(word[0].length);
      } else if (/^[YMDHhms]/.test(token)) {
        number = new RegExp("^\\d{1," + (token.length > 2 ? 4 : 2) + "}").exec(left);
        if (!number) { at.YYYY = NaN; return; }
        left = left.slice(number[0].length).replace(/^(st|nd|rd|th)/, "");
        var key = token[0] === "Y" ? "YYYY" : token[0] === "h" ? "H" : token[0];
        at[key] = Number(number[0]) + (token === "YY" ? 2000 : 0);
      } else {
        left = left.slice(token.length);
      }
    });
    if (afternoon !== null) at.H = at.H % 12 + (afternoon ? 12 : 0);
    return new Date(at.M < 1 || at.M > 12 || at.D > 31 ? NaN : Date.UTC(at.YYYY, at.M - 1, at.D, at.H, at.m, at.s));
  }

  function Moment(date) { this._d = date; }
  function make(value, format) { return new Moment(parsed(value, format)); }

  function shifted(moment, amount, name, sign) {
    if (amount !== null && typeof amount === "object") {
      Object.keys(amount).forEach(function (key) { shifted(moment, amount[key], key, sign); });
      return moment;
    }
    if (typeof amount === "string" && typeof name === "number") { var swap = amount; amount = name; name = swap; }
    var which = unit(name), by = Number(amount) * sign, d = moment._d;
    if (which === "year" || which === "month" || which === "quarter") {
      var months = by * {year: 12, quarter: 3, month: 1}[which], day = d.getUTCDate();
      d.setUTCDate(1);
      d.setUTCMonth(d.getUTCMonth() + months);
      d.setUTCDate(Math.min(day, new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate()));
    } else {
      d.setTime(d.getTime() + by * MS[which]);
    }
    return moment;
  }

  function startOf(moment, name) {
    var d = moment._d, which = unit(name), order = ["year", "month", "day", "hour", "minute", "second"];
    if (which === "week") { d.setTime(d.getTime() - d.getUTCDay() * MS.day); which = "day"; }
    if (which === "quarter") { d.setUTCMonth(Math.floor(d.getUTCMonth() / 3) * 3); which = "month"; }
    var keep = order.indexOf(which) + 1;
    var parts = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()];
    d.setTime(Date.UTC.apply(null, parts.map(function (part, i) { return i < keep ? part : i === 2 ? 1 : 0; })));
    return moment;
  }

  function compared(test) {
    return function (other, name) {
      var one = this.clone(), two = make(other);
      return name ? test(one.startOf(name).valueOf(), two.startOf(name).valueOf()) : test(one.valueOf(), two.valueOf());
    };
  }

  function ago(ms) {
    var sizes = [["year", 31536e6], ["month", 2592e6], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]], size = Math.abs(ms);
    for (var i = 0; i < sizes.length; i++) {
      var n = Math.round(size / sizes[i][1]);
      if (n >= 1) return n === 1 ? (sizes[i][0] === "hour" ? "an hour" : "a " + sizes[i][0]) : n + " " + sizes[i][0] + "s";
    }
    return "a few seconds";
  }

  function accessor(read, write) {
    return function (value) {
      if (value === undefined) return this._d["getUTC" + read]();
      if (write) this._d["setUTC" + read](value);
      return this;
    };
  }

  Moment.prototype = {
    format: function (format) { return formatted(this._d, format); },
    toString: function () { return formatted(this._d, "ddd MMM DD YYYY HH:mm:ss [GMT]ZZ"); },
    toISOString: function () { return this._d.toISOString(); }, toJSON: function () { return this._d.toJSON(); },
    toDate: function () { return new Date(this._d.getTime()); }, valueOf: function () { return this._d.getTime(); },
    unix: function () { return Math.floor(this._d.getTime() / 1000); }, clone: function () { return make(this); },
    isValid: function () { return !isNaN(this._d.getTime()); },
    add: function (amount, name) { return shifted(this, amount, name, 1); },
    subtract: function (amount, name) { return shifted(this, amount, name, -1); },
    startOf: function (name) { return startOf(this, name); },
    endOf: function (name) { return shifted(shifted(startOf(this, name), 1, name, 1), 1, "ms", -1); },
    diff: function (other, name, exact) {
      var to = make(other), which = unit(name), value;
      if (which === "year" || which === "month" || which === "quarter") {
        value = (this.year() - to.year()) * 12 + this.month() - to.month() + (this.date() - to.date()) / 31;
        value /= {year: 12, quarter: 3, month: 1}[which];
      } else {
        value = (this.valueOf() - to.valueOf()) / MS[which];
      }
      return exact ? value : Math.trunc(value);
    },
    isBefore: compared(function (a, b) { return a < b; }), isAfter: compared(function (a, b) { return a > b; }),
    isSame: compared(function (a, b) { return a === b; }), isSameOrBefore: compared(function (a, b) { return a <= b; }),
    isSameOrAfter: compared(function (a, b) { return a >= b; }),
    isBetween: function (from, to, name) { return this.isAfter(from, name) && this.isBefore(to, name); },
    fromNow: function (bare) {
      var ms = this.valueOf() - Date.now();
      return bare ? ago(ms) : ms < 0 ? ago(ms) + " ago" : "in " + ago(ms);
    },
    calendar: function (_, formats) {
      var days = startOf(this.clone(), "day").diff(startOf(make(), "day"), "days"), f = formats || {};
      if (days === 0) return this.format(f.sameDay || "[Today at] h:mm A");
      if (days === 1) return this.format(f.nextDay || "[Tomorrow at] h:mm A");
      if (days === -1) return this.format(f.lastDay || "[Yesterday at] h:mm A");
      if (days > 1 && days < 7) return this.format(f.nextWeek || "dddd [at] h:mm A");
      if (days < -1 && days > -7) return this.format(f.lastWeek || "[Last] dddd [at] h:mm A");
      return this.format(f.sameElse || "MM/DD/YYYY");
    },
    year: accessor("FullYear", true), month: accessor("Month", true), date: accessor("Date", true), day: accessor("Day", false),
    weekday: accessor("Day", false), hour: accessor("Hours", true), hours: accessor("Hours", true),
    minute: accessor("Minutes", true), minutes: accessor("Minutes", true), second: accessor("Seconds", true),
    seconds: accessor("Seconds", true), millisecond: accessor("Milliseconds", true),
    isoWeekday: function () { return this._d.getUTCDay() || 7; },
    daysInMonth: function () { return this.clone().endOf("month").date(); },
    locale: function () { return this; }, utc: function () { return this; }, local: function () { return this; },
    tz: function () { return this; }, utcOffset: function (value) { return value === undefined ? 0 : this; }
  };
  make.utc = make;
  make.unix = function (seconds) { return make(seconds * 1000); };
  make.isMoment = function (value) { return value instanceof Moment; };
  make.isDate = function (value) { return value instanceof Date; };
  make.now = Date.now;
  make.months = function () { return MONTHS.slice(); };
  make.weekdays = function () { return DAYS.slice(); };
  make.locale = function () { return "en"; };
  make.duration = function (amount, name) {
    var ms = amount !== null && typeof amount === "object"
      ? Object.keys(amount).reduce(function (all, key) { return all + amount[key] * MS[unit(key)]; }, 0)
      : amount * MS[unit(name)];
    return {
      asMilliseconds: function () { return ms; }, asSeconds: function () { return ms / MS.second; },
      asMinutes: function () { return ms / MS.minute; }, asHours: function () { return ms / MS.hour; },
      asDays: function () { return ms / MS.day; }, hours: function () { return Math.floor(ms / MS.hour) % 24; },
      minutes: function () { return Math.floor(ms / MS.minute) % 60; }, days: function () { return Math.floor(ms / MS.day); },
      humanize: function () { return ago(ms); }
    };
  };
  make.tz = function (value) { return make(value); };
  make.tz.setDefault = function () {};
  make.tz.guess = function () { return "UTC"; };
  return make;
})();

"""The libraries of scripts: koreUtil._ and koreUtil.moment behave as lodash and moment.js do, where they have a function."""

from __future__ import annotations

from typing import Any

import pytest

from botkit_sandbox.errors import ScriptError
from botkit_sandbox.kore.script import Surroundings, evaluate, run_script


def value(expression: str, **context: Any) -> Any:
    """The value of an expression, as JSON has it."""
    source = f"var _ = koreUtil._, moment = koreUtil.moment; context.value = ({expression});"
    return run_script(source, context=context).context.get("value")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # the examples of Kore's page of koreUtil
        ("_.chunk(['a', 'b', 'c', 'd'], 2)", [["a", "b"], ["c", "d"]]),
        (
            "_.pluck(_.filter([{u: 'barney', age: 36, on: true}, {u: 'fred', age: 40, on: false}],"
            " {age: 36, on: true}), 'u')",
            ["barney"],
        ),
        ("_.get({a: [{b: 1}]}, 'a[0].b')", 1),
        ("_.get({}, 'a.b', 'none')", "none"),
        ("_.set({}, 'a.b', 2)", {"a": {"b": 2}}),
        ("_.has({a: {b: 0}}, 'a.b')", True),
        ("[_.isEmpty({}), _.isEmpty([1]), _.isEmpty(''), _.isEmpty(null)]", [True, False, True, True]),
        ("_.map([{n: 1}, {n: 2}], 'n')", [1, 2]),
        ("_.map({a: 1, b: 2}, function (v, k) { return k + v; })", ["a1", "b2"]),
        ("_.find([{n: 1}, {n: 2, x: 3}], ['n', 2])", {"n": 2, "x": 3}),
        ("_.findIndex([5, 6], function (v) { return v === 6; })", 1),
        ("_.sortBy([{n: 2}, {n: 1}], 'n')", [{"n": 1}, {"n": 2}]),
        (
            "_.orderBy([{n: 1, m: 1}, {n: 2, m: 1}, {n: 1, m: 2}], ['m', 'n'], ['desc', 'asc'])",
            [{"n": 1, "m": 2}, {"n": 1, "m": 1}, {"n": 2, "m": 1}],
        ),
        ("_.groupBy([1.2, 1.8, 2.1], Math.floor)", {"1": [1.2, 1.8], "2": [2.1]}),
        ("_.keyBy([{id: 'a'}], 'id')", {"a": {"id": "a"}}),
        ("_.uniq([1, 2, 1])", [1, 2]),
        ("_.uniqBy([{n: 1}, {n: 1, m: 2}], 'n')", [{"n": 1}]),
        ("_.flatten([1, [2, [3]]])", [1, 2, [3]]),
        ("_.flattenDeep([1, [2, [3]]])", [1, 2, 3]),
        ("_.compact([0, 1, '', 'a', null])", [1, "a"]),
        ("[_.first([1, 2]), _.last([1, 2])]", [1, 2]),
        ("_.difference([1, 2, 3], [2])", [1, 3]),
        ("_.union([1], [1, 2])", [1, 2]),
        ("_.without([1, 2, 1], 1)", [2]),
        ("_.pick({a: 1, b: 2}, ['a'])", {"a": 1}),
        ("_.omit({a: 1, b: 2}, 'a')", {"b": 2}),
        ("_.merge({a: {b: 1}}, {a: {c: 2}})", {"a": {"b": 1, "c": 2}}),
        ("_.defaults({a: 1}, {a: 2, b: 3})", {"a": 1, "b": 3}),
        ("_.isEqual({a: [1, {b: 2}]}, {a: [1, {b: 2}]})", True),
        ("_.sumBy([{n: 1}, {n: 2}], 'n')", 3),
        ("_.maxBy([{n: 1}, {n: 3}, {n: 2}], 'n')", {"n": 3}),
        ("[_.includes([1, 2], 2), _.includes('abc', 'b'), _.includes({a: 5}, 5)]", [True, True, True]),
        ("_.reduce([1, 2, 3], function (sum, n) { return sum + n; }, 0)", 6),
        ("_.range(2, 5)", [2, 3, 4]),
        ("_.startCase('fooBar baz')", "Foo Bar Baz"),
        ("_.camelCase('Foo bar')", "fooBar"),
        ("_.snakeCase('fooBar')", "foo_bar"),
        ("_.capitalize('fRED')", "Fred"),
        ("(function () { var a = [1, 2, 3]; _.pull(a, 2); return a; })()", [1, 3]),
        ("(function (a) { return [_.remove(a, function (n) { return n > 1; }), a]; })([1, 2, 3])", [[2, 3], [1]]),
        ("(function () { var n = 0; _.forEach([1, 2, 3], function (v) { n += v; return v < 2; }); return n; })()", 3),
        ("(function () { var a = {b: [1]}, c = _.cloneDeep(a); c.b.push(2); return a.b.length; })()", 1),
    ],
)  # fmt: skip
def test_lodash(expression: str, expected: Any) -> None:
    assert value(expression) == expected


DATE = "moment('2024-02-29T17:05:09Z')"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{DATE}.format('D MMM YYYY')", "29 Feb 2024"),
        (f"{DATE}.format('dddd, MMMM Do YYYY, h:mm:ss a')", "Thursday, February 29th 2024, 5:05:09 pm"),
        (f"{DATE}.format('[Today is] HH:mm')", "Today is 17:05"),
        (f"{DATE}.format('LLLL')", "Thursday, February 29, 2024 5:05 PM"),
        (f"{DATE}.format()", "2024-02-29T17:05:09+00:00"),
        (f"{DATE}.add(1, 'year').format('YYYY-MM-DD')", "2025-02-28"),
        (f"{DATE}.add(15, 'days').format('YYYY-MM-DD')", "2024-03-15"),
        (f"{DATE}.add({{hours: 7, minutes: 1}}).format('DD HH:mm')", "01 00:06"),
        (f"{DATE}.subtract(1, 'M').format('YYYY-MM-DD')", "2024-01-29"),
        (f"{DATE}.startOf('month').format('YYYY-MM-DD HH:mm:ss')", "2024-02-01 00:00:00"),
        (f"{DATE}.endOf('day').format('HH:mm:ss.SSS')", "23:59:59.999"),
        (f"{DATE}.startOf('week').format('YYYY-MM-DD')", "2024-02-25"),
        (f"moment('2024-03-02').diff({DATE}.startOf('day'), 'days')", 2),
        ("moment('2024-03-02').diff(moment('2023-03-02'), 'years')", 1),
        ("moment('31/12/2024', 'DD/MM/YYYY').format('YYYY-MM-DD')", "2024-12-31"),
        (
            "moment('Dec 5, 2024 3:30 PM', 'MMM D, YYYY h:mm A').format('YYYY-MM-DD HH:mm')",
            "2024-12-05 15:30",
        ),
        ("moment('not a date', 'YYYY-MM-DD').isValid()", False),
        ("moment('not a date', 'YYYY-MM-DD').format('YYYY')", "Invalid date"),
        ("moment('2024-01-01').isBefore('2024-01-02')", True),
        ("moment('2024-01-01T10:00').isSame('2024-01-01T11:00', 'day')", True),
        ("moment('2024-01-15').isBetween('2024-01-01', '2024-02-01')", True),
        (
            f"[{DATE}.year(), {DATE}.month(), {DATE}.date(), {DATE}.day(), {DATE}.hour()]",
            [2024, 1, 29, 4, 17],
        ),
        (f"{DATE}.toISOString()", "2024-02-29T17:05:09.000Z"),
        (f"{DATE}.unix()", 1709226309),
        ("moment.unix(0).format('YYYY')", "1970"),
        ("moment.duration(90, 'minutes').asHours()", 1.5),
        ("moment().subtract(3, 'hours').fromNow()", "3 hours ago"),
        ("moment().add(1, 'day').calendar(null, {nextDay: '[Tomorrow]'})", "Tomorrow"),
        (f"{DATE}.daysInMonth()", 29),
        (f"koreUtil.momenttz({DATE}, 'Europe/Lisbon').format('HH')", "17"),
    ],
)
def test_moment(expression: str, expected: Any) -> None:
    assert value(expression) == expected


def test_a_script_may_return_early() -> None:
    assert run_script("context.a = 1; return; context.a = 2;", context={}).context["a"] == 1


def test_a_script_finds_the_functions_of_the_bot() -> None:
    around = Surroundings(functions="function twice(n) { return 2 * n; }", session_id="5f")
    assert run_script("context.a = twice(4);", context={}, around=around).context["a"] == 8
    assert evaluate(["twice(5)", "koreUtil.getSessionId()"], context={}, around=around)[0].text == "10"


def test_one_expression_that_fails_does_not_spoil_the_others() -> None:
    one, two = evaluate(["context.x.y", "1 + 1"], context={})
    assert one.error is not None
    assert (two.text, two.error) == ("2", None)


def test_an_expression_has_the_limits_of_a_script() -> None:
    with pytest.raises(ScriptError):
        evaluate(["(function () { while (true) {} })()"], context={})
    assert evaluate(["'x'.repeat(1 << 28)"], context={})[0].error is not None


def test_an_unknown_function_of_lodash_is_an_error_that_names_it() -> None:
    with pytest.raises(ScriptError, match="not a function"):
        run_script("koreUtil._.transmogrify([1]);", context={})


def test_a_library_is_there_under_another_name() -> None:
    assert run_script("var l = koreUtil._\ncontext.a = l.first([7]);", context={}).context["a"] == 7
    assert (
        run_script("var time = koreUtil['moment']; context.a = time(0).year();", context={}).context["a"]
        == 1970
    )

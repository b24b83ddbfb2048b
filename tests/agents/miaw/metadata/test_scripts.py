"""Finding the attributes in a bot's scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.miaw.metadata.scripts import Found, Script, attributes_in


def read(text: str) -> Found:
    return attributes_in([Script("Node", text)], meta_infos=("miawMetaInfo",))


def said(found: Found) -> list[str]:
    return [sentence.removeprefix("Node, ") for sentence in found.unresolved]


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("let m = {}; m.preChatInfo = {\"Zip\": '5', City: x, 'Country': f(1, {a: 2}), short};", "City Country Zip short"),
        ('miawMetaInfo["preChatInfo"]["Street"] = 1; miawMetaInfo.preChatInfo.Order_Number ||= y', "Order_Number Street"),
        ("if (miawMetaInfo.preChatInfo.Read === 2) { delete miawMetaInfo.preChatInfo.Gone }", ""),
        ("miawMetaInfo = {agentSystem: 's', preChatInfo: {a: b.c, d: [1, {e: 2}], f: () => ({g: 1})}}", "a d f"),
        ("var info = {a: 1}; info.b = 2; info['c'] = 3; x.preChatInfo = info", "a b c"),
        ("let preChatInfo = {}\npreChatInfo.a = 1\nm.preChatInfo = preChatInfo\ncontext.y = 2", "a"),
        ("var preChatInfo = {V: 1}; m = {preChatInfo}", "V"),
        ("const {preChatInfo} = miawMetaInfo; preChatInfo.D = 1", "D"),
        ("const {preChatInfo: p} = miawMetaInfo; p.Q = 1", "Q"),
        ("var p = miawMetaInfo.preChatInfo; p.Alias = 3", "Alias"),
        ("m.preChatInfo = Object.assign({Dialog: 1}, m.preChatInfo)", "Dialog"),
        ("Object.assign(miawMetaInfo.preChatInfo, {N: 1})", "N"),
        ("var base = {b: 1}; Object.assign(base, {c: 2}); m.preChatInfo = {...base, d: 3}", "b c d"),
        ("m.preChatInfo = m.preChatInfo || {}; m.preChatInfo.K = 1", "K"),
        ("a.preChatInfo = b.preChatInfo = ({R: 1})", "R"),
        ("m.preChatInfo = JSON.parse('{\"J\": {\"inner\": 1}}')", "J"),
        ("x.preChatInfo = {['City']: 1, [`T`]: 2, get g() { return 1 }, async fn() {}, 7: 1}", "7 City T fn g"),
        ("x.preChatInfo = null; x.preChatInfo = undefined", ""),
        ("a = b; b = a; a.k = 1; b = {m: 1}; x.preChatInfo = a", "k m"),
        (r'x.preChatInfo = {"\u0043ity": 1, "Stra\u{df}e": 2, "\x41": 3}', "A City Straße"),
    ],
)  # fmt: skip
def test_names_that_are_written_out_are_found(script: str, names: str) -> None:
    found = read(script)
    assert list(found.attributes) == names.split()
    assert found.unresolved == []


@pytest.mark.parametrize(
    ("script", "names", "unresolved"),
    [
        ("m.preChatInfo[key] = 1", "", "line 1: preChatInfo sets a name that is not written out"),
        ("m.preChatInfo = {a: 1,\n[`x${i}`]: 2}", "a", "line 2: preChatInfo sets a name that is not written out"),
        ("m.preChatInfo = a ? {b: 1} : {c: 2}", "", "line 1: preChatInfo takes an object whose names are not written out"),
        ("m.preChatInfo = makeIt()", "", "line 1: preChatInfo takes an object whose names are not written out"),
        ("m.preChatInfo = JSON.parse(text)", "", "line 1: preChatInfo takes an object whose names are not written out"),
        ("m.preChatInfo = other;", "", "line 1: preChatInfo takes other, which this script does not make"),
        ("m.preChatInfo = {...other, k: 1}", "k", "line 1: preChatInfo takes other, which this script does not make"),
        ("fill(miawMetaInfo.preChatInfo)", "", "line 1: preChatInfo is passed to fill, which may set further names"),
        ("_.set(miawMetaInfo, 'preChatInfo.City', 1)", "", "line 1: preChatInfo is named in a text that is passed to a function"),
        ("m.preChatInfo =", "", "line 1: preChatInfo takes an object whose names are not written out"),
    ],
)  # fmt: skip
def test_what_is_not_written_out_is_reported_with_its_line(script: str, names: str, unresolved: str) -> None:
    found = read(script)
    assert list(found.attributes) == names.split()
    assert said(found) == [unresolved]


@pytest.mark.parametrize(
    "script",
    [
        "// m.preChatInfo = {Comment: 1}\n/* m.preChatInfo.Comment = 1 */",
        'var s = "m.preChatInfo = {Text: 1}"; var r = /m.preChatInfo = {Regex: 1}/;',
        "console.log(miawMetaInfo.preChatInfo); koreDebugger.log('preChatInfo is', JSON.stringify(miawMetaInfo.preChatInfo))",
        "liveChatMetaInfo.preChatInfo = {L: 1}; liveChatMetaInfo['preChatInfo'].M = 1",
        "context.session.BotUserSession.liveChatMetaInfo = {preChatInfo: {L: 1}}",
        'context.session.BotUserSession["liveChatMetaInfo"] = {preChatInfo: {L: 1}}',
    ],
)
def test_comments_texts_readers_and_other_agent_systems_set_nothing(script: str) -> None:
    assert read(script) == Found()


def test_a_division_does_not_hide_what_follows_it() -> None:
    assert list(read("var a = b / c; m.preChatInfo = {K: 1}; var d = e / f").attributes) == ["K"]
    assert list(read("var a = (b) / c; m.preChatInfo = {K: 1}; var d = e[0] / f").attributes) == ["K"]


def test_a_script_is_read_up_to_a_quotation_mark_that_nothing_closes() -> None:
    assert list(read('m.preChatInfo = {a: 1, "open: 2}\nm.preChatInfo.b = 1').attributes) == ["a"]


def test_every_name_has_the_scripts_that_set_it() -> None:
    scripts = [Script(name, f"m.preChatInfo = {{City: 1, {name}: 2}}") for name in ("One", "Two")]
    found = attributes_in(scripts, meta_infos=("miawMetaInfo",))
    assert found.attributes == {"City": ["One", "Two"], "One": ["One"], "Two": ["Two"]}


@pytest.mark.parametrize("text", ["(", "{a:", "[", "{...{", "Object.assign({},", "{...Object.assign(", "x="])
def test_deep_nesting_is_no_trouble(text: str) -> None:
    read("m.preChatInfo = " + text * 3000)


@given(st.lists(st.sampled_from(
    ["m", ".", "preChatInfo", "miawMetaInfo", "=", "{", "}", "[", "]", "(", ")", ",", ":", "...", "'a'", '"', "`", "x", ";", "\n",
     "Object.assign(", "JSON.parse(", "const ", "/", "\\", "//", "/*", "=>", "?", "||", "${", "1"]
)))  # fmt: skip
def test_no_script_makes_the_reading_fail(parts: list[str]) -> None:
    found = read("preChatInfo = y;" + " ".join(parts))
    assert all(isinstance(name, str) for name in found.attributes)

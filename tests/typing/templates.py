"""Message templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

from botkit.templates import (
    Button,
    Card,
    Column,
    QuickReply,
    Rendering,
    Template,
    audio_template,
    button_template,
    carousel_template,
    image_template,
    link_template,
    list_template,
    live_agent_template,
    quick_replies_template,
    table_template,
    video_template,
)

hat = Card("Hat", "Warm", image_url="https://acme.example/hat.png", buttons=[Button("Buy the hat")])

assert_type(button_template("Sure?", ["Yes", Button("No", payload="no")], agent_name="Jane"), Template)
assert_type(quick_replies_template("Which?", ["Red", QuickReply("Gold", payload="gold")]), Template)
assert_type(list_template([hat], more=Button("More")), Template)
assert_type(carousel_template([hat]), Template)
assert_type(table_template("Sizes", ["Size", Column("cm", align="right")], [["S", 40]]), Template)
assert_type(live_agent_template("How can I help?", agent_name="Jane"), Template)
assert_type(image_template("https://acme.example/hat.png", alt="A hat"), Template)
assert_type(audio_template("https://acme.example/hello.mp3", title="Hello"), Template)
assert_type(video_template("https://acme.example/tour.mp4", title="The tour"), Template)
assert_type(link_template("Terms", "https://acme.example/terms.pdf"), Template)

template = Template("Rate us", {"type": "template", "payload": {"template_type": "feedbackTemplate"}})
assert_type(template.with_channels({"sms": "Rate us from 1 to 5", "facebook": {"attachment": {}}}), Template)
assert_type(template.for_channel("sms"), Rendering)
assert_type(template.for_channel("sms").message, str)
assert_type(template.for_channel("sms").override, Mapping[str, object] | None)
assert_type(template.to_json(), str)
assert_type(template.text, str)

Button(5)  # type: ignore[arg-type]
Column("cm", align="middle")  # type: ignore[arg-type]
button_template("Sure?", [QuickReply("Yes")])  # type: ignore[list-item]
carousel_template(["Hat"])  # type: ignore[list-item]
list_template([hat], more="More")  # type: ignore[arg-type]
template.text = "Rate them"  # type: ignore[misc]
template.with_channels({"sms": 5})  # type: ignore[dict-item]

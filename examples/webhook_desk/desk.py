# Run it: .venv/bin/flask --app examples/webhook_desk/desk.py run --port 8004     then open http://127.0.0.1:8004/
"""A small desk to try the agent system with: kept in memory, with one page on which agents answer."""

from __future__ import annotations

import hmac
import time
from typing import Any

from flask import Flask, abort, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

PAGE = """<!doctype html><title>Desk</title><h1>Desk</h1>
{% for id, one in desk.items() %}<h2>{{ one.user.get("_firstName") or id }}{{ " (over)" if one.over }}</h2>
{% for who, text in one.lines.values() %}<p style="white-space: pre-wrap"><b>{{ who }}</b> {{ text }}</p>{% endfor %}
{% if not one.over %}<form method="post" action="/agent/{{ id }}"><input name="agent" value="Jane"> <input name="text">
<button name="do" value="say">Say</button> <button name="do" value="end">End</button></form>{% endif %}
{% else %}<p>Nobody has asked for an agent yet.</p>{% endfor %}
<script>setInterval(() => document.activeElement.value || location.reload(), 2000)</script>"""


def create_app(key: str = "only-for-trying") -> Flask:
    """A desk that takes calls with this key; its conversations are in `app.extensions["desk"]`."""
    app = Flask(__name__)
    desk: dict[str, dict[str, Any]] = app.extensions.setdefault("desk", {})

    @app.before_request
    def only_with_the_key() -> None:
        given, wanted = request.headers.get("Authorization", "").encode(), f"Bearer {key}".encode()
        if request.path.startswith("/conversations") and not hmac.compare_digest(given, wanted):
            abort(401)

    @app.post("/conversations")
    def begin() -> ResponseReturnValue:
        new = {"user": request.json["user"], "lines": {}, "events": [], "over": False}
        desk.setdefault(request.json["id"], new)  # asked twice, it stays one conversation
        return {}, 201

    @app.post("/conversations/<id>/<what>")
    def user_does(id: str, what: str) -> ResponseReturnValue:
        one = desk.get(id) or abort(404)
        if what == "end" or one["over"]:
            one["over"] = True
            return {}, 202 if what == "end" else 410
        one["lines"][request.json["id"]] = ("User", request.json["text"])  # a repeated id is the same line
        return {}, 202

    @app.get("/conversations/<id>/events")
    def events(id: str) -> ResponseReturnValue:
        events: list[dict[str, Any]] = (desk.get(id) or abort(404))["events"]
        return events[request.args.get("after", 0, int) :]

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE, desk=desk)

    @app.post("/agent/<id>")
    def agent_does(id: str) -> ResponseReturnValue:
        one, agent, text = desk.get(id) or abort(404), request.form["agent"], request.form.get("text", "")
        one["over"] = one["over"] or request.form.get("do") == "end"
        events = one["events"]
        did = [("joined", not events), ("said", text), ("ended", one["over"])]
        for kind in (kind for kind, really in did if really):
            number, now = len(events) + 1, time.time()
            events.append({"number": number, "type": kind, "at": now, "agent": agent, "text": text})
        if text:
            one["lines"][str(len(one["lines"]))] = (agent, text)
        return redirect("/")

    return app

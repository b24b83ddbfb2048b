"""The template that the web SDK draws as an agent's words."""

from __future__ import annotations

from botkit.templates import shapes
from botkit.templates.checks import check_text
from botkit.templates.template import Template


def live_agent_template(text: str, *, agent_name: str = "") -> Template:
    """Words in an agent's bubble. The built-in hand-off shows agents' messages like this by itself.

    Args:
        text: what is said.
        agent_name: who says it.

    Raises:
        TemplateInvalid: no text.
    """
    check_text(text, what="an agent's message")
    return Template(text, shapes.live_agent(text, agent_name=agent_name))

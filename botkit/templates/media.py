"""Templates that show, play or link a file."""

from __future__ import annotations

import re

from botkit.templates import shapes
from botkit.templates.checks import check_text, check_url
from botkit.templates.template import Template

_ENDS_A_LINK = re.compile(r"[\[\]\n]")


def image_template(url: str, *, alt: str = "") -> Template:
    """A picture: png, jpg, jpeg or gif.

    Args:
        url: the picture.
        alt: its description.

    Raises:
        TemplateInvalid: the URL is no web address.
    """
    return Template(_named(alt, check_url(url, what="an image")), shapes.image(url))


def audio_template(url: str, *, title: str = "") -> Template:
    """A sound, played in the chat: m4a, amr, wav, aac or mp3.

    Args:
        url: the sound.
        title: its description.

    Raises:
        TemplateInvalid: the URL is no web address.
    """
    return Template(_named(title, check_url(url, what="a sound")), shapes.player("audioUrl", url))


def video_template(url: str, *, title: str = "") -> Template:
    """A video, played in the chat: mp4, mov, 3gp or flv.

    Args:
        url: the video.
        title: its description.

    Raises:
        TemplateInvalid: the URL is no web address.
    """
    return Template(_named(title, check_url(url, what="a video")), shapes.player("videoUrl", url))


def link_template(title: str, url: str) -> Template:
    """A link to click, the form for documents.

    Args:
        title: the link text.
        url: the target.

    Raises:
        TemplateInvalid: the title is blank, or the URL is no web address.
    """
    check_text(title, what="a link")
    check_url(url, what="a link")
    # Brackets in the title and parentheses in the URL would end a Markdown link early.
    shown = _ENDS_A_LINK.sub(" ", title)
    target = url.replace("(", "%28").replace(")", "%29")
    return Template(_named(title, url), {"text": f"[{shown}]({target})"})


def _named(title: str, url: str) -> str:
    return f"{title}: {url}" if title else url

"""The demo page: static files, served with a content security policy that allows nothing else to load or run."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

ASSETS = Path(__file__).parent / "assets"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[web.AbstractRouteDef]:
    """The page at ``/`` and its files under ``/page/``."""

    async def get_page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(ASSETS / "index.html")

    return [web.get("/", get_page), web.static("/page", ASSETS)]


async def add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for `on_response_prepare`: add the content security policy to the files of the page only."""
    if request.path == "/" or request.path.startswith("/page/"):
        response.headers.update(HEADERS)

"""Sphinx builds the documentation from the Markdown pages of this folder (`make docs`)."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

from botkit import __version__

project = "BotKit for Kore.ai and Salesforce"
author = "the BotKit contributors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"BotKit {version}"
html_show_sphinx = False

# GitHub draws a fence named `mermaid`; with this, Sphinx does too.
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4

# Samples of JSON have "…" where a value does not matter.
suppress_warnings = ["misc.highlighting_failure"]

# Docstrings write code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False

_VALUES = ("property", "attribute", "data")
_COLON = "\ue000"
_PUBLIC_NAMES = re.compile(r"<!-- public names of ([\w.]+) -->")
_LINK_OUT = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)+(?:benchmarks|config|deploy|examples|sample_bot|schemas|tests|\w+\.md)[^)]*\)"
)


def _members(module_name: str) -> str:
    """One autodoc directive for each name that a module offers, also for those it loads when they are asked for."""
    module = import_module(module_name)
    lines = [f"```{{eval-rst}}\n.. currentmodule:: {module_name}\n"]
    for name in module.__all__:
        value = getattr(module, name)
        if name.startswith("_") or isinstance(value, str):
            continue
        if not inspect.isclass(value) and not inspect.isfunction(value):
            lines += [
                f".. py:data:: {name}",
                "",
                *(f"   {line}" for line in _docstring_below(name, value)),
                "",
            ]
            continue
        kind = "class" if inspect.isclass(value) else "function"
        lines.append(f".. auto{kind}:: {name}")
        if kind == "class":
            lines += ["   :members:", "   :inherited-members:"]
        if not getattr(value, "__module__", module_name).startswith(module_name):
            lines.append("   :no-index:")  # it is described with the module it belongs to
        lines.append("")
    return "\n".join([*lines, "```"])


def _docstring_below(name: str, value: object) -> list[str]:
    """The docstring below the assignment of a type alias, from the module that assigns it."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("botkit") and vars(module).get(name) is value:
            analyzer = ModuleAnalyzer.for_module(module_name)
            analyzer.analyze()
            if ("", name) in analyzer.attr_docs:
                return analyzer.attr_docs["", name]
    return []


def _fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a module's members where a page asks for them; drop links to files that have no page of their own.

    Files outside this folder, such as ../examples/README.md, are links on GitHub only.
    """
    text = _PUBLIC_NAMES.sub(lambda match: _members(match[1]), source[0])
    source[0] = _LINK_OUT.sub(r"\1", text)


def _before_napoleon(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Prepare a docstring for reStructuredText.

    Docstrings indent code after an empty line, where reStructuredText wants `::`; sections such as ``Args:`` have no empty line.
    In the docstring of a property, napoleon would take everything before a colon for the type.
    """
    marked: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("    ") and not before and marked[-2:] and not marked[-2].startswith("    "):
            marked += ["::", ""]
        marked.append(line.replace(":", _COLON) if what in _VALUES else line)
    lines[:] = marked


def _after_napoleon(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def setup(app: Sphinx) -> None:
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-docstring", _before_napoleon, priority=100)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=900)  # napoleon's own is 500

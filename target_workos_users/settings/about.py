"""``--about`` with all that is declared of a setting; singer-sdk's own leaves most of it out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from singer_sdk.about import MarkdownFormatter, TextFormatter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.about import AboutInfo

_MARKDOWN_HEAD = (
    "| Setting | Title | Type | Default | Allowed values | Secret | Description |\n"
    "|:--|:--|:--|:--|:--|:--|:--|\n"
)


def kind_of(schema: dict[str, Any]) -> str:
    """The JSON type of a setting, null aside."""
    types = schema["type"]
    return types if isinstance(types, str) else next(kind for kind in types if kind != "null")


def default_of(schema: dict[str, Any]) -> str:
    """The default of a setting as JSON has it; empty if there is none."""
    default = schema.get("default", "")
    return default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)


def allowed(schema: dict[str, Any]) -> str:
    """The values that a setting may have, in words; empty if its type says it all."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    least, above, most = map(schema.get, ("minimum", "exclusiveMinimum", "maximum"))
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    bounds = {"{:,} or more": least, "more than {:,}": above, "at most {:,}": most}
    return ", ".join(text.format(bound) for text, bound in bounds.items() if bound is not None)


class FullTextFormatter(TextFormatter, format_name="text"):
    """The SDK's text, with each setting's title, description, default, values and secrecy."""

    def format_about(self, about_info: AboutInfo) -> str:
        """All that is known of the plugin."""
        head = super().format_about(replace(about_info, settings={}))
        settings = about_info.settings["properties"].items()
        prefix = about_info.env_var_prefix
        return head + "\n".join(
            line for name, schema in settings for line in _lines(name, schema, prefix)
        )


def _lines(name: str, schema: dict[str, Any], prefix: str) -> Iterator[str]:
    facts = {
        "Title": schema["title"],
        "Description": schema["description"],
        "Type": kind_of(schema),
        "Default": default_of(schema),
        "Allowed values": allowed(schema),
        "Secret": "yes" if schema.get("secret") else "",
        "Environment Variable": prefix + name.upper(),
    }
    yield f"  - Name: {name}"
    yield from (f"    {fact}: {text}" for fact, text in facts.items() if text)


class FullMarkdownFormatter(MarkdownFormatter, format_name="markdown"):
    """The SDK's Markdown, with a table of all that is declared of the settings."""

    def format_about(self, about_info: AboutInfo) -> str:
        """All that is known of the plugin."""
        text = super().format_about(replace(about_info, settings={}))
        head, title, _ = text.partition("## Settings\n\n")
        settings = about_info.settings["properties"].items()
        rows = "".join(f"| {' | '.join(_cells(name, schema))} |\n" for name, schema in settings)
        return head + title + _MARKDOWN_HEAD + rows


def _cells(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"`{name}`"
    yield schema["title"]
    yield kind_of(schema)
    yield f"`{default}`" if (default := default_of(schema)) else ""
    yield allowed(schema)
    yield "yes" if schema.get("secret") else ""
    yield schema["description"]

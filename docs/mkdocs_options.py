"""MkDocs hook: replaces `::: options COMMAND` with the options of that command, as Click knows them."""

import html
import re
from collections.abc import Iterator
from typing import Any

import click

from reportgen.cli import cli

_MARKER = re.compile(r"^::: options (\w+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with every marker replaced."""
    return _MARKER.sub(lambda match: describe_command(match[1]), markdown)


def describe_command(name: str) -> str:
    """Usage, summary and options of a command as Markdown."""
    command = cli.commands[name]
    context = click.Context(command, info_name=f"reportgen {name}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    return "\n".join([f"{command.help}\n", f"```text\n{usage}\n```\n", *_describe_options(command, context)])


def _describe_options(command: click.Command, context: click.Context) -> Iterator[str]:
    section = ""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is None:
            continue
        title = getattr(parameter, "section", "Other")
        if title != section:
            section = title
            yield f"\n**{section}**\n\n| option | meaning |\n|---|---|"
        names, meaning = (html.escape(" ".join(text.split())).replace("|", "&#124;") for text in record)
        yield f"| <code>{names}</code> | {meaning} |"

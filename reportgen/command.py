"""What options and commands of the command line are made of: parsers, completion, headings in the help, messages."""

import csv
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from reportgen.errors import ReportError
from reportgen.plain_text import to_one_line


def parse_numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Comma-separated numbers, such as `0.5071,0.4865,0.4409`."""
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.5071,0.4865,0.4409.") from None


def parse_integers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Comma-separated whole numbers, such as `1,3`."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers such as 1,3.") from None


def complete(words: Collection[str], *, is_list: bool = False, is_path: bool = False) -> Any:
    """A function that completes a word, the last of a list, or also the name of a file, in the shell."""

    def find(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",") if is_list else ("", "", incomplete)
        items = [CompletionItem(f"{before}{comma}{word}") for word in words if word.startswith(last)]
        return [*items, CompletionItem(incomplete, type="file")] if is_path else items

    return find


def parse_names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Comma-separated names; one that holds a comma stands in double quotes."""
    rows = csv.reader([value or ""], skipinitialspace=True)
    return tuple(name.strip() for row in rows for name in row if name.strip())


class GroupedOption(click.Option):
    """An option with the heading under which the help lists it."""

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class ReportFailure(click.ClickException):
    """A `ReportError` in the words of the command line: message and hint name options."""

    def __init__(self, error: ReportError, ctx: click.Context) -> None:
        names = _option_names(ctx)
        message, self.hint = error.with_names(lambda setting: names.get(setting, setting))
        super().__init__(message)

    def show(self, file: Any = None) -> None:  # noqa: ARG002  always stderr
        """Print message and hint on stderr."""
        click.echo(f"error: {to_one_line(self.message)}\nhint:  {to_one_line(self.hint)}", err=True)


def _option_names(ctx: click.Context) -> dict[str, str]:
    """What the command line calls each setting: in this command, else in any other."""
    group = ctx.find_root().command
    others = group.commands.values() if isinstance(group, click.Group) else ()
    names = {option.name: option.opts[0] for command in others for option in command.params if option.opts[0][0] == "-"}
    names |= {own.name: own.metavar or own.opts[0] for own in ctx.command.params if isinstance(own, click.Argument)}
    names |= {own.name: own.opts[0] for own in ctx.command.params if isinstance(own, click.Option)}
    return {name: spelling for name, spelling in names.items() if name}


class Command(click.Command):
    """A command whose help groups options under headings."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a `ReportError` becomes a message in the words of the command line."""
        try:
            return super().invoke(ctx)
        except ReportError as error:
            raise ReportFailure(error, ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options' help, group by group."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
            if record is not None:  # hidden options have none
                sections.setdefault(getattr(parameter, "section", "Other"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def option(*names: str, **attributes: Any) -> Callable[..., Callable[[Any], Any]]:
    """An option that still needs its heading, which `options` gives it."""
    return partial(click.option, *names, cls=GroupedOption, **attributes)


def options(section: str, *members: Callable[..., Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A decorator that gives a command these options, in this order, under one heading."""

    def decorate(command: Any) -> Any:
        for member in reversed(members):
            command = member(section=section)(command)
        return command

    return decorate


def path_option(*names: str, metavar: str, **attributes: Any) -> Callable[..., Callable[[Any], Any]]:
    """As `option`, for a path."""
    return option(*names, type=click.Path(path_type=Path), metavar=metavar, **attributes)


def number_option(*names: str, default: int, metavar: str = "N", **attributes: Any) -> Callable[..., Any]:
    """As `option`, for a whole number with a default."""
    return option(*names, type=int, default=default, show_default=True, metavar=metavar, **attributes)

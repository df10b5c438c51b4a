"""The command line: from options to settings and the pipeline, and to messages and exit codes."""

import dataclasses
import os
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen.atomic import written_paths
from reportgen.command import Command
from reportgen.console import ConsoleObserver, log_to_stderr
from reportgen.options import (
    cache_options,
    device_options,
    explain_options,
    input_options,
    name_option,
    render_options,
)
from reportgen.plain_text import to_one_line
from reportgen.settings import (
    DEFAULT_CACHE_PATH,
    AnalyzeSettings,
    ExplainSettings,
    PreprocessingSettings,
    RenderSettings,
)
from reportgen.signals import interrupted_code, interrupted_text
from reportgen.version import __version__

if TYPE_CHECKING:
    from reportgen.report.written_report import Report

_HELP = """Static HTML reports on image classifiers: errors, class activation maps and calibration, with 95% confidence
intervals.

\b
Try it:
  reportgen demo --open
Report on your own model:
  reportgen run --model FILE.py:factory --weights FILE --data FOLDER
"""
_DEMO_SPEC = "demo"
_DOCTOR_WIDTH = 28


class _Group(click.Group):
    """Commands in the order of their definition, the most important first."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=_Group, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="reportgen")
@click.option("-v", "--verbose", is_flag=True, help="Write a log to stderr, with the warnings of libraries.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool) -> None:
    """Set up logging for all commands."""
    ctx.with_resource(log_to_stderr(verbose=verbose))


@cli.command("run", cls=Command)
@input_options
@cache_options(DEFAULT_CACHE_PATH)
@render_options
def run_command(cache_path: Path, refresh: bool, open_page: bool, **options: Any) -> None:
    """Run a model on a test set and write the report.

    The results of the pass are saved in a cache. Later runs with the same model, data and options reuse it.
    """
    names = [field.name for field in dataclasses.fields(RenderSettings)]
    render_settings = RenderSettings(**{name: options.pop(name) for name in names})
    _run(_analyze_settings(options), render_settings, cache_path, refresh=refresh, open_page=open_page)


@cli.command("analyze", cls=Command)
@input_options
@cache_options(DEFAULT_CACHE_PATH)
def analyze_command(cache_path: Path, refresh: bool, **options: Any) -> None:
    """Run a model on a test set and save the cache, without a report."""
    from reportgen.pipeline import analyze

    observer = ConsoleObserver()
    cache = analyze(_analyze_settings(options), cache_path=cache_path, refresh=refresh, observer=observer)
    click.echo(f"{to_one_line(str(cache_path))}  ({cache.num_examples:,} examples, {cache.num_classes:,} classes)")
    click.echo(_seconds_text(observer.seconds))


@cli.command("render", cls=Command)
@click.argument("cache_path", type=click.Path(path_type=Path), metavar="CACHE")
@name_option
@render_options
def render_command(cache_path: Path, model_name: str, open_page: bool, **options: Any) -> None:
    """Write the report from a cache.

    CACHE is a file that `reportgen run` or `reportgen analyze` wrote. Neither the model nor the test set is needed.
    """
    from reportgen.pipeline import render

    observer = ConsoleObserver()
    report = render(cache_path, RenderSettings(**options), model_name=model_name, observer=observer)
    _finish(report, observer.seconds, open_page=open_page)


@cli.command("explain", cls=Command)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE…")
@explain_options
def explain_command(images: tuple[Path, ...], out: Path, open_page: bool, **options: Any) -> int:
    """Explain single images without labels.

    Each IMAGE is a file or a folder of files. Writes class activation maps, overlays and metadata, and a page that
    shows them.
    """
    from reportgen.pipeline import explain

    _require(options, "model")
    observer = ConsoleObserver()
    settings = ExplainSettings(images=images, preprocessing=_preprocessing_settings(options), **options)
    explanations = explain(settings, out=out, observer=observer)
    for image in explanations.images:
        probability = float(image.probabilities[image.predicted])
        click.echo(f"{to_one_line(str(image.path))}  {explanations.shown_names[image.predicted]}  {probability:.3f}")
    for failure in explanations.failures:
        click.echo(f"error: {to_one_line(failure.message)}\nhint:  {to_one_line(failure.hint)}", err=True)
    click.echo(f"\n{to_one_line(str(out / 'index.html'))}")
    click.echo(_seconds_text(observer.seconds))
    if open_page:
        _open(out / "index.html")
    return 1 if explanations.failures else 0


@cli.command("demo", cls=Command)
@device_options
@cache_options(Path("demo-cache.npz"))
@render_options
def demo_command(cache_path: Path, refresh: bool, device: str, open_page: bool, **options: Any) -> None:
    """Write a report on the built-in demo, without a download.

    The demo is a small network and a test set of 10,000 images of two-digit numbers.
    """
    settings = AnalyzeSettings(model=_DEMO_SPEC, data=_DEMO_SPEC, device=device)
    _run(settings, RenderSettings(**options), cache_path, refresh=refresh, open_page=open_page)


@cli.command("verify", cls=Command)
@click.argument("site", type=click.Path(path_type=Path), metavar="SITE")
def verify_command(site: Path) -> None:
    """Check that a site is unchanged since it was written.

    Compares the files with the manifest of the site and lists those that were changed, added or lost.
    """
    from reportgen.report.delivery.verify import raise_unclean, verify_site

    check = verify_site(site)
    for name, paths in (("changed", check.changed), ("added", check.added), ("lost", check.lost)):
        for path in paths:
            click.echo(f"{name:7}  {to_one_line(path)}")
    raise_unclean(site, check)
    click.echo(f"{to_one_line(str(site))}: {check.num_files:,} files, all as written.")
    click.echo(f"SHA-256 of its manifest: {check.manifest_digest}")
    if check.cache_digest:
        click.echo(f"SHA-256 of its cache:    {check.cache_digest}")


@cli.command("doctor", cls=Command)
def doctor_command() -> None:
    """Print versions, devices and missing optional libraries.

    For each source of models and test sets, tells whether its library is installed and how to install it.
    """
    from reportgen.doctor import diagnose

    for title, facts in diagnose().items():
        click.echo(f"{title}\n" + "".join(f"  {name:<{_DOCTOR_WIDTH}}{fact}\n" for name, fact in facts))


def _analyze_settings(options: dict[str, Any]) -> AnalyzeSettings:
    if options["arrays"] is None:
        _require(options, "model", "data")
    return AnalyzeSettings(preprocessing=_preprocessing_settings(options), **options)


def _require(options: dict[str, Any], *names: str) -> None:
    """Check that these options are given. Click cannot, as `--arrays` makes them optional."""
    for name in names:
        if not options[name]:
            raise click.UsageError(f"Missing option '--{name}'.", ctx=click.get_current_context())


def _preprocessing_settings(options: dict[str, Any]) -> PreprocessingSettings:
    """The settings in the options, which are taken out of them."""
    return PreprocessingSettings(**{name: options.pop(name) for name in ("mean", "std", "resize", "crop", "window")})


def _run(
    analyze_settings: AnalyzeSettings,
    render_settings: RenderSettings,
    cache_path: Path,
    *,
    refresh: bool,
    open_page: bool,
) -> None:
    from reportgen.pipeline import run

    observer = ConsoleObserver()
    report = run(analyze_settings, render_settings, cache_path=cache_path, refresh=refresh, observer=observer)
    _finish(report, observer.seconds, open_page=open_page)


def _finish(report: "Report", seconds: dict[str, float], *, open_page: bool) -> None:
    """Print the main results and what was written; open the first page if asked to."""
    from reportgen.report.words.summaries import console_summary

    click.echo(console_summary(report.cache, report.findings))
    click.echo(
        f"\n{to_one_line(str(report.index_path))}  ({report.num_files:,} files, {report.num_bytes / 1e6:.1f} MB)"
    )
    for artifact in report.artifacts:
        click.echo(f"{to_one_line(str(artifact.path))}  ({artifact.contents}, {artifact.num_bytes / 1e6:.1f} MB)")
    click.echo(_seconds_text(seconds))
    if open_page:
        _open(report.index_path)


def _open(page: Path) -> None:
    """Open a page in the browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        click.echo(f"note: No browser was found. Open {page} yourself.", err=True)


def _seconds_text(seconds: dict[str, float]) -> str:
    stages = " · ".join(f"{name.lower()} {value:.1f} s" for name, value in seconds.items())
    return f"{stages} · total {sum(seconds.values()):.1f} s"


def _show(error: click.ClickException) -> None:
    """Print an error of the command line; an argument that it names may contain anything."""
    text = StringIO()
    error.show(file=text)
    shown = text.getvalue()
    if shown:  # errors of reportgen print themselves
        usage, _, message = shown.rpartition("Error: ")
        click.echo(f"{usage}Error: {to_one_line(message)}" if usage or message else shown, err=True)


def main() -> None:
    """Run the command line. Problems that the user can solve end in a message and a hint, without a traceback."""
    try:
        code = cli(standalone_mode=False, prog_name="reportgen")
    except click.exceptions.Abort:
        click.echo(interrupted_text([str(path) for path in written_paths()]), err=True)
        sys.exit(interrupted_code())
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of the output is gone; write nothing more, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)

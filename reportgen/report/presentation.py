"""What the user adds to the look of a report, read and checked once, before any work is done."""

from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from reportgen.plain_text import to_one_line
from reportgen.report.delivery.archive import check_archive
from reportgen.report.delivery.single_file import check_single_file
from reportgen.report.delivery.site import check_destination
from reportgen.report.display_names import load_display_names
from reportgen.report.pages.branding import Branding, load_branding
from reportgen.report.pages.notes import load_notes
from reportgen.report.templating import check_templates, load_assets, make_environment
from reportgen.settings import RenderSettings


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Presentation:
    """The user's title, texts, pictures and templates.

    Attributes:
        title: `None` names the model and the test set.
        notes: a reviewer's text for the first page, as HTML.
        display_names: the names of classes that pages show, by the data's own; empty to show those.
        assets: style sheets and scripts by name, the user's in place of built-in ones.
        environment: the templates, likewise.
    """

    title: str | None
    notes: Markup | None
    branding: Branding
    display_names: dict[str, str]
    assets: dict[str, bytes]
    environment: Environment


def prepare_report(settings: RenderSettings) -> Presentation:
    """The presentation that the settings name, once everything that they name may be written.

    Raises:
        SettingsError: the notes, the names, the logo or the style sheet cannot be used, or the single file would lie
            in the site.
        SiteError: a template is wrong, or an output cannot be written or is not reportgen's.
    """
    check_destination(settings.out)
    check_single_file(settings)
    if settings.with_archive:
        check_archive(settings.out)
    return load_presentation(settings)


def load_presentation(settings: RenderSettings) -> Presentation:
    """The presentation that the settings name.

    Raises:
        SettingsError: the notes, the names, the logo or the style sheet cannot be used.
        SiteError: a template is wrong.
    """
    environment = make_environment(settings.templates, is_trusted=settings.trust_templates)
    check_templates(environment)
    return Presentation(
        title=None if settings.title is None else to_one_line(settings.title),
        notes=None if settings.notes is None else load_notes(settings.notes),
        branding=load_branding(settings),
        display_names={} if settings.display_names is None else load_display_names(settings.display_names),
        assets=load_assets(settings.templates),
        environment=environment,
    )

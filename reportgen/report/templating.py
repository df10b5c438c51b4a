"""Templates and assets: where they are found, and how pages are rendered."""

import re
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2.exceptions import SecurityError

from reportgen.errors import SiteError, setting
from reportgen.report.sandbox import SandboxedTemplates

_COMMENT_LINES: Final = re.compile(rb"^ *(//[^\n]*|/\*\*(?:(?!\*/).)*\*/)\n", re.MULTILINE | re.DOTALL)


def find_templates() -> Path:
    """The folder of the built-in templates: inside an installed package, or beside the package in a checkout.

    Raises:
        SiteError: neither folder holds them.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "base.html.j2").is_file():
            return folder
    raise SiteError(
        "The built-in templates are missing.", hint="Install reportgen again: pip install --force-reinstall ."
    )


def make_environment(user_templates: Path | None, *, is_trusted: bool = False) -> jinja2.Environment:
    """The environment in which pages are rendered.

    A user's folder comes first. The built-in templates are available under their own names and under `builtin/`, so
    that a template can extend the one that it replaces. The templates of a user who is not trusted run in a sandbox.

    Raises:
        SiteError: the user's folder does not exist.
    """
    builtin = jinja2.FileSystemLoader(find_templates())
    loaders: list[jinja2.BaseLoader] = [builtin, jinja2.PrefixLoader({"builtin": builtin})]
    if user_templates is not None:
        if not user_templates.is_dir():
            raise SiteError(f"The templates folder {user_templates} does not exist.", hint="Name a folder.")
        if not any(user_templates.glob("*.j2")) and not (user_templates / "assets").is_dir():
            raise SiteError(
                f"The templates folder {user_templates} has no template, such as base.html.j2, and no assets.",
                hint="Copy what you change from the built-in templates; templates/README.md lists them.",
            )
        loaders.insert(0, jinja2.FileSystemLoader(user_templates))
    options: dict[str, Any] = {
        "loader": jinja2.ChoiceLoader(loaders),
        "autoescape": True,
        "undefined": jinja2.StrictUndefined,
        "auto_reload": False,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
    }
    environment = (
        jinja2.Environment(**options)
        if user_templates is None or is_trusted
        else SandboxedTemplates(user_templates, **options)
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return environment


def load_assets(user_templates: Path | None) -> dict[str, bytes]:
    """The style sheets and scripts by name: a user's replace built-in ones of the same name.

    Built-in scripts lose the lines that hold only a comment, a seventh of what a browser would load.
    """
    assets = _read_folder(find_templates() / "assets")
    for name, content in assets.items():
        if name.endswith(".js"):
            assets[name] = _COMMENT_LINES.sub(b"", content)
    if user_templates is not None:
        assets |= _read_folder(user_templates / "assets")
    return dict(sorted(assets.items()))


def _read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name; none where it does not exist."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}


def check_templates(environment: jinja2.Environment) -> None:
    """Check before any work is done that every template can be read; its fields are checked when it is rendered.

    Raises:
        SiteError: a template is wrong.
    """
    for path in sorted(find_templates().glob("*.j2")):
        _load(environment, path.name)


def render_page(environment: jinja2.Environment, template: str, page: Any) -> bytes:
    """Render a page from one of the records in `views`.

    Raises:
        SiteError: the template is wrong, names a field that the record lacks, or does what the sandbox forbids.
    """
    if isinstance(environment, SandboxedTemplates):
        environment.start_page()
    try:
        return _load(environment, template).render(page=page).encode()
    except SecurityError as error:
        raise SiteError(
            f"The template {template} is not allowed to do this: {error}.",
            hint=f"Templates only format what they see. If you trust their author, give {setting('trust_templates')}; "
            "the site is unchanged.",
        ) from error
    except (RecursionError, MemoryError) as error:
        raise SiteError(
            f"The template {template} includes or calls itself without end, or makes a text too large for memory.",
            hint="Correct it; the site is unchanged.",
        ) from error
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise SiteError(
            f"The template {template} cannot be rendered: {error}.",
            hint="templates/README.md lists what a template sees; the site is unchanged.",
        ) from error


def _load(environment: jinja2.Environment, template: str) -> jinja2.Template:
    try:
        return environment.get_template(template)
    except jinja2.TemplateSyntaxError as error:
        raise SiteError(
            f"The template {error.name}, line {error.lineno}: {error.message}.",
            hint="Correct it; the site is unchanged.",
        ) from error
    except UnicodeDecodeError as error:
        raise SiteError(f"The template {template} is not UTF-8 text.", hint="Save it as UTF-8.") from error

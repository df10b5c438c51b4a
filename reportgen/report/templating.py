"""Where templates are found, and how they are rendered."""

from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
)

from reportgen.errors import SiteError


def find_templates() -> Path:
    """The folder of the built-in templates: inside an installed package, beside the package in a checkout.

    Raises:
        SiteError: neither place holds them.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "base.html.j2").is_file():
            return folder
    raise SiteError(
        "The built-in templates are missing.", hint="Install reportgen again: pip install --force-reinstall ."
    )


def make_environment(user_templates: Path | None) -> Environment:
    """The environment in which pages are rendered.

    A user's folder comes first; the built-in templates stand behind it under their own names and under `builtin/`, so
    that a template may extend the one that it replaces.

    Raises:
        SiteError: the user's folder does not exist.
    """
    builtin = FileSystemLoader(find_templates())
    loaders: list[BaseLoader] = [builtin, PrefixLoader({"builtin": builtin})]
    if user_templates is not None:
        if not user_templates.is_dir():
            raise SiteError(f"The templates folder {user_templates} does not exist.", hint="Name a folder.")
        loaders.insert(0, FileSystemLoader(user_templates))
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return environment


def load_assets(user_templates: Path | None) -> dict[str, bytes]:
    """The style sheets and scripts by name: a user's replace built-in ones of the same name."""
    folders = [folder / "assets" for folder in (find_templates(), user_templates) if folder is not None]
    assets = {path.name: path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(assets.items())}


def check_templates(environment: Environment) -> None:
    """Check that every template can be read, before any work is done; whether its fields exist shows on rendering.

    Raises:
        SiteError: a template is wrong.
    """
    for path in sorted(find_templates().glob("*.j2")):
        _load(environment, path.name)


def render_page(environment: Environment, template: str, page: Any) -> bytes:
    """A page of the site, from one of the records in `views`.

    Raises:
        SiteError: the template is wrong, or names a field that the record lacks.
    """
    try:
        return _load(environment, template).render(page=page).encode()
    except TemplateError as error:
        raise SiteError(
            f"The template {template} cannot be rendered: {error}.",
            hint="templates/README.md lists what a template sees; the site is unchanged.",
        ) from error


def _load(environment: Environment, template: str) -> Template:
    try:
        return environment.get_template(template)
    except TemplateSyntaxError as error:
        raise SiteError(
            f"The template {error.name}, line {error.lineno}: {error.message}.", hint="Mend it; the site is unchanged."
        ) from error
    except UnicodeDecodeError as error:
        raise SiteError(f"The template {template} is not UTF-8 text.", hint="Save it as UTF-8.") from error

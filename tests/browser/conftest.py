"""Pages of a small site in Chromium, opened as files. Every page that a test opens is watched: an error on its console,
an uncaught exception, or a request that leaves the site's folder fails the test.

`REPORTGEN_BROWSER` names another Chromium. Where none is installed the tests are skipped; where `CI` is set they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, sync_playwright
from records import make_check, make_key, make_provenance

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import CamPair, EvaluationCache, Superclasses
from reportgen.report.delivery.site import write_site
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

CLASS_NAMES = (
    "maple_tree",
    "oak_tree",
    "palm_tree",
    "con",
    "a/b",
    "Ünïcode & <tag>",
    "no, images",
    "猫",
    "a name that is much longer than any room that a page could have for it",
    "class 10",
    "class 9",
    "=1+1",
)
_SUPERCLASS_OF = (2, 2, 2, 0, 0, 1, 1, 1, 0, 1, 1, 0)


def make_evaluation(num_classes: int = 12, *, with_superclasses: bool = True, seed: int = 5) -> EvaluationCache:
    """Forty images a class but the seventh, which has none; errors mostly between neighboring classes."""
    rng = np.random.default_rng(seed)
    names = CLASS_NAMES if num_classes == len(CLASS_NAMES) else tuple(f"class {i}" for i in range(num_classes))
    labels = np.repeat(np.delete(np.arange(num_classes), 6), 40)
    n = len(labels)
    step = rng.geometric(0.45, n) * rng.choice([-1, 1], n)
    said = np.where(rng.random(n) < 0.35, np.clip(labels + step, 0, num_classes - 1), labels)
    logits = rng.normal(0, 0.5, (n, num_classes))
    logits[np.arange(n), said] = logits.max(axis=1) + rng.exponential(3, n)
    maps = rng.normal(0.1, 0.4, (2, n, 8, 8))
    maps[1, labels == said] = maps[0, labels == said]
    groups = Superclasses(
        names=("things & <such>", "others", "trees"), superclass_of=np.array(_SUPERCLASS_OF, np.int64)
    )
    return EvaluationCache(
        example_index=np.arange(n),
        example_id=np.array([f"{label:02d}/{i:04d}.png" for i, label in enumerate(labels)]),
        labels=labels.astype(np.int64),
        logits=logits.astype(np.float32),
        cams={"gradcam": CamPair(true=maps[0].astype(np.float16), predicted=maps[1].astype(np.float16))},
        thumbnails=rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8),
        class_names=names,
        superclasses=groups if with_superclasses else None,
        key=make_key(),
        provenance=make_provenance(data_name="small", warnings=("The grid has few cells.",)),
        checks=(make_check(num_checked=n),),
    )


@pytest.fixture(scope="session")
def evaluation() -> EvaluationCache:
    return make_evaluation()


@pytest.fixture(scope="session")
def found(evaluation: EvaluationCache) -> Findings:
    return compute_findings(evaluation)


@pytest.fixture(scope="session")
def site(evaluation: EvaluationCache, found: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of twelve classes in three superclasses."""
    folder = tmp_path_factory.mktemp("small") / "site"
    write_site(folder, render_site(evaluation, found, load_presentation(RenderSettings(out=folder))))
    return folder


@pytest.fixture(scope="session")
def wide_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of sixty classes without superclasses."""
    folder = tmp_path_factory.mktemp("wide") / "site"
    cache = make_evaluation(60, with_superclasses=False)
    write_site(folder, render_site(cache, compute_findings(cache), load_presentation(RenderSettings(out=folder))))
    return folder


def find_browser() -> str | None:
    names = (os.environ.get("REPORTGEN_BROWSER"), *_BROWSERS)
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        message = f"no browser is installed: none of {', '.join(_BROWSERS)}; REPORTGEN_BROWSER may name one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    arguments = ["--disable-gpu", *(["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


def _fulfill(content: str, route: Route) -> None:
    route.fulfill(body=content, content_type="text/javascript")


class PageOpener:
    """Opens pages of a site and records problems: console errors, exceptions, requests that leave the site."""

    def __init__(self, browser: Browser, site: Path) -> None:
        self.problems: list[str] = []
        self._browser, self._site = browser, site
        self._contexts: list[BrowserContext] = []

    def __call__(
        self,
        path: str,
        *,
        scheme: str = "light",
        scripts: bool = True,
        width: int = 1280,
        folder: Path | None = None,
        replaced: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Page:
        """A page, at the end of its loading.

        Args:
            path: the page in the site.
            scheme: `light` or `dark`.
            scripts: whether scripts run.
            width: of the window.
            folder: another site.
            replaced: scripts that are loaded instead of those whose URLs match a glob.
            more: for the browser's context.
        """
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts, **more
        )
        self._contexts.append(context)
        inside = f"{(folder or self._site).resolve().as_uri()}/"

        def note(problem: object) -> None:
            self.problems.append(f"{path}: {problem}")

        def note_message(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                note(f"console: {message.text}")

        def note_request(request: Request) -> None:
            if not request.url.startswith((inside, "data:", "blob:")):
                note(f"asks for {request.url}")

        context.on("console", note_message)
        context.on("weberror", lambda error: note(error.error))
        context.on("request", note_request)
        context.on("requestfailed", lambda request: note(f"{request.failure}: {request.url}"))
        for pattern, content in (replaced or {}).items():
            context.route(pattern, partial(_fulfill, content))
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{inside}{path}")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def open_page(browser: Browser, site: Path) -> Iterator[PageOpener]:
    """Opens a page: `open_page("index.html", scheme="dark", scripts=False, width=360)`.

    The test fails on what the opener noted; one that wants a problem clears `open_page.problems`.
    """
    opener = PageOpener(browser, site)
    yield opener
    opener.close()
    assert opener.problems == []


@pytest.fixture(scope="session")
def find_violations() -> Callable[[Page], list[str]]:
    """What axe-core finds on a page with all its rules, level AAA and best practices included: rule, place, advice."""
    run = """() => {
      const rules = Object.fromEntries(axe.getRules().map(({ ruleId }) => [ruleId, { enabled: true }]));
      return axe.run(document, { rules, resultTypes: ["violations"], preload: false });
    }"""

    def find(page: Page) -> list[str]:
        page.evaluate(AXE_SCRIPT)
        found = page.evaluate(run)
        return [
            f"{violation['id']}: {node['target']}: {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return find

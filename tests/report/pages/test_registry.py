"""The registry of pages: it is complete, the navigation and templates/README.md follow it, and one line adds a kind."""

import dataclasses
import re

import pytest
from doc_tables import DocTables
from jinja2 import nodes

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import EvaluationCache
from reportgen.report import render
from reportgen.report.pages.context import ReportContext, make_run_context
from reportgen.report.pages.how_page import HOW_PAGES
from reportgen.report.pages.page_kind import NavigationItem, Need, PageEntry, PageKind
from reportgen.report.pages.registry import PAGE_KINDS, REPORT_KINDS
from reportgen.report.presentation import load_presentation
from reportgen.report.templating import find_templates, make_environment
from reportgen.settings import RenderSettings

TEMPLATES = sorted(path.name for path in find_templates().glob("*.j2"))
BASE = "base.html.j2"


@pytest.fixture
def templates_readme(request: pytest.FixtureRequest) -> DocTables:
    is_writing = request.config.getoption("--write-docs")
    return DocTables(find_templates(), is_writing=is_writing)


def report_context(cache: EvaluationCache, findings: Findings) -> ReportContext:
    return ReportContext(runs=(make_run_context(cache, findings),), title=None, notes=None)


def render_pages(cache: EvaluationCache, findings: Findings) -> dict[str, str]:
    files = render.render_site(cache, findings, load_presentation(RenderSettings()))
    return {path: content.decode() for path, content in files if re.fullmatch(r"(?!charts/).*\.html", path)}


def bar_of(page: str) -> list[str]:
    bar = re.search(r'<nav aria-label="Report">(.*?)</nav>', page, re.DOTALL)
    assert bar is not None
    return re.findall(r'<a href="[^"]*">([^<]*)</a>', bar[1])


def test_every_page_template_belongs_to_one_kind():
    assert sorted(kind.template for kind in PAGE_KINDS) == [
        name for name in TEMPLATES if name != BASE and not name.startswith("_")
    ]
    assert len({kind.name for kind in PAGE_KINDS}) == len(PAGE_KINDS)


def test_every_page_of_a_report_is_listed_by_its_kind(small_cache: EvaluationCache, small_findings: Findings):
    context = report_context(small_cache, small_findings)
    listed = [entry.path for kind in REPORT_KINDS for entry in kind.list_pages(context)]
    pages = render_pages(small_cache, small_findings)
    assert sorted(listed) == sorted(pages)
    descriptions = {entry.path: entry.description for kind in REPORT_KINDS for entry in kind.list_pages(context)}
    assert all(descriptions.values())
    assert f'content="{descriptions["how-to-read.html"]}"' in pages["how-to-read.html"]


def test_the_bar_of_every_page_has_the_kinds_items_in_their_places(
    small_cache: EvaluationCache, small_findings: Findings
):
    items = [item for kind in REPORT_KINDS for item in kind.navigation]
    assert sorted(item.place for item in items) == list(range(1, len(items) + 1))
    expected = [item.text for item in sorted(items, key=lambda item: item.place)]
    assert {tuple(bar_of(page)) for page in render_pages(small_cache, small_findings).values()} == {tuple(expected)}


def test_one_line_in_the_registry_adds_pages_and_their_place_in_the_bar(
    small_cache: EvaluationCache, small_findings: Findings, monkeypatch: pytest.MonkeyPatch
):
    added: PageKind[ReportContext] = dataclasses.replace(
        HOW_PAGES,
        name="added",
        list_pages=lambda context: [
            PageEntry(path=f"runs/{number}.html", description=run.name) for number, run in enumerate(context.runs)
        ],
        navigation=(NavigationItem(place=0, text="Added", url="runs/0.html"),),
    )
    monkeypatch.setattr(render, "REPORT_KINDS", (*REPORT_KINDS, added))
    pages = render_pages(small_cache, small_findings)
    assert bar_of(pages["index.html"])[0] == "Added"
    assert 'href="../runs/0.html"' in pages["runs/0.html"]
    assert "net &lt;v2&gt; on small &amp; odd" in pages["runs/0.html"]


def test_a_kind_whose_needs_are_not_met_has_neither_pages_nor_a_place_in_the_bar(
    small_cache: EvaluationCache, small_findings: Findings, monkeypatch: pytest.MonkeyPatch
):
    several_runs: Need[ReportContext] = Need(text="several runs", is_met=lambda context: len(context.runs) > 1)
    added = dataclasses.replace(
        HOW_PAGES,
        name="added",
        list_pages=lambda _: pytest.fail("its pages are listed"),
        navigation=(NavigationItem(place=0, text="Added", url="added.html"),),
        needs=(several_runs,),
    )
    monkeypatch.setattr(render, "REPORT_KINDS", (*REPORT_KINDS, added))
    assert "Added" not in bar_of(render_pages(small_cache, small_findings)["index.html"])


def test_a_faultless_model_has_no_pages_of_pairs(small_cache: EvaluationCache):
    logits = small_cache.logits.copy()
    logits[range(len(logits)), small_cache.labels] = logits.max() + 1
    faultless = dataclasses.replace(small_cache, logits=logits)
    pages = render_pages(faultless, compute_findings(faultless))
    assert [path for path in pages if path.startswith("pairs/")] == []
    assert "index.html" in pages


def test_a_context_of_several_runs_starts_with_the_first(small_cache: EvaluationCache, small_findings: Findings):
    first = make_run_context(small_cache, small_findings)
    second = dataclasses.replace(first, name="another")
    assert ReportContext(runs=(first, second), title=None, notes=None).run is first


def describe_template(name: str) -> list[str]:
    """What its row says behind its name: on which pages it is used, what it sees, and which blocks it has."""
    if name.startswith("_"):
        return ["", "arguments of its macros", ""]
    environment = make_environment(None)
    tree = environment.parse((find_templates() / name).read_text(encoding="utf-8"))
    blocks = [block.name for block in tree.find_all(nodes.Block)]
    if name == BASE:
        return ["every page", "`page.frame`: `SiteFrame`", code_list(blocks)]
    (kind,) = (kind for kind in PAGE_KINDS if kind.template == name)
    needs = "".join(f", where there are {need.text}" for need in kind.needs)
    own = [block for block in blocks if block not in environment.get_template(BASE).blocks]
    return [f"{kind.name}{needs}", f"`page`: `{kind.record.__name__}`", code_list(own)]


def code_list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_its_row_in_the_templates_readme(name: str, templates_readme: DocTables):
    templates_readme.check_row("templates", f"`{name}`", describe_template(name))


def test_the_templates_readme_has_a_row_for_every_template(templates_readme: DocTables):
    first = [BASE, *(kind.template for kind in PAGE_KINDS)]
    partial = [name for name in TEMPLATES if name not in first]
    templates_readme.check_keys("templates", [f"`{name}`" for name in (*first, *partial)])


def test_the_records_that_templates_see_are_documented_in_the_views():
    assert {kind.record.__module__.rpartition(".")[0] for kind in PAGE_KINDS} == {"reportgen.report.views"}

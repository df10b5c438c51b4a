import dataclasses
from pathlib import Path

import numpy as np
import pytest

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import CamPair, EvaluationCache
from reportgen.errors import SettingsError, SiteError
from reportgen.report.delivery import single_file
from reportgen.report.delivery.single_file import check_single_file, choose_classes, write_single_file
from reportgen.report.delivery.site import write_site
from reportgen.report.delivery.verify import verify_site
from reportgen.report.presentation import load_presentation
from reportgen.report.render import render_site
from reportgen.settings import RenderSettings


@pytest.fixture(scope="module")
def site(small_cache: EvaluationCache, small_findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "site"
    write_site(folder, render_site(small_cache, small_findings, load_presentation(RenderSettings())))
    return folder


def test_the_file_holds_the_chosen_classes_in_their_order(site: Path, small_cache: EvaluationCache, tmp_path: Path):
    settings = RenderSettings(out=site, single_file=tmp_path / "new/report.html")
    artifact = write_single_file(small_cache, (4, 0), settings)
    content = artifact.path.read_text()
    assert artifact.num_bytes == artifact.path.stat().st_size
    assert artifact.contents == "2 of 6 classes"
    anchors = [part.split('"', 1)[0] for part in content.split('<article class="page" id="')[1:]]
    assert anchors == ["classes-004", "classes-000-con", "how-to-read"]
    assert "A part of the report, with 2 of 6 classes:" in content
    assert verify_site(site).is_clean


def test_an_earlier_file_of_ours_is_replaced_and_others_never(site: Path, small_cache: EvaluationCache, tmp_path: Path):
    settings = RenderSettings(out=site, single_file=tmp_path / "report.html")
    write_single_file(small_cache, (0,), settings)
    check_single_file(settings)
    write_single_file(small_cache, (), settings)
    assert "classes-000-con" not in (tmp_path / "report.html").read_text()
    for foreign in ["<html>mine</html>", (site / "index.html").read_text()]:
        (tmp_path / "report.html").write_text(foreign)
        with pytest.raises(SiteError, match="left alone"):
            check_single_file(settings)
        with pytest.raises(SiteError, match="left alone"):
            write_single_file(small_cache, (0,), settings)
        assert (tmp_path / "report.html").read_text() == foreign


def test_it_may_not_lie_inside_the_site(site: Path):
    with pytest.raises(SettingsError, match="inside the site"):
        check_single_file(RenderSettings(out=site, single_file=site / "more" / "report.html"))


def test_a_file_too_large_to_mail_is_refused_unless_forced(
    site: Path, small_cache: EvaluationCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(single_file, "MAX_BYTES", 1_000)
    settings = RenderSettings(out=site, single_file=tmp_path / "report.html")
    with pytest.raises(SettingsError, match=r"would have \d\.\d MB") as caught:
        write_single_file(small_cache, (0,), settings)
    assert "classes" in caught.value.hint
    assert not (tmp_path / "report.html").exists()
    forced = dataclasses.replace(settings, force=True)
    assert write_single_file(small_cache, (0,), forced).num_bytes > 1_000


def test_a_users_style_of_the_file_replaces_the_built_in_one(site: Path, small_cache: EvaluationCache, tmp_path: Path):
    (tmp_path / "single-file.css").write_text(".page { color: #123456 }")
    settings = RenderSettings(out=site, single_file=tmp_path / "report.html", templates=tmp_path)
    write_single_file(small_cache, (0,), settings)
    assert "<style>.page { color: #123456 }</style>" in (tmp_path / "report.html").read_text()


def evaluate(
    base: EvaluationCache, num_right: list[int], mistakes: dict[tuple[int, int], int]
) -> tuple[EvaluationCache, Findings]:
    """An evaluation in which class k is right `num_right[k]` times, with so many mistakes by (true, predicted)."""
    counts = {(k, k): count for k, count in enumerate(num_right)} | mistakes
    labels, said = np.repeat(np.array(list(counts)), list(counts.values()), axis=0).T
    maps = np.ones((len(labels), 4, 4), np.float16)
    cache = dataclasses.replace(
        base,
        example_index=np.arange(len(labels)),
        example_id=np.arange(len(labels)).astype(str),
        labels=labels,
        logits=(np.eye(len(num_right))[said] * 3).astype(np.float32),
        cams={"gradcam": CamPair(true=maps, predicted=maps)},
        thumbnails=np.zeros((len(labels), 8, 8, 3), np.uint8),
        class_names=tuple(f"class {k}" for k in range(len(num_right))),
        superclasses=None,
    )
    return cache, compute_findings(cache)


def test_without_a_choice_the_weakest_classes_come_first_then_those_of_the_top_pairs(tiny_cache: EvaluationCache):
    mistakes = {(k, 20): 20 - 2 * k for k in range(7)}  # recall 1/3, 10/28, ... of classes 0 to 6
    mistakes |= {(12, 13): 30}  # the top pair; class 12 is right 60 of 90 times
    num_right = [10] * 7 + [40] * 5 + [60] + [40] * 8 + [0]
    cache, findings = evaluate(tiny_cache, num_right, mistakes)
    assert choose_classes(cache, findings, ()) == (0, 1, 2, 3, 4, 12, 13, 20, 5, 6)


def test_small_test_sets_are_taken_whole(tiny_cache: EvaluationCache):
    cache, findings = evaluate(tiny_cache, [3, 2, 0], {(1, 0): 1})
    assert choose_classes(cache, findings, ()) == (1, 0, 2)  # the last has no image


def test_classes_are_chosen_by_name_in_the_given_order(small_cache: EvaluationCache, small_findings: Findings):
    assert choose_classes(small_cache, small_findings, ("no, images", "con", "no, images")) == (5, 0)


@pytest.mark.parametrize(("name", "hint"), [("Con", "'con'"), ("zebra", "first class is 'con'")])
def test_an_unknown_class_is_named_with_a_suggestion(
    small_cache: EvaluationCache, small_findings: Findings, name: str, hint: str
):
    with pytest.raises(SettingsError, match=name) as caught:
        choose_classes(small_cache, small_findings, (name,))
    assert hint in caught.value.hint

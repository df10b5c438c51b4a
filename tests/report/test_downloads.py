"""The files to take away: the first page lists exactly those that are written."""

import dataclasses

import numpy as np

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import Annotations, EvaluationCache, SkippedImage
from reportgen.report.downloads import NUM_PAIR_FIGURES, list_downloads, render_class_figures, render_downloads


def test_every_listed_file_is_written_once(small_cache: EvaluationCache, small_findings: Findings):
    downloads = list(list_downloads(small_cache, small_findings))
    files = list(render_downloads(small_cache, small_findings))
    assert [download.path for download in downloads] == [path for path, _ in files]
    assert len({path for path, _ in files}) == len(files)
    assert all(download.text for download in downloads)
    assert all(isinstance(content, bytes) and content for _, content in files)


def test_agreement_with_annotations_is_offered_only_where_there_are_some(small_cache: EvaluationCache):
    path = "data/annotation_report.json"
    masks = np.zeros((3, 16, 16), bool)
    masks[:, 4:8, 4:8] = True
    annotated = dataclasses.replace(
        small_cache, annotations=Annotations(positions=np.arange(3), masks=masks, source="boxes")
    )
    for cache, is_offered in ((small_cache, False), (annotated, True)):
        paths = [download.path for download in list_downloads(cache, compute_findings(cache))]
        assert (path in paths) == is_offered


def test_skipped_images_are_listed_only_where_there_are_some(small_cache: EvaluationCache, small_findings: Findings):
    assert "data/skipped.csv" not in dict(render_downloads(small_cache, small_findings))
    skipped = (SkippedImage(name="a/0.png", reason="is damaged, twice"),)
    files = dict(render_downloads(dataclasses.replace(small_cache, skipped=skipped), small_findings))
    assert files["data/skipped.csv"].decode() == 'path,reason\na/0.png,"is damaged, twice"\n'


def test_pairs_have_figures_only_where_there_is_something_to_show(
    small_cache: EvaluationCache, small_findings: Findings
):
    def pair_figures(cache: EvaluationCache) -> list[str]:
        return [item.path for item in list_downloads(cache, small_findings) if "confused_pair_" in item.path]

    assert len(pair_figures(small_cache)) == min(NUM_PAIR_FIGURES, len(small_findings.pairs))
    assert pair_figures(dataclasses.replace(small_cache, thumbnails=None, cams={})) == []


def test_each_class_has_a_figure(small_cache: EvaluationCache, small_findings: Findings):
    paths = [path for path, _ in render_class_figures(small_cache, small_findings)]
    assert len(set(paths)) == small_cache.num_classes
    assert list(render_class_figures(dataclasses.replace(small_cache, thumbnails=None, cams={}), small_findings)) == []

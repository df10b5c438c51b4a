from dataclasses import replace

import numpy as np

from reportgen.analysis.class_order import ClassOrder
from reportgen.analysis.intervals import Proportion
from reportgen.analysis.present_classes import PresentClasses
from reportgen.cache import SkippedImage
from reportgen.report.words.notices import list_notices


def test_notices_are_the_wrong_order_then_warnings_then_skipped_files(small_cache, small_findings):
    half = Proportion(count=20, total=30)
    order = ClassOrder(
        class_of=np.array([1, 2, 0]), num_moved=3, accuracy=Proportion(count=1, total=30), mapped=half, gained=half
    )
    cache = replace(small_cache, skipped=(SkippedImage(name="a/1.png", reason="truncated"),))
    notices = list_notices(cache, replace(small_findings, suggested_order=order, present_classes=None))
    assert notices[0].text.startswith("The order of the classes looks wrong: ")
    assert notices[0].url == "data/class_order.csv"
    assert [notice.text for notice in notices[1:-1]] == list(small_cache.provenance.warnings)
    assert notices[-1].text == "1 file of the test set could not be read."
    assert notices[-1].url == "data/skipped.csv"


def test_a_report_without_limits_has_no_notice(small_cache, small_findings):
    provenance = replace(small_cache.provenance, warnings=())
    findings = replace(small_findings, suggested_order=None, present_classes=None)
    assert list_notices(replace(small_cache, provenance=provenance), findings) == ()


def test_classes_without_images_are_counted_with_what_falls_on_them(small_cache, small_findings):
    absent, top1 = Proportion(count=40, total=100), Proportion(count=58, total=100)
    for num_absent, verb in ((1, "has"), (3, "have")):
        present = PresentClasses(num_absent=num_absent, num_classes=6, predicted_absent=absent, top1=top1)
        findings = replace(small_findings, suggested_order=None, present_classes=present)
        text = list_notices(small_cache, findings)[0].text
        assert text.startswith(
            f"{num_absent} of 6 classes {verb} no test image, and 40.0% (95% CI 30.9–49.8%) of the predictions"
        )
        assert "58.0% (95% CI 48.2–67.2%) of the images would be classified correctly" in text

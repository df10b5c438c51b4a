from dataclasses import replace

import numpy as np

from reportgen.analysis.class_order import ClassOrder
from reportgen.analysis.intervals import Proportion
from reportgen.cache import SkippedImage
from reportgen.report.words.notices import list_notices


def test_notices_are_the_wrong_order_then_warnings_then_skipped_files(small_cache, small_findings):
    half = Proportion(count=20, total=30)
    order = ClassOrder(
        class_of=np.array([1, 2, 0]), num_moved=3, accuracy=Proportion(count=1, total=30), mapped=half, gained=half
    )
    cache = replace(small_cache, skipped=(SkippedImage(name="a/1.png", reason="truncated"),))
    notices = list_notices(cache, replace(small_findings, suggested_order=order))
    assert notices[0].text.startswith("The order of the classes looks wrong: ")
    assert notices[0].url == "data/class_order.csv"
    assert [notice.text for notice in notices[1:-1]] == list(small_cache.provenance.warnings)
    assert notices[-1].text == "1 file of the test set could not be read."
    assert notices[-1].url == "data/skipped.csv"


def test_a_report_without_limits_has_no_notice(small_cache, small_findings):
    provenance = replace(small_cache.provenance, warnings=())
    assert (
        list_notices(replace(small_cache, provenance=provenance), replace(small_findings, suggested_order=None)) == ()
    )

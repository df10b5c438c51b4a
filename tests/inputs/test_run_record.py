from importlib import metadata

from reportgen.inputs.run_record import time_text, version_pairs


def test_time_is_utc_to_the_second(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr("time.time", lambda: 1_767_323_045.9)
    assert time_text() == "2026-01-02T03:04:05Z"
    assert time_text(0.9) == "1970-01-01T00:00:00Z"


def test_reproducible_build_sets_the_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert time_text() == time_text(5) == "1970-01-02T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    assert time_text(5) == "1970-01-01T00:00:05Z"


def test_versions_are_sorted_and_those_that_are_installed():
    versions = version_pairs(("numpy", "no-such-package"))
    assert [name for name, _ in versions] == ["numpy", "python", "reportgen"]
    assert dict(versions)["numpy"] == metadata.version("numpy")

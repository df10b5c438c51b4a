from importlib import metadata

import pytest


@pytest.fixture
def provenance(build, make_set, run_pass):
    return lambda **settings: run_pass(build("pooling"), make_set(), **settings).provenance


def test_the_time_is_utc_to_the_second(provenance, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr("time.time", lambda: 1_767_323_045.9)
    assert provenance().created == "2026-01-02T03:04:05Z"


def test_a_reproducible_build_sets_the_time(provenance, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert provenance().created == "1970-01-02T00:00:00Z"


def test_the_facts_of_the_run_are_recorded(provenance):
    facts = provenance(layers=("stem",))
    assert (facts.model_name, facts.weights_name, facts.data_name) == ("net", "net.pth", "noise")
    assert facts.num_parameters == 3 * 6 * 9 + 6 + 12 + 6 * 8 * 9 + 8 + 8 * 5 + 5
    assert (facts.target_layer, facts.layer_source) == ("stem", "given")
    assert facts.input_size == (16, 16)
    assert "mean 0.5, 0.4, 0.6" in facts.preprocessing
    assert facts.device.startswith("cpu")
    assert facts.precision == "fp32"
    assert facts.seconds > 0
    assert provenance().layer_source == "probed"


def test_versions_are_sorted_and_those_that_are_installed(provenance):
    versions = provenance().versions
    assert list(versions) == sorted(versions)
    assert dict(versions)["torch"] == metadata.version("torch")
    assert "reportgen" in dict(versions)

"""Fixtures that several folders of tests share, and the two profiles of the property tests.

`gate` is the default: the same examples on every machine, without shrinking, so that a failure is reported at once.
`--hypothesis-profile=explore` draws many new ones and shrinks what fails; what it finds becomes an `@example`.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # several workers share the processors

import numpy as np
import pytest
from command_line import Done, Run
from doc_tables import REFERENCE_PATH, DocTables
from hypothesis import HealthCheck, Phase, settings
from records import make_check, make_key, make_provenance

from reportgen.cache import CamPair, EvaluationCache, Superclasses
from reportgen.cli import main
from reportgen.demo.dataset import DemoSet, shared_test_set

settings.register_profile(
    "gate", derandomize=True, deadline=None, max_examples=50, phases=(Phase.explicit, Phase.generate)
)
settings.register_profile(
    "explore", deadline=None, max_examples=1_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gate")

BROWSER_TESTS = Path(__file__).parent / "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write the tables in docs/reference, not compare them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "stress" not in config.option.markexpr:
        stressing = [item for item in items if item.get_closest_marker("stress")]
        config.hook.pytest_deselected(items=stressing)
        items[:] = [item for item in items if item not in stressing]
    for item in items:
        if item.path.is_relative_to(BROWSER_TESTS):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def doc_tables(request: pytest.FixtureRequest) -> DocTables:
    """The documentation's tables of what is supported."""
    return DocTables(REFERENCE_PATH, is_writing=request.config.getoption("--write-docs"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process, in the current folder, and forgets the model files that it imported."""
    before = set(sys.modules)

    def run_main(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["reportgen", *arguments])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stop:
            main()
        return Done(stop.value.code, *capsys.readouterr())

    yield run_main
    for name in sys.modules.keys() - before:
        if name.startswith("_reportgen_"):
            del sys.modules[name]


@pytest.fixture(scope="session")
def demo_set() -> DemoSet:
    """The demo's whole test set, composed once."""
    return shared_test_set()


@pytest.fixture
def tiny_cache() -> EvaluationCache:
    """Twelve examples of three classes, every array seeded."""
    rng = np.random.default_rng(0)
    n, k = 12, 3
    maps = rng.normal(size=(2, n, 4, 4)).astype(np.float16)
    return EvaluationCache(
        example_index=np.arange(n),
        example_id=np.array([f"{i}.png" for i in range(n)]),
        labels=np.arange(n) % k,
        logits=rng.normal(size=(n, k)).astype(np.float32),
        cams={"gradcam": CamPair(true=maps[0], predicted=maps[1])},
        thumbnails=rng.integers(0, 256, (n, 16, 16, 3)).astype(np.uint8),
        class_names=("cat", "dog", "Ünï & <b>"),
        superclasses=Superclasses(names=("pets", "tags"), superclass_of=np.array([0, 0, 1])),
        key=make_key(),
        provenance=make_provenance(),
        checks=(make_check(num_checked=n),),
    )

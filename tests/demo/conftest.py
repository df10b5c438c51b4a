import pytest

from reportgen.demo.dataset import DemoSet, make_test_set


@pytest.fixture(scope="session")
def demo_set() -> DemoSet:
    """The whole test set, composed once."""
    return make_test_set()

import sys
from types import ModuleType

import pytest

from reportgen.observers import NotebookObserver, SilentObserver, choose_observer


def test_a_notebook_gets_bars_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert isinstance(choose_observer(), SilentObserver)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert isinstance(choose_observer(), NotebookObserver)


def test_the_bar_of_a_notebook_counts_examples(capsys: pytest.CaptureFixture[str]):
    observer = NotebookObserver()
    with observer.stage("Run the model", total=4) as advance:
        advance(1)
        advance(3)
    observer.say("The cache is stale.")
    captured = capsys.readouterr()
    assert "Run the model" in captured.err
    assert "The cache is stale." in captured.out


def test_silence_writes_nothing(capsys: pytest.CaptureFixture[str]):
    observer = SilentObserver()
    with observer.stage("Run the model", total=4) as advance:
        advance(4)
    observer.say("The cache is stale.")
    assert capsys.readouterr() == ("", "")

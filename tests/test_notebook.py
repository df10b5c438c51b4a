from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "examples" / "notebook.ipynb"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of Jupyter's packages
def test_the_example_notebook_runs_and_shows_the_report(tmp_path: Path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = {
        cell["id"]: output["data"]
        for cell in notebook.cells
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    }
    assert '<iframe src="site/index.html"' in shown["run"]["text/html"]
    assert "95% CI" in shown["run"]["text/html"]
    assert (tmp_path / "site" / "index.html").is_file()
    assert "recall_low" in shown["weakest"]["text/html"]
    assert shown["maps"]["text/plain"].startswith("((200, 100), (200, ")

"""A written report, as Python and notebooks see it."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from reportgen.analysis.findings import Findings
from reportgen.analysis.tables import Tables
from reportgen.cache import EvaluationCache
from reportgen.report.delivery.artifacts import Artifact
from reportgen.report.words.phrases import interval_text
from reportgen.report.words.text import count_text, percent_text
from reportgen.report.words.wording import headline

_FRAME_HEIGHT = 640


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Report:
    """A written report. In a notebook it shows its headline, its key numbers and the site.

    Attributes:
        cache: the arrays it was made from.
        findings: the results of the analysis.
        index_path: the page to open first.
        num_files: number of files in the site.
        num_bytes: their total size.
        artifacts: the archive and the single file, if they were requested.
    """

    cache: EvaluationCache
    findings: Findings
    index_path: Path
    num_files: int
    num_bytes: int
    artifacts: tuple[Artifact, ...]

    @property
    def tables(self) -> Tables:
        """The findings as pandas DataFrames."""
        return Tables(self.cache, self.findings)

    def _repr_html_(self) -> str:
        overall = self.findings.overall
        rows = [
            ("Accuracy", f"{percent_text(overall.top1.value)} ({interval_text(overall.top1)})"),
            ("Top-5 accuracy", f"{percent_text(overall.top5.value)} ({interval_text(overall.top5)})"),
            ("Examples", count_text(self.cache.num_examples)),
            ("Classes", count_text(self.cache.num_classes)),
            ("Findings", count_text(sum(item.fired for item in self.findings.recommendations))),
        ]
        cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        address = self._address()
        return (
            f"<p><strong>{escape(headline(self.findings, self.cache))}.</strong></p>"
            f"<table>{cells}</table>"
            f'<p><a href="{address}" target="_blank">Open the report</a> ({escape(str(self.index_path))})</p>'
            f'<iframe src="{address}" title="Report" width="100%" height="{_FRAME_HEIGHT}"></iframe>'
        )

    def _address(self) -> str:
        """The page's path below the working folder, which notebook servers deliver; elsewhere its whole address."""
        path = self.index_path.absolute()
        return quote(path.relative_to(Path.cwd()).as_posix()) if path.is_relative_to(Path.cwd()) else path.as_uri()

import pytest

from reportgen.plain_text import to_one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sea otter", "sea otter"),
        ("  straße\t中文 ", "straße 中文"),
        ("two\nlines", "two lines"),
        ("p\u2029q\u2028r\x85s\r\nt", "p q r s t"),
        ("\x1b[2J\x07", "␛[2J␇"),
        ("a\x7fb\x9bc", "a␡b�c"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("\x00", "␀"),
        ("", ""),
    ],
)
def test_text_stands_on_one_line_and_shows_its_control_characters(text, line):
    assert to_one_line(text) == line
    assert len(to_one_line(text).splitlines()) <= 1

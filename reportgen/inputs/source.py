"""The fields that every source of a model or test set declares: they fill the help, the hints and the tables."""

from typing import ClassVar

from reportgen.inputs.libraries import Library


class Source:
    """How a kind of source is written and what it needs.

    Attributes:
        title: the source in words, such as `an image folder`.
        forms: the spellings of a spec, such as `hf:FOLDER`; help and hints show the first.
        note: what else to know about the spelling, in Markdown.
        libraries: the optional libraries that it needs.
    """

    title: ClassVar[str]
    forms: ClassVar[tuple[str, ...]]
    note: ClassVar[str] = ""
    libraries: ClassVar[tuple[Library, ...]] = ()

    @classmethod
    def usage(cls) -> str:
        """The first form and the note, as plain text."""
        note = cls.note.replace("`", "")
        return f"{cls.forms[0]} ({note})" if note else cls.forms[0]

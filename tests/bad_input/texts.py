"""Class names, superclasses, notes, logos, styles and templates."""

from io import BytesIO

from PIL import Image

from bad_input.row import OK, RUN, Row, data, text

NAMED = f"{RUN} --class-names own.txt"
GROUPED = f"{RUN} --superclasses groups.csv"
R = "render good_cache.npz"
DEEP = "[" * 100_000 + "]" * 100_000
GOOD = "class,superclass\notter,weasels\nseal,pinnipeds\nwalrus,pinnipeds\n"


def _image(kind: str) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    return stream.getvalue()


ROWS = (
    Row("class names: a file that does not exist", NAMED, ("own.txt",)),
    Row("class names: an empty file", NAMED, ("own.txt",), text("own.txt", "")),
    Row("class names: too few", NAMED, ("walrus",), text("own.txt", "otter\nseal\n")),
    Row("class names: too many", NAMED, ("4", "3"), text("own.txt", "otter\nseal\nwalrus\norca\n")),
    Row("class names: one twice", NAMED, ("seal",), text("own.txt", "otter\nseal\nseal\n")),
    Row("class names: a blank line in the middle", NAMED, ("index 1",), text("own.txt", "otter\n\nwalrus\n")),
    Row("class names: bytes that are not UTF-8", NAMED, ("own.txt",), data("own.txt", b"otter\nse\xe9l\nwalrus\n")),
    Row("class names: an image", NAMED, ("own.txt",), data("own.txt", _image("PNG"))),
    Row(
        "class names: JSON with a comma too many",
        NAMED.replace("own.txt", "own.json"),
        ("own.json",),
        text("own.json", '["otter",]'),
    ),
    Row("class names: a JSON number", NAMED.replace("own.txt", "own.json"), ("own.json",), text("own.json", "3")),
    Row(
        "class names: JSON that is too deep",
        NAMED.replace("own.txt", "own.json"),
        ("own.json",),
        text("own.json", DEEP),
    ),
    Row(
        "class names: JSON of numbers",
        NAMED.replace("own.txt", "own.json"),
        ("own.json",),
        text("own.json", "[1, 2, 3]"),
    ),
    Row(
        "class names: a JSON object with gaps",
        NAMED.replace("own.txt", "own.json"),
        ("own.json",),
        text("own.json", '{"0": "otter", "2": "seal", "5": "walrus"}'),
    ),
    Row("class names: other than those of the test set", NAMED, ("otter",), text("own.txt", "a\nb\nc\n")),
    Row("superclasses: a file that does not exist", GROUPED, ("groups.csv",)),
    Row("superclasses: an empty file", GROUPED, ("groups.csv",), text("groups.csv", "")),
    Row("superclasses: no header", GROUPED, ("superclass",), text("groups.csv", "otter,weasels\n")),
    Row(
        "superclasses: a class is missing",
        GROUPED,
        ("walrus",),
        text("groups.csv", GOOD.replace("walrus,pinnipeds\n", "")),
    ),
    Row("superclasses: a class that there is not", GROUPED, ("orca",), text("groups.csv", GOOD + "orca,whales\n")),
    Row("superclasses: a class twice", GROUPED, ("otter",), text("groups.csv", GOOD + "otter,whales\n")),
    Row(
        "superclasses: a blank superclass",
        GROUPED,
        ("line 4",),
        text("groups.csv", GOOD.replace("walrus,pinnipeds", "walrus,")),
    ),
    Row(
        "superclasses: a field of 200,000 characters",
        GROUPED,
        ("groups.csv",),
        text("groups.csv", GOOD.replace("weasels", "w" * 200_000)),
    ),
    Row(
        "superclasses: a line break in a name",
        GROUPED,
        ("index.html",),
        text("groups.csv", GOOD.replace("weasels", '"wea\nsels"')),
        OK,
    ),
    Row(
        "superclasses: bytes that are not UTF-8", GROUPED, ("groups.csv",), data("groups.csv", GOOD.encode() + b"\xff")
    ),
    Row("display names: a file that does not exist", f"{R} --display-names nowhere.csv", ("nowhere.csv",)),
    Row(
        "display names: a class that there is not",
        f"{R} --display-names names.csv",
        ("cat",),
        text("names.csv", "class,name\nzebra,Zebra\n"),
    ),
    Row(
        "display names: one name for two classes",
        f"{R} --display-names names.csv",
        ("same (cat)",),
        text("names.csv", "class,name\ncat,same\ndog,same\n"),
        OK,
    ),
    Row(
        "display names: JSON that is none", f"{R} --display-names names.json", ("names.json",), text("names.json", "{")
    ),
    Row(
        "display names: JSON that is too deep",
        f"{R} --display-names names.json",
        ("names.json",),
        text("names.json", DEEP),
    ),
    Row("notes: a file that does not exist", f"{R} --notes nowhere.md", ("nowhere.md",)),
    Row("notes: bytes that are not UTF-8", f"{R} --notes own.md", ("own.md",), data("own.md", b"\xff\xfe\xfa")),
    Row("notes: a folder", f"{R} --notes photos", ("photos",)),
    Row("notes: a script", f"{R} --notes own.md", ("index.html",), text("own.md", "<script>alert(1)</script>\n"), OK),
    Row(
        "notes: quotations that are too deep",
        f"{R} --notes own.md",
        ("index.html",),
        text("own.md", ">" * 5_000 + " deep\n"),
        OK,
    ),
    Row(
        "notes: an image from elsewhere",
        f"{R} --notes own.md",
        ("own.md",),
        text("own.md", "![x](https://example.com/x.png)\n"),
    ),
    Row("logo: a file that does not exist", f"{R} --logo nowhere.png", ("nowhere.png",)),
    Row("logo: text named .png", f"{R} --logo own.png", ("own.png",), text("own.png", "hello")),
    Row(
        "logo: a kind that browsers do not show",
        f"{R} --logo own.tiff",
        ("own.tiff",),
        data("own.tiff", _image("TIFF")),
    ),
    Row("logo: an SVG that is no XML", f"{R} --logo own.svg", ("own.svg",), text("own.svg", "<svg")),
    Row(
        "logo: an SVG with a script",
        f"{R} --logo own.svg",
        ("index.html",),
        text("own.svg", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        OK,
    ),
    Row(
        "logo: an SVG with entities that grow",
        f"{R} --logo own.svg",
        ("own.svg",),
        text(
            "own.svg",
            '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>',
        ),
    ),
    Row("styles: a file that does not exist", f"{R} --extra-css nowhere.css", ("nowhere.css",)),
    Row(
        "styles: an import",
        f"{R} --extra-css own.css",
        ("own.css",),
        text("own.css", '@import "https://example.com/a.css";'),
    ),
    Row(
        "styles: an image from elsewhere",
        f"{R} --extra-css own.css",
        ("own.css",),
        text("own.css", "body { background: url(https://example.com/a.png) }"),
    ),
    Row(
        "styles: an import behind an escape",
        f"{R} --extra-css own.css",
        ("own.css",),
        text("own.css", '@\\69mport "https://example.com/a.css";'),
    ),
    Row(
        "styles: a url behind an escape",
        f"{R} --extra-css own.css",
        ("own.css",),
        text("own.css", "body { background: u\\72l(https://example.com/a.png) }"),
    ),
    Row(
        "styles: an image set",
        f"{R} --extra-css own.css",
        ("own.css",),
        text("own.css", 'body { background: image-set("https://example.com/a.png" 1x) }'),
    ),
    Row("styles: bytes that are not UTF-8", f"{R} --extra-css own.css", ("own.css",), data("own.css", b"\xff\xfe\xfa")),
    Row("templates: a folder that does not exist", f"{R} --templates nowhere", ("nowhere",)),
    Row("templates: a file", f"{R} --templates names.txt", ("names.txt",)),
    Row("templates: a folder without templates", f"{R} --templates photos", ("photos",)),
    Row("templates: a syntax error", f"{R} --templates own", ("index.html.j2",), text("own/index.html.j2", "{% if %}")),
    Row(
        "templates: a name that there is not",
        f"{R} --templates own",
        ("wonder",),
        text("own/index.html.j2", "{{ wonder }}"),
    ),
    Row(
        "templates: a way into Python",
        f"{R} --templates own",
        ("index.html.j2",),
        text("own/index.html.j2", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    ),
    Row(
        "templates: a command of the system",
        f"{R} --templates own",
        ("index.html.j2",),
        text("own/index.html.j2", "{{ cycler.__init__.__globals__.os.mkdir('MARKER') }}"),
    ),
    Row(
        "templates: one that includes itself",
        f"{R} --templates own",
        ("index.html.j2",),
        text("own/index.html.j2", "{% include 'index.html.j2' %}"),
    ),
    Row(
        "templates: a loop without end",
        f"{R} --templates own",
        ("index.html.j2",),
        text("own/index.html.j2", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
    ),
    Row(
        "templates: bytes that are not UTF-8",
        f"{R} --templates own",
        ("index.html.j2",),
        data("own/index.html.j2", b"\xff\xfe\xfa"),
    ),
)

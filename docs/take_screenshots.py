"""Takes the screenshots of the README: `python docs/take_screenshots.py SITE`. Needs the extra `test` and a browser."""

import argparse
import io
import os
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW = (1280, 900), (390, 844)

# name, page, size of the window, theme, element to scroll to
SHOTS = (
    ("index-wide", "index.html", WIDE, "light", None),
    ("matrix-wide", "index.html", WIDE, "light", "#matrix"),
    ("class-wide", "CLASS", WIDE, "dark", "#worst"),
    ("index-narrow", "index.html", NARROW, "light", None),
    ("class-narrow", "CLASS", NARROW, "dark", "#worst"),
)


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the report")
    parser.add_argument("--class-page", default="classes/038-38.html", help="path of the class page to show")
    arguments = parser.parse_args()
    browser_path = next(path for name in BROWSERS if (path := shutil.which(name)))
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        for name, page_path, (width, height), scheme, anchor in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto((arguments.site / page_path.replace("CLASS", arguments.class_page)).resolve().as_uri())
            if anchor is not None:
                page.locator(anchor).evaluate("(element) => element.scrollIntoView({behavior: 'instant'})")
            page.wait_for_timeout(300)
            save_small(page.screenshot(), Path(__file__).with_name(f"{name}.png"))
            page.close()
        browser.close()


def save_small(png: bytes, path: Path) -> None:
    """Save the image with 256 colors."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()

"""Photograph pages of the documentation, and of reports, in light and dark, wide and narrow.

    python tools/screenshots.py docs/_build/html pictures [more pages, as OUT/report.html]
    python tools/screenshots.py --for-docs OUT/report.html docs/_static

The second form makes the two pictures of a run's report in the documentation: its top in light mode
and its plots in dark mode, for the run of ``python -m benchmarks.orbit FOLDER``.  Needs Chromium
with its driver, selenium and Pillow.  Pages that are wider than the window, so that readers must
scroll sideways, and errors in the console are reported, with exit code 1.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGES = ("index.html", "step/smear.html", "api/tica_fn.subtract_smear.html", "ten-minutes.html")
WIDTHS = (1400, 390)
HEIGHT = 1000
FOR_DOCS = {"light": ("report-light.png", None), "dark": ("report-plots-dark.png", "time")}
"""Pictures of a report for the documentation, and what each begins with."""
DOCS_WIDTH = 1100
_PLOTS_DRAWN = (
    "return [...document.querySelectorAll('.plot')].every(one => one.querySelector('.bk-Figure'))"
)


def browser() -> webdriver.Chrome:
    """Start Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def open_page(driver: webdriver.Chrome, page: Path, colour: str, width: int) -> None:
    """Open a page and wait until its plots, if it has any, are drawn."""
    features = [{"name": "prefers-color-scheme", "value": colour}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get(page.resolve().as_uri())
    for _ in range(100):
        if driver.execute_script(_PLOTS_DRAWN):
            break
        time.sleep(0.1)
    time.sleep(0.5)


def save(driver: webdriver.Chrome, path: Path) -> None:
    """Save the visible page, compressed as much as possible."""
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    image.save(path, optimize=True)


def wrong_of(driver: webdriver.Chrome, name: str, width: int) -> list[str]:
    """Problems of the open page."""
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    wrong = [f"{name}: {wide} pixels wide in a window of {width}"] if wide > width else []
    return wrong + [
        f"{name}: {entry['message']}"
        for entry in driver.get_log("browser")
        if entry["level"] == "SEVERE" and "ERR_" not in entry["message"]
    ]


def photograph(driver: webdriver.Chrome, page: Path, name: str, folder: Path) -> list[str]:
    """Photograph a page in both colour modes and widths; return its problems."""
    wrong = []
    for colour in ("light", "dark"):
        for width in WIDTHS:
            open_page(driver, page, colour, width)
            save(driver, folder / f"{name}-{colour}-{width}.png")
            wrong += wrong_of(driver, f"{name}, {colour}, {width}", width)
    return wrong


def photograph_for_docs(driver: webdriver.Chrome, page: Path, folder: Path) -> list[str]:
    """Make the pictures of a report for the documentation; return its problems."""
    wrong = []
    for colour, (name, place) in FOR_DOCS.items():
        open_page(driver, page, colour, DOCS_WIDTH)
        # In place of the folder's path.
        driver.execute_script("document.querySelector('h1').textContent = 'Sector 35, OUT'")
        if place is not None:
            driver.execute_script(f"document.getElementById('{place}').scrollIntoView()")
            time.sleep(0.5)
        save(driver, folder / name)
        wrong += wrong_of(driver, f"{name}, {colour}", DOCS_WIDTH)
    return wrong


def main() -> int:
    """Photograph the pages named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--for-docs", action="store_true", help="a report, for the documentation")
    parser.add_argument("source", type=Path, help="built documentation, or with --for-docs a page")
    parser.add_argument("folder", type=Path, help="folder of the pictures")
    parser.add_argument("more", nargs="*", type=Path, help="more pages")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    driver = browser()
    try:
        if args.for_docs:
            wrong, count = photograph_for_docs(driver, args.source, args.folder), len(FOR_DOCS)
        else:
            pages = {
                one.replace("/", "-").removesuffix(".html"): args.source / one for one in PAGES
            }
            pages |= {f"{one.parent.name}-{one.stem}": one for one in args.more}
            shots = (photograph(driver, page, name, args.folder) for name, page in pages.items())
            wrong, count = [line for lines in shots for line in lines], 4 * len(pages)
    finally:
        driver.quit()
    print("\n".join(wrong) or f"{count} pictures in {args.folder}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

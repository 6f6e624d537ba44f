"""Photograph pages of the documentation, and of reports, in light and dark, wide and narrow.

    python tools/screenshots.py docs/_build/html pictures [more pages, as OUT/report.html]

Needs Chromium with its driver, and selenium. Pages that are wider than the window, which a reader
would have to push sideways, and errors in the console are told, with exit code 1.
"""

import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PAGES = ("index.html", "step/smear.html", "api/tica_fn.subtract_smear.html", "ten-minutes.html")
WIDTHS = (1400, 390)
HEIGHT = 1000


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def photograph(driver, page, name, folder):
    """One page in both colours and widths; what is wrong with it."""
    wrong = []
    for colour in ("light", "dark"):
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": colour}]},
        )
        for width in WIDTHS:
            metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            driver.get(page.resolve().as_uri())
            driver.implicitly_wait(1)
            driver.save_screenshot(str(folder / f"{name}-{colour}-{width}.png"))
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{name}, {colour}: {wide} pixels wide in a window of {width}")
            wrong += [
                f"{name}, {colour}, {width}: {entry['message']}"
                for entry in driver.get_log("browser")
                if entry["level"] == "SEVERE" and "ERR_" not in entry["message"]
            ]
    return wrong


def main(built, folder, *more):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pages = {page.replace("/", "-").removesuffix(".html"): Path(built, page) for page in PAGES}
    pages |= {f"{Path(page).parent.name}-{Path(page).stem}": Path(page) for page in more}
    driver = browser()
    try:
        wrong = [
            line for name, page in pages.items() for line in photograph(driver, page, name, folder)
        ]
    finally:
        driver.quit()
    print("\n".join(wrong) or f"{4 * len(pages)} pictures in {folder}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

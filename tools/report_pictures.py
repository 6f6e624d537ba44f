"""Draw the pictures of a run's report that the documentation shows.

    python tools/report_pictures.py OUT/report.html docs/_static

opens the page in headless Chromium (Debian: chromium, chromium-driver) and saves its top in light
and its plots in dark.  The run is that of ``python -m benchmarks.orbit FOLDER``.
"""

from __future__ import annotations

import io
import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WIDTH, HEIGHT = 1100, 1000
NAMES = {"light": "report-light.png", "dark": "report-plots-dark.png"}


def save(browser: webdriver.Chrome, path: Path) -> None:
    """Save what is seen, packed as small as can be."""
    image = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    image.save(path, optimize=True)
    print(path, path.stat().st_size)


def main(page: str, folder: str) -> None:
    """Open the page in light and in dark, and at its plots."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.add_argument(f"--window-size={WIDTH},{HEIGHT + 140}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.get(Path(page).resolve().as_uri())
        title = "document.querySelector('h1').textContent = 'Sector 35, OUT'"
        browser.execute_script(title)  # In place of the folder's path.
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            time.sleep(3.0)
            if scheme == "dark":
                browser.execute_script("document.getElementById('time').scrollIntoView()")
                time.sleep(0.5)
            save(browser, Path(folder) / NAMES[scheme])
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])

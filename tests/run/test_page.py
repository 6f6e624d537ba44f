"""The report of a run in a browser: no error, no network, linked zoom, sorting, filters."""

import re
import shutil
import sys
import time

import numpy as np
import pytest

import tica_fn
from tica_fn.cli import main
from tica_fn.run.page.thinning import thinned
from tica_fn.run.record_writer import RecordWriter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def page(sky_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "out"
    shutil.copytree(sky_run, out)
    assert main(["report", str(out)]) == 0
    return out / "report.html"


@pytest.fixture(scope="module")
def browser(page):
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with its driver here")
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    words = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900")
    for word in (*words, "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(DRIVER))
    driver.get(page.as_uri())
    drawn(driver)
    yield driver
    driver.quit()


def drawn(driver):
    """Wait until all plots are there."""
    count = "return document.querySelectorAll('.plot .bk-Figure').length"
    for _ in range(300):
        if driver.execute_script(count) == 9:
            return
        time.sleep(0.1)


def test_the_page_says_what_the_record_says(page):
    text = page.read_text()
    for word in ("HOT_PIXELS", "POINTING", "SCATTERED_LIGHT", "SATURATED", "9004", "cam2-ccd3"):
        assert word in text
    assert tica_fn.__version__ in text
    assert "cam2_ccd3_twoDcorrect.fits" in text
    assert page.stat().st_size < 3e6
    # Nothing is asked of the network: no source, style or picture from elsewhere.
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=["'](?!data:)""", text)


def test_no_error_in_the_browser(browser):
    assert browser.execute_script("return Bokeh.documents[0].roots().length") == 9
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= 1200


def test_a_zoom_moves_all_plots(browser):
    from selenium.webdriver import ActionChains

    ranges = """return Bokeh.documents[0].roots().map(
        figure => [figure.x_range.start, figure.x_range.end])"""
    before = browser.execute_script(ranges)
    plots = browser.find_elements("css selector", ".plot")
    drawn = [one.screenshot_as_png for one in plots]
    assert len({tuple(one) for one in before}) == 1
    plot = browser.find_element("css selector", "#plot-background")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    chain = ActionChains(browser).move_to_element_with_offset(plot, -100, 10)
    chain.click_and_hold().move_by_offset(120, 20).move_by_offset(60, 10).release().perform()
    time.sleep(0.5)
    after = browser.execute_script(ranges)
    assert len(after) == 9
    assert len({tuple(one) for one in after}) == 1
    (start, end), (first, last) = after[0], before[0]
    assert first < start < end < last
    assert (end - start) < 0.5 * (last - first)
    # And each of them is drawn anew.
    assert all(one.screenshot_as_png != was for one, was in zip(plots, drawn, strict=True))


def test_a_sort_sorts_and_a_filter_filters(browser):
    cells = """return [...document.querySelectorAll('#flagged-table tbody tr')]
        .filter(row => !row.hidden).map(row => row.cells[4].textContent)"""
    head = browser.find_elements("css selector", "#flagged-table thead button")[4]
    numbers = []
    for _ in range(2):
        browser.execute_script("arguments[0].click()", head)
        shown = browser.execute_script(cells)
        numbers.append([float(text.replace(",", "")) for text in shown if text])
    assert numbers[0] == sorted(numbers[0])
    assert numbers[1] == numbers[0][::-1]
    assert len(numbers[0]) == 4
    box = browser.find_element("css selector", 'input[data-table="flagged-table"]')
    box.send_keys("hot_pixels")
    assert len(browser.execute_script(cells)) == 1
    box.clear()
    box.send_keys("nothing of the kind")
    assert browser.execute_script(cells) == []
    box.clear()


def test_a_ccd_can_be_hidden(browser):
    seen = """const source = Bokeh.documents[0].roots()[0].renderers[0].data_source;
        return Array.from(source.data.alpha)"""
    key = browser.find_element("css selector", '.keys button[data-ccd="cam2-ccd3"]')
    browser.execute_script("arguments[0].click()", key)
    assert browser.execute_script(seen) == [0.0] * 8
    browser.execute_script("arguments[0].click()", key)
    assert browser.execute_script(seen) == [0.75] * 8


@pytest.mark.parametrize(("scheme", "back"), [("light", 200), ("dark", 60)])
def test_light_and_dark_on_a_phone(browser, scheme, back):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    time.sleep(0.3)
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    red = int(re.search(r"\d+", colour)[0])
    assert red > back if scheme == "light" else red < back
    label = browser.execute_script("return Bokeh.documents[0].roots()[0].title.text_color")
    assert (label == "#1c1e21") == (scheme == "light")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_5000_frames_stay_under_10_mb(sky_run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (row,) = [
        dict(one)
        for one in tica_fn.run.open_record(sky_run).rows("frames")
        if one["cadence"] == 9000
    ]
    random = np.random.default_rng(3)
    noisy = ("mode", "smear", "rms_arcsec", "good_fraction", "noise_a", "pedestal_b", "crval1")
    with RecordWriter(out) as record:
        for k in range(5000):
            camera, ccd = k % 16 // 4 + 1, k % 4 + 1
            values = {name: row[name] * (1 + 1e-4 * random.normal()) for name in noisy}
            flags = "SATURATED" if k % 3 == 0 else ""
            if k == 2500:
                values["rms_arcsec"] = 77.0
            row |= {"camera": camera, "ccd": ccd, "cadence": k // 16, "tjd": 2000 + k / 1600}
            record.put("frames", **{**row, **values, "product": f"cam/{k}.fits", "flags": flags})
    assert main(["report", str(out)]) == 0
    assert 2e6 < (out / "report.html").stat().st_size < 10e6


@pytest.mark.parametrize(
    ("change", "plots"),
    [
        ({"rms_arcsec": None, "good_fraction": None, "crval1": None, "smear": None}, 5),
        ({"mode": 0.0}, 1),
        ({f"noise_{letter}": None for letter in "abcd"}, 1),
    ],
)
def test_plots_without_values_say_so(sky_run, tmp_path, request, change, plots):
    """Bokeh warns in the console of ranges that it can't find; there is nothing to warn of."""
    shutil.copy(sky_run / "run.sqlite", tmp_path)
    with RecordWriter(tmp_path) as record:
        for row in record.rows("frames"):
            record.put("frames", product=row["product"], **change)
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_text().count("not known of any frame") == plots
    driver = request.getfixturevalue("browser")
    here = driver.current_url
    driver.get((tmp_path / "report.html").as_uri())
    drawn(driver)
    said = [line for line in driver.get_log("browser") if line["level"] != "INFO"]
    driver.get(here)
    drawn(driver)
    assert said == []


def test_what_stands_out_is_drawn():
    random = np.random.default_rng(1)
    values = [random.normal(size=20000) for _ in range(10)]
    values[3][12345], values[7][77] = 50.0, -50.0
    values[5][::7] = np.nan
    keep = np.zeros(20000, dtype=bool)
    keep[[5, 19999]] = True
    found = thinned(values, keep, 1500)
    assert {5, 77, 12345, 19999} <= set(found.tolist())
    assert found.size < 1800
    assert (np.diff(found) > 0).all()
    assert thinned(values, keep, 30000).size == 20000


def test_a_record_without_frames_has_a_page(tmp_path):
    RecordWriter(tmp_path).close()
    assert main(["report", str(tmp_path)]) == 0
    assert "Nothing failed." in (tmp_path / "report.html").read_text()


def test_without_bokeh_a_run_says_so_before_it_begins(plain, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    words = ["run", plain / "raw", "--caldir", plain / "calibration_30min", "--outdir", tmp_path]
    assert main([str(word) for word in words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'tica-fn[report]'; or --no-report" in line
    assert not list(tmp_path.rglob("*.fits"))

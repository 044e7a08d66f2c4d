"""Chromium, for the tests of pages, and what they ask of every page."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

AXE = Path(__file__).parent / "axe.min.js"  # axe-core 4.14.1, for tests alone
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
in_chromium = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no Chromium with its driver"),
]


@contextmanager
def chromium(downloads):
    """A browser without a window, which keeps what is downloaded in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.downloads = downloads
    try:
        yield driver
    finally:
        driver.quit()


def wait(page, condition, seconds=60):
    """Until a condition holds."""
    WebDriverWait(page, seconds, poll_frequency=0.05).until(lambda _: condition())


def open_page(page, path):
    """Open a file, and wait until it is painted."""
    page.get(path.as_uri())
    wait(page, lambda: page.execute_script("return performance.getEntriesByType('paint').length"))


def reopen(page, path, condition):
    """Open a file again with what the page stored, until a condition holds.

    On a busy machine Chromium without a window loses all that is stored, now and then, when a page
    is left. What the page had written is then written once more.
    """
    kept = page.execute_script("return {...localStorage}")
    put = (
        "for (const [key, value] of Object.entries(arguments[0])) localStorage.setItem(key, value)"
    )

    def holds():
        open_page(page, path)
        return condition() or page.execute_script(put, kept)

    wait(page, holds)


def prefer(page, scheme):
    """Let the system of the reader be light or dark."""
    theme = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", theme)


def errors(page):
    """What scripts have complained of since this was asked last."""
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def network(page):
    """The events of the network since this was asked last, as pairs of a name and its values."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    return [(m["method"], m["params"]) for m in messages if m["method"].startswith("Network.")]


def requested(events):
    """The addresses that were asked for."""
    sent = [of for name, of in events if name == "Network.requestWillBeSent"]
    return [of["request"]["url"] for of in sent]


def failed(events):
    """The addresses that gave nothing."""
    lost = {of["requestId"] for name, of in events if name == "Network.loadingFailed"}
    answers = [of for name, of in events if name == "Network.responseReceived"]
    lost |= {of["requestId"] for of in answers if of["response"]["status"] >= 400}
    sent = [of for name, of in events if name == "Network.requestWillBeSent"]
    return [of["request"]["url"] for of in sent if of["requestId"] in lost]


def weight(events):
    """How many bytes came."""
    return sum(of["encodedDataLength"] for name, of in events if name == "Network.loadingFinished")


def overflow(page):
    """By how many pixels a page is wider than the screen of a phone."""
    page.set_window_size(375, 700)
    wide = page.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    page.set_window_size(1000, 800)
    return wide


def serious(page, *rules):
    """What axe-core finds that keeps somebody out, by these rules or by all."""
    # Colors fade into those of another theme: axe would see one in between.
    wait(page, lambda: not page.execute_script("return document.getAnimations().length"))
    page.execute_script(AXE.read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    script = "axe.run(arguments[0]).then(arguments[arguments.length - 1])"
    return [
        (one["id"], node["html"])
        for one in page.execute_async_script(script, options)["violations"]
        for node in one["nodes"]
        if one["impact"] in ("serious", "critical")
    ]

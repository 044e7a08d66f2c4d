"""Chromium for tests, where it and its driver are installed."""

import json
import shutil
import time
from pathlib import Path

import pytest
from selenium import webdriver

AXE = Path(__file__).parent / "axe.min.js"  # axe-core 4.14.1
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no Chromium with its driver"),
]


def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")
    options.add_argument("--window-size=1000,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))


def errors(page):
    """What the console of a page says, and what was asked of other hosts, since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = (
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
    )
    elsewhere = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    return elsewhere + [entry["message"] for entry in page.get_log("browser")]


def wait_until(condition, seconds=10):
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return value

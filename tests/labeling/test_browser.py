"""The pages in a browser: Chromium, where it and its driver are installed."""

import csv
import shutil
import time

import numpy as np
import pytest
from browsers import (
    chromium,
    errors,
    in_chromium,
    network,
    open_page,
    overflow,
    prefer,
    reopen,
    requested,
    serious,
    wait,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from alvae.labeling.page import write_label_page
from alvae.labeling.project import Project
from alvae.labeling.steps import predict

pytestmark = in_chromium
HOSTILE = ["<img src=x onerror=alert(1)>.png", "</script><b>.png", "=cmd()|'x'.png", '"&#39;.png']
NAMES = [*HOSTILE, "a/5.png", "a/6.png"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads")) as driver:
        yield driver


@pytest.fixture
def project(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (len(NAMES), 8, 8), dtype=np.uint8)
    about = {"source": "gone", "features_from": None, "seed": 0, "budget": 6, "refused": {}}
    return Project.begin(tmp_path / "p", NAMES, images=images, id=tmp_path.name, **about)


@pytest.fixture
def page(browser, project):
    near = [[j for j in range(6) if j != i][:3] for i in range(6)]
    path = project.path("label.html")
    write_label_page(path, project, list(range(6)), near, ["cat"], {"a/5.png": "dog"})
    open_page(browser, path)
    return browser


def text(page, name):
    return page.find_element(By.ID, name).text


def press(page, *keys):
    page.switch_to.active_element.send_keys(*keys)


def download(page):
    for old in page.downloads.iterdir():
        old.unlink()
    page.find_element(By.ID, "download").click()
    path = page.downloads / "labels.csv"
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.1)
    with open(path, newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def test_images_are_labeled_from_the_keyboard(page, project):
    assert text(page, "progress") == "1 of 6 labeled"
    assert text(page, "name") == f"1 of 6: {NAMES[0]}"
    press(page, "1")  # cat
    assert text(page, "name") == f"2 of 6: {NAMES[1]}"
    press(page, "n")
    press(page, "new kind", Keys.ENTER)
    press(page, "u")
    press(page, Keys.ARROW_RIGHT)  # skipped; the one before the last has a label
    assert text(page, "name") == f"6 of 6: {NAMES[5]}"
    press(page, "2")
    assert text(page, "progress") == "5 of 6 labeled"
    press(page, "z")
    assert text(page, "progress") == "4 of 6 labeled"
    press(page, "1")
    assert text(page, "name") == f"4 of 6: {NAMES[3]}"
    labels = ["cat", "new kind", "?", "", "dog", "cat"]
    cells = [f"./{name}" if name[0] == "=" else name for name in NAMES]
    expected = [("file_name", "label"), *zip(cells, labels, strict=True)]
    assert download(page) == expected
    path = project.path("label.html")
    reopen(page, path, lambda: text(page, "progress") == "5 of 6 labeled")  # nothing is lost
    assert download(page) == expected
    shutil.copy(page.downloads / "labels.csv", project.path("labels.csv"))
    known = {name: label for name, label in zip(NAMES, labels, strict=True) if label}
    assert project.labels() == (known, [], NAMES)


def test_and_with_clicks(page):
    page.find_elements(By.CSS_SELECTOR, "#all button")[3].click()
    assert text(page, "name") == f"4 of 6: {NAMES[3]}"
    page.find_element(By.CSS_SELECTOR, "#classes button").click()
    assert page.find_elements(By.CSS_SELECTOR, "#all span")[3].text == "cat"
    page.find_element(By.ID, "undo").click()
    assert page.find_elements(By.CSS_SELECTOR, "#all span")[3].text == ""


def test_nothing_is_asked_of_another_host_and_no_name_becomes_code(page):
    press(page, "1")
    assert errors(page) == []
    assert not page.find_elements(By.CSS_SELECTOR, "b, img[src='x']")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requested(network(page)))


def test_a_key_that_is_held_labels_one_image(page):
    page.execute_script(
        "for (const repeat of [false, true, true]) "
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', repeat}))"
    )
    assert text(page, "name") == f"2 of 6: {NAMES[1]}"


def test_keys_stay_what_they_were_when_others_are_asked_for(page, project):
    press(page, "n")
    press(page, "zebra", Keys.ENTER)
    press(page, "n")
    press(page, "ant", Keys.ENTER)
    wait(page, lambda: text(page, "progress") == "3 of 6 labeled")
    path = project.path("label.html")
    known = {NAMES[1]: "ant", NAMES[0]: "zebra"}
    write_label_page(path, project, list(range(6)), [[]] * 6, ["ant", "zebra"], known)

    def classes():
        return [one.text for one in page.find_elements(By.CSS_SELECTOR, "#classes button")]

    reopen(page, path, lambda: classes() == ["1 zebra", "2 ant"])


def test_what_was_corrected_in_the_table_is_not_undone_by_the_browser(page, project):
    press(page, "1", "1")  # cat; the table says dog of another
    path = project.path("label.html")
    known = {NAMES[0]: "cow", NAMES[1]: "cat", "a/5.png": "wolf"}
    write_label_page(path, project, list(range(6)), [[]] * 6, ["cat"], known)
    reopen(page, path, lambda: page.execute_script("return KEY in localStorage"))
    assert [label for _, label in download(page)[1:]] == ["cow", "cat", "", "", "wolf", ""]
    page.find_elements(By.CSS_SELECTOR, "#all button")[1].click()
    press(page, "0")  # what it saw in the table gives way to what is given here
    after = ["cow", "", "", "", "wolf", ""]
    reopen(page, path, lambda: [label for _, label in download(page)[1:]] == after)


def test_a_formula_is_no_class(page):
    press(page, "n")
    press(page, "=1+1", Keys.ENTER)
    assert "A spreadsheet would compute this" in text(page, "told")
    assert text(page, "progress") == "1 of 6 labeled"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_of_labeling(page, scheme):
    prefer(page, scheme)
    press(page, "1")
    assert serious(page) == []
    assert overflow(page) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_report(browser, project, scheme):
    codes = np.random.default_rng(0).normal(size=(len(NAMES), 3))
    project.keep("codes", codes)
    project.keep("firsts", np.arange(len(NAMES)))
    project.add_labels(dict(zip(NAMES, ["<b>cat</b>", "dog"], strict=False)))
    predict(project)
    prefer(browser, scheme)
    open_page(browser, project.path("report.html"))
    assert "<b>cat</b>" in browser.find_element(By.TAG_NAME, "table").text
    assert not browser.find_elements(By.TAG_NAME, "b")
    assert serious(browser) == []
    assert overflow(browser) == 0
    assert errors(browser) == []
    styled = browser.find_element(By.CSS_SELECTOR, ".swatch").value_of_css_property("width")
    assert styled not in {"auto", "300px"}  # its policy lets its own style be
    browser.execute_script("document.body.setAttribute('style', 'color: red')")
    assert any("style" in error for error in errors(browser))  # and no other

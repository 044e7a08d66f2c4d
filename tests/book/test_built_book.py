"""The built book in Chromium, page by page: `make book`, of either profile, comes first."""

import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import nbformat
import pytest
from browsers import (
    chromium,
    errors,
    failed,
    in_chromium,
    network,
    overflow,
    prefer,
    requested,
    serious,
    wait,
    weight,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from alvae.book import BUILD

BOOK = BUILD / "html"
PAGES = sorted(  # index.html only leads to the first
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if not {"_static", "_modules"} & {*path.parts} and path.name != "index.html"
)
pytestmark = [
    *in_chromium,
    pytest.mark.skipif(not PAGES, reason="there is no built book: make book PROFILE=smoke"),
]
MEGABYTE = 1_000_000
CONTROLS = "a[href], button, summary, input, select, textarea, [tabindex='0']"


class Host(SimpleHTTPRequestHandler):
    """A host that shows the book's own page for missing ones, as GitHub Pages does."""

    def send_error(self, code, *rest):
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((BOOK / "404.html").read_bytes())

    def log_message(self, *rest):
        pass


@pytest.fixture(scope="module")
def site():
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=BOOK)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads")) as driver:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        driver.set_window_size(1000, 800)
        yield driver


def visit(browser, address):
    """Open a page, wait until its formulas are drawn, and return what the network carried."""
    network(browser)
    errors(browser)
    browser.get(address)
    wait(browser, lambda: not undrawn(browser))
    return network(browser)


def undrawn(browser):
    """The formulas that are not drawn yet, or not told to screen readers."""
    return browser.execute_script(
        "return [...document.querySelectorAll('.math')]"
        ".filter(one => !one.querySelector('mjx-container mjx-assistive-mml'))"
        ".map(one => one.textContent)"
    )


@pytest.fixture(scope="module", params=PAGES)
def opened(request, browser, site):
    """A page, in the light theme, with what it asked for and what it complained of."""
    prefer(browser, "light")
    events = visit(browser, site + request.param)
    return request.param, events, errors(browser)


def test_a_page_has_all_it_needs_and_little_more(opened, site):
    _, events, complaints = opened
    assert complaints == []
    assert failed(events) == []
    assert all(url.startswith((site, "data:", "blob:")) for url in requested(events))
    assert 0 < weight(events) < 3 * MEGABYTE


def test_a_page_is_as_wide_as_a_phone(opened, browser):
    assert overflow(browser) == 0


def test_nobody_is_kept_out(opened, browser):
    theme = "return document.documentElement.dataset.theme"
    prefer(browser, "light")
    assert browser.execute_script(theme) == "light"
    assert serious(browser) == []
    prefer(browser, "dark")  # which changes colors alone
    wait(browser, lambda: browser.execute_script(theme) == "dark")
    assert serious(browser, "color-contrast", "link-in-text-block") == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "404.html"])
def test_a_page_opens_from_the_disk(page, browser):
    events = visit(browser, (BOOK / page).as_uri())
    assert errors(browser) == []
    assert failed(events) == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requested(events))


def test_the_whole_book_is_small():
    files = [path for path in BOOK.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40 * MEGABYTE


def test_the_first_page_is_found(browser, site):
    visit(browser, site)
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "article h1"))
    assert browser.current_url.startswith(site + "book/")


def test_search_finds_the_pages_on_it(browser, site):
    visit(browser, site + PAGES[1])
    browser.find_element(By.CSS_SELECTOR, ".search-button-field").click()
    browser.switch_to.active_element.send_keys("covering radius", Keys.ENTER)
    found = "#search-results li a"
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, found))
    wait(browser, lambda: "finished" in browser.find_element(By.ID, "search-results").text)
    links = browser.find_elements(By.CSS_SELECTOR, found)
    results = {link.get_attribute("href").split("?")[0].split("#")[0] for link in links}
    on_it = {
        site + page
        for page in PAGES
        for heading in re.findall(r"<h[1-3]>(.*?)<", (BOOK / page).read_text(encoding="utf-8"))
        if "covering radius" in heading.lower()
    }
    assert on_it
    assert on_it | {site + "book/glossary.html"} <= results


def with_a_folded_cell():
    """The first page with code that is folded."""
    return next(p for p in PAGES if "Show the code" in (BOOK / p).read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["folded", "reference", "search"])
def test_the_keyboard_reaches_every_control(kind, browser, site):
    page = {"reference": "book/api/queries.html", "search": "search.html"}.get(kind)
    browser.set_window_size(1300, 900)
    visit(browser, site + (page or with_a_folded_cell()))
    browser.execute_script("document.activeElement.blur()")
    for _ in range(1000):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.execute_script(
            "const now = document.activeElement, seen = now.dataset.seen; now.dataset.seen = 1;"
            "return now === document.body || seen !== undefined"
        ):
            break
    missed = browser.execute_script(
        f'return [...document.querySelectorAll("{CONTROLS}")].filter(one =>'
        "one.checkVisibility({visibilityProperty: true}) && !one.dataset.seen && one.tabIndex >= 0)"
        ".map(one => one.outerHTML.slice(0, 200))"
    )
    assert missed == []
    reached = "summary, .theme-switch-button, .search-button-field, .primary-toggle"
    seen = browser.find_elements(By.CSS_SELECTOR, f":is({reached})[data-seen]")
    assert len(seen) >= (3 if kind != "folded" else 4)
    browser.set_window_size(1000, 800)


def test_code_is_unfolded_from_the_keyboard(browser, site):
    visit(browser, site + with_a_folded_cell())
    summary = browser.find_element(By.CSS_SELECTOR, "details.hide summary")
    summary.send_keys(Keys.ENTER)
    wait(browser, browser.find_element(By.CSS_SELECTOR, "details.hide pre").is_displayed)


def test_a_phone_gets_the_list_of_pages(browser, site):
    browser.set_window_size(375, 700)
    visit(browser, site + PAGES[1])
    pages = browser.find_element(By.CSS_SELECTOR, "nav.bd-docs-nav")
    assert not pages.is_displayed()
    browser.find_element(By.CSS_SELECTOR, ".primary-toggle").send_keys(Keys.ENTER)
    wait(browser, pages.is_displayed)
    browser.set_window_size(1000, 800)


def test_a_page_is_downloaded_as_a_notebook(browser, site):
    page = next(page for page in PAGES if page.startswith("book/pages/"))
    visit(browser, site + page)
    link = browser.find_element(By.CSS_SELECTOR, ".dropdown-download-buttons a[href$='.ipynb']")
    browser.execute_script("arguments[0].click()", link)
    name = page.split("/")[-1].replace(".html", ".ipynb")
    path = browser.downloads / name
    wait(browser, path.exists)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert any(cell.cell_type == "code" and cell.outputs for cell in notebook.cells)


def test_every_download_is_there(browser, site):
    visit(browser, site + "book/results.html")
    links = browser.find_elements(By.CSS_SELECTOR, "a.download")
    assert len(links) > 10
    for link in links:
        path = link.get_attribute("href").removeprefix(site)
        assert (BOOK / path).stat().st_size > 0


def test_an_address_without_a_page_shows_one_of_the_book(browser, site):
    missing = site + "book/nothing/here.html"
    events = visit(browser, missing)
    assert browser.find_element(By.CSS_SELECTOR, "article h1").text == "No such page"
    assert failed(events) == [missing]  # while style and scripts are found
    browser.find_element(By.LINK_TEXT, "the first page").click()
    wait(browser, lambda: browser.current_url.startswith(site + "book/pages/introduction"))


def test_the_theme_is_changed_by_a_button_and_kept(browser, site):
    prefer(browser, "light")
    visit(browser, site + PAGES[1])
    mode = "return document.documentElement.dataset.mode"
    before = browser.execute_script(mode)
    browser.find_element(By.CSS_SELECTOR, ".theme-switch-button").click()
    changed = browser.execute_script(mode)
    assert changed != before
    visit(browser, site + PAGES[2])
    assert browser.execute_script(mode) == changed
    browser.execute_script("localStorage.clear()")

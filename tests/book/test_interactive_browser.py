"""The pictures to look into, in a browser, on a page that has them beside a figure."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from browsers import chromium, errors, in_chromium, network, open_page, requested, serious, wait
from IPython.core.pylabtools import print_figure
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from alvae.book import figures
from alvae.book.interactive import film, live_decoder, point_cloud, values
from alvae.pools import load_pool
from alvae.vae import ConvVAE

pytestmark = in_chromium
PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Pictures</title>
<style>
  body {{ background: #fff; color: #222; }}
  [data-theme="dark"] body {{ background: #14181e; color: #ced6dd; }}
</style>
<main><h1>Pictures</h1>
<figure><img alt="The figure." style="max-width: 100%" src="{image}">
<figcaption>Fig. 1</figcaption></figure>
{element}</main></html>
"""
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYA"
    "AjCB0C8AAAAASUVORK5CYII="
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads")) as driver:
        driver.set_window_size(1000, 900)
        yield driver


@pytest.fixture
def show(browser, tmp_path):
    """Show an element on a page; at the end nothing went wrong, and no other host was asked."""

    def show(element, image=DOT):
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(image=image, element=element._repr_html_()), encoding="utf-8")
        open_page(browser, path)
        return browser

    errors(browser)
    network(browser)
    yield show
    assert errors(browser) == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requested(network(browser)))


def find(page, selector):
    return page.find_element(By.CSS_SELECTOR, f".alvae-interactive {selector}")


def button(page, text):
    buttons = page.find_elements(By.CSS_SELECTOR, ".alvae-interactive button")
    return next(node for node in buttons if node.text == text)


def pixels(page, selector):
    """What a canvas shows, as an array (height, width, 4)."""
    script = "return document.querySelector(arguments[0]).toDataURL()"
    uri = page.execute_script(script, f".alvae-interactive {selector}")
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def point_at(page, x, y):
    """Move the mouse to a place in the first canvas, given from its middle."""
    canvas = find(page, "canvas")
    ActionChains(page, duration=0).move_to_element_with_offset(canvas, round(x), round(y)).perform()


def place_in(text):
    """The coordinates that a text ends with, in parentheses."""
    numbers = text.replace("\N{MINUS SIGN}", "-").split("(")[1].rstrip(".)")
    return [float(number) for number in numbers.split(",")]


def frame(page):
    """Wait until what was asked for has been drawn."""
    page.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )


def check_access(page, theme):
    """Nothing serious for axe-core; on a phone nothing is cut off."""
    page.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    assert serious(page) == []
    metrics = {"width": 375, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    frame(page)
    wide = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 375


# The cloud


@pytest.fixture(scope="module")
def digits():
    """Some images of three digits, and places for them that lie apart."""
    pool = load_pool("mnist", [0, 3, 9])
    turn = np.arange(27) * 2.4  # a spiral from pole to pole of a sphere
    height = np.linspace(-0.9, 0.9, 27)
    width = np.sqrt(1 - height**2)
    Z = np.column_stack([width * np.cos(turn), width * np.sin(turn), height])
    return Z, pool.labels, pool.images


def cloud_of(digits, **options):
    Z, labels, images = digits
    return point_cloud(Z, labels[: len(Z)], images[: len(Z)], **options)


def projected(Z, width, height, yaw=0.5, pitch=0.4):
    """Where points are drawn, from the middle of the canvas: by matrices of rotation."""
    half = (Z.max(axis=0) - Z.min(axis=0)).max() / 2
    P = (Z - (Z.max(axis=0) + Z.min(axis=0)) / 2) / half
    about_z = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
    tilt = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    turned = P @ np.transpose(about_z) @ np.transpose(tilt)
    return 0.42 * min(width, height) * turned[:, [0, 2]] * [1, -1]


def size_of(page):
    box = find(page, "canvas").rect
    return box["width"], box["height"]


def test_the_cloud_takes_the_place_of_the_image_of_the_figure(show, digits):
    page = show(cloud_of(digits))
    frame(page)
    (figure,) = page.find_elements(By.TAG_NAME, "figure")
    assert figure.find_elements(By.TAG_NAME, "canvas")
    assert not figure.find_element(By.TAG_NAME, "img").is_displayed()
    assert figure.find_element(By.TAG_NAME, "figcaption").is_displayed()
    drawn = pixels(page, "canvas")
    for color in ([63, 144, 218], [255, 169, 14], [189, 31, 1]):  # of the digits 0, 3 and 9
        assert (np.abs(drawn[..., :3].astype(int) - color).max(axis=-1) < 12).sum() > 20
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert figure.find_element(By.TAG_NAME, "img").is_displayed()
    assert not find(page, "canvas").is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_point_that_is_pointed_at_shows_its_image(show, digits):
    Z, labels, images = digits
    page = show(cloud_of(digits, chosen=[4]))
    frame(page)
    for i, (x, y) in enumerate(projected(Z, *size_of(page))):
        point_at(page, x, y)
        assert find(page, ".alvae-tip").text == f"class {labels[i]}{', chosen' if i == 4 else ''}"
        shown = pixels(page, ".alvae-digit")[..., 0].astype(int)
        assert np.abs(shown - images[i]).max() <= 8
        np.testing.assert_allclose(place_in(find(page, "[role=status]").text), Z[i], atol=0.0051)
    point_at(page, *(-np.array(size_of(page)) // 2 + 2))
    assert not find(page, ".alvae-tip").is_displayed()


def test_dragging_turns_the_cloud(show, digits):
    Z, labels, images = digits
    page = show(cloud_of(digits))
    frame(page)
    canvas = find(page, "canvas")
    ActionChains(page, duration=0).click_and_hold(canvas).move_by_offset(
        45, -30
    ).release().perform()
    frame(page)
    turned = projected(Z, *size_of(page), yaw=0.5 + 45 / 150, pitch=0.4 - 30 / 150)
    for i in (0, 13, 26):
        point_at(page, *turned[i])
        assert np.abs(pixels(page, ".alvae-digit")[..., 0] - images[i].astype(int)).max() <= 8


def test_the_legend_switches_classes_on_and_off(show, digits):
    Z, labels, _ = digits
    page = show(cloud_of(digits))
    frame(page)
    blue = [63, 144, 218]

    def count():
        frame(page)
        drawn = pixels(page, "canvas")[..., :3].astype(int)
        return (np.abs(drawn - blue).max(axis=-1) < 12).sum()

    assert count() > 20
    button(page, "0").click()
    assert button(page, "0").get_attribute("aria-pressed") == "false"
    assert count() == 0
    i = int(np.flatnonzero(labels[:27] == 0)[0])
    point_at(page, *projected(Z, *size_of(page))[i])
    assert "class 0" not in find(page, ".alvae-tip").text
    button(page, "0").click()
    assert count() > 20


def test_chosen_points_and_centers_are_switched_on_and_off(show, digits):
    page = show(cloud_of(digits, chosen=[1, 2], centers=digits[0][:3]))
    frame(page)
    last = pixels(page, "canvas")
    for name in ("● chosen", "✕ cluster centers"):
        button(page, name).click()
        frame(page)
        now = pixels(page, "canvas")
        assert (now != last).any(axis=-1).sum() > 40
        last = now


def test_everything_is_had_from_the_keyboard(show, digits):
    Z, labels, images = digits
    page = show(cloud_of(digits, chosen=[4]))
    frame(page)
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    for _ in range(10):
        if page.switch_to.active_element.tag_name == "canvas":
            break
        page.switch_to.active_element.send_keys(Keys.TAB)
    canvas = page.switch_to.active_element
    assert canvas.get_attribute("aria-label").startswith("27 points in three dimensions.")
    canvas.send_keys("n")
    assert (
        find(page, ".alvae-tip").text == f"class {labels[4]}, chosen"
    )  # the chosen ones come first
    assert np.abs(pixels(page, ".alvae-digit")[..., 0] - images[4].astype(int)).max() <= 8
    canvas.send_keys("np")
    assert find(page, "[role=status]").text.startswith("Point 1 of 27")
    canvas.send_keys("p")
    assert find(page, "[role=status]").text.startswith("Point 27 of 27")
    canvas.send_keys(Keys.ESCAPE)
    for keys in (Keys.ARROW_LEFT * 2 + Keys.ARROW_UP, "+"):
        before = pixels(page, "canvas")
        canvas.send_keys(keys)
        frame(page)
        assert (pixels(page, "canvas") != before).any()
    canvas.send_keys(Keys.HOME)
    frame(page)
    point_at(page, *projected(Z, *size_of(page))[0])
    assert np.abs(pixels(page, ".alvae-digit")[..., 0] - images[0].astype(int)).max() <= 8


def test_the_wheel_zooms_after_a_click_and_scrolls_the_page_before(show, digits):
    Z, _, images = digits
    page = show(cloud_of(digits))
    frame(page)
    first = pixels(page, "canvas")
    canvas = find(page, "canvas")
    wheel = {"bubbles": True, "cancelable": True, "deltaY": -500 * float(np.log(1.5))}
    box = canvas.rect
    wheel |= {"clientX": box["x"] + box["width"] / 2, "clientY": box["y"] + box["height"] / 2}
    turn = "return arguments[0].dispatchEvent(new WheelEvent('wheel', arguments[1]))"
    assert page.execute_script(turn, canvas, wheel)
    frame(page)
    assert (pixels(page, "canvas") == first).all()
    page.execute_script("arguments[0].focus()", canvas)
    assert not page.execute_script(turn, canvas, wheel)
    frame(page)
    larger = 1.5 * projected(Z, *size_of(page))
    i = np.abs(larger).sum(axis=1).argmin()
    point_at(page, *larger[i])
    assert np.abs(pixels(page, ".alvae-digit")[..., 0] - images[i].astype(int)).max() <= 8


def test_fingers_turn_the_cloud_zoom_and_show_an_image(show, digits):
    Z, labels, images = digits
    page = show(cloud_of(digits))
    frame(page)
    canvas = find(page, "canvas")

    def fingers(*paths):
        """Each finger goes along its path of places, given from the middle of the canvas."""
        actions = ActionBuilder(page, duration=0)
        for k, path in enumerate(paths):
            finger = PointerInput(POINTER_TOUCH, f"finger {k}")
            finger.create_pointer_move(0, *map(round, path[0]), origin=canvas)
            finger.create_pointer_down(button=0)
            for place in path[1:]:
                finger.create_pointer_move(0, *map(round, place), origin=canvas)
            finger.create_pointer_up(button=0)
            actions.devices.append(finger)
        actions.perform()
        frame(page)

    def shown(i):
        return np.abs(pixels(page, ".alvae-digit")[..., 0] - images[i].astype(int)).max() <= 8

    fingers([projected(Z, *size_of(page))[20]])
    assert shown(20)
    fingers([(-40, 0), (-10, 0), (20, 0)])
    turned = projected(Z, *size_of(page), yaw=0.5 + 60 / 150)
    fingers([turned[7]])
    assert shown(7)
    fingers([(-50, 0), (-50, 0), (-75, 0)], [(50, 0), (50, 0), (75, 0)])
    i = np.abs(np.linalg.norm(turned, axis=1) - 100).argmin()  # which moves by 50 pixels
    fingers([1.5 * turned[i]])
    assert shown(i)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_cloud(show, digits, theme):
    page = show(cloud_of(digits, chosen=[1]))
    check_access(page, theme)


# The decoder


@pytest.fixture(scope="module")
def vae(digits):
    return ConvVAE(3, epochs=1, device="cpu", random_state=0).fit(digits[2][:600])


@pytest.fixture(scope="module")
def codes(vae, digits):
    return vae.transform(digits[2][:300])


def check_image(page, vae, z):
    """The image in the page is torch's."""
    expected = vae.inverse_transform(np.array([z], np.float32))[0]
    expected = expected if expected.ndim == 3 else expected[..., None]
    shown = pixels(page, ".alvae-digit")
    assert (shown[..., 3] == 255).all()
    assert np.abs(shown[..., :3] - 255 * expected).max() <= 1
    return shown


def test_the_image_follows_the_point_and_equals_that_of_torch(show, vae, codes, digits):
    labels = digits[1][:300]
    page = show(live_decoder(vae, codes, labels))
    frame(page)
    reach = float(find(page, "input").get_attribute("max"))
    mean = codes[labels == 0].mean(axis=0)
    mean[2:] = 0
    images = [check_image(page, vae, mean)]
    width, height = size_of(page)
    for x, y in [(-60, 40), (80, -100), (0, 0)]:
        point_at(page, -150, 150)
        ActionChains(page, duration=0).click_and_hold().perform()
        point_at(page, x, y)
        ActionChains(page, duration=0).release().perform()
        z = [2 * x / width * reach, -2 * y / height * reach, 0]
        np.testing.assert_allclose(
            place_in(find(page, "p").text), z, atol=0.005 + 2 * reach / width
        )
        images.append(pixels(page, ".alvae-digit"))
    assert len({image.tobytes() for image in images}) == 4


def test_keys_and_sliders_move_the_point_too(show, vae, codes, digits):
    labels = digits[1][:300]
    page = show(live_decoder(vae, codes, labels))
    frame(page)
    reach = float(find(page, "input").get_attribute("max"))
    z = codes[labels == 0].mean(axis=0) * [1, 1, 0]
    find(page, "canvas").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    z[0], z[1] = z[0] + 2 * reach / 25, z[1] + reach / 25
    check_image(page, vae, z)
    np.testing.assert_allclose(place_in(find(page, "p").text), z, atol=0.0051)
    across, up = page.find_elements(By.CSS_SELECTOR, ".alvae-interactive select")
    across.send_keys("z3")
    find(page, "canvas").send_keys(Keys.ARROW_LEFT)
    z[2] -= reach / 25
    check_image(page, vae, z)
    slider = page.find_elements(By.CSS_SELECTOR, ".alvae-interactive input")[1]
    for end, value in ((Keys.HOME, -reach), (Keys.END, reach)):
        slider.send_keys(end)
        z[1] = value
        check_image(page, vae, z)
    assert slider.get_attribute("aria-valuetext") == f"{reach:.2f}"
    find(page, "canvas").send_keys(Keys.ARROW_UP)  # at the edge already
    check_image(page, vae, z)


@pytest.mark.parametrize(("shape", "d"), [((9, 14), 1), ((12, 10, 3), 2)])
def test_images_of_any_shape_are_decoded(show, shape, d):
    images = np.random.default_rng(0).integers(0, 256, (60, *shape), dtype=np.uint8)
    vae = ConvVAE(d, epochs=1, device="cpu", random_state=0).fit(images)
    Z = vae.transform(images)
    page = show(live_decoder(vae, Z, np.arange(60) % 2))
    frame(page)
    check_image(page, vae, Z[::2].mean(axis=0))
    find(page, "canvas").send_keys(Keys.ARROW_RIGHT)
    assert find(page, ".alvae-digit").get_attribute("aria-label").startswith("The image decoded")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_decoder(show, vae, codes, digits, theme):
    check_access(show(live_decoder(vae, codes, digits[1][:300])), theme)


# The values of a figure


@pytest.fixture(scope="module")
def curves():
    budgets = [20, 40, 60]
    rows = [
        (space, budget, 0.9 + 0.02 * k + 0.0005 * budget, 0.001)
        for k, space in enumerate(("input", "latent"))
        for budget in budgets
    ]
    return pd.DataFrame(rows, columns=["space", "budget", "mean", "std"]).assign(strategy="uniform")


@pytest.fixture
def with_values(show, curves):
    fig = figures.learning_curves(curves)
    png = "data:image/png;base64," + base64.b64encode(print_figure(fig)).decode()
    page = show(values(fig, curves, "budget", "mean", ["strategy", "space"], "std"), png)
    frame(page)
    return page


def tip(page):
    return page.find_element(By.CSS_SELECTOR, ".alvae-values .alvae-tip")


def test_a_point_of_the_figure_says_its_values(with_values, curves):
    page = with_values
    image = page.find_element(By.TAG_NAME, "img")
    assert image.is_displayed()
    # The points are where the picture has markers in the color of the curve.
    script = """
        const image = document.querySelector("img"), canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.clientWidth, image.clientHeight];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0, canvas.width, canvas.height);
        return canvas.toDataURL();
    """
    png = base64.b64decode(page.execute_script(script).removeprefix("data:image/png;base64,"))
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    height, width = picture.shape[:2]
    color = [0x00, 0x72, 0xB2]  # of the latent space
    near = np.abs(picture - color).max(axis=-1) < 40
    near[int(0.75 * height) :] = False  # the legend
    markers = [x for x in range(3, width - 3) if near[:, x - 3 : x + 4].sum(axis=0).min() >= 6]
    x = next(iter(markers))  # the first marker is that of 20 labels
    y = int(np.flatnonzero(near[:, x]).mean())
    chain = ActionChains(page, duration=0)
    chain.move_to_element_with_offset(image, x - width // 2, y - height // 2).perform()
    assert tip(page).text.splitlines() == ["uniform, latent", "budget 20", "mean 0.9300 ± 0.0010"]
    chain.move_to_element_with_offset(image, 5 - width // 2, 5 - height // 2).perform()
    assert not tip(page).is_displayed()


def test_the_values_are_had_from_the_keyboard(with_values):
    page = with_values
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    cover = page.switch_to.active_element
    assert cover.get_attribute("aria-label").startswith("6 points of the figure")
    told = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.END, Keys.ARROW_UP):
        cover.send_keys(key)
        told.append(find(page, "[role=status]").text.split(", mean")[0])
    assert told == [
        f"uniform, {space}, budget {budget}"
        for space, budget in (
            ("input", 20), ("input", 40), ("latent", 40), ("latent", 60), ("input", 60),
        )
    ]  # fmt: skip
    cover.send_keys(Keys.ESCAPE)
    assert not tip(page).is_displayed()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_values(with_values, theme):
    check_access(with_values, theme)


# The film


@pytest.fixture
def with_film(show):
    frames = np.array([[[-1, 0], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [0, 0]]], float)
    page = show(film(frames, [0, 3], ["epoch 0", "epoch 1", "epoch 2"]))
    frame(page)
    return page


def blue_from_the_left(page):
    """Where the point of class 0 is, from 0 to 1; None where the other one hides it."""
    frame(page)
    drawn = pixels(page, "canvas")
    blue = np.abs(drawn[..., :3].astype(int) - [63, 144, 218]).max(axis=-1) < 12
    columns = np.flatnonzero(blue.any(axis=0))
    return columns.mean() / drawn.shape[1] if len(columns) else None


def test_the_slider_moves_the_points_from_frame_to_frame(with_film):
    page = with_film
    slider = find(page, "input")
    assert blue_from_the_left(page) > 0.7
    slider.send_keys(Keys.ARROW_LEFT)
    assert slider.get_attribute("aria-valuetext") == "epoch 1"
    assert blue_from_the_left(page) is None
    slider.send_keys(Keys.ARROW_LEFT)
    assert slider.get_attribute("aria-valuetext") == "epoch 0"
    assert blue_from_the_left(page) < 0.3
    button(page, "play").click()
    wait(page, lambda: slider.get_attribute("aria-valuetext") == "epoch 2")
    wait(page, lambda: blue_from_the_left(page) > 0.7)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_film(with_film, theme):
    check_access(with_film, theme)

"""What `make book` says, in a terminal and in a log."""

import io
import json
import os
import time

import pytest

from alvae import store
from alvae._progress import progress_bar
from alvae.book import pages, publish, status
from alvae.book.status import Status, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def work(seconds):
    """Something long, done in another process, that has a bar."""
    with progress_bar(8, "training the VAE", "epoch") as bar:
        bar.update(3)
        bar.refresh()
        time.sleep(seconds)


def test_a_log_has_plain_lines(monkeypatch):
    monkeypatch.setattr(status, "SECONDS_BETWEEN", 0.1)
    log = io.StringIO()
    building = Status(["first", "second"], "smoke", log)
    with building.step("first"):
        work(0.35)
    with building.step("second"):
        pass
    *during, done, last = log.getvalue().splitlines()
    assert "\x1b" not in log.getvalue()
    assert "\r" not in log.getvalue()
    assert during[0].startswith("[1/2] first, 0:00; training the VAE: epoch 3 of 8, ")
    assert during[0].endswith(" left; 1 more to go")
    assert (done, last) == ("[1/2] first: 0:00", "[2/2] second: 0:00")
    assert set(building.seconds) == {"first", "second"}
    assert "ALVAE_PROGRESS" not in os.environ


def test_a_terminal_has_one_line_that_is_written_over(monkeypatch):
    monkeypatch.setattr(status, "REFRESH", 0.05)
    screen = Terminal()
    with Status(["only"], "smoke", screen).step("only"):
        work(0.2)
    lines = screen.getvalue().split("\n")
    assert len(lines) == 2
    assert lines[0].count("\r\x1b[2K") > 2
    assert lines[0].endswith("[1/1] only: 0:00")


def test_what_is_left_is_known_from_earlier_builds(monkeypatch):
    path = store.root() / "seconds" / "full.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"a": 60, "b": 600}))
    monkeypatch.setattr(status, "SECONDS_BETWEEN", 0.05)
    log = io.StringIO()
    with Status(["a", "b"], "full", log).step("a"):
        time.sleep(0.12)
    assert "; about 11:00 to go" in log.getvalue()
    assert json.loads(path.read_text()) == {"a": 60, "b": 600}  # from the store in no time


def test_a_failed_step_is_not_done(monkeypatch):
    building = Status(["a", "b"], "smoke", io.StringIO())
    with pytest.raises(RuntimeError), building.step("a"):
        raise RuntimeError
    assert building.seconds == {}
    assert building.current == "a"
    assert "ALVAE_PROGRESS" not in os.environ


def test_a_bar_for_another_process_is_shown_though_bars_are_off(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv("ALVAE_PROGRESS", str(tmp_path / "progress"))
    work(0)
    assert "training the VAE: epoch 3 of 8, " in (tmp_path / "progress").read_text()
    assert capsys.readouterr().err == ""


def test_an_interrupted_build_says_what_is_kept(monkeypatch, capsys):
    def interrupted(profile, building):
        with building.step(building.steps[0]):
            pass
        with building.step(building.steps[1]):
            raise KeyboardInterrupt

    monkeypatch.setattr(publish, "make_pages", interrupted)
    with pytest.raises(SystemExit) as caught:
        publish.main([])
    assert caught.value.code == 130
    said = capsys.readouterr().err.splitlines()[-1]
    steps = [*pages.list_pages()]
    assert f"interrupted in {steps[1]}, step 2 of {len(steps)}. Kept: the pages that are" in said
    assert str(store.root()) in said

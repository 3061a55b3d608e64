"""Numbers as people read them, JSON inside a page, and the assets that every page carries."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.report import vega
from harness.report.render import (
    HERE,
    duration,
    hours,
    number,
    percent,
    plain_json,
    points,
    render,
    script_json,
    usd,
)
from tests.report.making import HOSTILE


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.5, "0.5"), (12345.6, "12,346"), (0.00012, "1.2e-4"), (-3.0, "\N{MINUS SIGN}3"), (0, "0"),
     (999.96, "1,000"), (2.5e7, "2.5e7"), (None, "unknown"), (True, "unknown"),
     (float("nan"), "unknown"), ("7", "unknown")],
)  # fmt: skip
def test_numbers(value: Any, said: str) -> None:
    assert number(value) == said


def test_shares_points_times_and_money() -> None:
    assert percent(0.4312) == "43.1 %"
    assert points(-0.031) == "\N{MINUS SIGN}3.1"
    assert points(0.031) == "+3.1"
    assert [duration(s) for s in (5, 600, 7200)] == ["5.0 s", "10.0 min", "2.0 h"]
    assert [hours(h) for h in (0.5, 3, 1234)] == ["30.0 min", "3.0 h", "1,234.0 h"]
    assert [usd(m) for m in (1.5, 4512.3)] == ["$1.50", "$4,512"]
    assert {f(None) for f in (percent, points, duration, hours, usd)} == {"unknown"}


def test_json_in_a_page_has_no_markup_characters_and_survives() -> None:
    packed = script_json({"a": HOSTILE})
    assert not set("<>&\u2028") & set(packed)
    assert json.loads(packed) == {"a": HOSTILE}


def test_json_in_a_file_has_no_nan() -> None:
    assert json.loads(plain_json({"a": [float("nan"), 1.5], "b": float("inf")})) == {
        "a": [None, 1.5],
        "b": None,
    }


def test_a_template_that_asks_for_what_is_not_there_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("run.html.j2", {})


@pytest.mark.parametrize("path", sorted((HERE / "assets").iterdir()), ids=lambda path: path.name)
def test_assets_stay_inside_their_element_and_fetch_nothing(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"</(script|style)|https?:|@import|url\(", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_the_chart_library_is_kept_and_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packed = base64.b64encode(gzip.compress(b"window.vegaEmbed = 1;")).decode()
    (tmp_path / "reprise").mkdir()
    (tmp_path / "reprise" / vega.kept_name()).write_text(packed)
    assert vega.bundle.__wrapped__() == packed


def test_the_chart_library_needs_no_writable_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reprise").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda snippet: f"linked; {snippet}")
    text = gzip.decompress(base64.b64decode(vega.bundle.__wrapped__())).decode()
    assert text.startswith("linked;")


def contrast(first: str, second: str) -> float:
    """WCAG's contrast of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "good", "bad"])
def test_text_has_contrast_in_both_themes(name: str, theme: int) -> None:
    style = (HERE / "assets" / "style.css").read_text()
    found = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", style))
    colours = {key: pair.split(", ")[theme] for key, pair in found.items()}
    for ground in ("paper", "sunken"):
        assert contrast(colours[name], colours[ground]) >= 4.5

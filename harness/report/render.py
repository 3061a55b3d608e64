"""From a template and its context to one self-contained HTML page; every page of the report is made
here. Text is escaped, styles and scripts stand in the page, and nothing is fetched."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.vega import bundle

HERE = Path(__file__).parent


def render(template: str, context: Mapping[str, Any]) -> str:
    """The page that a template of templates/ makes of its context."""
    return environment().get_template(template).render(context)


@cache
def environment() -> Environment:
    """The templates with their filters; what a template names and the context lacks is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": percent,
        "points": points,
        "number": number,
        "duration": duration,
        "hours": hours,
        "usd": usd,
        "unit_of": unit_of,
        "script_json": script_json,
    }
    made.globals |= {"asset": asset, "vega": lambda: Markup(bundle())}
    return made


@cache
def asset(name: str) -> Markup:
    """A file of assets/, to stand in a style or script element."""
    return Markup((HERE / "assets" / name).read_text())


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def plain_json(value: Any) -> str:
    """JSON for a file; what is no number (nan, inf) is null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=1) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value can be shown as a number: finite, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent(value: Any) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f} %" if is_number(value) else "unknown"


def points(value: Any) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}") if is_number(value) else "unknown"


def number(value: Any, digits: int = 4) -> str:
    """A number in few characters: so many digits, thousands apart."""
    if not is_number(value):
        return "unknown"
    size = abs(value)
    if size != 0 and (size >= 1e7 or size < 1e-3):
        text = f"{size:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{size:.{digits}g}" if size < 999.5 else f"{size:,.0f}"
    return f"\N{MINUS SIGN}{text}" if value < 0 else text


def duration(seconds: Any) -> str:
    """Seconds as a person says them."""
    if not is_number(seconds):
        return "unknown"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def hours(value: Any) -> str:
    """Hours, in minutes where they are few."""
    if not is_number(value):
        return "unknown"
    return duration(3600 * value) if value < 2 else f"{value:,.1f} h"


def usd(value: Any) -> str:
    """US dollars."""
    if not is_number(value):
        return "unknown"
    return f"${value:,.2f}" if abs(value) < 100 else f"${value:,.0f}"


def unit_of(value: Any, unit: str) -> str:
    """A number as hours, GPU-hours or US dollars."""
    if unit == "gpu_hours":
        return number(value, digits=3)
    return {"hours": hours, "usd": usd}[unit](value)

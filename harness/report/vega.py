"""The chart library that every page carries: Vega, Vega-Lite and Vega-Embed out of
vl-convert-python, packed; render.py puts it into the page and assets/page.js unpacks it."""

import base64
import gzip
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def bundle() -> str:
    """The three libraries in base64 of gzip, about 0.4 MB; `window.vegaEmbed` once they run.

    vl-convert links them anew at each call, which takes seconds, so the result is kept in the
    user's cache folder.
    """
    kept = cache_folder() / kept_name()
    with suppress(OSError):
        return kept.read_text()
    import vl_convert

    packed = gzip.compress(
        vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;").encode(), mtime=0
    )
    text = base64.b64encode(packed).decode()
    with suppress(OSError):  # a home that cannot be written costs only the time
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(text)
        partial.replace(kept)
    return text


def cache_folder() -> Path:
    """Where this user's caches lie."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reprise"


def kept_name() -> str:
    """The name of the kept bundle: another release of vl-convert has another."""
    return f"vega-{version('vl-convert-python')}.js.gz.b64"

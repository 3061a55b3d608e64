"""A watched process ends with whoever watches it, however that ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from harness.paths import ROOT
from tests.verl.test_process import alive, wait_for

WATCHER = """
    import os, sys
    from pathlib import Path
    from bench.gpu.children import Child
    told = Path(sys.argv[1])
    words = [sys.executable, "-c", f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(300)"]
    Child(words, os.environ, told.with_suffix(".log"), label="run").watch(lambda: None, lambda: False)
"""  # noqa: E501


def test_a_killed_measurement_leaves_no_run_behind(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    watcher = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WATCHER), str(told)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert wait_for(lambda: told.exists() and told.read_text(), 60)
    time.sleep(0.1)
    run = int(told.read_text())
    assert alive(run)
    watcher.send_signal(signal.SIGKILL)
    watcher.wait()
    assert wait_for(lambda: not alive(run))

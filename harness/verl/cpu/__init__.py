"""verl on a CPU: a verl plug-in that every process of a run imports at `import verl`.

Loaded by VERL_USE_EXTERNAL_MODULES=harness.verl.cpu. It acts only under VERL_PLATFORM=cpu: an
actor without a GPU on a GPU cluster must never fall back to it by itself.
"""

import os

if os.environ.get("VERL_PLATFORM", "").strip().lower() == "cpu":
    from harness.verl.cpu import registration

    registration.install()

"""Makes `python slurm/ray_cluster ...` work from any folder, with nothing installed but Ray."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Running a folder puts the folder itself on the path; the package is found from beside it.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from ray_cluster.main import main

    sys.exit(main())

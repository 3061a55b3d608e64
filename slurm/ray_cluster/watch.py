"""A child of task 0: joins Ray and writes the nodes that are alive to a file, again and again.

Run as `python watch.py FILE NODES HOST PORT`; watcher.py starts it and reads the file.
"""

import json
import logging
import os
import socket
import sys
import time
from pathlib import Path

JOINING_S = 0.5
RUNNING_S = 10.0


def main(file: Path, expected: int, host: str, port: int) -> None:
    """Never returns; dies with the Ray that it watches."""
    import ray

    while True:
        try:
            socket.create_connection((host, port), 3).close()
            break
        except OSError:
            time.sleep(0.2)
    ray.init(f"{host}:{port}", logging_level=logging.ERROR, log_to_driver=False)
    partial = file.with_suffix(".partial")
    while True:
        nodes = {
            node["NodeName"]: {
                "gpus": node["Resources"].get("GPU", 0),
                "host": node["NodeManagerAddress"],
                "port": node["NodeManagerPort"],
            }
            for node in ray.nodes()
            if node["Alive"]
        }
        partial.write_text(json.dumps(nodes))
        os.replace(partial, file)
        time.sleep(JOINING_S if len(nodes) < expected else RUNNING_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))

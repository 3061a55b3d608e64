"""Last step of `make setup`: the environment is what the profile says; CPU machines get no CUDA."""

import sys
from importlib.metadata import distributions


def main(profile: str) -> int:
    """Exit code 1 with a message when CUDA packages came to a CPU machine."""
    names = {(d.metadata["Name"] or "").lower() for d in distributions()}
    cuda = sorted(name for name in names if name.startswith(("nvidia-", "cuda-", "triton")))
    if profile == "cpu" and cuda:
        print(
            f"CUDA packages were installed on the cpu profile: {', '.join(cuda)}. "
            "Install the CPU build of torch 2.13.0 first, then `make setup` again.",
            file=sys.stderr,
        )
        return 1
    print(f"{profile} profile ready: {len(names)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

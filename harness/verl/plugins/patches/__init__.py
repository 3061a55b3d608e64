"""Changes to verl's code where it has no registry, on every kind of device: one file each, with the
place and the reason. Those for a CPU alone are in harness/verl/cpu/patches.

tests/verl/test_patches.py fails when the pinned verl no longer needs one of them.
"""

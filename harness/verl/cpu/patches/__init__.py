"""Changes to verl's code where it has no registry: one file each, with the place and the reason.

tests/verl/test_patches.py fails when the pinned verl no longer needs one of them.
"""

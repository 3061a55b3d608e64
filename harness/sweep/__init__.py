"""Sweeps: every run of a `-m` command is composed before the first one starts; run.py registers
the plug-ins of this folder with Hydra, conf/hydra names them."""

"""Runs as SLURM jobs: frozen, grouped, submitted, watched; only actions and the sweep read it."""

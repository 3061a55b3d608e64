"""Fidelity: what upstream runs, against the recipe, key by key and behaviour by behaviour."""

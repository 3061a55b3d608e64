"""Hours, GPU-hours and cost of a run's stages, computed from its workload and its machine, and how
far such estimates are off: they are held against what published runs report."""

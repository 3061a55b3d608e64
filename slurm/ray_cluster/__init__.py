"""Ray over the nodes of one SLURM job step; run as `python slurm/ray_cluster`, see main.py."""

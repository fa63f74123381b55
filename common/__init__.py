"""What every homework shares, and nothing else."""

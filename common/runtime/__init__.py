"""What makes a run robust, behind common/run.py: no lesson imports it."""

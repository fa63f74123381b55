"""The campaign of faults: the real scripts, disturbed on purpose."""

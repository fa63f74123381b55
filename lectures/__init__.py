"""The systems of the course's lectures, one script per lecture."""

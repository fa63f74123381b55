"""What instructors make of the homework: each question as one file."""

"""The students' starts: what is given beside the homework, and known answers to check it with."""

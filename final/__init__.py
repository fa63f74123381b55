"""The mock final: one script per question."""

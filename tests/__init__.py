"""One test module for each source module; the tests use the embedded sample, and no network."""

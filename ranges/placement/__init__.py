"""The placement driver."""

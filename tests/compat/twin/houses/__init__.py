"""The houses, a file each."""

"""Debian's supervisorctl and ours: the same words to servers of the same kind, compared byte by byte."""

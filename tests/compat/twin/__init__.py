"""Debian's supervisord and ours side by side: the same configuration, the same script of actions."""

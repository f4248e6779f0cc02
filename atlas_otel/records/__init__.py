"""A span as it is kept: made, merged, encoded and decoded. Pure.

``record`` has the two record types, ``recorder`` and ``store`` the two seams that records pass.
From outside: all of it.
"""

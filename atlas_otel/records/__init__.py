"""A span as it is kept: made, merged, encoded and decoded.

``record`` has the two record types, ``recorder`` and ``store`` the two seams that records pass. Pure.
"""

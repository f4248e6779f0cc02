"""Folders of training rows: split by task, described, checkable. From outside, :mod:`.create` and its neighbours."""

"""Recorded model calls → what a trainer reads. From outside, :mod:`.options` and :mod:`.rows` may be used."""

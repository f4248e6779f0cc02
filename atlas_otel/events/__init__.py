"""Reports on a running span, one file for each kind of event record. Pure.

From outside: ``catalogue`` (all kinds), ``note`` (what they have in common), ``forms``, and the note classes in the
files of their kinds. A new kind is one file (its note, with reader and trajectory form; what is left of it without
content; its ``KIND``) and one line in ``catalogue``.
"""

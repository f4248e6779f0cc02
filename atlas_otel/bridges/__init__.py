"""Other projects' streams of intermediate steps, recorded as sessions, one file per project.

A bridge subscribes to a stream and records each step as it was pushed, with its own UUID, parent and time.
From outside: ``arc_atlas`` and ``nemo``, which are public.
"""

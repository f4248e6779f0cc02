"""The process around us: its clock, forks, how background threads sleep, wake and yield, quiet logging,
and the garbage collector where the process is ours.

Imports nothing but the standard library. From outside: all of it.
"""

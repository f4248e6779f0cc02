"""The process around us: its clock, forks, how background threads sleep, wake and yield, and quiet logging.

Imports nothing but the standard library. From outside: all of it.
"""

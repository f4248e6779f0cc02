"""The process around us: its clock, forks, how background threads sleep, wake and give way, and quiet logging.

Imports nothing but the standard library. Every module may be used from any room.
"""

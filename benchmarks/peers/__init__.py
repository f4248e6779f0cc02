"""Peers: each file gives the task of :mod:`benchmarks.task` to another project's own decorator or step manager.

Each is run in an environment of its own, which the text file of the same name describes (:mod:`benchmarks.peering`).
"""

"""Intermediate steps (contract §1): pushed by agents, heard by subscribers, kept as records.

From outside: ``manager.IntermediateStepManager``, ``feed`` and ``execution_context``.
"""

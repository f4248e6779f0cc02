"""Intermediate steps (contract §1): pushed by agents, heard by subscribers, kept as records.

From outside: ``manager.IntermediateStepManager`` and ``execution_context.ExecutionContext``.
"""

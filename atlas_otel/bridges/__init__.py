"""From other projects' streams of intermediate steps into sessions of ours, one file per project.

Their users get spans, rows and training lines without a change to their agents: a bridge subscribes to their stream and
records each step as it was pushed, under its own UUID, parent and time.
"""

"""autoMAGIC in doit: its `run` command, runner, reporter, state and file checker, all through doit's plug
points.

doit keeps the graph, the names and the command line. What is up to date is decided by content (`session`),
what runs where by an executor, and what happened is kept at once, not at the end.
"""

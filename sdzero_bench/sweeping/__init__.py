"""Sweeps: many runs as one command, each in a process of its own, so that one that fails takes no other with it.

grid.py        which runs: methods x tasks x seeds x parts of the budget
tuning.py      the same number of trials for every method, and what is chosen from them
checks.py      what is refused before anything starts
scheduler.py   so many at a time; what is finished is skipped, what fails is noted
children.py    a run as a child process
worker.py      what that process does
reports.py     what it tells the sweep while it works
display.py     the table of progress
"""

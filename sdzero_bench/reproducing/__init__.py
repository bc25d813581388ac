"""The paper's tables and figures, and the questions that it leaves open, each by one command.

experiment.py  what an experiment is, as its YAML file in ../experiments states it
cells.py       the runs that it takes
expected.py    how long they will take
running.py     what is missing, run
shelf.py       those that are there already, wherever they were made
benchmarks.py  the policies of those on further tasks
measuring.py   its figures, from the records of its runs
columns.py     what a column of a table shows
curves.py      what a figure shows, as rows of data
drawing.py     the same as pictures
section.py     title, table, figure and notes of an experiment
words.py       those notes
writing.py     its files
complete.py    the experiments that a folder has all runs of
claims.py      what the paper says, and whether it holds in these runs
"""

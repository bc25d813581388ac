"""The paper's tables and figures, and the questions that it leaves open, each by one command.

experiment.py  what an experiment is, as its YAML file in ../experiments states it
cells.py       the runs that it takes
expected.py    how long they will take
shelf.py       those that are there already, wherever they were made
measuring.py   its figures, from the records of its runs
columns.py     what a column of a table shows
curves.py      what a figure shows, as rows of data
drawing.py     the same as pictures
section.py     title, table, figure and notes of an experiment
writing.py     its files
complete.py    the experiments that a folder has all runs of
claims.py      what the paper says, and whether it holds in these runs
"""

"""The Python interface: records as data frames, runs, and methods and tasks by name; `import sdzero_bench` offers it."""

"""Building blocks of tasks: question files, task YAML files, programs with tests, harnesses, and checks of a task."""

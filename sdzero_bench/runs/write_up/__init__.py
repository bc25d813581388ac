"""The summary and the learning curve that a run ends with."""

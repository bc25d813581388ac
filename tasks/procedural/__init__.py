"""The parts of the reasoning-gym tasks."""

"""What the tasks of reasoning-gym are made with."""

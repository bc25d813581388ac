"""`sdzero-bench presets`."""

from __future__ import annotations

from sdzero_bench.cli.commands.tables import print_table


def presets() -> None:
    """List the presets: named settings to start from, with the model they are for."""
    from sdzero_bench.runs.config import load_preset, preset_names

    loaded = {name: load_preset(name) for name in preset_names()}
    rows = [[name, preset["model"]["name"], preset["summary"]] for name, preset in loaded.items()]
    print_table(["preset", "model", "purpose"], rows)

"""`sdzero-bench new`: a package with a working method or task, to be changed into one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

new = typer.Typer(no_args_is_help=True, help="Write a package with a working method or task, to change into your own.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name: lower-case letters, digits and underscores.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder in which the package's folder is made.")]


@new.command()
def method(name: Name, out: Out = Path(".")) -> None:
    """Write a method with its test. It fine-tunes on right samples until you change it.

    Example:

    sdzero-bench new method my_method && pip install -e my_method

    sdzero-bench run --method my_method --preset tiny
    """
    folder = _written("method", name, out)
    print(f"{folder}: {name}.py is the method. Next:\n\n  pip install -e {folder}")
    print(f"  sdzero-bench run --method {name} --preset tiny\n  pip install pytest && pytest {folder}")


@new.command()
def task(name: Name, out: Out = Path(".")) -> None:
    """Write a task with its test. It asks for products of two numbers until you change it.

    Example:

    sdzero-bench new task my_task && pip install -e my_task

    sdzero-bench tasks check my_task
    """
    folder = _written("task", name, out)
    print(f"{folder}: {name}.py is the task. Next:\n\n  pip install -e {folder}")
    print(f"  sdzero-bench tasks check {name}\n  pip install pytest && pytest {folder}")


def _written(kind: str, name: str, out: Path) -> Path:
    """The folder of the package. Raises `UserError` for a name that cannot be one, and for a folder that is there."""
    import keyword
    import re
    import sys

    from jinja2 import Environment, PackageLoader, StrictUndefined

    from sdzero_bench.core.errors import UserError
    from sdzero_bench.runs import registry

    known = registry.methods() if kind == "method" else registry.tasks()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise UserError(
            f"{name!r} cannot name a {kind}: use lower-case letters, digits and underscores, and neither a keyword nor "
            f"a standard module of Python"
        )
    if name in known:
        raise UserError(f"there is a {kind} {name!r} already; choose another name")
    folder = out / name
    if folder.exists():
        raise UserError(f"{str(folder)!r} exists already; choose another name, or another folder with --out")
    templates = Environment(
        loader=PackageLoader("sdzero_bench.cli", "skeletons"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    values = {"kind": kind, "name": name, "title": "".join(part.title() for part in name.split("_"))}
    folder.mkdir(parents=True)
    for template, file in (
        ("pyproject.toml.j2", "pyproject.toml"),
        (f"{kind}.py.j2", f"{name}.py"),
        (f"test_{kind}.py.j2", f"test_{name}.py"),
    ):
        (folder / file).write_text(templates.get_template(template).render(values), encoding="utf-8")
    return folder

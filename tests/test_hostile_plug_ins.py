"""Files in methods/ and tasks/, and entry points, that are wrong in any way: one line each, and all else is as before."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from small_runs import command, finished, small_run

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.fault_text import LONGEST
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.runs import registry
from sdzero_bench.runs.class_check import NAME_RULE

METHOD = """\
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.recipe import Phase


class Mine(Method):
    name = "mine"
    summary = "as it is written"
    paper = "none"

    def phases(self, questions):
        return [Phase("mine", "sample", questions)]

    def train(self, run):
        return run.base
"""
TASK = """\
from sdzero_bench.tasks.micro_arith import MicroArith


class Sums(MicroArith):
    name = "my-sums"
"""
FAMILY = """\
from sdzero_bench.questions.dynamic_task import TaskFamily


class Few(TaskFamily):
    name = "few"
    form = "few:NAME"
    summary = "a few tasks"
    source = "made up"

    @staticmethod
    def task(rest):
        raise KeyError(rest)
"""
YAML = "name: my_math\nsummary: sums\npaper: none\nhub: {name: a/b, splits: {test: test}}\n"

BUILT_IN = set(registry.methods())


def method(name: str = "'mine'", **attributes: str) -> str:
    """A method with these class attributes, as they are written."""
    text = METHOD.replace('name = "mine"', f"name = {name}")
    return text + "".join(f"\n    {key} = {value}" for key, value in attributes.items()) + "\n"


def phases(returned: str) -> str:
    return METHOD.replace('[Phase("mine", "sample", questions)]', returned)


Write = Callable[..., None]


def forget() -> None:
    for found in (registry.methods, registry.tasks, registry.task_families):
        found.cache_clear()


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points of installed packages, for one test."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: [point for point in points if point.group == group])
    return points


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: list[EntryPoint]) -> Iterator[dict[str, Path]]:
    """Folders whose files are found before those of methods/ and tasks/, and one on Python's path."""
    folders = {kind: tmp_path / kind for kind in ("methods", "tasks", "installed")}
    for kind, folder in folders.items():
        folder.mkdir()
        if kind != "installed":
            package = importlib.import_module(f"sdzero_bench.{kind}")
            monkeypatch.setattr(package, "__path__", [str(folder), *package.__path__])
    monkeypatch.syspath_prepend(folders["installed"])
    forget()
    yield folders
    for kind, folder in folders.items():
        package = "" if kind == "installed" else f"sdzero_bench.{kind}."
        for name in [
            name for path in folder.iterdir() for name in sys.modules if f"{name}.".startswith(f"{package}{path.stem}.")
        ]:
            del sys.modules[name]
    forget()


def only_fault(kind: str = "method") -> str:
    """The one fault there is, of a suite that is otherwise whole."""
    (said,) = (registry.method_faults() if kind == "method" else registry.task_faults()).values()
    assert registry.methods().keys() >= BUILT_IN
    assert {"micro-arith", "gsm8k"} <= registry.tasks().keys()
    assert {"rg", "file", "lm-eval", "evalplus"} <= registry.task_families().keys()
    assert len(said) <= LONGEST
    assert said.isprintable()
    return said


@pytest.mark.parametrize(
    ("kind", "file", "text", "name"),
    [
        ("method", "methods/aaa.py", method("'rft'"), "rft"),
        ("task", "tasks/aaa.py", TASK.replace("my-sums", "micro-arith"), "micro-arith"),
        ("task", "tasks/aaa.yaml", YAML.replace("my_math", "gsm8k"), "gsm8k"),
        ("task", "tasks/aaa.py", FAMILY.replace('"few"', '"rg"'), "rg"),
        ("task", "tasks/aaa.py", FAMILY.replace('"few"', '"lm-eval"'), "lm-eval"),
    ],
)
def test_a_built_in_name_stays_that_of_the_built_in(
    folders: dict[str, Path], kind: str, file: str, text: str, name: str
) -> None:
    (folders["methods"].parent / file).write_text(text)
    said = only_fault(kind)
    assert said.endswith(f"{file}: the name {name!r} is a built-in {kind}'s; choose another")
    found = {**registry.methods(), **registry.tasks(), **registry.task_families()}[name]
    assert found.__module__.rpartition(".")[2] != "aaa"
    assert not found.__module__.endswith("aaa.yaml")


def test_an_entry_point_takes_no_built_in_name_either(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    (folders["installed"] / "other_rft.py").write_text(method("'rft'"))
    points += [EntryPoint("rft", "other_rft:Mine", registry.METHODS), EntryPoint("rft", "nowhere:Mine", registry.METHODS)]
    taken, lost = sorted(registry.method_faults().values(), reverse=True)
    assert taken == "the entry point 'rft': the name 'rft' is a built-in method's; choose another"
    assert lost == "the entry point 'rft': ModuleNotFoundError: No module named 'nowhere'"
    assert registry.method("rft").__module__ == "sdzero_bench.methods.rft"


def test_of_two_plug_ins_of_one_name_neither_is_used(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    (folders["methods"] / "one.py").write_text(METHOD)
    (folders["installed"] / "two.py").write_text(METHOD)
    points.append(EntryPoint("two", "two:Mine", registry.METHODS))
    said = only_fault()
    assert "mine" not in registry.methods()
    assert "methods/one.py and the entry point 'two'; rename" in said
    with pytest.raises(UserError, match=r"the method 'mine' cannot be used: .* is taken twice"):
        registry.method("mine")


def test_one_class_under_two_names_is_one(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    (folders["installed"] / "once.py").write_text(METHOD + "\n\nAgain = Mine\n")
    points += [
        EntryPoint(name, value, registry.METHODS) for name, value in (("a", "once:Mine"), ("b", "once:Again"), ("c", "once"))
    ]
    assert registry.method("mine").name == "mine"
    assert registry.method_faults() == {}


@pytest.mark.parametrize(
    "name",
    [
        *("''", "'a/b'", "'..'", "'.a'", "'-a'", "'a\\nb'", "'a\\n'", "'\\x1b[31ma'", "'\\udc80'", "'ä'", "'rg:gcd'", "'a b'"),
        *("'a' * 65", "5", "None", "[]", "property(lambda self: 'mine')"),
    ],
)
def test_a_name_that_breaks_the_rule_is_a_fault_that_states_it(folders: dict[str, Path], name: str) -> None:
    (folders["methods"] / "aaa.py").write_text(method(name))
    assert NAME_RULE in only_fault()
    assert registry.methods().keys() == BUILT_IN


@pytest.mark.parametrize("name", ["a", "Mine", "7b", "my-own_method.v2", "a" * 64])
def test_names_that_keep_the_rule_are_found(folders: dict[str, Path], name: str) -> None:
    (folders["methods"] / "aaa.py").write_text(method(repr(name)))
    assert registry.method(name).name == name


RAISING = """\
class Silent(Exception):
    def __str__(self):
        raise SystemExit("not even this")


class Meta(type(Method)):
    def {hook}(cls, other):
        raise RuntimeError("of the metaclass")
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise KeyboardInterrupt\n", "aaa.py, line 1: KeyboardInterrupt"),
        ("raise SystemExit(3)\n", "aaa.py, line 1: SystemExit: 3"),
        ("raise GeneratorExit\n", "aaa.py, line 1: GeneratorExit"),
        ("class Own(BaseException): pass\nraise Own('x')\n", "aaa.py, line 2: Own: x"),
        (METHOD + RAISING.format(hook="x") + "raise Silent\n", "aaa.py, line 23: Silent"),
        (f"raise ValueError({'x' * 5000!r} + chr(27))\n", "aaa.py, line 1: ValueError: xxx"),
        ("raise ValueError('a\\n\\x1b[31m\\udc80b')\n", r"ValueError: a \x1b[31m\udc80b"),
        ("import sys\nsys.modules[__name__] = 5\n", "aaa.py: TypeError: "),
        (METHOD.replace("Method)", "Method, own=1)"), "aaa.py, line 5: TypeError: "),
        (method("type('Own', (), {'__get__': lambda *_: {}[5]})()"), "aaa.py, line 6: KeyError: 5"),
    ],
)
def test_whatever_is_raised_at_import_stops_nothing_else(folders: dict[str, Path], text: str, said: str) -> None:
    (folders["methods"] / "aaa.py").write_text(text)
    (folders["methods"] / "bbb.py").write_text(METHOD)
    assert said in only_fault()
    assert registry.method("mine").name == "mine"


@pytest.mark.parametrize("hook", ["__subclasscheck__", "__instancecheck__"])
def test_a_metaclass_that_raises_stops_nothing_else(folders: dict[str, Path], hook: str) -> None:
    head, body = METHOD.split("class Mine(Method)")
    (folders["methods"] / "aaa.py").write_text(f"{head}{RAISING.format(hook=hook)}\n\nclass Mine(Method, metaclass=Meta){body}")
    (folders["methods"] / "bbb.py").write_text("class Helper: pass\n\n" + METHOD.replace('"mine"', '"other"'))
    assert "aaa.py, line 12: RuntimeError: of the metaclass" in only_fault()
    assert registry.method("other").name == "other"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"summary": "5"}, "Mine.summary has to be str, not 5"),
        ({"summary": "property(lambda self: 'x')"}, "Mine.summary has to be str, not <property"),
        ({"paper": "None"}, "Mine.paper has to be str, not None"),
        ({"supervision": "None"}, "Mine.supervision has to be str, not None"),
        ({"supervision": "lambda self: 'x'"}, "Mine.supervision has to be str, not <function"),
        ({"reviser": "5"}, "Mine.reviser has to be str | None, not 5"),
        ({"phrases": "'x'"}, "Mine.phrases has to be ControlPhrases, not 'x'"),
        ({"Options": "5"}, "Mine.Options has to be type[MethodOptions], not 5"),
        ({"Options": "dict"}, "Mine.Options has to be type[MethodOptions], not <class 'dict'>"),
        ({"Options": "type('Own', (MethodOptions,), {'RECIPES': 5})"}, "Own.RECIPES has to be a dict of dicts, not 5"),
        ({"trains": "'no'"}, "Mine.trains has to be bool, not 'no'"),
        ({"search": "{'epochs': 5}"}, "Mine.search has to be SearchSpace, not {'epochs': 5}"),
        ({"phases": "5"}, "Mine.phases has to be a function, not 5"),
        ({"train": "None"}, "Mine.train has to be a function, not None"),
        ({"plan": "property(lambda self: {})"}, "Mine.plan has to be a function, not <property"),
    ],
)
def test_an_attribute_of_a_wrong_type_is_a_fault(folders: dict[str, Path], attributes: dict[str, str], said: str) -> None:
    (folders["methods"] / "aaa.py").write_text(method(**attributes))
    assert f"aaa.py: {said}" in only_fault()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TASK + "    summary = 5\n", "Sums.summary has to be str, not 5"),
        (TASK + "    load = 5\n", "Sums.load has to be a function, not 5"),
        (TASK + "    Options = int\n", "Sums.Options has to be type[TaskOptions], not <class 'int'>"),
        (TASK + "    needs_sandbox = 'no'\n", "Sums.needs_sandbox has to be bool, not 'no'"),
        (FAMILY + "    form = None\n", "Few.form has to be str, not None"),
        (FAMILY + "    task = None\n", "Few.task has to be a function, not None"),
        (FAMILY.replace('"few"', '"few:"'), f"Few is named 'few:'; {NAME_RULE}"),
    ],
)
def test_so_it_is_of_tasks_and_families(folders: dict[str, Path], text: str, said: str) -> None:
    (folders["tasks"] / "aaa.py").write_text(text)
    assert f"aaa.py: {said}" in only_fault("task")


def test_a_family_that_was_left_out_says_why(folders: dict[str, Path]) -> None:
    (folders["tasks"] / "aaa.py").write_text(FAMILY + "    form = None\n")
    with pytest.raises(UserError, match=r"the family of tasks 'few' cannot be used: .*Few\.form has to be str, not None"):
        registry.task("few:one")


@pytest.mark.parametrize("asked", [("plan", "--method", "mine"), ("run", "--method", "mine", "--preset", "tiny")])
@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        *(("5", "5"), ("['x']", "['x']"), ("None", "None"), ("'x'", "'x'"), ("{}", "{}")),
        ("[Phase('mine', 'sample', 'many')]", "[Phase("),
        ("[Phase(5, 'sample')]", "[Phase("),
        ("[Phase('mine', 'sampled')]", "[Phase("),
    ],
)
def test_phases_that_are_none_are_one_line(
    folders: dict[str, Path], asked: tuple[str, ...], returned: str, shown: str, tmp_path: Path
) -> None:
    (folders["methods"] / "mine.py").write_text(phases(returned))
    done = finished(command(*asked, *(["--out", str(tmp_path / "runs")] if asked[0] == "run" else [])))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("sdzero-bench: the method 'mine': phases has to return a list of Phase, ")
    assert f"not {shown}" in line


def test_what_else_is_returned_wrongly_is_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    (folders["methods"] / "mine.py").write_text(METHOD.replace("return run.base", "pass"))
    done = finished(small_run("mine", tmp_path / "runs", "evaluation.revise=false"))
    assert done.returncode == 2
    assert "the method 'mine': train has to return a Checkpoint, not None" in done.stderr.splitlines()[-1]
    (folders["tasks"] / "sums.py").write_text(TASK + "\n    def load(self, split):\n        return [split]\n")
    forget()
    with pytest.raises(UserError, match=r"the task 'my-sums': load has to return a QuestionSet, not \['test'\]"):
        registry.task("my-sums")().load("test")


def test_the_list_of_methods_goes_on_without_one_that_cannot_be_asked(folders: dict[str, Path]) -> None:
    wrong = METHOD + "\n    @property\n    def supervision(self):\n        return 5\n"
    (folders["methods"] / "aaa.py").write_text(wrong)
    (folders["methods"] / "bbb.py").write_text(wrong.replace('"mine"', '"crashing"').replace("return 5", "return {}[5]"))
    done = finished(command("methods"), check=True)
    assert "sdzero" in done.stdout
    crashing, mine = done.stderr.splitlines()
    assert crashing == f"left out: the method 'crashing': {folders['methods'] / 'bbb.py'}, line 18: KeyError: 5"
    assert mine.endswith("the method 'mine': supervision has to return a text, not 5")


def test_what_a_plug_in_prints_is_not_in_the_output_of_a_command(folders: dict[str, Path]) -> None:
    (folders["methods"] / "loud.py").write_text("print('read me')\n" + METHOD)
    done = finished(command("plan", "--method", "mine", "--json"))
    assert json.loads(done.stdout)
    assert "read me" in done.stderr


def link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


@pytest.mark.parametrize("name", ["methods/aaa.py", "tasks/aaa.py", "tasks/aaa.yaml"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "it is a directory; move or rename it"),
        (link_to_itself, "cannot read it: Too many levels of symbolic links"),
        (lambda file: file.symlink_to("nowhere"), "it is a link to a file that is gone"),
        (os.mkfifo, "it is a special file; move or rename it"),
    ],
)
def test_a_file_that_is_none_is_named_with_the_reason(
    folders: dict[str, Path], name: str, make: Callable[[Path], None], reason: str
) -> None:
    file = folders["methods"].parent / name
    make(file)
    assert only_fault(name.partition("s/")[0]) == f"{file}: {reason}"


def test_a_file_that_may_not_be_read_is_named_with_the_reason(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folders["methods"] / "aaa.py"
    file.write_text(METHOD)
    monkeypatch.setattr(Path, "open", refused)  # root may read everything
    assert only_fault() == f"{file}: cannot read it: Permission denied"


def refused(file: Path, *how: object, **more: object) -> object:
    if file.name == "aaa.py":
        raise PermissionError(13, "Permission denied", str(file))
    return open(file, *how, **more)  # type: ignore[call-overload]


class Installed:
    """As much of a distribution as an entry point has."""

    name = "my-package"


class Damaged:
    """One whose metadata is gone."""

    @property
    def name(self) -> str:
        raise TypeError("no metadata")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere:Mine", "ModuleNotFoundError: No module named 'nowhere'"),
        ("installed_one:Yours", "there is no 'Yours' in installed_one"),
        ("installed_one:Mine.yours", "there is no 'Mine.yours' in installed_one"),
        ("installed_one:LIMIT", "installed_one:LIMIT has to be a class, not 5"),
        ("installed_one:helper", "installed_one:helper has to be a class, not <function hel"),
        ("installed_one:Other", "installed_one:Other is not a method; derive it from Method"),
        ("installed_one:Sums", "installed_one:Sums is not a method; offer it under sdzero_bench.tasks"),
        ("installed_one:Few", "installed_one:Few is not a method; offer it under sdzero_bench.tasks"),
        ("installed one", "'installed one' is not of the form MODULE:CLASS"),
    ],
)
def test_an_entry_point_that_names_no_method_is_named_with_its_distribution(
    folders: dict[str, Path], points: list[EntryPoint], value: str, said: str
) -> None:
    text = "LIMIT = 5\n\n\ndef helper():\n    pass\n\n\nclass Other:\n    pass\n"
    (folders["installed"] / "installed_one.py").write_text(METHOD + TASK + FAMILY + text)
    point = EntryPoint("mine", value, registry.METHODS)
    vars(point)["dist"] = Installed
    points.append(point)
    assert only_fault().startswith(f"the entry point 'mine' of 'my-package': {said}")


def test_a_distribution_without_metadata_stops_nothing(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    point = EntryPoint("mine", "nowhere:Mine", registry.METHODS)
    vars(point)["dist"] = Damaged()
    points.append(point)
    assert only_fault() == "the entry point 'mine': ModuleNotFoundError: No module named 'nowhere'"


def test_a_method_offered_as_a_task_is_a_fault(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    (folders["installed"] / "mixed.py").write_text(METHOD)
    points.append(EntryPoint("mine", "mixed:Mine", registry.TASKS))
    assert only_fault("task") == "the entry point 'mine': mixed:Mine is not a task; offer it under sdzero_bench.methods"


def test_a_class_in_the_other_folder_is_a_fault(folders: dict[str, Path]) -> None:
    (folders["methods"] / "both.py").write_text(METHOD + "\n\n" + TASK)
    (folders["tasks"] / "wrong.py").write_text(METHOD)
    assert only_fault() == f"{folders['methods'] / 'both.py'}: Sums is not a method; move it to tasks/"
    assert only_fault("task") == f"{folders['tasks'] / 'wrong.py'}: Mine is not a task; move it to methods/"
    assert registry.method("mine").name == "mine"


def test_a_package_may_offer_methods_and_tasks(folders: dict[str, Path], points: list[EntryPoint]) -> None:
    (folders["installed"] / "both").mkdir()
    for name, text in {"__init__": "", "methods": METHOD, "sums": TASK}.items():
        (folders["installed"] / "both" / f"{name}.py").write_text(text)
    points.append(EntryPoint("both", "both", registry.METHODS))
    assert only_fault().endswith("sums.py: Sums is not a method; offer it under sdzero_bench.tasks")
    points.append(EntryPoint("both", "both", registry.TASKS))
    forget()
    assert {"mine", "my-sums"} <= registry.methods().keys() | registry.tasks().keys()
    assert registry.method_faults() == registry.task_faults() == {}


def test_built_in_classes_are_known_by_the_names_of_their_files() -> None:
    """By which the registry tells them from plug-ins."""
    for group, base in ((registry.METHODS, registry.Method), (registry.TASKS, Task), (registry.TASKS, TaskFamily)):
        for name, cls in registry._find(group, base).items():
            module = cls.__module__
            stem = module.rpartition(".")[2] if module.startswith(group) else Path(module).stem
            assert registry._FAMILY_FILES.get(name, name.replace("-", "_")) == stem

"""`sdzero-bench inspect --tokens`: a response token by token, on the terminal, as JSON and as a page."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from small_runs import run_json, small_run
from test_inspect import shown
from tiny import attempt

from sdzero_bench.core.errors import UserError
from sdzero_bench.policies.token_text import pieces
from sdzero_bench.records.packed_folder import pack_folder, packed_folder
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.packing import pack
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.tokens.token_page import page
from sdzero_bench.report.tokens.token_terminal import show
from sdzero_bench.report.tokens.token_view import DARK, LEVELS, LIGHT, Look, Token, legend, level, top
from sdzero_bench.tasks.micro_arith import MicroArith

HOSTILE = "</span><script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SD-Zero: two policies beside the base, and the first of its responses kept token by token."""
    settings = ["evaluation.localise=1", "method.srt.epochs=1"]
    return Path(run_json(small_run("sdzero", tmp_path_factory.mktemp("runs"), *settings))["folder"])


@pytest.fixture(scope="module")
def packed(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(run, tmp_path_factory.mktemp("records"), alone=True)


def journaled(run: Path, phase: str, key: str) -> dict[str, Any]:
    return next(s for s in read_lines(run / "journal" / f"{phase}.jsonl") if f"{s['question_id']}/{s['index']}" == key)


@pytest.mark.slow
def test_a_reviser_that_was_not_measured_is_held_against_all_the_same(run: Path, tmp_path: Path) -> None:
    without = Path(run_json(small_run("sdzero", tmp_path, "method.srt.epochs=1", "evaluation.intermediate=false"))["folder"])
    assert [entry["policy"] for entry in json.loads((without / "evaluation.json").read_text())] == ["base", "final"]
    assert check_record(without).findings == []
    asked = ("--sample", "test-2/1", "--phase", "evaluation.final", "--tokens", "--json")
    ours, theirs = (json.loads(shown(folder, *asked)) for folder in (without, run))
    assert ours["reviser"] == "srt"
    assert ours["tokens"] == theirs["tokens"]  # what is measured besides changes nothing of the rest


# A run, its record, and what neither has


@pytest.mark.parametrize(
    ("phase", "checkpoint"), [("evaluation.srt", "srt"), ("evaluation.final", "distill"), ("evaluation.base", "")]
)
def test_what_is_shown_follows_from_the_checkpoints(
    run: Path, tokenizer: Any, micro_path: str, phase: str, checkpoint: str
) -> None:
    from transformers import AutoModelForCausalLM

    document = json.loads(shown(run, "--sample", "test-2/1", "--phase", phase, "--tokens", "--json"))
    sample = journaled(run, phase, "test-2/1")
    question = MicroArith().load("test")[2]
    assert question.id == "test-2"
    x = tokenizer.apply_chat_template(MicroArith().prompt(question), add_generation_prompt=True, return_dict=False)
    y, right = sample["token_ids"], sample["verdict"]["reward"] == 1.0
    phrase = "Let me rephrase the above solution." if right else "Wait, this response is not correct, let me start over."
    body = y[:-1] if y[-1] == tokenizer.eos_token_id else y
    before = [*x, *body, *tokenizer(f"\n\n{phrase}\n\n", add_special_tokens=False)["input_ids"]]
    student = AutoModelForCausalLM.from_pretrained(run / "checkpoints" / checkpoint if checkpoint else micro_path)
    reviser = AutoModelForCausalLM.from_pretrained(run / "checkpoints" / "srt")
    with torch.no_grad():
        log_p = student(torch.tensor([x + y])).logits[0, len(x) - 1 : -1].log_softmax(-1)
        log_q = reviser(torch.tensor([before + y])).logits[0, len(before) - 1 : -1].log_softmax(-1)
    rewards = [token["reward"] for token in document["tokens"]]
    assert rewards == pytest.approx((log_p - log_q)[range(len(y)), y].tolist(), abs=2e-5)
    assert any(rewards)
    kl = [token["kl"] for token in document["tokens"]]
    assert kl == pytest.approx((log_p.exp() * (log_p - log_q)).sum(-1).tolist(), abs=2e-5)
    assert document["context"] == tokenizer.decode(before)
    assert "".join(token["text"] for token in document["tokens"]) == tokenizer.decode(y)
    assert document["outcome"] == ("right" if right else "wrong")
    (revision,) = document["revisions"]
    assert revision["text"] == journaled(run, f"{phase}.revision", "test-2/1")["text"]


def test_a_packed_record_shows_what_the_run_has_measured(run: Path, packed: Path) -> None:
    of_run, of_record = (json.loads(shown(folder, "--sample", "test-0/0", "--tokens", "--json")) for folder in (run, packed))
    assert (of_run.pop("source"), of_record.pop("source")) == ("computed from the checkpoints", "recorded in localisation.json")
    assert of_record == of_run
    assert of_run["phase"] == "evaluation.final"


def test_a_first_response_of_training_stands_beside_its_revisions(run: Path) -> None:
    key = next(f"{s['question_id']}/0" for s in read_lines(run / "journal" / "srt.initial.jsonl"))
    document = json.loads(shown(run, "--sample", key, "--phase", "srt.initial", "--tokens", "--json"))
    assert (document["student"], document["reviser"]) == ("base", "srt")
    assert [s["index"] for s in document["revisions"]] == ["0", "1", "2"]


def test_what_cannot_be_shown_is_said_with_what_to_do(run: Path, packed: Path, tmp_path: Path) -> None:
    rolled_out = next(s for s in read_lines(run / "journal" / "distill.jsonl"))
    for arguments, message in (
        ([packed, "--sample", "test-1/0"], r"need the checkpoint 'distill'.*give the folder of the run itself"),
        ([packed, "--sample", "test-0/1", "--phase", "evaluation.srt"], "need the checkpoint 'srt'"),
        ([run, "--sample", f"{rolled_out['question_id']}/epoch0"], "sampled during training by distill@"),
        ([run], "add --sample QUESTION/INDEX"),
        ([run, "--sample", "test-0"], "has 2 samples; name one of them, such as --sample test-0/0"),
        ([run, "--sample", "test-0/0", "--phase", "evaluation.srt.revision"], "exists only as a revision"),
    ):
        with pytest.raises(UserError, match=message):
            shown(*arguments, "--tokens")


def edited(packed: Path, to: Path, name: str, **new: Any) -> Path:
    """A copy of a record with another value in every line of a file."""
    folder = Path(shutil.copytree(packed, to))
    path = folder / name
    if path.parent.name == "journal":
        journal = RecordedJournal(packed)
        journals = {phase: list(journal.rows(phase)) for phase in journal.phases}
        journals[path.stem] = [{**row, **new} for row in journals[path.stem]]
        packed_folder(path.parent).write_bytes(pack_folder(journals))
    else:
        rows = [{**row, **new} for row in read_lines(path)]
        path.with_name(f"{path.name}.xz").unlink()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_prompt_has_to_be_what_the_policy_read(packed: Path, tmp_path: Path) -> None:
    """The journal has its digest: an edited question is looked up in the task, and what nobody can make any more is refused."""
    files = read_manifest(packed).question_files
    assert files is not None
    other = edited(packed, tmp_path / "question", f"question_sets/{files.test}.jsonl", text="1 + 1 =")
    shown_question = json.loads(shown(other, "--sample", "test-0/0", "--tokens", "--json"))["question"]
    assert shown_question == MicroArith().load("test")[0].text
    changed = edited(packed, tmp_path / "prompt", "journal/evaluation.final.jsonl", prompt_sha256="0" * 16)
    with pytest.raises(UserError, match=r"the prompt of test-0/0 cannot be reconstructed"):
        shown(changed, "--sample", "test-0/0", "--tokens")


# The picture


def look(*tokens: Token, revision: str | None = None) -> Look:
    sample = replace(
        attempt("q", [5] * len(tokens), 0.0).sample, phase="evaluation.final", text="".join(t.text for t in tokens)
    )
    revisions = () if revision is None else (replace(sample, text=revision, policy="srt"),)
    return Look(sample, f"How much? {HOSTILE}", "distill", "srt", "made up", f"before {HOSTILE}", tokens, revisions)


class Spans(HTMLParser):
    """Collects the text of each token's span, and all names of tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tokens: list[str] = []
        self.tips: list[str] = []
        self.tags: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "span" and "data-tip" in given:
            self.inside = True
            self.tokens.append("")
            self.tips.append(given["data-tip"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "span":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tokens[-1] += data


def test_every_token_of_a_run_is_in_the_page_in_order(run: Path, tokenizer: Any, tmp_path: Path) -> None:
    file = tmp_path / "response.html"
    assert shown(run, "--sample", "test-3/0", "--html", file).strip() == str(file)
    text = file.read_text()
    document = json.loads(shown(run, "--sample", "test-3/0", "--tokens", "--json"))
    spans = Spans(text)
    assert spans.tokens == [token["text"] for token in document["tokens"]]
    for tip, token in zip(spans.tips, document["tokens"], strict=True):
        assert tip.endswith(f"kl {token['kl']:.3f}   reward {token['reward']:+.3f}")
    assert not {"script", "link", "img", "iframe"} & set(spans.tags)
    assert "http://" not in text
    assert "https://" not in text


def test_what_a_model_wrote_does_not_become_part_of_the_page() -> None:
    tokens = (
        Token(HOSTILE, 0.5, 1.2),
        Token('" onmouseover="x', 0.1, -3.0),
        Token("\x1b[31m\u202e", 0.2, 0.0),
        Token("a\n\nb", 0, 0),
    )
    text = page(look(*tokens, revision=HOSTILE))
    spans = Spans(text)
    assert spans.tokens == [HOSTILE, '" onmouseover="x', "\\x1b[31m\\u202e", "a\n\nb"]
    assert "script" not in spans.tags
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("width", [140, 60])
def test_on_the_terminal_the_revision_stands_beside_the_response_where_there_is_room(width: int) -> None:
    console = Console(width=width, record=True, file=StringIO(), force_terminal=True, color_system="truecolor")
    show(look(Token("first\x1b]0;x\x07", 0.4, 2.5), Token("\n", 0.1, -0.7), Token("plain", 0, 0), revision="second"), console)
    coloured = console.export_text(styles=True, clear=False)
    text = console.export_text()
    both = [line for line in text.splitlines() if "first" in line and "second" in line]
    assert len(both) == (1 if width == 140 else 0)
    assert "\x1b]0" not in coloured
    assert "first\\x1b]0;x\\x07" in text
    strong = "38;2;255;255;255;48;2;168;63;6"  # the strongest orange
    assert f"{strong}mfirst" in coloured
    assert "1  first" in " ".join(text.split("largest divergences")[1].split(" " * 3))


# Colours


def test_levels_are_symmetric_and_rise_with_the_reward() -> None:
    rewards = [0.0, 0.09, 0.1, 0.49, 0.5, 1.0, 1.99, 2.0, 9.0]
    assert [level(r) for r in rewards] == [0, 0, 1, 1, 2, 3, 3, 4, 4]
    assert [level(-r) for r in rewards] == [-level(r) for r in rewards]
    assert [strength for strength, _ in legend()] == [-4, -3, -2, -1, 1, 2, 3, 4]
    assert dict(legend())[-2] == f"-{LEVELS[2]:g} to -{LEVELS[1]:g}"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_is_legible(theme: dict[int, tuple[str, str]]) -> None:
    for text, ground in theme.values():
        light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2, level AA


def test_the_top_tokens_are_those_with_most_divergence() -> None:
    tokens = (Token("a", 0.1, 0), Token("b", 0.0, 0), Token("c", 0.5, 0), Token("d", 0.1, 0))
    assert [(place, token.text) for place, token in top(tokens, 3)] == [(3, "c"), (1, "a"), (4, "d")]
    assert len(top(tokens, 9)) == 3  # none without divergence


# Texts of tokens


@pytest.mark.parametrize("text", ["33+61=94\n\\boxed{94}", "  two  spaces", "π ≈ 3, 答えは 🙂!", "é\u0301", ""])
def test_the_texts_of_the_tokens_are_the_text(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = pieces(tokenizer, [*ids, tokenizer.eos_token_id])
    assert len(found) == len(ids) + 1
    assert "".join(found) == tokenizer.decode(ids) + tokenizer.eos_token


def test_bytes_that_never_become_a_character_are_shown_all_the_same(tokenizer: Any) -> None:
    smile = tokenizer("🙂", add_special_tokens=False)["input_ids"]
    assert len(smile) > 1
    found = pieces(tokenizer, smile[:-1] * 3)
    assert len(found) == 3 * len(smile[:-1])
    assert "\N{REPLACEMENT CHARACTER}" in "".join(found)

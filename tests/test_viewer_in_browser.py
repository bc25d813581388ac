"""The viewer's page in a real browser: filters, search, side by side, keys, links, hostile texts, size and small screens."""

from __future__ import annotations

import json
import random
import re
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import launched, opened
from viewed_runs import FINAL, page_of, rewrite, small, with_revisions, with_text

from sdzero_bench.core.text import printable
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.report.tokens.token_view import LIGHT

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 800}

HOSTILE = {
    "ends the script": "</script><script>document.title='ran'</script>",
    "event handler": "<img src=x onerror=\"document.title='ran'\"><svg onload=document.title='ran'>",
    "comment": "<!--<script>document.title='ran'//-->",
    "template": "${document.title='ran'} {{constructor.constructor('document.title=1')()}}",
    "separators": "var a = '\u2028\u2029';",
    "terminal": "\x1b]0;title\x07\x1b[31mred",
    "bidi": "left \u202egnol\u202c \u2066x\u2069 \u200f",
    "zeros": "a\x00b\x00c\ufeff\ufffe",
    "half characters": "\ud83d and \ude00",
    "marks": "Z" + "\u0301\u0336" * 500,
    "long line": "x" * 100_000,
    "long with controls": "\x01y" * 50_000,
    "prototype": "__proto__ constructor hasOwnProperty",
    "entities": "&lt;b&gt; &amp; &#x3c;script&#x3e;",
    "replacement": "$& $` $1 \\u0041 %s",
    "right to left": "שלום עולם \u0627\u0644",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs; the second has revisions, a verdict that failed, and a truncated sample whose text nothing else has."""
    folder = tmp_path_factory.mktemp("runs")
    second = small(folder / "second", "sdzero", failures=1)

    def changed(sample: Sample) -> Sample:
        if sample.key != "test-3/1":
            return sample
        verdict = Verdict(0.0, answer="12", detail="passed over <b>here</b>")
        return replace(
            sample, text="An Unusual [Text] of\nlines", finish="length", token_ids=tuple(range(200)), verdict=verdict
        )

    rewrite(second, FINAL, changed)
    return [small(folder / "first"), with_revisions(second)]


@pytest.fixture(scope="module")
def file(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(runs, tmp_path_factory.mktemp("page") / "samples.html")


@contextmanager
def viewer(browser: Any, file: Path, at: dict[str, str] | None = None, **options: Any) -> Iterator[Any]:
    with opened(browser, file, **options) as page:
        page.wait_for_selector("html[data-ready]")
        if at:
            page.evaluate("(at) => { location.hash = String(new URLSearchParams(at)); }", at)
            settle(page, 50)
        yield page


def settle(page: Any, milliseconds: int = 1) -> None:
    """Wait by the page's own clock, so that what it has put off for no longer is done, however busy the machine is."""
    page.evaluate("milliseconds => new Promise(done => setTimeout(done, milliseconds))", milliseconds)


def shown(page: Any) -> int:
    """How many samples the list has, by what the status says."""
    settle(page)
    text = page.locator("#status").inner_text()
    return 0 if text.startswith("No sample") else int(text.split(" ", 1)[0].replace(",", ""))


def samples_of(runs: list[Path]) -> list[tuple[str, Sample]]:
    return [(r.name, s) for r in runs for phase in Journal(r / "journal").phases.values() for s in phase.values()]


def choose(page: Any, name: str, option: str) -> None:
    page.get_by_label(name, exact=True).select_option(option)


def test_filters_leave_what_they_name(browser: Any, file: Path, runs: list[Path]) -> None:
    every = samples_of(runs)
    with viewer(browser, file) as page:
        assert shown(page) == len(every)
        for label, option, passes in (
            ("Run", "second", lambda r, s: r == "second"),
            ("Phase", FINAL, lambda r, s: s.phase == FINAL),
            ("Outcome", "right", lambda r, s: s.right),
            ("Outcome", "wrong*", lambda r, s: s.verdict.reward == 0.0),
            ("Outcome", "verifier failed", lambda r, s: s.verdict.reward is None),
        ):
            choose(page, label, option)
            assert shown(page) == sum(passes(*known) for known in every) > 0, (label, option)
            assert page.locator('.row[aria-selected="true"]').count() == 1  # what is read is one of them
            choose(page, label, "")
        page.get_by_label("Fewest tokens").fill("15")
        page.get_by_label("Most tokens").fill("20")
        assert shown(page) == sum(15 <= len(s.token_ids) <= 20 for _, s in every)
        page.get_by_role("button", name="Clear").click()
        settle(page, 50)
        assert shown(page) == len(every)
        page.get_by_label("Truncated only").check()
        assert shown(page) == 2  # and its revision
        page.get_by_label("Truncated only").uncheck()
        page.get_by_label("Question", exact=True).fill("test-1")
        settle(page, 200)
        assert shown(page) == sum(s.question_id == "test-1" for _, s in every)  # an id, although others contain it
        page.get_by_label("Question", exact=True).fill("est-1")
        settle(page, 200)
        assert shown(page) == sum("est-1" in s.question_id for _, s in every)
        page.get_by_label("Question", exact=True).fill("no such")
        settle(page, 200)
        assert page.locator("#status").inner_text() == "No sample passes these filters."
        assert "The filters leave this sample out of the list." in page.locator("#sample").inner_text()


def test_questions_are_filtered_by_how_often_they_are_right_and_revisions_by_what_they_changed(
    browser: Any, file: Path, runs: list[Path]
) -> None:
    every = samples_of(runs)
    groups: dict[tuple[str, str, str], list[float]] = {}
    for run, s in every:
        if s.verdict.reward is not None:
            groups.setdefault((run, s.phase, s.question_id), []).append(s.verdict.reward)
    kinds = {"never": lambda r: not any(r), "always": all, "sometimes": lambda r: any(r) and not all(r)}
    first = {s.key: s.verdict.reward for r, s in every if (r, s.phase) == ("second", FINAL)}
    better = sum(s.right and first[s.key] == 0.0 for _, s in every if s.prefix)
    with viewer(browser, file) as page:
        for kind, holds in kinds.items():
            choose(page, "Question is", kind)
            assert shown(page) == sum(holds(groups.get((r, s.phase, s.question_id), [])) for r, s in every)
        choose(page, "Question is", "")
        choose(page, "Revision", "wrong → right")
        assert shown(page) == 2 * better > 0  # the attempts and their revisions


def test_search_finds_any_text_in_prompts_and_completions_and_marks_it(browser: Any, file: Path, runs: list[Path]) -> None:
    every = samples_of(runs)
    with viewer(browser, file) as page:
        search = page.get_by_label("Search", exact=True)
        for words, count in (
            ("unusual [text]", 2),  # no pattern, and whatever the case; its revision has it as its prompt
            ("50000 + 0", sum(s.question_id == "test-0" for _, s in every)),
            (".*", 0),
            ("\\boxed{", sum("\\boxed{" in s.text + s.prefix for _, s in every)),
        ):
            search.fill(words)
            settle(page, 200)
            assert shown(page) == count, words
        search.fill("unusual [text]")
        choose(page, "in", "completions")
        settle(page, 200)
        assert shown(page) == 1
        search.press("Enter")
        assert page.locator("#sample mark").all_inner_texts() == ["Unusual [Text]"]


def test_a_first_attempt_and_its_revision_are_side_by_side_with_their_verdicts(browser: Any, file: Path) -> None:
    with viewer(browser, file, {"run": "second", "sample": f"{FINAL}/test-3/1"}) as page:
        first, revision = (page.locator(".response").nth(i) for i in range(2))
        assert first.bounding_box()["y"] == revision.bounding_box()["y"]
        assert "An Unusual [Text] of" in first.inner_text()
        assert "truncated at the token limit" in first.inner_text()
        assert "✗ wrong: 12 (passed over <b>here</b>)" in first.inner_text()
        assert "Wait, let me check." in revision.inner_text()
        assert "revised test-3/1" in revision.inner_text()
        assert page.get_by_text("Gold answer:").locator("..").inner_text() == "Gold answer: 50024"
        revision.get_by_role("link", name="Revision").click()
        assert page.evaluate("new URLSearchParams(location.hash.slice(1)).get('sample')") == f"{FINAL}.revision/test-3/1"
        assert page.locator(".response h3").all_inner_texts()[0].startswith("First attempt")
        page.go_back()
        settle(page, 50)
        assert page.locator("#sample h2").inner_text().startswith("test-3/1 second, evaluation.final")


def test_several_revisions_of_one_attempt_are_turned_over(browser: Any, tmp_path: Path) -> None:
    run = small(tmp_path / "a")
    rewrite(run, FINAL, lambda s: replace(s, text=f"{s.text} {s.key}"))  # equal texts could not be told apart
    run = with_revisions(run)
    path = run / "journal" / f"{FINAL}.revision.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    (row,) = (row for row in rows if (row["question_id"], row["index"]) == ("test-2", "1"))
    rows.append({**row, "index": "1-again", "text": "another one"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with viewer(browser, page_of([run], tmp_path / "page.html"), {"run": "a", "sample": f"{FINAL}/test-2/1"}) as page:
        assert page.get_by_role("group", name="Revisions").get_by_role("button").count() == 2
        assert "revised test-2/1" in page.locator(".response").nth(1).inner_text()
        page.keyboard.press("r")
        assert "another one" in page.locator(".response").nth(1).inner_text()


def test_the_question_says_how_many_of_its_samples_are_right_here_and_in_other_runs(
    browser: Any, file: Path, runs: list[Path]
) -> None:
    with viewer(browser, file, {"run": "second", "sample": f"{FINAL}/test-0/0"}) as page:
        own = [s for s in Journal(runs[1] / "journal").phases[FINAL].values() if s.question_id == "test-0"]
        right, verified = sum(s.right for s in own), sum(s.verdict.reward is not None for s in own)
        assert verified == 3  # the verifier failed on one
        row = page.locator(".question tbody tr").first
        assert f"{right} of {verified} right" in row.inner_text()
        assert row.locator("a").count() == 4
        assert row.locator("[aria-current=true]").get_attribute("aria-label") == "sample 0: verifier failed"
        row.locator("a").nth(2).click()
        settle(page, 50)
        assert page.locator("#sample h2").inner_text().startswith("test-0/2")
        page.get_by_text("In other runs").click()
        settle(page, 50)
        assert "first: evaluation.final" in page.locator(".question details").inner_text()


def test_the_keyboard_alone_does_everything(browser: Any, file: Path) -> None:
    with viewer(browser, file) as page:
        current = lambda: page.locator(".row[aria-selected=true]").get_attribute("data-place")  # noqa: E731
        for key, place in (
            ("j", "1"),
            ("j", "2"),
            ("k", "1"),
            ("G", str(shown(page) - 1)),
            ("j", str(shown(page) - 1)),
            ("g", "0"),
        ):
            page.keyboard.press(key)
            assert current() == place, key
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("jk")  # letters in a field are letters
        assert page.locator("#search").input_value() == "jk"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "list"
        page.keyboard.press("?")
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("j")
        page.keyboard.press("Escape")
        assert not page.get_by_role("dialog").is_visible()
        page.keyboard.press("/")
        page.keyboard.type("unusual")
        settle(page, 200)
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "sample"
        assert page.locator("#sample h2").inner_text().startswith("test-3/1")
        page.keyboard.press("?")
        page.get_by_label("Keys without Ctrl or Alt act on the page").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert not page.get_by_role("dialog").is_visible()


def test_a_key_that_is_held_down_is_followed(browser: Any, file: Path) -> None:
    """Browsers warn of, or refuse, more than 100 or 200 changes of the address in 30 seconds."""
    with viewer(browser, file) as page:
        page.evaluate(
            "for (let i = 0; i < 400; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
        )
        settle(page, 250)
        last = page.locator(".row[aria-selected=true]")
        assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize")
        assert page.evaluate("location.hash").endswith("sdzero.sample%2Ftrain-1%2F3")


def test_the_address_brings_back_sample_and_filters(browser: Any, file: Path) -> None:
    with viewer(browser, file) as page:
        choose(page, "Outcome", "right")
        page.keyboard.press("G")
        settle(page, 250)
        shown_now, name, address = shown(page), page.locator("#sample h2").inner_text(), page.evaluate("location.hash")
    with viewer(browser, file, {}) as page:
        page.evaluate("(hash) => { location.hash = hash; }", address)
        settle(page, 50)
        assert (shown(page), page.locator("#sample h2").inner_text()) == (shown_now, name)
    with viewer(browser, file, {"run": "second", "sample": "<img src=x onerror=1>"}) as page:
        assert "This page has no sample <img src=x onerror=1> of second." in page.locator("#sample").inner_text()


@pytest.fixture(scope="module")
def hostile(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A phone with a page of all hostile texts, as completions, answers and reasons: one question each."""
    folder = tmp_path_factory.mktemp("hostile")
    run = small(folder / "a", questions=len(HOSTILE), k=1, train=1)
    texts = iter(HOSTILE.values())

    def changed(sample: Sample) -> dict[str, Any]:
        text = next(texts)
        verdict = {"reward": 0.0, "status": "ok", "answer": text, "detail": text}
        return {**json.loads(sample.to_json()), "text": text, "verdict": verdict}

    rewrite(run, FINAL, changed)
    with viewer(browser, page_of([run], folder / "page.html"), viewport=PHONE) as page:
        yield page


@pytest.mark.parametrize(("place", "text"), list(enumerate(HOSTILE.values())), ids=HOSTILE)
def test_texts_that_mean_harm_are_shown_and_do_none(hostile: Any, place: int, text: str) -> None:
    page = hostile
    page.evaluate(f"location.hash = 'run=a&sample={FINAL}/test-{place}/0'")
    page.get_by_role("heading", name=f"test-{place}/0").wait_for()
    assert page.title() == "Samples of a"
    assert page.locator("#sample img, #sample svg, #sample script").count() == 0
    box = page.locator(".response pre")
    assert box.text_content() == printable(text)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    room, inner = page.locator(".response").bounding_box(), box.bounding_box()
    assert room["x"] <= inner["x"]
    assert inner["x"] + inner["width"] <= room["x"] + room["width"]


def test_names_that_mean_harm_do_none(browser: Any, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\u202e"
    run = small(tmp_path / "a<b>&\u202e", questions=2, k=1, train=1)
    rewrite(run, FINAL, lambda s: replace(s, question_id=evil, index=evil, policy=evil, engine=evil))
    with viewer(browser, page_of([run], tmp_path / "page.html")) as page:
        page.keyboard.press("j")
        assert page.locator("#sample img").count() == 0
        assert "<img src=x onerror=alert(1)>" in page.locator("#sample").inner_text()
        assert "\u202e" not in page.content()


def test_a_script_that_got_in_all_the_same_is_not_run(browser: Any, file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(file.read_text().replace("</h1>", "</h1><script>document.title = 'ran'</script><img src=x onerror=1>", 1))
    page = browser.new_page()
    page.goto(broken.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.title() == "Samples of 2 runs"
    assert page.evaluate("(() => { try { document.body.innerHTML = 'x'; } catch (e) { return e.name; } })()") == "TypeError"
    page.close()


def test_10_000_samples_open_within_2_seconds_and_scroll(browser: Any, tmp_path: Path) -> None:
    """Of about 1,000 characters each, all different."""
    rng = random.Random(0)
    run = small(tmp_path / "a")
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(5000)]
    (sample, *_) = Journal(run / "journal").phases[FINAL].values()
    with (run / "journal" / f"{FINAL}.jsonl").open("w") as lines:
        for i in range(10_000):
            text = " ".join(rng.choices(words, k=160))
            lines.write(replace(sample, question_id=f"test-{i // 8}", index=str(i % 8), text=text).to_json() + "\n")
    file = page_of([run], tmp_path / "page.html")
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    seconds = time.perf_counter() - started
    assert seconds < 2, f"{seconds:.1f} s for {file.stat().st_size / 1e6:.1f} MB"
    assert shown(page) == 10_008
    assert page.locator(".row").count() < 60
    page.keyboard.press("G")
    assert page.locator(".row[aria-selected=true]").get_attribute("aria-posinset") == "10008"
    started = time.perf_counter()
    page.get_by_label("Search", exact=True).fill("qu")
    page.locator("#status", has_not_text="10,008 of").wait_for()
    assert time.perf_counter() - started < 1
    page.close()


def test_a_phone_shows_the_list_or_a_sample(browser: Any, file: Path) -> None:
    with viewer(browser, file, viewport=PHONE, has_touch=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator("#list").is_visible()
        assert not page.locator("#sample").is_visible()
        page.get_by_role("button", name="Filters").click()
        widest = page.evaluate(
            "Math.max(...[...document.querySelectorAll('#filters *')].map((e) => e.getBoundingClientRect().right))"
        )
        assert widest <= 390
        assert page.locator("#search").bounding_box()["width"] > 150
        page.get_by_role("button", name="Filters").click()
        page.locator(".row").nth(2).tap()
        assert page.locator("#sample").is_visible()
        assert not page.locator("#list").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.go_back()
        settle(page, 50)
        assert page.locator("#list").is_visible()
        page.locator(".row").nth(1).tap()
        page.get_by_role("button", name="List").tap()
        assert page.locator("#list").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 900, 1280])
def test_every_text_has_contrast_and_every_control_a_name(browser: Any, file: Path, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with viewer(browser, file, {"run": "second", "sample": f"{FINAL}/test-3/1"}, **options) as page:
        assert page.evaluate(CONTRASTS) == []
        controls = page.locator("input, select, button, a, [role=listbox], main").all()
        assert len(controls) > 10
        unnamed = [c.evaluate("(e) => e.outerHTML") for c in controls if not page.evaluate(NAME, c.element_handle())]
        assert unnamed == []


NAME = "(e) => e.ariaLabel || e.textContent.trim() || [...(e.labels ?? [])].map((l) => l.textContent).join('')"

CONTRASTS = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (colour) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = numbers(colour).slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.tagName === "SCRIPT") continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(`${e.tagName}.${e.className} ${(a + 0.05) / (b + 0.05)}`);
  }
  return weak;
}"""


def test_tokens_are_coloured_where_localisation_was_measured(
    browser: Any, tmp_path: Path, micro_path: str, tokenizer: Any
) -> None:
    run = small(tmp_path / "a", config={"model": {"name": micro_path}})
    text = "12+7=19\n\\boxed{19}"
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    rewrite(run, FINAL, lambda s: replace(s, text=text, token_ids=ids) if s.key == "test-1/0" else s)
    reward = [2.5, -2.5, *[0.0] * (len(ids) - 2)]
    row = {"policy": "final", "question_id": "test-1", "index": "0", "right": True, "tokens": len(ids)}
    document = {"reviser": "srt", "phrases": {"right": "r", "wrong": "w"}, "unverified": {"final": 0}}
    rows = [{**row, "kl": [0.25] * len(ids), "reward": reward}]
    (run / "localisation.json").write_text(json.dumps({**document, "responses": rows}))
    with viewer(browser, page_of([run], tmp_path / "page.html"), {"run": "a", "sample": f"{FINAL}/test-1/0"}) as page:
        tokens = page.locator(".tokens .t")
        assert page.locator(".tokens").text_content().replace("↵", "") == text
        found = [tokens.nth(i).evaluate("(t) => getComputedStyle(t).backgroundColor") for i in range(3)]
        assert found == [rgb(LIGHT[4][1]), rgb(LIGHT[-4][1]), "rgba(0, 0, 0, 0)"]
        assert re.fullmatch(r"1: .*   kl 0\.250   reward 2\.500", tokens.first.get_attribute("data-tip"))
        assert "Orange: less likely under the reviser, srt" in page.locator(".legend").inner_text()


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_without_scripts_the_page_says_what_to_do(browser: Any, file: Path) -> None:
    with opened(browser, file, java_script_enabled=False) as page:
        assert "sdzero-bench inspect RUN" in page.locator("noscript").inner_text()


def test_a_cut_file_says_that_it_cannot_be_read(browser: Any, file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.html"
    cut.write_text(re.sub(r'(id="data">.{400})[^<]*', r"\1", file.read_text()))
    with opened(browser, cut) as page:
        page.get_by_text("This page cannot be read").wait_for()


def test_with_text_reaches_the_page(browser: Any, tmp_path: Path) -> None:
    run = with_text(small(tmp_path / "a"), "an\tindented line")
    with viewer(browser, page_of([run], tmp_path / "page.html"), {"run": "a", "sample": f"{FINAL}/test-0/0"}) as page:
        assert page.locator(".response pre").first.text_content() == "an\tindented line"

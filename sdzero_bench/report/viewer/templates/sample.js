// One sample: its prompt, its completion beside its revision or the attempt that it revises, and the verdicts.

class Reader {
  constructor(samples, link) {
    this.samples = samples;
    this.link = link;
    this.pane = find("sample");
    this.current = -1;
    this.revision = 0;
  }

  say(text) {
    this.current = -1;
    this.pane.replaceChildren(this._back(), make("p", { class: "note" }, text));
  }

  show(i, searched, note = "") {
    this.revision = 0;
    this.current = i;
    this.searched = searched;
    this.note = note;
    this._draw();
    this.pane.scrollTop = 0;
  }

  /** The next revision of a first attempt. */
  turn() {
    const revisions = this.samples.revisions.get(this.current) ?? [];
    if (revisions.length < 2) return;
    this.revision = (this.revision + 1) % revisions.length;
    this._draw();
  }

  _draw() {
    const { samples, current: i } = this;
    const { id, text, gold } = samples.question(i);
    const first = samples.columns.first[i];
    const revisions = samples.revisions.get(i) ?? [];
    const before = samples.of("before", i);
    const parts = first >= 0
      ? [this._response("First attempt", first), this._response("Revision", i, before)]
      : [this._response(revisions.length ? "First attempt" : "Completion", i, before)];
    if (revisions.length) {
      const revision = revisions[this.revision];
      parts.push(this._response("Revision", revision, samples.of("before", revision), this._turner(revisions)));
    }
    const run = samples.run(i);
    this.pane.replaceChildren(
      this._head(i, id),
      ...(this.note ? [make("p", { class: "note" }, this.note)] : []),
      make("section", {}, make("h3", {}, "Question"),
        text === null ? make("p", { class: "quiet" }, "The run has not written its questions.") : box(text, this.searched),
        ...gold === null ? [] : answer(gold)),
      make("div", { class: "columns" }, ...parts),
      ...(samples.colours[i] ? [this._legend(samples.colours[i].reviser)] : []),
      questionTable(samples, i, this.link),
      make("details", { class: "run" }, make("summary", {}, plain(`Run ${run.name}`)),
        facts([["method", run.method], ["task", run.task], ["model", run.model], ["preset", run.preset], ["seed", run.seed],
          ["state", run.state], ["engine", samples.of("engine", i)], ["note", run.note]])));
  }

  _head(i, id) {
    const { samples } = this;
    const copy = make("button", { type: "button" }, "Copy link");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(new URL(address(), location.href).href);
        copy.textContent = "Copied";
      } catch {
        keepAddress(true);
        copy.textContent = "Copy it from the address bar";
      }
    });
    const only = make("button", { type: "button" }, "Only this question");
    only.addEventListener("click", () => onlyQuestion(id));
    const place = samples.runs.length > 1 ? `${samples.run(i).name}, ` : "";
    return make("div", { class: "head" },
      make("h2", {}, plain(`${id}/${samples.of("index", i)}`), " ", make("small", {}, plain(place + samples.of("phase", i)))),
      make("div", { class: "tools" }, this._back(), only, copy));
  }

  _back() {
    const back = make("button", { type: "button", id: "back" }, "← List");
    back.addEventListener("click", leaveSample);
    return back;
  }

  _turner(revisions) {
    if (revisions.length < 2) return null;
    const { samples } = this;
    const buttons = revisions.map((revision, n) => {
      const verdict = samples.verdict(revision);
      const pressed = String(n === this.revision);
      const button = make("button", { type: "button", class: `mark ${verdict}`, "aria-pressed": pressed,
        "aria-label": plain(`revision ${n + 1}: ${samples.of("outcome", revision)}`) }, `${n + 1} ${MARKS[verdict]}`);
      button.addEventListener("click", () => {
        this.revision = n;
        this._draw();
      });
      return button;
    });
    return make("div", { class: "revisions", role: "group", "aria-label": "Revisions" }, ...buttons);
  }

  _response(title, i, before = "", turner = null) {
    const { samples } = this;
    const tokens = samples.colours[i];
    const verdict = samples.verdict(i);
    const heading = i === this.current ? title : make("a", { href: this.link(i) }, title);
    return make("section", { class: "response" },
      make("h3", {}, heading, " ", make("small", {}, plain(`by ${samples.of("policy", i)}`))),
      turner,
      before ? make("div", { class: "before" }, make("p", { class: "quiet" }, "In its turn before the completion:"), box(before, this.searched)) : null,
      tokens ? tokenBox(tokens) : box(samples.of("text", i), this.searched),
      samples.of("text", i) ? null : make("p", { class: "quiet" }, "(an empty completion)"),
      samples.of("finish", i) === "length" ? make("p", { class: "quiet" }, "(truncated at the token limit)") : null,
      make("p", { class: `verdict ${verdict}` }, `${MARKS[verdict]} `, ...printed(shortened(samples.of("said", i)))),
      facts([["reward", samples.of("reward", i)], ["outcome", samples.of("outcome", i)], ["status", samples.of("status", i)],
        ["answer", samples.of("answer", i)], ["tests", samples.of("tests", i)], ["reason", samples.of("detail", i)],
        ["tokens", `${counted(samples.columns.tokens[i])} after a prompt of ${counted(samples.columns.prompt_tokens[i])}`]]));
  }

  _legend(reviser) {
    const steps = this.samples.legend.flatMap(({ level, words }) => [
      ...(level === 1 ? [make("span", {}, "around 0")] : []),
      make("span", { class: `${level > 0 ? "p" : "n"}${Math.abs(level)}` }, words),
    ]);
    return make("div", { class: "legend" }, ...steps,
      make("p", { class: "quiet" }, "Colour: log student - log reviser of each token, in nats. Orange: less likely under the reviser, ",
        plain(reviser), ", which has read the response and its verdict; blue: more likely."));
  }
}

/** A gold answer: on one line, or a program as it is laid out. */
function answer(gold) {
  const title = make("span", { class: "quiet" }, "Gold answer: ");
  return gold.includes("\n") ? [make("p", {}, title), box(shortened(gold))] : [make("p", {}, title, make("code", {}, ...printed(shortened(gold))))];
}

function shortened(text) {
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}

function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== "");
  return make("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [
    make("dt", {}, name), make("dd", {}, ...printed(shortened(String(value))))]));
}

// The filters: which samples the list shows, and in which order.

const ORDERS = {
  "": "as asked",
  short: "shortest first",
  long: "longest first",
  hard: "hardest questions first",
};

class Filters {
  constructor(samples, changed) {
    this.samples = samples;
    const outcomes = this._values("outcome").sort();
    const wrong = outcomes.filter((name) => name.startsWith("wrong"));
    const kinds = [["", "all"], ...outcomes.filter((name) => !wrong.includes(name)).map((name) => [name, name])];
    if (wrong.length) kinds.push(["wrong*", wrong.length > 1 ? "wrong (all)" : "wrong"]);
    if (wrong.length > 1) kinds.push(...wrong.map((name) => [name, name === "wrong" ? "wrong: no reason" : name]));
    this.fields = {
      search: make("input", { type: "search", id: "search", placeholder: "part of a text", autocomplete: "off" }),
      where: this._select([["", "prompts, completions"], ["completions", "completions"], ["prompts", "prompts"]]),
      "only-run": this._select([["", "all"], ...samples.runs.map(({ name }) => [name, plain(name)])]),
      phase: this._select([["", "all"], ...this._values("phase").sort().map((name) => [name, plain(name)])]),
      question: make("input", { type: "search", placeholder: "id, or part of it", autocomplete: "off" }),
      outcome: this._select(kinds),
      solved: this._select([["", "any"], ["never", "never right"], ["sometimes", "sometimes right"], ["always", "always right"]]),
      revision: this._select([
        ["", "any"],
        ...["wrong → right", "right → wrong", "wrong → wrong", "right → right"].map((name) => [name, name]),
      ]),
      shortest: make("input", { type: "number", min: 0, placeholder: "from" }),
      longest: make("input", { type: "number", min: 0, placeholder: "to" }),
      truncated: make("input", { type: "checkbox" }),
      order: this._select(Object.entries(ORDERS)),
    };
    const { fields } = this;
    const label = (name, input) => {
      input.id ||= `filter-${name.toLowerCase().replace(/\W+/g, "-")}`;
      return make("span", { class: "field" }, make("label", { for: input.id }, name), input);
    };
    const length = make("fieldset", {}, make("legend", {}, "Tokens"), fields.shortest, fields.longest);
    fields.shortest.setAttribute("aria-label", "Fewest tokens");
    fields.longest.setAttribute("aria-label", "Most tokens");
    const reset = make("button", { type: "reset" }, "Clear");
    const more = make("div", { id: "more-filters" },
      samples.runs.length > 1 ? label("Run", fields["only-run"]) : null,
      label("Phase", fields.phase), label("Outcome", fields.outcome), label("Question", fields.question),
      label("Question is", fields.solved),
      samples.revisions.size ? label("Revision", fields.revision) : null,
      length, label("Truncated only", fields.truncated), label("Order", fields.order), reset);
    const toggle = make("button", { type: "button", id: "filter-button", "aria-expanded": "false", "aria-controls": "more-filters" }, "Filters");
    const form = find("filters");
    toggle.addEventListener("click", () => {
      toggle.setAttribute("aria-expanded", String(form.classList.toggle("open")));
    });
    form.append(label("Search", fields.search), label("in", fields.where), toggle, more);
    form.addEventListener("submit", (event) => event.preventDefault());
    let waiting = 0;
    form.addEventListener("input", (event) => {
      clearTimeout(waiting);
      // Texts are searched when typing has paused.
      waiting = setTimeout(changed, event.target.type === "search" ? 120 : 0);
    });
    form.addEventListener("reset", () => setTimeout(changed));
  }

  _values(column) {
    return [...this.samples.columns[column].values];
  }

  _select(options) {
    return make("select", {}, ...options.map(([value, shown]) => make("option", { value }, shown)));
  }

  get state() {
    const entries = Object.entries(this.fields).map(([name, field]) => [name, field.type === "checkbox" ? (field.checked ? "yes" : "") : field.value]);
    return Object.fromEntries(entries.filter(([, value]) => value));
  }

  set state(state) {
    for (const [name, field] of Object.entries(this.fields)) {
      if (field.type === "checkbox") field.checked = Boolean(state[name]);
      else field.value = state[name] ?? "";
      if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
    }
  }

  get searched() {
    return pattern(this.fields.search.value);
  }

  /** Positions of the samples that pass, in order. */
  passing() {
    const { samples, state } = this;
    const { columns } = samples;
    const coded = (column, passes) => {
      const flags = columns[column].values.map(passes);
      const { codes } = columns[column];
      return (i) => flags[codes[i]];
    };
    const tests = [];
    if (state["only-run"]) {
      const run = samples.runs.findIndex(({ name }) => name === state["only-run"]);
      tests.push((i) => columns.run[i] === run);
    }
    if (state.phase) tests.push(coded("phase", (name) => name === state.phase));
    if (state.outcome) {
      const wrong = state.outcome === "wrong*";
      tests.push(coded("outcome", (name) => (wrong ? name.startsWith("wrong") : name === state.outcome)));
    }
    if (state.question) {
      const exact = columns.question.values.some(([id]) => id === state.question);
      tests.push(coded("question", ([id]) => (exact ? id === state.question : id.includes(state.question))));
    }
    if (state.shortest) tests.push((i) => columns.tokens[i] >= Number(state.shortest));
    if (state.longest) tests.push((i) => columns.tokens[i] <= Number(state.longest));
    if (state.truncated) tests.push(coded("finish", (finish) => finish === "length"));
    if (state.solved) tests.push((i) => samples.solved(i) === state.solved);
    if (state.revision) tests.push((i) => samples.changes(i).includes(state.revision));
    if (state.search) {
      const searched = this.searched;
      const found = (text) => text !== null && text.search(searched) >= 0;
      const places = [];
      const completion = coded("text", found);
      if (state.where !== "prompts") places.push(completion);
      if (state.where !== "completions") {
        // The prompt of a revision has its first attempt in it.
        places.push(coded("question", ([, text]) => found(text)), coded("before", found), (i) => columns.first[i] >= 0 && completion(columns.first[i]));
      }
      tests.push((i) => places.some((place) => place(i)));
    }
    const passing = [];
    for (let i = 0; i < samples.count; i++) if (tests.every((test) => test(i))) passing.push(i);
    const share = (i) => samples.group(i).right / (samples.group(i).verified || 1);
    if (state.order === "short") passing.sort((a, b) => columns.tokens[a] - columns.tokens[b]);
    if (state.order === "long") passing.sort((a, b) => columns.tokens[b] - columns.tokens[a]);
    if (state.order === "hard") passing.sort((a, b) => share(a) - share(b) || samples.groupOf[a] - samples.groupOf[b]);
    return passing;
  }
}

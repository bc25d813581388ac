// The samples of the page, column by column. A coded column stores each distinct value once.

async function readData() {
  const packed = atob(find("data").textContent);
  find("data").remove();
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Samples(JSON.parse(await new Response(unpacked).text()));
}

class Samples {
  constructor({ runs, columns, colours, legend }) {
    this.runs = runs;
    this.columns = columns;
    this.colours = colours;
    this.legend = legend;
    this.count = columns.run.length;
    this.revisions = new Map(); // of a first attempt
    columns.first.forEach((first, i) => {
      if (first >= 0) this.revisions.set(first, [...(this.revisions.get(first) ?? []), i]);
    });
    this._group();
  }

  of(column, i) {
    const { values, codes } = this.columns[column];
    return values[codes[i]];
  }

  question(i) {
    const [id, text, gold] = this.of("question", i);
    return { id, text, gold };
  }

  run(i) {
    return this.runs[this.columns.run[i]];
  }

  /** The name of a sample within its run: phase, question and index. */
  name(i) {
    return `${this.of("phase", i)}/${this.question(i).id}/${this.of("index", i)}`;
  }

  verdict(i) {
    const reward = this.of("reward", i);
    return reward === null ? "failed" : reward === 1 ? "right" : "wrong";
  }

  /** Position of the sample that a link names, or -1. */
  named(run, name) {
    const place = this.runs.findIndex((known) => known.name === run);
    return this.columns.run.findIndex((of, i) => of === place && this.name(i) === name);
  }

  /** Samples of one question in one phase of one run, and how many of them are right. */
  _group() {
    const known = new Map();
    this.groups = [];
    this.groupOf = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) {
      const key = `${this.columns.run[i]} ${this.columns.phase.codes[i]} ${this.columns.question.codes[i]}`;
      if (!known.has(key)) {
        known.set(key, this.groups.length);
        this.groups.push({ samples: [], right: 0, verified: 0, question: this.columns.question.codes[i] });
      }
      this.groupOf[i] = known.get(key);
      const group = this.groups[this.groupOf[i]];
      group.samples.push(i);
      group.right += this.verdict(i) === "right";
      group.verified += this.verdict(i) !== "failed";
    }
  }

  group(i) {
    return this.groups[this.groupOf[i]];
  }

  /** "never", "sometimes" or "always": how often the question of a sample is right in its phase; "" if nothing was verified. */
  solved(i) {
    const { right, verified } = this.group(i);
    if (!verified) return "";
    return right === 0 ? "never" : right === verified ? "always" : "sometimes";
  }

  /** What became of a first attempt in each of its revisions, or of the attempt that a revision revises: "wrong → right". */
  changes(i) {
    const first = this.columns.first[i];
    const pairs = first >= 0 ? [[first, i]] : (this.revisions.get(i) ?? []).map((revision) => [i, revision]);
    return pairs.map(([before, after]) => `${this.verdict(before)} → ${this.verdict(after)}`);
  }
}

// How the samples of a question are judged, in each phase of each run.

const MARKED = 64;

function questionTable(samples, i, link) {
  const question = samples.columns.question.codes[i];
  const own = samples.columns.run[i];
  const groups = samples.groups.filter((group) => group.question === question);
  const rows = (chosen) => chosen.map((group) => questionRow(samples, group, i, link));
  const head = () => make("thead", {}, make("tr", {},
    ...["Phase", "Right", "Samples"].map((name) => make("th", { scope: "col" }, name))));
  const ours = groups.filter((group) => samples.columns.run[group.samples[0]] === own);
  const others = groups.filter((group) => !ours.includes(group));
  const shown = make("section", { class: "question" },
    make("h3", {}, plain(`Samples of ${samples.question(i).id}`)),
    make("div", { class: "wide" }, make("table", {}, head(), make("tbody", {}, ...rows(ours)))));
  if (others.length) {
    const more = make("details", {}, make("summary", {}, `In other runs: ${sum(others)}`));
    more.addEventListener("toggle", () => {
      if (more.open && more.children.length === 1) {
        more.append(make("div", { class: "wide" }, make("table", {}, head(), make("tbody", {}, ...rows(others)))));
      }
    });
    shown.append(more);
  }
  return shown;
}

function sum(groups) {
  const right = groups.reduce((all, group) => all + group.right, 0);
  const verified = groups.reduce((all, group) => all + group.verified, 0);
  return `${counted(right)} of ${counted(verified)} right`;
}

function questionRow(samples, group, current, link) {
  const first = group.samples[0];
  const run = samples.columns.run[first] === samples.columns.run[current] ? "" : `${samples.run(first).name}: `;
  const marks = group.samples.slice(0, MARKED).map((i) => {
    const verdict = samples.verdict(i);
    return make("a", {
      href: link(i), class: `mark ${verdict}`, "aria-label": plain(`sample ${samples.of("index", i)}: ${samples.of("outcome", i)}`),
      title: plain(`${samples.of("index", i)}: ${samples.of("outcome", i)}`), "aria-current": i === current ? "true" : null,
    }, MARKS[verdict]);
  });
  if (group.samples.length > MARKED) marks.push(` and ${counted(group.samples.length - MARKED)} more`);
  return make("tr", {},
    make("th", { scope: "row" }, plain(run + samples.of("phase", first))),
    make("td", {}, sum([group])),
    make("td", { class: "marks" }, ...marks));
}

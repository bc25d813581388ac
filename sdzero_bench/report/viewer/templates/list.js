// The list of samples. Only the rows in view are in the page, so that it may have hundreds of thousands.

const ROW = 52; // pixels, as in the style sheet
const BEYOND = 6;

class List {
  constructor(samples, chosen) {
    this.samples = samples;
    this.chosen = chosen;
    this.shown = [];
    this.current = -1; // place in `shown`
    this.box = find("list");
    this.room = find("room");
    let waiting = false;
    const later = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        this.draw();
      });
    };
    this.box.addEventListener("scroll", later);
    new ResizeObserver(later).observe(this.box);
    this.box.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.go(Number(row.dataset.place), true);
    });
  }

  show(positions, sample) {
    this.shown = positions;
    this.room.style.height = `${positions.length * ROW}px`;
    this.mark(sample);
    this.draw();
  }

  /** Make a sample the current one, wherever it was chosen. */
  mark(sample) {
    this.current = this.shown.indexOf(sample);
    if (this.current >= 0) this._into_view();
    this.draw();
  }

  /** Choose the sample at a place of the list, or the nearest place that there is. */
  go(place, opens = false) {
    if (!this.shown.length) return;
    this.current = Math.max(0, Math.min(this.shown.length - 1, place));
    this._into_view();
    this.draw();
    this.chosen(this.shown[this.current], opens);
  }

  _into_view() {
    const top = this.current * ROW;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.box.scrollTop = top + ROW - clientHeight;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - BEYOND);
    const last = Math.min(this.shown.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + BEYOND);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this._row(place));
    this.room.replaceChildren(...rows);
    if (first <= this.current && this.current < last) this.box.setAttribute("aria-activedescendant", `row-${this.current}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  _row(place) {
    const i = this.shown[place];
    const { samples } = this;
    const verdict = samples.verdict(i);
    const { right, verified } = samples.group(i);
    const row = make("div", {
      id: `row-${place}`, role: "option", class: "row", "data-place": place, "aria-selected": String(place === this.current),
      "aria-posinset": place + 1, "aria-setsize": this.shown.length,
    },
    make("span", { class: `mark ${verdict}`, role: "img", "aria-label": plain(samples.of("outcome", i)) }, MARKS[verdict]),
    make("span", { class: "name" }, plain(`${samples.question(i).id}/${samples.of("index", i)}`)),
    make("span", { class: "quiet phase" }, plain(samples.of("phase", i))),
    make("span", { class: "quiet of", title: `${right} of ${verified} samples of this question are right in this phase` }, `${right}/${verified}`),
    make("span", { class: "quiet length" }, `${counted(samples.columns.tokens[i])} tok`),
    make("span", { class: "start" }, plain(samples.of("text", i).slice(0, 200).replace(/\s+/g, " "))));
    row.style.transform = `translateY(${place * ROW}px)`;
    return row;
  }
}

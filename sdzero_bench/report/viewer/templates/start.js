// Ties the parts together. The address holds the state: the sample that is shown, and the filters.

const LEFT_OUT = "The filters leave this sample out of the list.";

let samples, filters, list, reader;

function link(i, state = {}) {
  return `#${new URLSearchParams({ ...state, run: samples.run(i).name, sample: samples.name(i) })}`;
}

function address() {
  const state = filters.state;
  return reader.current >= 0 ? link(reader.current, state) : `#${new URLSearchParams(state)}`;
}

let later = 0;

/** Write the state into the address, as a new entry of the history if it `adds` one. */
function keepAddress(adds = false) {
  clearTimeout(later);
  const write = () => {
    const hash = address();
    if (hash !== location.hash) history[adds ? "pushState" : "replaceState"](null, "", hash);
  };
  // Browsers refuse many changes in a row, as when a key is held down.
  if (adds) write();
  else later = setTimeout(write, 150);
}

/** After the filters have changed: the sample that is read, or the first one that they leave in the list. */
function readAgain() {
  if (list.current < 0 && list.shown.length) {
    list.mark(list.shown[0]);
    reader.show(list.shown[0], filters.searched);
  } else if (reader.current >= 0) {
    reader.show(reader.current, filters.searched, list.current < 0 ? LEFT_OUT : "");
  }
}

function filter() {
  list.show(filters.passing(), reader.current);
  const right = list.shown.filter((i) => samples.verdict(i) === "right").length;
  const verified = list.shown.filter((i) => samples.verdict(i) !== "failed").length;
  const share = verified ? `; ${(100 * right / verified).toFixed(1)} % right` : "";
  find("status").textContent = list.shown.length ? `${counted(list.shown.length)} of ${counted(samples.count)} samples${share}` : "No sample passes these filters.";
}

function choose(i, opens) {
  reader.show(i, filters.searched);
  if (opens) {
    document.body.classList.add("reading");
    reader.pane.focus();
  }
  keepAddress(opens);
}

function leaveSample() {
  document.body.classList.remove("reading");
  find("list").focus();
}

function onlyQuestion(id) {
  filters.state = { question: id };
  filter();
  keepAddress();
}

function followAddress() {
  const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  // Links within the page keep the filters; the address that it was opened with sets them.
  const { run, sample, ...asked } = state;
  if (Object.keys(asked).length || !sample) filters.state = asked;
  filter();
  if (sample === undefined) {
    document.body.classList.remove("reading");
    if (list.shown.length && reader.current < 0) {
      list.mark(list.shown[0]);
      reader.show(list.shown[0], filters.searched);
    }
    return;
  }
  const i = samples.named(run, sample);
  if (i < 0) reader.say(`This page has no sample ${plain(sample)} of ${plain(run ?? "a run")}.`);
  else {
    list.mark(i);
    reader.show(i, filters.searched, list.current < 0 ? LEFT_OUT : "");
  }
  document.body.classList.add("reading");
}

async function start() {
  try {
    samples = await readData();
  } catch (error) {
    find("status").textContent = `This page cannot be read: ${error.message}. It needs a browser of 2023 or later, and the whole file.`;
    return;
  }
  filters = new Filters(samples, () => {
    filter();
    readAgain();
    keepAddress();
  });
  reader = new Reader(samples, link);
  list = new List(samples, choose);
  listenToKeys(list, reader);
  followAddress();
  window.addEventListener("hashchange", followAddress);
  document.documentElement.dataset.ready = "yes";
}

start();

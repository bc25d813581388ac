// The keyboard. Single keys act only where nothing is being typed, and can be switched off in the help.

function listenToKeys(list, reader) {
  const acts = {
    j: () => list.go(list.current + 1),
    k: () => list.go(list.current - 1),
    g: () => list.go(0),
    G: () => list.go(list.shown.length - 1),
    r: () => reader.turn(),
    "/": () => find("search").select(),
    "?": () => find("help").showModal(),
  };
  const inList = {
    ArrowDown: acts.j,
    ArrowUp: acts.k,
    Home: acts.g,
    End: acts.G,
    PageDown: () => list.go(list.current + 10),
    PageUp: () => list.go(list.current - 10),
    Enter: () => list.go(list.current, true),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || find("help").open) return;
    const typing = event.target.closest("input, select, textarea");
    let act;
    if (event.key === "Escape") act = leaveSample;
    else if (event.target === find("search") && event.key === "Enter") act = () => list.go(Math.max(0, list.current), true);
    else if (event.target === list.box && inList[event.key]) act = inList[event.key];
    else if (!typing && find("single-keys").checked) {
      const open = event.key === "Enter" && !event.target.closest("button, a, summary");
      act = open ? () => list.go(list.current, true) : acts[event.key];
    }
    if (act) {
      event.preventDefault();
      act();
    }
  });
  find("help-button").addEventListener("click", acts["?"]);
}

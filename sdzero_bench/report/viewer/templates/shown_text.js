// Texts of models as they are: what does not print is spelled out, what was searched for is marked.

// Controls, formats (such as those that reverse a line), lone surrogates, private and unassigned characters, separators of lines.
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
const LONGEST = 200_000;
const MOST_MARKED = 2000; // elements in one text: more take seconds

function spelled(character) {
  const code = character.codePointAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}

function plain(text) {
  return text.replace(new RegExp(UNPRINTABLE, "gu"), spelled);
}

/** The pattern of a search, for any text; null for an empty one. */
function pattern(words) {
  return words ? new RegExp(words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu") : null;
}

function printed(text) {
  const all = [...text.matchAll(new RegExp(UNPRINTABLE, "gu"))];
  if (all.length > MOST_MARKED) return [plain(text)];
  const parts = [];
  let done = 0;
  for (const found of all) {
    if (found.index > done) parts.push(text.slice(done, found.index));
    parts.push(make("span", { class: "unprintable" }, spelled(found[0])));
    done = found.index + found[0].length;
  }
  parts.push(text.slice(done));
  return parts;
}

function marked(text, searched) {
  if (!searched) return printed(text);
  const parts = [];
  let done = 0;
  for (const found of text.matchAll(searched)) {
    parts.push(...printed(text.slice(done, found.index)), make("mark", {}, ...printed(found[0])));
    done = found.index + found[0].length;
    if (parts.length > MOST_MARKED) break;
  }
  parts.push(...printed(text.slice(done)));
  return parts;
}

function box(text, searched) {
  const shown = make("pre", {}, ...marked(text.slice(0, LONGEST), searched));
  if (text.length <= LONGEST) return shown;
  const more = make("button", { type: "button" }, `Show all ${counted(text.length)} characters`);
  more.addEventListener("click", () => {
    shown.replaceChildren(...marked(text, searched));
    more.remove();
  });
  return make("div", {}, shown, more);
}

/** A response token by token. The details of a token are shown while it is under the pointer. */
function tokenBox(tokens) {
  const shown = tokens.text.map((text, i) => {
    const level = tokens.level[i];
    const colour = level ? ` ${level > 0 ? "p" : "n"}${Math.abs(level)}` : "";
    const name = plain(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t") || "(part of a character)";
    const tip = `${i + 1}: ${name}   kl ${tokens.kl[i].toFixed(3)}   reward ${tokens.reward[i].toFixed(3)}`;
    return make("span", { class: `t${colour}`, "data-tip": tip }, ...(text ? printed(text.replaceAll("\n", "↵\n")) : ["·"]));
  });
  return make("pre", { class: "tokens" }, ...shown);
}

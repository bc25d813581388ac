"use strict";
// Elements are made here and nowhere else: texts become text nodes, never HTML.

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const find = (id) => document.getElementById(id);
const counted = (number) => number.toLocaleString("en");
const MARKS = { right: "✓", wrong: "✗", failed: "!" };

// What the pictures to look into share. Each has a file of its own that defines draw(host, data);
// alvae.book.interactive.element puts both into one script, which ends with a call of start().

// A page shows the picture in place of the image of the figure before it, whose number and caption
// then are its own. A live notebook has no figures: there it stays below its cell.
function start(id, options) {
  const host = document.getElementById(id);
  if (!host || host.childElementCount) return; // drawn before, as when a notebook shows it twice
  const data = JSON.parse(document.getElementById(`${id}-data`).textContent);
  const precedes = (node) => node.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING;
  const image = [...document.querySelectorAll("figure img")].filter(precedes).at(-1);
  if (!image && !options.replaces) return; // nothing to draw over
  if (image) {
    const output = host.closest(".cell_output");
    if (output) output.hidden = true; // nothing is left in it
    if (options.replaces) image.classList.add("alvae-static"); // what is printed
    image.after(host);
  }
  host.hidden = false;
  draw(host, data, image);
}

// An element with properties or, where it has none of that name, attributes.
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Numbers of a typed array, which Python wrote as little-endian bytes in base64.
function numbers(base64, Type) {
  return new Type(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
}

// A canvas as wide as its parent, sharp on every screen; `paint(context, width, height)` draws it
// in units of CSS pixels, soon after each call of the function that is returned.
function fitted(canvas, shape, paint) {
  let asked = false;
  const now = () => {
    asked = false;
    const width = canvas.clientWidth, height = Math.round(shape(width));
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    paint(context, width, height);
  };
  const redraw = () => {
    if (!asked) requestAnimationFrame(now);
    asked = true;
  };
  new ResizeObserver(redraw).observe(canvas);
  // Text is drawn in the color of the theme, which readers may change.
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redraw();
  return redraw;
}

// Where a pointer is, in CSS pixels from the upper left corner of an element.
function within(node, event) {
  const box = node.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const textColor = (node) => getComputedStyle(node).color;
const rounded = (value) => (Math.round(100 * value) / 100 + 0).toFixed(2).replace("-", "\u2212"); // no −0

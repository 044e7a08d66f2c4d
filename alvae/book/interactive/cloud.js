// A cloud of points in three dimensions. One drags to rotate it; the point that is pointed at shows
// its image. Everything can be done from the keyboard, too: see HELP.

const HELP = "Drag to rotate, with Shift to move; zoom with + and \u2212, two fingers, or the wheel after a click. "
  + "With the keyboard: the arrows rotate, N and P go to the next and the previous point, Home goes back to the start.";
const HALF_PI = Math.PI / 2;

function draw(host, data) {
  const n = data.n, points = numbers(data.points, Int16Array), labels = numbers(data.labels, Uint16Array);
  const centers = numbers(data.centers, Int16Array);
  const place = (of, i) => [0, 1, 2].map((axis) => of[3 * i + axis] / 32767); // in the cube from -1 to 1
  const shown = data.classes.map(() => true);
  const marks = { chosen: data.n_chosen > 0, centers: centers.length > 0 };
  const first = data.dimensions > 2 ? { yaw: 0.5, pitch: 0.4 } : { yaw: 0, pitch: HALF_PI };
  const start = { ...first, zoom: 1, right: 0, down: 0 };
  let view = { ...start }, current = -1, size = [1, 1];
  const xs = new Float32Array(n), ys = new Float32Array(n), depths = new Float32Array(n);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const visible = (i) => shown[labels[i]];

  // The rotation about the third axis, then the tilt towards the viewer; no perspective.
  function project([x, y, z]) {
    const { yaw, pitch, zoom, right, down } = view, scale = 0.42 * Math.min(...size) * zoom;
    const across = x * Math.cos(yaw) - y * Math.sin(yaw), away = x * Math.sin(yaw) + y * Math.cos(yaw);
    const up = z * Math.cos(pitch) + away * Math.sin(pitch), near = z * Math.sin(pitch) - away * Math.cos(pitch);
    return [size[0] / 2 + right + scale * across, size[1] / 2 + down - scale * up, near];
  }

  // Controls

  const canvas = make("canvas", {
    tabIndex: 0, role: "application", "aria-label": `${data.n} points in three dimensions. ${HELP}`,
  });
  canvas.style.touchAction = "pan-y"; // a finger that moves up or down scrolls the page
  canvas.style.cursor = "grab";
  const digit = make("canvas", { className: "alvae-digit", width: data.tile[1], height: data.tile[0] });
  const name = make("div"), tip = make("div", { className: "alvae-tip", hidden: true }, digit, name);
  const stage = make("div", { className: "alvae-stage" }, canvas, tip);
  const button = (text, action, properties) => {
    const node = make("button", { type: "button", ...properties }, text);
    node.addEventListener("click", action);
    return node;
  };
  const toggle = (text, color, flip) => {
    const node = button(text, () => {
      node.setAttribute("aria-pressed", flip());
      if (current >= 0 && !visible(current)) show(-1);
      redraw();
    }, { "aria-pressed": "true" });
    if (color) {
      const swatch = make("span", { className: "alvae-swatch" });
      swatch.style.background = color;
      node.prepend(swatch);
    }
    return node;
  };
  const legend = make("div", { className: "alvae-row", role: "group", "aria-label": "What is shown" });
  data.classes.forEach((text, k) => legend.append(toggle(text, data.colors[k], () => (shown[k] = !shown[k]))));
  if (marks.chosen) legend.append(toggle("\u25cf chosen", "", () => (marks.chosen = !marks.chosen)));
  if (marks.centers) legend.append(toggle("\u2715 cluster centers", "", () => (marks.centers = !marks.centers)));
  const controls = make("div", { className: "alvae-row", role: "group", "aria-label": "View" },
    button("+", () => zoom(1.25), { "aria-label": "Zoom in" }),
    button("\u2212", () => zoom(0.8), { "aria-label": "Zoom out" }),
    button("previous point", () => step(-1)), button("next point", () => step(1)), button("reset", reset));
  const said = make("p", { role: "status" }, HELP);
  host.append(legend, stage, controls, said);
  const sheet = make("img", { src: data.sheet, alt: "" });
  sheet.decode().then(() => show(current));

  // Drawing

  // A dot of each class, drawn once: thousands of circles in every frame would take too long.
  function dots(radius, edge) {
    return data.colors.map((color) => {
      const ratio = window.devicePixelRatio || 1, dot = make("canvas", { width: 16 * ratio, height: 16 * ratio });
      const context = dot.getContext("2d");
      context.scale(ratio, ratio);
      circle(context, 8, 8, radius, color, edge, 0.5);
      return dot;
    });
  }

  function circle(context, x, y, radius, color, edge, width) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = color;
    if (color) context.fill();
    context.strokeStyle = edge;
    context.lineWidth = width;
    context.stroke();
  }

  const redraw = fitted(canvas, (width) => Math.min(0.72 * width + 60, 520), (context, width, height) => {
    size = [width, height];
    const ink = textColor(host), dot = dots(3 * Math.min(1.6, Math.sqrt(view.zoom)), ink);
    for (let i = 0; i < n; i++) [xs[i], ys[i], depths[i]] = project(place(points, i));
    order.sort((i, j) => depths[i] - depths[j]); // what is near covers what is far
    const names = axes(context, ink);
    for (const i of order) {
      if (!visible(i)) continue;
      context.globalAlpha = Math.min(0.95, 0.65 + 0.3 * depths[i]);
      context.drawImage(dot[labels[i]], xs[i] - 8, ys[i] - 8, 16, 16);
    }
    context.globalAlpha = 1;
    names();
    for (let i = 0; marks.chosen && i < data.n_chosen; i++) {
      if (visible(i)) circle(context, xs[i], ys[i], 6, data.colors[labels[i]], ink, 2);
    }
    for (let k = 0; marks.centers && k < centers.length / 3; k++) cross(context, project(place(centers, k)), ink);
    if (current >= 0) circle(context, xs[current], ys[current], 10, "", ink, 2.5);
    if (current >= 0) putTip();
  });

  // Lines along the axes, behind the points; returns what writes their names, above them.
  function axes(context, ink) {
    const reach = 0.8, ends = [];
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.globalAlpha = 0.7;
    data.axes.forEach((text, k) => {
      const from = [-reach, -reach, data.dimensions < 3 ? 0 : -reach], to = [...from];
      to[k] = reach;
      const [x, y] = project(from), [right, down] = project(to);
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(right, down);
      context.stroke();
      ends.push([text, right + 4, down - 4]);
    });
    context.globalAlpha = 1;
    return () => {
      context.font = "bold 14px system-ui, sans-serif";
      context.fillStyle = ink;
      for (const end of ends) context.fillText(...end);
    };
  }

  function cross(context, [x, y], ink) {
    for (const [color, width] of [[getComputedStyle(document.body).backgroundColor, 5], [ink, 2.5]]) {
      context.beginPath();
      context.strokeStyle = color;
      context.lineWidth = width;
      for (const slope of [-1, 1]) {
        context.moveTo(x - 6, y - 6 * slope);
        context.lineTo(x + 6, y + 6 * slope);
      }
      context.stroke();
    }
  }

  // The point that is shown

  function nearest(x, y, within) {
    let best = -1, least = within ** 2;
    for (let i = 0; i < n; i++) {
      const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
      // Of two in the same place the nearer to the viewer.
      if (visible(i) && (distance < least || (distance === least && best >= 0 && depths[i] > depths[best]))) {
        [best, least] = [i, distance];
      }
    }
    return best;
  }

  function show(i) {
    current = i;
    tip.hidden = i < 0;
    redraw();
    if (i < 0) return;
    const [height, width] = data.tile, column = i % data.columns, row = Math.floor(i / data.columns);
    digit.getContext("2d").drawImage(sheet, column * width, row * height, width, height, 0, 0, width, height);
    const at = place(points, i).map((x, k) => rounded(data.middle[k] + data.half * x));
    const what = `class ${data.classes[labels[i]]}${i < data.n_chosen ? ", chosen" : ""}`;
    name.textContent = what;
    said.textContent = `Point ${i + 1} of ${n}: ${what}, at (${at.slice(0, data.axes.length).join(", ")}).`;
  }

  function putTip() {
    const beside = xs[current] > size[0] / 2 ? -tip.offsetWidth - 14 : 14;
    const x = Math.max(0, Math.min(size[0] - tip.offsetWidth, xs[current] + beside));
    const y = Math.max(0, Math.min(size[1] - tip.offsetHeight, ys[current] - tip.offsetHeight / 2));
    tip.style.transform = `translate(${x}px, ${y}px)`;
  }

  function step(by) {
    let i = current < 0 && by < 0 ? 0 : current;
    for (let tried = 0; tried < n; tried++) {
      i = (i + by + n) % n;
      if (visible(i)) return show(i);
    }
  }

  // The view

  function zoom(by, [x, y] = [size[0] / 2, size[1] / 2]) {
    by = Math.max(0.5, Math.min(20, view.zoom * by)) / view.zoom;
    view.zoom *= by; // what is under the pointer stays there
    view.right = (x - size[0] / 2) * (1 - by) + view.right * by;
    view.down = (y - size[1] / 2) * (1 - by) + view.down * by;
    redraw();
  }

  function rotate(right, down) {
    view.yaw += right;
    view.pitch = Math.max(-HALF_PI, Math.min(HALF_PI, view.pitch + down));
    redraw();
  }

  function reset() {
    view = { ...start };
    show(-1);
  }

  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, within(canvas, event));
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = within(canvas, event), before = fingers.get(event.pointerId);
    if (!before) return event.pointerType === "mouse" && show(nearest(x, y, 12));
    fingers.set(event.pointerId, [x, y]);
    const [dx, dy] = [x - before[0], y - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const apart = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1;
      zoom(apart([x, y]) / apart(before), other);
    } else if (event.shiftKey) {
      view.right += dx;
      view.down += dy;
      redraw();
    } else rotate(dx / 150, dy / 150);
  });
  const release = (event) => {
    if (fingers.delete(event.pointerId) && event.type === "pointerup" && moved < 6) {
      show(nearest(...within(canvas, event), event.pointerType === "mouse" ? 12 : 24)); // a tap
    }
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !fingers.size && show(-1));
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return; // the page scrolls on
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 500), within(canvas, event));
  }, { passive: false });
  const keys = {
    ArrowLeft: () => rotate(-0.1, 0), ArrowRight: () => rotate(0.1, 0),
    ArrowUp: () => rotate(0, -0.1), ArrowDown: () => rotate(0, 0.1),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    n: () => step(1), p: () => step(-1), Home: reset, Escape: () => show(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}

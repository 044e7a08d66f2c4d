// Points that move from frame to frame, as a slider says; between two frames they go straight.

function draw(host, data) {
  const labels = numbers(data.labels, Uint16Array), frames = numbers(data.frames, Int16Array);
  const n = labels.length, last = data.titles.length - 1;
  let time = last;

  const canvas = make("canvas", { role: "img" });
  const slider = make("input", { type: "range", min: 0, max: last, step: 0.05, value: time });
  slider.style.flex = "1 1 10rem";
  slider.style.minWidth = "0";
  const title = make("span"), play = make("button", { type: "button" }, "play");
  title.style.minWidth = "5.5rem";
  const legend = make("div", { className: "alvae-row" });
  data.classes.forEach((text, k) => {
    const swatch = make("span", { className: "alvae-swatch" });
    swatch.style.background = data.colors[k];
    legend.append(make("span", {}, swatch, text));
  });
  const label = make("label", { className: "alvae-row" }, title, slider);
  label.style.flex = "1 1 14rem";
  host.append(legend, canvas, make("div", { className: "alvae-row" }, play, label));

  const redraw = fitted(canvas, (width) => Math.min(0.75 * width, 480), (context, width, height) => {
    const before = Math.floor(time), after = Math.min(last, before + 1), share = time - before;
    const scale = 0.47 * Math.min(width, height);
    const at = (frame, i, axis) => frames[2 * (frame * n + i) + axis] / 32767;
    for (let i = 0; i < n; i++) {
      const [x, y] = [0, 1].map((axis) => (1 - share) * at(before, i, axis) + share * at(after, i, axis));
      context.globalAlpha = 0.8;
      context.fillStyle = data.colors[labels[i]];
      context.beginPath();
      context.arc(width / 2 + scale * x, height / 2 - scale * y, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.fillStyle = textColor(host);
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillText(data.axes[0], width - 4, height - 6);
    context.textAlign = "left";
    if (data.axes[1]) context.fillText(data.axes[1], 4, 16);
  });

  function go(to) {
    time = Math.max(0, Math.min(last, to));
    slider.value = time;
    title.textContent = data.titles[Math.round(time)];
    slider.setAttribute("aria-valuetext", title.textContent);
    canvas.setAttribute("aria-label", `${n} points at ${title.textContent}`);
    redraw();
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  // The arrow keys go from one frame to the next.
  slider.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    go(Math.round(time) + by);
  });
  let playing = 0;
  play.addEventListener("click", () => {
    const from = time >= last ? 0 : time, start = performance.now(), mine = (playing += 1);
    const next = (now) => {
      if (mine !== playing) return;
      go(from + Math.max(0, now - start) / 1200);
      if (time < last) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  slider.addEventListener("pointerdown", () => (playing += 1)); // who takes the slider stops the film
  go(last);
}

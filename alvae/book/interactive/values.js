// The values of the points of a figure: what is pointed at says what it is. The image itself stays.

function draw(host, data, image) {
  const ring = make("div", { className: "alvae-ring", hidden: true }), tip = make("div", { className: "alvae-tip", hidden: true });
  const cover = make("div", {
    className: "alvae-cover", tabIndex: 0, role: "application",
    "aria-label": `${data.points.length} points of the figure: the left and right arrow go along a curve, up and down to another`,
  }, ring, tip);
  const stage = make("div", { className: "alvae-values" });
  const said = make("p", { role: "status" },
    "Point at a value, or choose the figure with the Tab key and go from point to point with the arrows.");
  image.replaceWith(stage);
  stage.append(image, cover);
  stage.after(host);
  host.append(said);
  let current = -1;

  // In a dark theme an image may have padding.
  function place({ x, y }) {
    const style = getComputedStyle(image), side = (name) => parseFloat(style[`padding${name}`]);
    const [left, top] = [side("Left"), side("Top")];
    return [
      left + x * (image.clientWidth - left - side("Right")), top + y * (image.clientHeight - top - side("Bottom")),
    ];
  }

  function show(i) {
    current = i;
    ring.hidden = tip.hidden = i < 0;
    if (i < 0) return;
    const point = data.points[i], [x, y] = place(point);
    tip.replaceChildren(...point.text.map((line) => make("div", {}, line)));
    said.textContent = point.text.join(", ");
    ring.style.transform = `translate(${x}px, ${y}px)`;
    const beside = x > cover.clientWidth / 2 ? -tip.offsetWidth - 14 : 14;
    const down = Math.max(0, Math.min(cover.clientHeight - tip.offsetHeight, y - tip.offsetHeight / 2));
    tip.style.transform = `translate(${Math.max(0, x + beside)}px, ${down}px)`;
  }

  function nearest(wanted, distance, most) {
    let best = -1, least = most;
    data.points.forEach((point, i) => {
      const d = wanted(point) ? distance(place(point)) : Infinity;
      if (d < least) [best, least] = [i, d];
    });
    return best;
  }

  function under(event, most) {
    const [x, y] = within(cover, event);
    return nearest(() => true, ([right, down]) => Math.hypot(right - x, down - y), most);
  }
  cover.addEventListener("pointermove", (event) => event.pointerType === "mouse" && show(under(event, 14)));
  cover.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(-1));
  cover.addEventListener("click", (event) => show(under(event, 30))); // and a tap
  cover.addEventListener("blur", () => show(-1));

  // Points are sorted by their curve and along it.
  const keys = {
    ArrowRight: () => show(Math.min(data.points.length - 1, current + 1)),
    ArrowLeft: () => show(Math.max(0, current - 1)),
    ArrowDown: () => other(1), ArrowUp: () => other(-1),
    Home: () => show(0), End: () => show(data.points.length - 1), Escape: () => show(-1),
  };
  // To the next curve, there to the point that is nearest from left to right.
  function other(by) {
    const { curve, x } = data.points[Math.max(0, current)], last = data.points.at(-1).curve;
    const next = Math.max(0, Math.min(last, curve + by)), left = x * cover.clientWidth;
    show(nearest((point) => point.curve === next, ([right]) => Math.abs(right - left), Infinity));
  }
  cover.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
}

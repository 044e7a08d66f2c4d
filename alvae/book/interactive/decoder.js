// The decoder of a VAE, alive: one drags a point in a plane of the latent space, and the image follows.
// Arrays of images and of what lies between the layers are in the order (row, column, channel).

// Weights are 16-bit multiples of a scale.
function weightsOf(layer) {
  return Float32Array.from(numbers(layer.weights, Int16Array), (weight) => weight * layer.scale);
}

// Batch normalization was folded into weights and biases when they were written.
function decoderOf({ dense, upsamplings }) {
  const layers = upsamplings.map((layer) => ({ ...layer, weights: weightsOf(layer), bias: numbers(layer.bias, Float32Array) }));
  const weights = weightsOf(dense), bias = numbers(dense.bias, Float32Array);
  return (z) => {
    let values = Float32Array.from(bias, (sum, unit) => {
      for (let k = 0; k < z.length; k++) sum += z[k] * weights[k * bias.length + unit];
      return sum;
    });
    for (const layer of layers) values = upsample(values.map((value) => Math.max(0, value)), layer);
    return values.map((value) => 1 / (1 + Math.exp(-value)));
  };
}

// A transposed 3x3 convolution with stride 2 and padding 1: each value of the input adds a multiple of
// the kernel to the output around its place.
function upsample(input, { weights, bias, from: [height, width, nIn], to: [tall, wide, nOut] }) {
  const output = new Float32Array(tall * wide * nOut);
  for (let at = 0; at < output.length; at++) output[at] = bias[at % nOut];
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
    for (let dy = 0; dy < 3; dy++) for (let dx = 0; dx < 3; dx++) {
      const y = 2 * row - 1 + dy, x = 2 * column - 1 + dx;
      if (y < 0 || y >= tall || x < 0 || x >= wide) continue;
      const to = (y * wide + x) * nOut, from = (row * width + column) * nIn;
      for (let channel = 0; channel < nIn; channel++) {
        const value = input[from + channel], kernel = ((channel * 3 + dy) * 3 + dx) * nOut;
        if (value === 0) continue; // which the ReLU made of about half of them
        for (let k = 0; k < nOut; k++) output[to + k] += value * weights[kernel + k];
      }
    }
  }
  return output;
}

function draw(host, data) {
  const decode = decoderOf(data), d = data.start.length, points = numbers(data.points, Int16Array);
  const labels = numbers(data.labels, Uint16Array), reach = data.reach;
  const code = [...data.start], plane = [0, Math.min(1, d - 1)];
  const [height, width, channels] = data.upsamplings.at(-1).to;

  const canvas = make("canvas", {
    tabIndex: 0, role: "application",
    "aria-label": "A plane of the latent space. The arrow keys move the point that is decoded.",
  });
  canvas.style.cursor = "crosshair";
  canvas.style.touchAction = "none";
  const image = make("canvas", { className: "alvae-digit", width, height, role: "img" });
  const said = make("p");
  const stage = make("div", { className: "alvae-row" }, make("div", {}, canvas), make("div", {}, image, said));
  stage.children[0].style.cssText = "flex: 3 1 16rem; min-width: 0";
  stage.children[1].style.cssText = "flex: 2 1 10rem; min-width: 0; text-align: center";
  image.style.width = "min(100%, 14rem)";
  const legend = make("div", { className: "alvae-row" });
  data.classes.forEach((text, k) => {
    const swatch = make("span", { className: "alvae-swatch" });
    swatch.style.background = data.colors[k];
    legend.append(make("span", {}, swatch, text));
  });
  const sliders = code.map((value, k) => {
    const slider = make("input", { type: "range", min: -reach, max: reach, step: reach / 100, value });
    slider.addEventListener("input", () => set(k, Number(slider.value)));
    slider.style.flex = "1 1 8rem";
    slider.style.minWidth = "0";
    return slider;
  });
  const controls = make("div", {}, ...sliders.map((slider, k) => {
    return make("label", { className: "alvae-row" }, `z${k + 1}`, slider);
  }));
  host.append(legend, stage);
  if (d > 2) host.append(make("div", { className: "alvae-row" }, ...["across", "up"].map(chooser)));
  host.append(controls);

  // Which dimension goes across, and which one up.
  function chooser(text, side) {
    const select = make("select", {}, ...code.map((_, k) => make("option", { value: k }, `z${k + 1}`)));
    select.value = plane[side];
    select.addEventListener("change", () => {
      plane[side] = Number(select.value);
      redraw();
    });
    return make("label", {}, `${text}: `, select);
  }

  const redraw = fitted(canvas, (wide) => Math.min(wide, 420), (context, wide, tall) => {
    const ink = textColor(host), at = (values, k) => place(values, wide, tall, k);
    for (let i = 0; i < labels.length; i++) {
      const [x, y] = at((axis) => points[i * d + axis] / 32767 * reach);
      context.globalAlpha = 0.8;
      context.fillStyle = data.colors[labels[i]];
      context.beginPath();
      context.arc(x, y, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = context.fillStyle = ink;
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, wide - 1, tall - 1);
    context.font = "13px system-ui, sans-serif";
    context.fillText(`z${plane[0] + 1}`, wide - 24, tall - 8);
    if (d > 1) context.fillText(`z${plane[1] + 1}`, 8, 18);
    const [x, y] = at((axis) => code[axis]);
    context.lineWidth = 3;
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.moveTo(x - 15, y);
    context.lineTo(x + 15, y);
    context.moveTo(x, y - 15);
    context.lineTo(x, y + 15);
    context.stroke();
  });

  // Of a point, given as a function from an axis to its coordinate, the pixel.
  function place(coordinate, wide, tall) {
    const up = d > 1 ? coordinate(plane[1]) : 0;
    return [(coordinate(plane[0]) / reach + 1) / 2 * wide, (1 - up / reach) / 2 * tall];
  }

  function set(k, value) {
    code[k] = Math.max(-reach, Math.min(reach, value));
    show();
  }

  function show() {
    const values = decode(code), context = image.getContext("2d"), picture = context.createImageData(width, height);
    for (let at = 0; at < width * height; at++) {
      for (let k = 0; k < 3; k++) picture.data[4 * at + k] = 255 * values[at * channels + k % channels];
      picture.data[4 * at + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    const where = `(${code.map(rounded).join(", ")})`;
    said.textContent = `decoded from ${where}`;
    image.setAttribute("aria-label", `The image decoded from ${where}`);
    sliders.forEach((slider, k) => {
      slider.value = code[k];
      slider.setAttribute("aria-valuetext", rounded(code[k]));
    });
    redraw();
  }

  function follow(event) {
    const [x, y] = within(canvas, event);
    if (d > 1) set(plane[1], (1 - 2 * y / canvas.clientHeight) * reach);
    set(plane[0], (2 * x / canvas.clientWidth - 1) * reach);
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && follow(event));
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };
  canvas.addEventListener("keydown", (event) => {
    const [side, sign] = moves[event.key] ?? [];
    if (!sign || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    set(plane[side], code[plane[side]] + sign * reach / (event.shiftKey ? 5 : 25));
  });
  show();
}

// The headers of a frame, from its bytes.

const FORMATS = {
  number: (value) => value.toString(),
  words: (value) => `${value * 4n} bytes`,
  hex: (value, bytes) => `0x${value.toString(16).padStart(bytes.length * 2, "0")}`,
  mac: (value, bytes) => bytes.map(digits).join(":"),
  address: (value, bytes) => bytes.join("."),
  text: (value, bytes) => bytes.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join(""),
};

const digits = (byte) => byte.toString(16).padStart(2, "0");

/** The bytes of a frame that are kept. */
function bytesOf(frame) {
  return frames.bytes[frame].match(/../g).map((byte) => Number.parseInt(byte, 16));
}

/** The names of the bits that are set. */
function flags(value, names) {
  const isSet = (name, place) => (value >> BigInt(names.length - 1 - place)) & 1n;
  return names.filter(isSet).join(" ") || "none";
}

function field(bytes, [name, at, length, shift, bits, form]) {
  const own = bytes.slice(at, length ? at + length : undefined);
  if (own.length === 0) return null;
  const whole = form === "text" ? 0n : BigInt(`0x${own.map(digits).join("")}`);
  const value = bits ? (whole >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n) : whole;
  const shown = Array.isArray(form) ? flags(value, form) : FORMATS[form](value, own);
  return { name, value: shown, bytes: own.map(digits).join(" ") };
}

/** The headers of a frame: kind, and fields with names, values and bytes. */
function headers(frame) {
  const bytes = bytesOf(frame);
  return data.run.layouts[frames.layout[frame]].map(([kind, at, length]) => {
    const { name, fields } = data.run.kinds[kind];
    const own = bytes.slice(at, at + length);
    return { name, length, fields: fields.map((it) => field(own, it)).filter(Boolean) };
  });
}

/** The headers of a frame; those of the frame that it was made from tell what has changed. */
function compared(frame) {
  const parent = frames.parent[frame];
  const now = headers(frame);
  if (parent < 0) return now;
  const before = headers(parent);
  // A header that was put around a packet, or taken off, moves all those inside: match them from the innermost out.
  const offset = now.length - before.length;
  return now.map((layer, place) => {
    const old = place === 0 ? before[0] : before[place - offset];
    if (old?.name !== layer.name || (place > 0 && place - offset <= 0)) return { ...layer, isNew: true };
    const fields = layer.fields.map((it, at) => {
      const was = old.fields[at];
      return was && was.bytes === it.bytes && was.value === it.value ? it : { ...it, was: was?.value ?? "" };
    });
    return { ...layer, fields };
  });
}

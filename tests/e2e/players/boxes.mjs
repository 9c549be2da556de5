// Just enough of ISO 14496-12 to count what a player is given: tracks of an init segment, samples of fragments.
// For Node and for pages.

const text = (v, at) => String.fromCharCode(v.getUint8(at), v.getUint8(at + 1), v.getUint8(at + 2), v.getUint8(at + 3));
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The boxes between two places: their type, where they are and where their content is. */
export function* boxes(v, from = 0, to = v.byteLength) {
  for (let at = from; at + 8 <= to; ) {
    let [size, head] = [v.getUint32(at), 8];
    if (size === 1) [size, head] = [Number(v.getBigUint64(at + 8)), 16];
    if (size === 0) size = to - at;
    if (size < head || at + size > to) throw new Error(`a box ${text(v, at + 4)} of ${size} bytes does not fit`);
    yield { type: text(v, at + 4), at, from: at + head, to: at + size };
    at += size;
  }
}
const within = (v, box, type, skip = 0) => [...boxes(v, box.from + skip, box.to)].filter((b) => b.type === type);
function descend(v, box, ...path) {
  for (const type of path) box = box && within(v, box, type)[0];
  return box;
}

function track(v, trak) {
  const tkhd = descend(v, trak, 'tkhd');
  const mdhd = descend(v, trak, 'mdia', 'mdhd');
  const stsd = descend(v, trak, 'mdia', 'minf', 'stbl', 'stsd');
  const [entry] = boxes(v, stsd.from + 8, stsd.to);
  const kind = text(v, descend(v, trak, 'mdia', 'hdlr').from + 8);
  const seen = {
    id: v.getUint32(tkhd.from + (v.getUint8(tkhd.from) ? 20 : 12)),
    timescale: v.getUint32(mdhd.from + (v.getUint8(mdhd.from) ? 20 : 12)),
    kind: kind === 'vide' ? 'video' : 'audio',
    entry: entry.type,
  };
  if (seen.kind === 'video') {
    [seen.width, seen.height] = [v.getUint16(entry.from + 24), v.getUint16(entry.from + 26)];
    const config = [...boxes(v, entry.from + 78, entry.to)].find((b) => b.type === 'avcC' || b.type === 'av1C');
    seen.config = new Uint8Array(v.buffer, v.byteOffset + config.from, config.to - config.from).slice();
  }
  return seen;
}

/** Tracks by id. */
export function readInit(bytes) {
  const v = viewOf(bytes);
  const moov = [...boxes(v)].find((b) => b.type === 'moov');
  const tracks = new Map(within(v, moov, 'trak').map((t) => track(v, t)).map((t) => [t.id, t]));
  for (const trex of within(v, descend(v, moov, 'mvex'), 'trex')) {
    const t = tracks.get(v.getUint32(trex.from + 4));
    t.defaults = { duration: v.getUint32(trex.from + 12), size: v.getUint32(trex.from + 16), flags: v.getUint32(trex.from + 20) };
  }
  return tracks;
}

function* run(v, trun, state) {
  const flags = v.getUint32(trun.from) & 0xffffff;
  const signed = v.getUint8(trun.from) > 0;
  const count = v.getUint32(trun.from + 4);
  let at = trun.from + 8;
  if (flags & 0x1) [state.data, at] = [state.base + v.getInt32(at), at + 4];
  let first = null;
  if (flags & 0x4) [first, at] = [v.getUint32(at), at + 4];
  const field = (flag, other) => {
    if (!(flags & flag)) return other;
    at += 4;
    return v.getUint32(at - 4);
  };
  for (let n = 0; n < count; n += 1) {
    const duration = field(0x100, state.duration);
    const size = field(0x200, state.size);
    const mark = field(0x400, n === 0 && first !== null ? first : state.flags);
    let shift = field(0x800, 0);
    if (signed) shift |= 0;
    yield { dts: state.dts, pts: state.dts + shift, duration, key: !(mark & 0x10000), at: state.data, size };
    state.dts += duration;
    state.data += size;
  }
}

/** The samples of every fragment in some bytes; times in the track's ticks. */
export function readSamples(bytes, tracks) {
  const v = viewOf(bytes);
  const all = [];
  for (const moof of boxes(v)) {
    if (moof.type !== 'moof') continue;
    for (const traf of within(v, moof, 'traf')) {
      const tfhd = descend(v, traf, 'tfhd');
      const t = tracks.get(v.getUint32(tfhd.from + 4));
      const flags = v.getUint32(tfhd.from) & 0xffffff;
      const state = { ...t.defaults, base: moof.at, data: moof.at };
      let at = tfhd.from + 8;
      if (flags & 0x1) [state.base, at] = [Number(v.getBigUint64(at)), at + 8];
      if (flags & 0x2) at += 4;
      for (const [flag, name] of [[0x8, 'duration'], [0x10, 'size'], [0x20, 'flags']]) {
        if (flags & flag) [state[name], at] = [v.getUint32(at), at + 4];
      }
      const tfdt = descend(v, traf, 'tfdt');
      state.dts = v.getUint8(tfdt.from) ? Number(v.getBigUint64(tfdt.from + 4)) : v.getUint32(tfdt.from + 4);
      for (const trun of within(v, traf, 'trun')) for (const s of run(v, trun, state)) all.push({ ...s, track: t });
    }
  }
  return all;
}

/** Draws a BlurHash (https://blurha.sh): the picture before the picture. */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~';

function decode83(text: string): number {
  let value = 0;
  for (const c of text) value = value * 83 + DIGITS.indexOf(c);
  return value;
}

const toLinear = (v: number): number => {
  const c = v / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
};
const toSrgb = (v: number): number => {
  const c = Math.max(0, Math.min(1, v));
  return Math.round((c <= 0.0031308 ? c * 12.92 : 1.055 * c ** (1 / 2.4) - 0.055) * 255);
};
const signSquare = (v: number): number => Math.sign(v) * v * v;

export function isBlurHash(hash: string | null | undefined): hash is string {
  if (!hash || hash.length < 6) return false;
  const size = decode83(hash[0] ?? '');
  return hash.length === 4 + 2 * ((size % 9) + 1) * (Math.floor(size / 9) + 1);
}

/** RGBA pixels of `width` × `height`. */
export function decodeBlurHash(hash: string, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
  const size = decode83(hash.slice(0, 1));
  const nx = (size % 9) + 1;
  const ny = Math.floor(size / 9) + 1;
  const max = (decode83(hash.slice(1, 2)) + 1) / 166;
  const average = decode83(hash.slice(2, 6));
  const colours: [number, number, number][] = [[toLinear(average >> 16), toLinear((average >> 8) & 255), toLinear(average & 255)]];
  for (let i = 1; i < nx * ny; i++) {
    const v = decode83(hash.slice(4 + i * 2, 6 + i * 2));
    const part = (x: number) => signSquare((x - 9) / 9) * max;
    colours.push([part(Math.floor(v / 361)), part(Math.floor(v / 19) % 19), part(v % 19)]);
  }
  const out = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let j = 0; j < ny; j++) {
        for (let i = 0; i < nx; i++) {
          const weight = Math.cos((Math.PI * x * i) / width) * Math.cos((Math.PI * y * j) / height);
          const c = colours[j * nx + i] ?? [0, 0, 0];
          r += c[0] * weight;
          g += c[1] * weight;
          b += c[2] * weight;
        }
      }
      out.set([toSrgb(r), toSrgb(g), toSrgb(b), 255], (y * width + x) * 4);
    }
  }
  return out;
}

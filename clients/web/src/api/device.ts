/** This browser, as one device of the person who uses it. */

const KEY = 'signal.device';
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 128 random bits as 26 characters of Crockford base32; the first holds three bits. */
export function newDeviceId(random: (bytes: Uint8Array<ArrayBuffer>) => void = (b) => void crypto.getRandomValues(b)): string {
  const bytes = new Uint8Array(16);
  random(bytes);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let i = 25; i >= 0; i--) text += ALPHABET[Number((value >> BigInt(5 * i)) & 31n)];
  return text;
}

let memory: string | undefined;

export function deviceId(): string {
  if (memory) return memory;
  try {
    memory = localStorage.getItem(KEY) ?? undefined;
    if (!memory || memory.length !== 26) {
      memory = newDeviceId();
      localStorage.setItem(KEY, memory);
    }
  } catch {
    memory ??= newDeviceId(); // Storage is switched off: the device lives as long as the tab.
  }
  return memory;
}

/** "Chrome on Android": what a person recognises in their list of devices. */
export function deviceName(agent: string = navigator.userAgent): string {
  const browser =
    /Edg\//.test(agent) ? 'Edge'
    : /OPR\//.test(agent) ? 'Opera'
    : /Firefox\//.test(agent) ? 'Firefox'
    : /Chrome\//.test(agent) ? 'Chrome'
    : /Safari\//.test(agent) ? 'Safari'
    : 'Browser';
  const system =
    /iPhone|iPad/.test(agent) ? 'iOS'
    : /Android/.test(agent) ? 'Android'
    : /Windows/.test(agent) ? 'Windows'
    : /Mac OS X/.test(agent) ? 'macOS'
    : /Linux/.test(agent) ? 'Linux'
    : '';
  return system ? `${browser} on ${system}` : browser;
}

/** Files of unfinished uploads, kept by the browser so that a reload loses nothing. */

const DB = 'signal-uploads';
const STORE = 'files';
/** Larger files are not copied; the person picks them again after a reload. */
export const KEEP_BELOW_BYTES = 256 * 1024 * 1024;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const ask = indexedDB.open(DB, 1);
    ask.onupgradeneeded = () => ask.result.createObjectStore(STORE);
    ask.onsuccess = () => resolve(ask.result);
    ask.onerror = () => reject(ask.error ?? new Error('indexedDB'));
  });
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  try {
    const db = await open();
    return await new Promise<T>((resolve, reject) => {
      const ask = work(db.transaction(STORE, mode).objectStore(STORE));
      ask.onsuccess = () => resolve(ask.result);
      ask.onerror = () => reject(ask.error ?? new Error('indexedDB'));
    }).finally(() => db.close());
  } catch {
    return undefined; // No storage, or it is full: the file must be picked again.
  }
}

export async function keepFile(id: string, file: File): Promise<void> {
  if (file.size <= KEEP_BELOW_BYTES) await run('readwrite', (s) => s.put(file, id));
}

export async function keptFile(id: string): Promise<File | undefined> {
  const file = (await run('readonly', (s) => s.get(id))) as File | undefined;
  if (!file) return undefined;
  try {
    await file.slice(0, 1).arrayBuffer(); // A file that was moved or deleted can no longer be read.
    return file;
  } catch {
    return undefined;
  }
}

export async function dropFile(id: string): Promise<void> {
  await run('readwrite', (s) => s.delete(id));
}

/**
 * Sends the parts of one file with Uppy's S3 plugin. Ours around it: parts are signed just in
 * time and in batches, the server's part list is the truth, and a lost network is waited for.
 */

import Uppy from '@uppy/core';
import AwsS3 from '@uppy/aws-s3';
import { Problem, asProblem, uploads, type SignedPart, type UploadTicket } from '../api';
import { backoffMs, sleep, whenOnline } from '../shell/network';

export interface SendHooks {
  progress: (sent: number, total: number) => void;
  /** The line is down (or the server busy) and it is being tried again. */
  waiting: (on: boolean) => void;
}

export interface Sending {
  pause: () => void;
  resume: () => void;
  cancel: () => void;
  done: Promise<void>;
}

const PARALLEL_PARTS = 3;
const TRIES = 8;
const SIGN_WITHIN_MS = 20;
const SIGN_AT_MOST = 50;
/** A URL about to expire is signed again. */
const EXPIRY_SLACK_MS = 20_000;

class PartRefused extends Error {
  constructor(readonly status: number) {
    super(`part refused with ${status}`);
  }
}

/** Repeats what failed for reasons that pass; without a network it waits as long as it takes. */
export async function patiently<T>(work: () => Promise<T>, hooks: Pick<SendHooks, 'waiting'>, stop: AbortSignal): Promise<T> {
  for (let attempt = 0; ; ) {
    try {
      const value = await work();
      hooks.waiting(false);
      return value;
    } catch (error) {
      const problem = asProblem(error);
      stop.throwIfAborted();
      if (!problem.temporary || (!problem.offline && ++attempt >= TRIES)) throw error;
      hooks.waiting(true);
      await sleep(problem.retryAfterS ? problem.retryAfterS * 1000 : 300 + backoffMs(Math.min(attempt++, 6)));
      await whenOnline();
      stop.throwIfAborted();
    }
  }
}

/** Collects what is asked within a moment into one call. */
function batchSigner(ticket: UploadTicket, hooks: SendHooks, stop: AbortSignal) {
  let waiting: { number: number; size: number; resolve: (p: SignedPart) => void; reject: (e: unknown) => void }[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = async () => {
    timer = undefined;
    const batch = waiting.slice(0, SIGN_AT_MOST);
    waiting = waiting.slice(SIGN_AT_MOST);
    if (waiting.length) timer = setTimeout(() => void flush(), 0);
    try {
      const parts = batch.map((b) => ({ number: b.number, size_bytes: b.size }));
      const answer = await patiently(() => uploads.sign(ticket.upload_id, parts), hooks, stop);
      for (const b of batch) {
        const part = answer.parts.find((p) => p.number === b.number);
        if (part) b.resolve(part);
        else b.reject(new Error(`part ${b.number} was not signed`));
      }
    } catch (error) {
      for (const b of batch) b.reject(error);
    }
  };
  return (number: number, size: number) =>
    new Promise<SignedPart>((resolve, reject) => {
      waiting.push({ number, size, resolve, reject });
      timer ??= setTimeout(() => void flush(), SIGN_WITHIN_MS);
    });
}

function put(part: SignedPart, body: Blob, onProgress: (loaded: number) => void, stop: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    stop.addEventListener('abort', abort);
    xhr.open('PUT', part.url);
    for (const [name, value] of Object.entries(part.headers ?? {})) {
      if (!/^(host|content-length)$/i.test(name)) xhr.setRequestHeader(name, value);
    }
    xhr.upload.onprogress = (e) => onProgress(e.loaded);
    xhr.onloadend = () => stop.removeEventListener('abort', abort);
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(xhr.getResponseHeader('etag') ?? '');
      else reject(new PartRefused(xhr.status));
    };
    xhr.onerror = () => reject(new Problem('offline', 0));
    xhr.onabort = () => reject(Object.assign(new Error('Aborted'), { name: 'AbortError' }));
    xhr.send(body);
  });
}

interface Signature {
  url: string;
  method: 'PUT';
  headers: Record<string, string>;
  fields: Record<string, never>;
  part: SignedPart;
}

interface PartJob {
  signature: Signature;
  body: Blob;
  onProgress: (e: { loaded: number; lengthComputable: boolean }) => void;
  onComplete?: (etag: string) => void;
  signal?: AbortSignal;
}

export function send(file: File, ticket: UploadTicket, hooks: SendHooks): Sending {
  const stopper = new AbortController();
  const stop = stopper.signal;
  const sign = batchSigner(ticket, hooks, stop);
  const signature = async (number: number, size: number): Promise<Signature> => {
    const part = await sign(number, size);
    return { url: part.url, method: 'PUT', headers: part.headers ?? {}, fields: {}, part };
  };

  const uploadPartBytes = async (job: PartJob) => {
    const signal = job.signal ?? stop;
    let { part } = job.signature;
    for (let attempt = 0; ; attempt++) {
      try {
        if (part.expires_at_ms && part.expires_at_ms - Date.now() < EXPIRY_SLACK_MS) part = await sign(part.number, job.body.size);
        const etag = await put(part, job.body, (loaded) => job.onProgress({ loaded, lengthComputable: true }), signal);
        hooks.waiting(false);
        job.onProgress({ loaded: job.body.size, lengthComputable: true });
        job.onComplete?.(etag);
        return { ETag: etag };
      } catch (error) {
        if (signal.aborted || stop.aborted || (error as Error).name === 'AbortError') throw error;
        const status = error instanceof PartRefused ? error.status : 0;
        const final = status >= 400 && status < 500 && ![403, 408, 409, 425, 429].includes(status);
        if (final || (status && attempt >= TRIES)) throw error;
        hooks.waiting(true);
        job.onProgress({ loaded: 0, lengthComputable: true });
        await sleep(300 + backoffMs(Math.min(attempt, 6)));
        await whenOnline();
        if (status === 403) part = await sign(part.number, job.body.size);
      }
    }
  };

  const uppy = new Uppy({ autoProceed: false, logger: { debug() {}, warn() {}, error() {} } });
  uppy.use(AwsS3, {
    shouldUseMultipart: true,
    limit: PARALLEL_PARTS,
    getChunkSize: () => ticket.part_size_bytes,
    createMultipartUpload: async () => ({ uploadId: ticket.upload_id, key: ticket.upload_id }),
    listParts: async () => {
      const state = await patiently(() => uploads.state(ticket.upload_id), hooks, stop);
      return state.received.map((p) => ({ PartNumber: p.number, Size: p.size_bytes, ETag: p.etag }));
    },
    signPart: (_file: unknown, o: { partNumber: number; body: Blob }) => signature(o.partNumber, o.body.size),
    // A file of one part: the same signature, the same completion.
    getUploadParameters: () => signature(1, file.size),
    uploadPartBytes,
    // Completing and aborting are decisions of the upload list, not of the transport.
    completeMultipartUpload: async () => ({}),
    abortMultipartUpload: async () => undefined,
  } as unknown as Parameters<typeof uppy.use>[1]);

  const id = uppy.addFile({ name: file.name, type: file.type || 'application/octet-stream', data: file });
  uppy.setFileState(id, { s3Multipart: { key: ticket.upload_id, uploadId: ticket.upload_id } } as never);
  uppy.on('upload-progress', (_f, p) => hooks.progress(p.bytesUploaded || 0, file.size));
  let failure: unknown;
  uppy.on('upload-error', (_f, error) => (failure = error));

  const done = (async () => {
    if (ticket.part_count === 1) {
      const state = await patiently(() => uploads.state(ticket.upload_id), hooks, stop);
      if (!state.missing.length && state.received.length) return hooks.progress(file.size, file.size);
    }
    const result = await uppy.upload();
    stop.throwIfAborted();
    if (!result?.successful?.length) throw failure ?? new Error('the upload ended without a result');
  })().finally(() => uppy.destroy());

  return {
    pause: () => uppy.pauseAll(),
    resume: () => uppy.resumeAll(),
    cancel: () => {
      stopper.abort();
      uppy.cancelAll();
    },
    done,
  };
}

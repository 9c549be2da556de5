/** RFC 9457 problems as errors; a lost network and a late answer are problems too. */

export interface FieldError {
  field: string;
  code: string;
  message: string;
}

interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  instance?: string;
  errors?: FieldError[];
  [extra: string]: unknown;
}

export class Problem extends Error {
  readonly slug: string;
  readonly status: number;
  readonly detail: string;
  readonly request: string | undefined;
  readonly fields: FieldError[];
  readonly retryAfterS: number | undefined;
  readonly extras: Record<string, unknown>;

  constructor(slug: string, status: number, body: ProblemBody = {}, retryAfterS?: number) {
    super(body.detail || body.title || slug);
    this.name = 'Problem';
    this.slug = slug;
    this.status = status;
    this.detail = body.detail ?? body.title ?? '';
    this.request = body.instance;
    this.fields = body.errors ?? [];
    this.retryAfterS = retryAfterS;
    this.extras = body;
  }

  /** Nothing reached the server, or nothing came back. */
  get offline(): boolean {
    return this.slug === 'offline';
  }

  /** Asking again later may help. */
  get temporary(): boolean {
    // A used-up quota and a full disk stay so for longer than anybody waits.
    if (this.slug === 'quota-exceeded' || this.status === 507) return false;
    return this.offline || this.status === 429 || this.status >= 500;
  }
}

export function offlineProblem(): Problem {
  return new Problem('offline', 0);
}

export async function readProblem(response: Response): Promise<Problem> {
  let body: ProblemBody = {};
  try {
    const text = await response.text();
    if (text.startsWith('{')) body = JSON.parse(text) as ProblemBody;
  } catch {
    // A proxy in between may answer with something else; the status still tells.
  }
  const slug = body.type?.split('/').pop() || `http-${response.status}`;
  const retry = Number(response.headers.get('retry-after'));
  return new Problem(slug, response.status, body, Number.isFinite(retry) && retry > 0 ? retry : undefined);
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return offlineProblem();
  return new Problem('internal', 0, { detail: error instanceof Error ? error.message : String(error) });
}

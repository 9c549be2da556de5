/** The words of the HTTP API, as `/openapi.json` describes them. Times are unix milliseconds. */

export type Status =
  | 'reserved'
  | 'uploaded'
  | 'judging'
  | 'in_review'
  | 'approved'
  | 'rejected'
  | 'encoding'
  | 'verifying'
  | 'published'
  | 'unlisted'
  | 'failed'
  | 'removed'
  | 'erased';

export type Visibility = 'public' | 'unlisted' | 'private';
export type Role = 'viewer' | 'moderator' | 'operator';

export interface User {
  id: string;
  display_name: string;
  handle: string;
  bio?: string;
  guest: boolean;
  email?: string | null;
  roles: Role[];
  created_at_ms: number;
  counts?: { videos: number; likes: number };
}

export interface Session {
  access_token: string;
  token_type: 'Bearer';
  expires_in_s: number;
  refresh_token: string;
  user: User;
}

export interface Device {
  device_id: string;
  name: string;
  current: boolean;
  created_at_ms: number;
  last_seen_at_ms: number;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Rung {
  rung: number;
  width: number;
  height: number;
  codecs: string;
  peak_kbps: number;
  average_kbps: number;
  media_url: string;
  init_url: string;
  init_bytes: number;
  first_frame_bytes: number;
  segment_bytes: number[];
}

export interface Sprite {
  url: string;
  vtt_url: string;
  tile_width: number;
  tile_height: number;
  columns: number;
  rows: number;
  tiles: number;
  cadence_ms: number;
}

/** The startup descriptor: all a player must know to show the first frame without asking. */
export interface Playback {
  package_id: string;
  multivariant_url: string;
  poster_url: string;
  blurhash?: string | null;
  width: number;
  height: number;
  fps_milli: number;
  has_audio: boolean;
  sprite?: Sprite | null;
  start_rung: number;
  segment_ms: number[];
  rungs: Rung[];
  retention_ppm: number[];
}

export interface Failure {
  code: string;
  message: string;
  retryable: boolean;
}

export interface Verdict {
  verdict: 'approve' | 'reject' | 'escalate';
  reason_code?: string | null;
  reason?: string | null;
  decided_at_ms: number;
  decided_by: string;
}

export interface Owner {
  id: string;
  display_name: string;
  handle: string;
}

export interface Video {
  id: string;
  owner: Owner;
  status: Status;
  visibility: Visibility;
  title: string;
  caption: string;
  hashtags: string[];
  created_at_ms: number;
  published_at_ms?: number | null;
  duration_ms?: number | null;
  width?: number | null;
  height?: number | null;
  progress_percent?: number | null;
  status_text?: string;
  failure?: Failure | null;
  verdict?: Verdict | null;
  counts: { views: number; likes: number; shares: number; avg_dwell_ms?: number };
  liked: boolean;
  saved: boolean;
  playback?: Playback | null;
  link?: string;
  revision?: number;
}

/** The owner's own picture for the cover. */
export interface CoverStatus {
  /** Viewers are shown it, or will be. */
  own: boolean;
  /** The one that was sent last, until it is approved. */
  pending: { state: 'checking' | 'in_review' | 'refused'; code?: string | null; reason?: string | null; retryable: boolean } | null;
}

export interface FeedItem extends Video {
  impression_id: string;
  reason?: { code: string; text: string };
}

export interface FeedPage extends Page<FeedItem> {
  session?: string;
  /** Nothing more to show now; the cursor may bring more later. */
  exhausted?: boolean;
}

export interface Limits {
  max_bytes: number;
  max_duration_ms: number;
  accepted: string[];
  quota?: { open_uploads?: number; bytes_per_day?: number; bytes_left?: number; videos_left?: number };
}

export interface UploadTicket {
  upload_id: string;
  video_id: string;
  part_size_bytes: number;
  part_count: number;
  expires_at_ms: number;
}

export interface UploadState extends UploadTicket {
  status: 'open' | 'completing' | 'completed' | 'aborted';
  size_bytes: number;
  received: { number: number; size_bytes: number; etag: string }[];
  received_bytes: number;
  missing: number[];
  filename?: string;
}

export interface SignedPart {
  number: number;
  url: string;
  headers: Record<string, string>;
  size_bytes: number;
  expires_at_ms: number;
}

export interface Transform {
  trim_start_ms?: number | null;
  trim_end_ms?: number | null;
  mute?: boolean;
  cover_at_ms?: number | null;
}

export interface NewUpload {
  filename: string;
  size_bytes: number;
  content_type?: string;
  title?: string;
  caption?: string;
  hashtags?: string[];
  visibility?: Visibility;
  transform?: Transform;
}

export interface QueueItem {
  video_id: string;
  owner: Owner | string;
  title: string;
  created_at_ms: number;
  waiting_ms: number;
  reason: string;
  top_score?: number | { name: string; confidence: number } | null;
  poster_url?: string | null;
  duration_ms?: number | null;
  appeal?: { message: string; at_ms?: number } | string | null;
}

export interface Finding {
  name: string;
  parent: string;
  level: number;
  confidence: number;
}

export interface ReviewFrame {
  n: number;
  at_ms: number;
  url: string;
  findings: Finding[];
}

export interface Decision {
  at_ms: number;
  by: string;
  verdict: string;
  reason_code?: string | null;
  reason?: string | null;
}

export interface Review {
  video: Video;
  content_sha256?: string | null;
  frames: ReviewFrame[];
  labels: { name: string; max_confidence: number; hot_frames?: number; frames?: number; reject_at?: number | null; review_at?: number | null }[];
  unjudged: string[];
  classifier: { name: string; version: string } | null;
  decisions: Decision[];
  same_content: (string | { video_id: string; verdict?: string | null; status?: string; at_ms?: number | null; by?: string | null; reason_code?: string | null })[];
  /** A rejected video of other bytes with the same pictures. */
  lookalike?: { video_id: string; matched: number; pictures: number; reason_code: string; rejected_at_ms: number; decisions: Decision[] } | null;
  /** Moments just under a limit. */
  near_ms?: number[];
  source_url: string;
  appeal?: QueueItem['appeal'];
  blocked?: boolean;
  reports?: { at_ms: number; by: string; detail: string }[];
  cover?: ReviewCover | null;
}

/** A picture that the owner sent for the cover. */
export interface ReviewCover {
  n: number;
  waiting: boolean;
  shown: boolean;
  url: string;
  classifier: { name: string; version: string } | null;
  labels: Review['labels'];
  unjudged: string[];
  decisions: Decision[];
}

export interface ReasonOption {
  code: string;
  title?: string;
  text?: string;
  /** What the owner reads unless the moderator writes something else. */
  owner_text?: string;
  needs_text?: boolean;
}

export interface Promise_ {
  name: string;
  target: string | number;
  value: string | number | null;
  unit: string;
  state: 'green' | 'amber' | 'red' | 'unknown';
  /** On which side of the target it is well. */
  bound?: 'below' | 'at_least';
  help?: string;
}

export interface OpsQueue {
  kind: string;
  ready: number;
  running: number;
  dead: number;
  oldest_ms?: number | null;
}

export interface OpsSeries {
  name: string;
  label?: string;
  unit?: string;
  target?: number | null;
  points: [number, number | null][];
}

export interface OpsSummary {
  ok: boolean;
  promises: Promise_[];
  queues: OpsQueue[];
  disk?: { free_bytes: number; total_bytes: number; data_bytes: number } | null;
  rates: Record<string, number>;
  sockets?: number;
  media?: { hit: number; miss: number; hot_bytes: number; sent_bytes: number };
  uptime_s: number;
  version: string;
  series?: OpsSeries[];
}

export interface Job {
  id: string;
  kind: string;
  key?: string;
  state: string;
  attempts?: number;
  max_attempts?: number;
  error?: string | null;
  progress_percent?: number | null;
  created_at_ms?: number;
  finished_at_ms?: number | null;
  run_at_ms?: number | null;
}

export interface DemoProgress {
  running: boolean;
  done?: number;
  total?: number;
  published?: number;
  message?: string;
}

export interface ClientConfig {
  limits?: Limits;
  version?: string;
  demo_enabled?: boolean;
  /** `unseen`: what nobody looks for before a video is published. */
  moderation?: { mode?: string; unseen?: string[] };
  ws_url?: string;
  s3_url?: string | null;
  /** How long a deleted video can be brought back. */
  undo_ms?: number;
}

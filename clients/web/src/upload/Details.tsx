/** The words of a video: caption with hashtags, and who may see it. Also used when editing later. */

import type { Visibility } from '../api';
import { t } from '../messages';
import { Field } from '../ui';
import { GlobeIcon, LinkIcon, LockIcon } from '../ui/icons';
import { hashtagsOf } from './check';

export interface Words {
  caption: string;
  visibility: Visibility;
}

export const CAPTION_MAX = 2_200;
const CAPTION_WARN = 200;

const CHOICES = [
  { value: 'public', icon: GlobeIcon, label: t.upload.public, hint: t.upload.publicHint },
  { value: 'unlisted', icon: LinkIcon, label: t.upload.unlisted, hint: t.upload.unlistedHint },
  { value: 'private', icon: LockIcon, label: t.upload.private, hint: t.upload.privateHint },
] as const;

export function Details({ words, onChange }: { words: Words; onChange: (words: Words) => void }) {
  const left = CAPTION_MAX - words.caption.length;
  const tags = hashtagsOf(words.caption);
  return (
    <>
      <Field label={t.upload.caption} hint={left < CAPTION_WARN ? t.upload.captionLeft(left) : t.upload.captionHint}>
        {(ids) => (
          <textarea class="input" rows={3} maxLength={CAPTION_MAX} {...ids} value={words.caption} onInput={(e) => onChange({ ...words, caption: e.currentTarget.value })} />
        )}
      </Field>
      {tags.length > 0 && (
        <ul class="row-wrap" aria-label={t.upload.hashtags}>
          {tags.map((tag) => (
            <li class="chip busy" key={tag}>
              #{tag}
            </li>
          ))}
        </ul>
      )}
      <fieldset class="field">
        <legend>{t.upload.visibility}</legend>
        <div class="stack-s">
          {CHOICES.map(({ value, icon: Icon, label, hint }) => (
            <label class="choice" key={value}>
              <input type="radio" name="visibility" value={value} checked={words.visibility === value} onChange={() => onChange({ ...words, visibility: value })} />
              <Icon size={20} />
              <span class="grow">
                {label}
                <br />
                <span class="hint">{hint}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
    </>
  );
}

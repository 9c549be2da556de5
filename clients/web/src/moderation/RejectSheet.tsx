/** A rejection needs a reason that its owner will read. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { moderation, type ReasonOption } from '../api';
import { t } from '../messages';
import { Button, Field, Sheet } from '../ui';

/** Shown until the server's own list has come. */
const USUAL: ReasonOption[] = [{ code: 'other', title: t.menu.reportReasons[5]?.[1] ?? 'other', needs_text: true }];

export function RejectSheet({ onClose, onReject }: { onClose: () => void; onReject: (code: string, text: string) => void }) {
  const [reasons, setReasons] = useState<ReasonOption[]>(USUAL);
  const [code, setCode] = useState('');
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<string>();
  const first = useRef<HTMLSelectElement>(null);
  const touched = useRef(false);
  useEffect(() => {
    moderation.reasons().then(
      (answer) => setReasons(Array.isArray(answer) ? answer : answer.items),
      () => undefined,
    );
    first.current?.focus();
  }, []);
  const choose = (next: string) => {
    setCode(next);
    setWrong(undefined);
    // The usual sentence is a start; what the moderator wrote stays.
    if (!touched.current) setText(reasons.find((r) => r.code === next)?.owner_text ?? '');
  };
  const submit = (e: Event) => {
    e.preventDefault();
    if (!code || !text.trim()) return setWrong(t.moderation.reasonNeeded);
    onReject(code, text.trim());
  };
  return (
    <Sheet title={t.moderation.reasonTitle} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <Field label={t.moderation.reasonCode}>
          {(ids) => (
            <select class="input" ref={first} {...ids} value={code} onChange={(e) => choose(e.currentTarget.value)}>
              <option value="" disabled />
              {reasons.map((r) => (
                <option key={r.code} value={r.code}>
                  {r.title ?? r.text ?? r.code}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t.moderation.reasonText} hint={t.moderation.reasonTextHint} wrong={wrong}>
          {(ids) => (
            <textarea
              class="input"
              maxLength={500}
              {...ids}
              value={text}
              onInput={(e) => {
                touched.current = true;
                setText(e.currentTarget.value);
              }}
            />
          )}
        </Field>
        <Button type="submit" look="danger" wide>
          {t.moderation.sendReject}
        </Button>
      </form>
    </Sheet>
  );
}

/** Who may moderate: found by name, granted with one button. */

import { useState } from 'preact/hooks';
import { ops, type Role, type User } from '../api';
import { t } from '../messages';
import { Avatar, Button, Field, problemText } from '../ui';
import { toast } from '../ui/toast';

export function People() {
  const [query, setQuery] = useState('');
  const [found, setFound] = useState<User[] | null>(null);
  const search = async (e: Event) => {
    e.preventDefault();
    try {
      setFound((await ops.users(query.trim())).items);
    } catch (error) {
      toast(problemText(error));
    }
  };
  const toggle = async (person: User) => {
    const has = person.roles.includes('moderator');
    const roles: Role[] = has ? person.roles.filter((r) => r !== 'moderator') : [...person.roles, 'moderator'];
    try {
      await ops.roles(person.id, roles);
      setFound((all) => (all ?? []).map((x) => (x.id === person.id ? { ...x, roles } : x)));
      toast(t.ops.rolesSaved);
    } catch (error) {
      toast(`${t.ops.rolesFailed} ${problemText(error)}`);
    }
  };
  return (
    <section aria-labelledby="ops-people">
      <h2 id="ops-people">{t.ops.people}</h2>
      <form onSubmit={(e) => void search(e)}>
        <Field label={t.ops.peopleFind}>
          {(ids) => <input class="input people-input" type="search" {...ids} value={query} onInput={(e) => setQuery(e.currentTarget.value)} />}
        </Field>
      </form>
      {found && !found.length && <p class="muted">{t.ops.peopleNone}</p>}
      <ul class="stack-s">
        {found?.map((p) => (
          <li class="row person-row" key={p.id}>
            <Avatar id={p.id} name={p.display_name} size={40} />
            <div class="grow">
              <p class="clip">{p.display_name}</p>
              <p class="small muted clip">
                @{p.handle} · {p.roles.join(', ')}
              </p>
            </div>
            <Button small look="quiet" onClick={() => void toggle(p)}>
              {p.roles.includes('moderator') ? t.ops.withdraw : t.ops.grant}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

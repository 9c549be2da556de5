/** A page for people with a role; asks once whether it was given since the last sign-in. */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { people, session, type Role } from '../api';
import { State, Waiting } from '../ui';
import { ShieldIcon } from '../ui/icons';

interface Props {
  role: Role;
  title: string;
  text: string;
  children: ComponentChildren;
}

export function Guarded({ role, title, text, children }: Props) {
  const has = session.hasRole(role);
  const [asked, setAsked] = useState(has);
  useEffect(() => {
    if (has) return;
    people.renewRoles().then(
      () => setAsked(true),
      () => setAsked(true),
    );
  }, [role]);
  if (has) return <>{children}</>;
  return <div class="page">{asked ? <State top icon={<ShieldIcon />} title={title} text={text} /> : <Waiting />}</div>;
}

/** The one-time link that the server prints at its first start. */

import { useEffect, useState } from 'preact/hooks';
import { auth } from '../api';
import { t } from '../messages';
import { navigate, type Route } from '../router';
import { LinkButton, State, Waiting, problemText } from '../ui';
import { AlertIcon, ActivityIcon } from '../ui/icons';
import { asProblem } from '../api';

export default function OperatorPage({ route }: { route: Route }) {
  // The code is read once and then leaves the address, so that it is not shared by accident.
  const [code] = useState(() => route.query.get('code') ?? '');
  const [failed, setFailed] = useState<string | null>(code ? null : t.account.operatorMissing);
  useEffect(() => {
    if (!code) return;
    history.replaceState(history.state, '', '/operator');
    auth.operator(code).then(
      () => navigate('/ops', { replace: true }),
      (error: unknown) => setFailed(asProblem(error).temporary ? problemText(error) : t.account.operatorFailedText),
    );
  }, []);
  return (
    <div class="page">
      {failed ? (
        <State top live icon={<AlertIcon />} title={t.account.operatorFailed} text={failed}>
          <LinkButton href="/">{t.problem.toFeed}</LinkButton>
        </State>
      ) : (
        <>
          <Waiting />
          <State top icon={<ActivityIcon />} title={t.account.operatorTitle} text={t.account.operatorText} />
        </>
      )}
    </div>
  );
}

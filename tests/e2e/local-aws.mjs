// The same steps on the engines of AWS at doubles of this machine: two API and two worker processes, an object
// store, DynamoDB and SQS doubles, one origin in front. In the middle one API and one worker are killed -9.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, binary, browse, freePort, meanwhile, report, root, sampleClip, walk } from './steps.mjs';

const cache = process.env.CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME, '.cache'), 'signal-video');
const doubles = {
  dynoxide: join(process.env.SIGNAL_TOOLS ?? join(cache, 'tools/bin'), 'dynoxide'),
  moto: process.env.SIGNAL_MOTO ?? join(cache, 'venv/bin/moto_server'),
};

const running = new Set();

function start(name, program, args, env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', name.startsWith('double') ? 'ignore' : 'inherit'] });
  const it = { name, child, ended: false };
  running.add(it);
  child.on('exit', () => {
    it.ended = true;
    running.delete(it);
  });
  child.stdout.resume();
  return it;
}

const end = (it, signal) =>
  new Promise((done) => {
    if (it.ended) return done();
    it.child.on('exit', done);
    it.child.kill(signal);
  });

async function listens(port, what) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const up = await new Promise((done) => {
      const probe = connect(port, '127.0.0.1', () => done(true) || probe.destroy()).on('error', () => done(false));
    });
    if (up) return;
    assert(Date.now() < deadline, `${what} does not listen`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

async function ready(port) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (answer?.ok) return;
    assert(Date.now() < deadline, `an API is not ready: ${answer ? await answer.text() : 'no answer'}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

/** One origin: each connection goes to the next backend that takes it. */
function balancer(port, backends) {
  let turn = 0;
  const server = createServer((client) => {
    client.on('error', () => {});
    const first = turn++;
    const attempt = (n) => {
      if (n === backends.length) return client.destroy();
      const backend = connect(backends[(first + n) % backends.length], '127.0.0.1');
      backend.once('error', () => attempt(n + 1));
      backend.once('connect', () => {
        backend.removeAllListeners('error');
        backend.on('error', () => client.destroy());
        backend.on('close', () => client.destroy());
        client.on('close', () => backend.destroy());
        client.pipe(backend).pipe(client);
      });
    };
    attempt(0);
  });
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}

async function main() {
  for (const [name, program] of Object.entries(doubles)) {
    assert(existsSync(program), `the double ${name} is missing: \`scripts/deps.sh doubles\` installs it`);
  }
  const data = mkdtempSync(join(tmpdir(), 'signal-local-aws-'));
  const [origin, dynamodb, sqs, s3, apiA, apiB] = await Promise.all(Array.from({ length: 6 }, freePort));
  const at = (port) => `http://127.0.0.1:${port}`;
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local-doubles-only', AWS_EC2_METADATA_DISABLED: 'true',
    SIGNAL_CONFIG: join(root, 'config/local-aws.toml'),
    SIGNAL_LOG__FILTER: process.env.E2E_LOG ?? 'warn',
    SIGNAL_OBJECTS__RESERVE_MIB: '16',
    SIGNAL_MODERATION__CLASSIFIER: 'none:',
    SIGNAL_SERVER__PUBLIC_URL: at(origin),
    SIGNAL_STORES__ENDPOINT: at(dynamodb), SIGNAL_WORK__ENDPOINT: at(sqs), SIGNAL_OBJECTS__ENDPOINT: at(s3),
  };
  const house = join(data, 'house');
  const signal = (name, ...args) => start(name, binary, ['--json', '--data-dir', house, ...args], env);
  const ask = (...args) => JSON.parse(execFileSync(binary, ['--json', '--data-dir', house, ...args], { env }));

  let balance, link;
  let apis = [], workers = [];
  const raise = async () => {
    apis = [signal('api A', 'run', 'api', '--port', String(apiA)), signal('api B', 'run', 'api', '--port', String(apiB))];
    workers = [signal('worker 1', 'run', 'worker'), signal('worker 2', 'run', 'worker')];
    await Promise.all([ready(apiA), ready(apiB)]);
  };
  const kill = (it) => {
    console.log(`     (${it.name} is killed -9)`);
    it.child.kill('SIGKILL');
  };
  meanwhile.set('its status changes live until a person is asked', () => setTimeout(() => kill(workers[0]), 700));
  meanwhile.set('a moderator approves and the owner sees it go live without a reload', () => setTimeout(() => kill(apis[0]), 3500));

  const problems = [];
  const browser = await browse();
  try {
    start('double of DynamoDB', doubles.dynoxide, ['serve', '--host', '127.0.0.1', '--port', String(dynamodb)], env);
    start('double of SQS', doubles.moto, ['-H', '127.0.0.1', '-p', String(sqs)], env);
    await Promise.all([listens(dynamodb, 'the double of DynamoDB'), listens(sqs, 'the double of SQS')]);
    const made = ask('contract', '--create').made;
    console.log(`  ${made.length} tables and queues from the contract`);
    start('objects', binary, ['--json', '--data-dir', join(data, 'objects'), 'run', 'objects', '--s3-port', String(s3)], env);
    await listens(s3, 'the object store');
    link = ask('operator').operator_link;
    await raise();
    balance = await balancer(origin, [apiA, apiB]);
    const clip = await sampleClip(data);
    await walk({ browser, clip, problems, house: () => ({ url: at(origin), operator_link: link }), restart: async () => {
      await Promise.all([...apis, ...workers].map((it) => end(it, 'SIGTERM')));
      await raise();
    } });
    assert(problems.length === 0, `the browser complained:\n${problems.join('\n')}`);
    if (process.env.AFTER) execFileSync(process.env.AFTER, { env, stdio: 'inherit', shell: true });
  } finally {
    await browser.close();
    balance?.close();
    await Promise.all([...apis, ...workers].map((it) => end(it, 'SIGTERM')));
    await Promise.all([...running].map((it) => end(it, 'SIGKILL')));
    rmSync(data, { recursive: true, force: true });
  }
}

report(main);

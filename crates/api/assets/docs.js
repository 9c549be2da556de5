// Renders /openapi.json. No library, nothing from elsewhere.
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function el(name, props = {}, ...children) {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

function resolve(api, schema) {
  const path = schema?.$ref?.split('/').slice(1);
  return path ? path.reduce((at, key) => at?.[key], api) : schema;
}

/** A schema as a short example-like text; types stand where values would. */
function sketch(api, schema, indent = '', seen = []) {
  if (!schema) return 'any';
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    if (seen.includes(name)) return name;
    return sketch(api, resolve(api, schema), indent, [...seen, name]);
  }
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return options.map((s) => sketch(api, s, indent, seen)).join(' | ');
  if (schema.allOf) return schema.allOf.map((s) => sketch(api, s, indent, seen)).join(' & ');
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(' | ');
  const types = [].concat(schema.type ?? 'any');
  return types.map((type) => one(api, schema, type, indent, seen)).join(' | ');
}

function one(api, schema, type, indent, seen) {
  if (type === 'array') {
    const items = schema.prefixItems ?? null;
    if (items) return `[${items.map((s) => sketch(api, s, indent, seen)).join(', ')}]`;
    return `[${sketch(api, schema.items, indent, seen)}]`;
  }
  if (type !== 'object' || !schema.properties) return type;
  const required = schema.required ?? [];
  const deeper = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, s]) => {
    const note = (s.description ?? '').split('\n')[0];
    const mark = required.includes(name) ? '' : '?';
    return `${deeper}${name}${mark}: ${sketch(api, s, deeper, seen)}${note ? `  // ${note}` : ''}`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function bodyOf(api, content) {
  const entries = Object.entries(content ?? {});
  return entries.map(([type, media]) => el('div', {}, el('span', { className: 'soft', textContent: type }),
    el('pre', { textContent: sketch(api, media.schema) })));
}

function operation(api, path, verb, op) {
  const parts = el('div');
  if (op.description) parts.append(el('p', { textContent: op.description }));
  const needs = (op.security ?? []).some((s) => 'bearer' in s);
  const open = !needs || (op.security ?? []).some((s) => Object.keys(s).length === 0);
  parts.append(el('p', { className: 'soft',
    textContent: needs ? (open ? 'A bearer token is welcome.' : 'Needs a bearer token.') : 'Open to everybody.' }));
  if (op.parameters?.length) {
    const rows = op.parameters.map((p) => el('tr', {},
      el('td', {}, el('code', { textContent: p.name })),
      el('td', { className: 'soft', textContent: `${p.in}${p.required ? ', required' : ''}` }),
      el('td', { textContent: p.description ?? '' })));
    parts.append(el('h3', { textContent: 'Parameters' }), el('table', {}, ...rows));
  }
  if (op.requestBody) parts.append(el('h3', { textContent: 'Body' }), ...bodyOf(api, op.requestBody.content));
  parts.append(el('h3', { textContent: 'Answers' }));
  for (const [status, reply] of Object.entries(op.responses ?? {})) {
    const shown = status === 'default' ? 'otherwise' : status;
    parts.append(el('p', {}, el('code', { textContent: shown }), ` ${reply.description ?? ''}`));
    if (status.startsWith('2')) parts.append(...bodyOf(api, reply.content));
  }
  const head = el('summary', {}, el('span', { className: 'verb', textContent: verb.toUpperCase() }),
    el('code', { textContent: path }), el('span', { className: 'soft', textContent: op.summary ?? '' }));
  const box = el('details', { id: op.operationId }, head, parts);
  box.dataset.words = `${verb} ${path} ${op.summary ?? ''} ${Object.keys(op.responses ?? {}).join(' ')}`.toLowerCase();
  return box;
}

function show(api) {
  document.getElementById('title').textContent = `${api.info.title} API ${api.info.version}`;
  const main = document.getElementById('main');
  main.replaceChildren(el('p', { textContent: api.info.description ?? '' }));
  for (const tag of api.tags ?? []) {
    const found = [];
    for (const [path, item] of Object.entries(api.paths)) {
      for (const verb of METHODS) {
        if (item[verb]?.tags?.includes(tag.name)) found.push(operation(api, path, verb, item[verb]));
      }
    }
    if (!found.length) continue;
    document.getElementById('areas').append(el('a', { href: `#${tag.name}`, textContent: tag.name }));
    main.append(el('section', {}, el('h2', { id: tag.name, textContent: tag.name }),
      el('p', { className: 'soft', textContent: tag.description ?? '' }), ...found));
  }
}

function search(words) {
  for (const box of document.querySelectorAll('details')) {
    box.hidden = !words.every((w) => box.dataset.words.includes(w));
  }
  for (const section of document.querySelectorAll('section')) {
    section.hidden = !section.querySelector('details:not([hidden])');
  }
}

try {
  const reply = await fetch('/openapi.json');
  if (!reply.ok) throw new Error(`the document could not be read (${reply.status})`);
  show(await reply.json());
  const box = document.getElementById('search');
  box.addEventListener('input', () => search(box.value.toLowerCase().split(/\s+/).filter(Boolean)));
  const opened = location.hash && document.getElementById(location.hash.slice(1));
  if (opened) {
    opened.open = true;
    opened.scrollIntoView();
  }
} catch (error) {
  document.getElementById('main').textContent = `The document could not be shown: ${error.message}.`;
}

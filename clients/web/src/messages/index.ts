/** The language in use. One more file beside `en.ts` and a choice here make one more language. */
export { en as t } from './en';
export * as format from './format';

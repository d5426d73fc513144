/** The build of recheck that starts no process: the analysis is JavaScript. */
declare module 'recheck/lib/browser.js' {
  export { checkSync } from 'recheck';
}

import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { liveDashboardPage } from '../cloudwatch/live-dashboard.ts';
import type { LocalPipeline } from '../local-pipeline.ts';

const folder = join(import.meta.dirname, 'page');
const types: Record<string, string> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
const files = new Set(readdirSync(folder));

/** Everything from this run and nothing from elsewhere; and no other page may put ours into a frame, to have its buttons clicked. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'";

/** The file of the page that a path asks for, or undefined. */
export const pageFile = (path: string): string | undefined => {
  const name = path === '/' ? 'index.html' : path.replace(/^\/page\//, '');
  return files.has(name) && (path === '/' || path.startsWith('/page/')) ? name : undefined;
};

/** Read at each request: whoever works on the page reloads it and sees. */
export function servePageFile(response: ServerResponse, name: string): void {
  send(response, types[name.split('.').at(-1)!]!, readFileSync(join(folder, name)));
}

export function serveDashboard(response: ServerResponse, pipeline: LocalPipeline): void {
  send(response, 'text/html', liveDashboardPage(pipeline.dashboard, pipeline.metrics));
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  response.writeHead(200, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': CONTENT_SECURITY_POLICY,
  });
  response.end(body);
}

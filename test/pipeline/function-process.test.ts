import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FunctionBlueprint } from '../../local/cloudformation/functions.ts';
import { FunctionProcess } from '../../local/lambda/function-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'stripe-eventbridge-function-'));
afterAll(() => rmSync(folder, { recursive: true }));

const started: FunctionProcess[] = [];
afterEach(() => Promise.all(started.splice(0).map((process) => process.stop())));

/** A function with this code, as esbuild would have bundled it. */
function functionOf(code: string, options: Partial<FunctionBlueprint> = {}): FunctionProcess {
  const codeFolder = mkdtempSync(join(folder, 'code-'));
  writeFileSync(join(codeFolder, 'index.js'), code);
  const blueprint = {
    name: 'f',
    codeFolder,
    handler: 'index.handler',
    timeoutSeconds: 5,
    memoryMegabytes: 128,
    variables: {},
    ...options,
  };
  const process = new FunctionProcess(blueprint, { PATH: '', COLOUR: 'blue' }, () => {});
  started.push(process);
  return process;
}

describe("a function's process", () => {
  it('gives the handler its event, a context and the environment, and nothing of ours', async () => {
    const fn = functionOf(
      `exports.handler = async (event, context) => ({ event, name: context.functionName, left: context.getRemainingTimeInMillis() > 4000, colour: process.env.COLOUR, home: process.env.HOME })`,
    );
    const { outcome } = await fn.invoke({ Records: [1] });
    expect(outcome).toEqual({ result: { event: { Records: [1] }, name: 'f', left: true, colour: 'blue' } });
  });

  it('collects every line of an invocation, of both streams, and no other invocation’s', async () => {
    const fn = functionOf(
      `let n = 0; exports.handler = async () => { n += 1; for (let i = 0; i < 500; i++) console.log('out', n, i); console.error('err', n); }`,
    );
    await fn.invoke({});
    const { lines } = await fn.invoke({});
    expect(lines).toHaveLength(501);
    expect(lines.every((line) => line.split(' ')[1] === '2')).toBe(true);
  });

  it('tells a failure from a result, and lives on', async () => {
    const fn = functionOf(
      `exports.handler = async (event) => { if (event.bad) throw new Error('no such thing'); return 'fine'; }`,
    );
    const { outcome } = await fn.invoke({ bad: true });
    expect(outcome).toEqual({ error: expect.stringContaining('no such thing') });
    const pid = fn.pid;
    expect((await fn.invoke({})).outcome).toEqual({ result: 'fine' });
    expect(fn.pid).toBe(pid);
  });

  it('is killed when it takes longer than its timeout, and starts afresh', async () => {
    const fn = functionOf(`exports.handler = (event) => (event.hang ? new Promise(() => {}) : 'fine')`, {
      timeoutSeconds: 0.3,
    });
    await fn.start();
    const first = fn.pid;
    expect((await fn.invoke({ hang: true })).outcome).toEqual({ error: 'Task timed out after 0.3 seconds' });
    expect((await fn.invoke({})).outcome).toEqual({ result: 'fine' });
    expect(fn.pid).not.toBe(first);
  });

  it('that dies in the middle fails its invocation at once, and starts afresh', async () => {
    const fn = functionOf(
      `exports.handler = (event) => { if (event.die) process.kill(process.pid, 'SIGKILL'); return event.die ? new Promise(() => {}) : 'fine'; }`,
    );
    const { outcome, milliseconds } = await fn.invoke({ die: true });
    expect(outcome).toEqual({ error: expect.stringContaining('SIGKILL') });
    expect(milliseconds).toBeLessThan(4000);
    expect((await fn.invoke({})).outcome).toEqual({ result: 'fine' });
  });

  it('says why a bundle does not load', async () => {
    const { outcome } = await functionOf(`require('not-there')`).invoke({});
    expect(outcome).toEqual({ error: expect.stringContaining("Cannot find module 'not-there'") });
  });
});

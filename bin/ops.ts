import { ops } from '../ops/command-line.ts';
import { processTerminal } from '../ops/terminal.ts';

process.exitCode = await ops(process.argv.slice(2), { terminal: processTerminal(), variables: process.env });

import { ops } from '../ops/cli/command-line.ts';
import { processTerminal } from '../ops/cli/terminal.ts';

process.exitCode = await ops(process.argv.slice(2), { terminal: processTerminal(), variables: process.env });

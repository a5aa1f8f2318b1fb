import { runLocally } from '../local/run.ts';

process.exit(await runLocally(process.argv));

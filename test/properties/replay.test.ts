import { replayAfterRestore, replayChangesNothing, replayRepairs } from './claims.ts';
import { hold } from './hold.ts';

describe('a replay', () => hold(replayChangesNothing, replayRepairs, replayAfterRestore));

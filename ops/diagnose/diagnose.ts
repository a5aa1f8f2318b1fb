import type { Ops } from '../cli/ops.ts';
import type { Report } from '../cli/verb-report.ts';
import { findCauses, type ShownCause } from './causes.ts';
import { type Evidence, gather } from './evidence.ts';

export interface DiagnosedPipeline {
  health: Evidence['health'];
  /** Null: nothing is wrong. */
  cause: ShownCause | null;
  /** What else is wrong, on its own or because of the cause. */
  also: ShownCause[];
  reasons: string[];
  crashes: Evidence['crashes'];
  /** Everything that somebody changed by hand in the last hour. */
  changes: Evidence['changes'];
  unseen: string[];
  /** How the recovery is confirmed. */
  confirm: string;
}

/** One cause, one page, one command: from status, doctor, the failures of the last minutes, and who changed what. Changes nothing. */
export async function diagnose(ops: Ops, ownerUrl: string | undefined): Promise<Report<DiagnosedPipeline>> {
  // Without a stack there is nothing to diagnose: that is refused, and the refusal is the diagnosis.
  await ops.stack();
  const evidence = await gather(ops, ownerUrl);
  const [cause = unexplained(ops, evidence), ...also] = findCauses(evidence, ops.lines);
  const { health, reasons, crashes, changes, unseen } = evidence;
  return {
    data: { health, cause, also, reasons, crashes, changes, unseen, confirm: ops.lines.verb('watch') },
    found: [cause, ...also].flatMap((finding) =>
      finding ? [`${finding.says} ${finding.page}: ${finding.command}`] : [],
    ),
  };
}

/** Something is wrong, and nothing that we know explains it: where a person begins to look. */
function unexplained({ lines }: Ops, { health, reasons, crashes, changes }: Evidence): ShownCause | null {
  if (crashes.length === 0 && (health === 'healthy' || health === 'unknown')) return null;
  const crash = crashes[0];
  return {
    cause: 'unexplained',
    says: crash ? `${crash.worker} crashes: ${crash.says}` : (reasons[0] ?? 'The status cannot be looked at.'),
    page: `docs/runbooks/${crash ? 'function-errors' : health === 'critical' ? 'critical' : 'degraded'}.md`,
    command: lines.verb(`logs "${crash ? 'crashes and timeouts' : 'failures by reason'}"`),
    changed: changes,
  };
}

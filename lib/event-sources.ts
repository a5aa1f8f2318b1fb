import { type Environment, longestAppName, pipelineNames } from './names.ts';

/** The settings about event sources. */
export interface SourceSettings {
  /** Partner event source that Stripe made, `aws.partner/stripe.com/ed_…`; the partner bus has the same name. */
  readonly stripeEventSourceName?: string;
  /** Another one: beside the first while a cut-over lasts, then instead of it. One of both is there. */
  readonly secondEventSourceName?: string;
  /** Which of the two Stripe sends nothing to any more; kept for its archive. @default neither */
  readonly retiredEventSourceName?: string;
}

interface Deployment extends SourceSettings {
  readonly appName: string;
  readonly environment: Environment;
}

/** The two places that a stack has for a partner event source; usually one of them is empty. */
export type SourcePlace = 'first' | 'second';

/** A partner event source of Stripe's, in its place. */
export interface EventSource {
  readonly place: SourcePlace;
  /** `aws.partner/stripe.com/ed_…`; the partner bus has the same name. */
  readonly name: string;
  readonly archiveName: string;
  /** Stripe sends nothing to it any more: it is kept so that its archive can be replayed. */
  readonly retired: boolean;
}

/**
 * The event sources of a deployment, those that Stripe sends to first: one, or two while a cut-over lasts.
 *
 * Each keeps its place for as long as it is used, and logical ids come of the place: neither a bus nor an archive nor a rule could move
 * to another source, since CloudFormation would replace each under a name that is taken. So an upgrade fills the empty place, and later empties the other.
 */
export function eventSourcesOf(settings: Deployment): readonly EventSource[] {
  const names = pipelineNames(settings);
  const { stripeEventSourceName, secondEventSourceName, retiredEventSourceName } = settings;
  const given = [
    { place: 'first' as const, name: stripeEventSourceName, archiveName: names.archive },
    { place: 'second' as const, name: secondEventSourceName, archiveName: names.secondArchive },
  ];
  const sources = given.flatMap(({ place, name, archiveName }) =>
    name === undefined ? [] : [{ place, name, archiveName, retired: name === retiredEventSourceName }],
  );
  return [...sources.filter(({ retired }) => !retired), ...sources.filter(({ retired }) => retired)];
}

/** `Rule` of the first place, `SecondRule` of the other. */
export const idIn = (place: SourcePlace, id: string): string => (place === 'first' ? id : `Second${id}`);

/** What is wrong with them together, in sentences. */
export function sourceProblems({ appName, environment, ...sources }: Deployment): string[] {
  const { stripeEventSourceName: first, secondEventSourceName: second, retiredEventSourceName: retired } = sources;
  const longest = longestAppName(environment);
  return [
    ...(first !== undefined && first === second
      ? [
          `secondEventSourceName is "${second}", as stripeEventSourceName: give the source of another destination, or leave it out.`,
        ]
      : []),
    ...(retired !== undefined && (first === undefined || second === undefined || ![first, second].includes(retired))
      ? [
          `retiredEventSourceName is "${retired}": while both places are filled, give the name of the one that Stripe sends nothing to any more; else leave it out.`,
        ]
      : []),
    ...(second !== undefined && appName.length >= longest
      ? [
          `appName is "${appName}", ${appName.length} characters: with secondEventSourceName use at most ${longest - 1}, since the second archive's name has one more.`,
        ]
      : []),
  ];
}

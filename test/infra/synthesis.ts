import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { stringify } from 'yaml';
import { readSettings, type Settings } from '../../lib/settings.ts';
import { StripePipelineStack } from '../../lib/stripe-pipeline-stack.ts';

// CDK holds each template against CloudFormation's own rules, for seconds: nag.test.ts lets it do so for every deployment.
process.env.CDK_VALIDATION = 'false';

export const root = join(import.meta.dirname, '../..');
/** Settings files of the tests' own: what somebody writes into config/environments must not change what is tested. */
export const environmentsFolder = join(import.meta.dirname, 'environments');
export const eventSource = 'aws.partner/stripe.com/ed_61abc';

export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is any JSON, and each test says what it expects of it.
  Properties: any;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

/** What `cdk synth` would write, with helpers that find resources by what they are. */
export class Synthesis {
  readonly stack: StripePipelineStack;
  readonly template: Template;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly json: Record<string, any>;

  constructor(
    context: Record<string, unknown> = {},
    change: (settings: Settings) => Settings = (settings) => settings,
  ) {
    const app = newApp(context);
    this.stack = new StripePipelineStack(app, change(readSettings(app.node.getAllContext())));
    // Refuses a template with a circle of references, which CloudFormation would refuse as well.
    this.template = Template.fromStack(this.stack);
    this.json = this.template.toJSON();
  }

  all(type: string): [id: string, resource: Resource][] {
    return Object.entries(this.json.Resources as Record<string, Resource>).filter(([, { Type }]) => Type === type);
  }

  one(type: string, where: (properties: Resource['Properties']) => boolean = () => true): Resource {
    const found = this.all(type).filter(([, { Properties }]) => where(Properties ?? {}));
    if (found.length !== 1) throw new Error(`${found.length} resources of type ${type} where one was expected`);
    return found[0]![1];
  }

  byId(id: string): Resource {
    const resource = this.json.Resources[id];
    if (!resource) throw new Error(`no resource ${id}`);
    return resource;
  }

  /** The resource that `{ "Fn::GetAtt": [id, …] }` or `{ "Ref": id }` stands for. */
  referred(reference: unknown): Resource {
    return this.byId(idIn(reference));
  }

  queue(name: string): Resource {
    return this.one('AWS::SQS::Queue', ({ QueueName }) => QueueName === name);
  }

  idOf(resource: Resource): string {
    return Object.entries(this.json.Resources).find(([, candidate]) => candidate === resource)![0];
  }

  /** Every statement of the policies of one queue. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  statementsOfQueue(queue: Resource): any[] {
    const id = this.idOf(queue);
    return this.all('AWS::SQS::QueuePolicy')
      .filter(([, { Properties }]) => Properties.Queues.some((ref: { Ref: string }) => ref.Ref === id))
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above.
  get keyStatements(): any[] {
    return this.one('AWS::KMS::Key').Properties.KeyPolicy.Statement;
  }
}

const assemblies = mkdtempSync(join(tmpdir(), 'synthesis-'));
afterAll(() => rmSync(assemblies, { recursive: true }));

/**
 * An app with the flags of cdk.json, whose settings stand in a file as somebody would commit it; handlers are not bundled unless
 * `settings` says so. `commandLine` is what `-c` gives besides.
 */
export function newApp(settings: Record<string, unknown> = {}, commandLine: Record<string, unknown> = {}): App {
  const { context: flags } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const { environment = 'dev', ...given } = { stripeEventSourceName: eventSource, ...settings };
  const ofCdk = Object.entries(given).filter(([name]) => name.includes(':'));
  const ofFile = Object.entries(given).filter(([name]) => !name.includes(':'));
  const environments = mkdtempSync(join(assemblies, 'environments-'));
  writeFileSync(join(environments, `${environment}.yaml`), stringify(Object.fromEntries(ofFile)));
  return new App({
    outdir: mkdtempSync(join(assemblies, 'app-')),
    context: {
      ...flags,
      'aws:cdk:bundling-stacks': [],
      ...Object.fromEntries(ofCdk),
      environment,
      environmentsFolder: environments,
      ...commandLine,
    },
  });
}

const known = new Map<string, Synthesis>();

/** The synthesis of these settings; made once, because several test files' worth of promises look at the same one. */
export function synthesise(context: Record<string, unknown> = {}): Synthesis {
  const name = JSON.stringify(context);
  const synthesis = known.get(name) ?? new Synthesis(context);
  known.set(name, synthesis);
  return synthesis;
}

export const idIn = (reference: unknown): string => {
  const { Ref, 'Fn::GetAtt': attribute } = (reference ?? {}) as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  const id = Ref ?? attribute?.[0];
  if (id === undefined) throw new Error(`not a reference: ${JSON.stringify(reference)}`);
  return id;
};

export const listed = <Item>(one: Item | Item[]): Item[] => (Array.isArray(one) ? one : [one]);

/** Settings that between them turn everything on: each promise about the stack is held for all of them. */
export const deployments: [name: string, context: Record<string, unknown>][] = [
  ['dev', {}],
  ['prod with everything', everything('prod')],
  ['an adopted bus', { adoptEventBus: 'true', createKmsKey: 'true' }],
];

export function everything(environment: string): Record<string, unknown> {
  return {
    environment,
    createKmsKey: 'true',
    apiUrl: 'https://api.example.com/plans',
    alarmEmail: 'oncall@example.com',
  };
}

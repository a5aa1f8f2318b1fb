import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the services without a local part know and were asked: a test sets it up and looks into it. */
export interface AwsServer {
  readonly url: string;
  /** By stack name; its outputs. */
  stacks: Map<
    string,
    { status: string; outputs: Record<string, string>; resources: { type: string; id: string; logicalId?: string }[] }
  >;
  /** What GetTemplate answers. */
  template: object;
  /** By id: Lambda's state, and how many looks it takes to get where it was sent. */
  mappings: Map<string, { State: string; becomes?: string; looks: number }>;
  functions: Map<
    string,
    {
      Runtime: string;
      State: string;
      LastUpdateStatus: string;
      LoggingConfig: { LogGroup: string };
      [more: string]: unknown;
    }
  >;
  rules: Map<string, { State: string; Targets: object[] }>;
  /** Archives that somebody deleted, by name. */
  goneArchives: Set<string>;
  archive: { CreationTime: number; RetentionDays: number; State?: string; StateReason?: string; EventCount?: number };
  /** By name; the states that each look finds, the last one for good. */
  replays: Map<string, { request: Record<string, unknown>; states: string[]; at?: number }>;
  /** What a new replay goes through. */
  replayLife: string[];
  secret: string;
  /** The one that no function reads. */
  apiKeySecret: string;
  /** By name: what was given to it. */
  connections: Map<string, unknown>;
  /** By log group: a line's fields, or its `text`; `at` is when it was written, else just now. */
  logs: Map<string, object[]>;
  /** CloudTrail's records. */
  trail: object[];
  /** What Logs Insights was asked. */
  queries: Record<string, unknown>[];
  /** What it answers, a list of fields each. */
  queryResults: { field: string; value: string }[][];
  /** Metric name to its datapoints, newest first; by `name` or `name/dimension value`. */
  metrics: Map<string, { at: Date; value: number }[]>;
  ringing: string[];
  /** Who listens to the alarms' topics. */
  subscriptions: { endpoint: string; arn: string }[];
  /** By id: the state of a customer key. */
  keys: Map<string, string>;
  /** By function: how each of its runs ends instead of well. */
  crashing: Map<string, { errorType: string; errorMessage: string }>;
  put: object[];
  invoked: { name: string; payload: string }[];
  /** Answers an operation with an error instead: `StartReplay` → a code. */
  errors: Map<string, string>;
  readonly asked: string[];
  close(): Promise<void>;
}

/** Speaks the calls of the verbs as AWS does: JSON for EventBridge, Logs, CloudWatch and Secrets Manager, REST for Lambda, XML for the rest. */
export async function startAwsServer(): Promise<AwsServer> {
  const state: Omit<AwsServer, 'url' | 'close'> = {
    stacks: new Map(),
    mappings: new Map(),
    functions: new Map(),
    rules: new Map(),
    archive: { CreationTime: 1_700_000_000, RetentionDays: 0 },
    goneArchives: new Set(),
    replays: new Map(),
    replayLife: ['RUNNING', 'COMPLETED'],
    secret: '{}',
    apiKeySecret: '{}',
    connections: new Map(),
    logs: new Map(),
    trail: [],
    queries: [],
    queryResults: [],
    metrics: new Map(),
    ringing: [],
    template: {},
    subscriptions: [],
    keys: new Map(),
    crashing: new Map(),
    put: [],
    invoked: [],
    errors: new Map(),
    asked: [],
  };
  const server = createServer(async (request, response) => {
    const body = await text(request);
    try {
      const target = String(request.headers['x-amz-target'] ?? '');
      if (target) json(response, jsonCall(state, target.split('.').at(-1)!, JSON.parse(body || '{}')));
      else if (request.url?.startsWith('/2015-03-31/')) {
        const name = /functions\/([^/]+)\/invocations/.exec(request.url)?.[1];
        const crash = name && state.crashing.get(decodeURIComponent(name));
        if (crash) response.setHeader('x-amz-function-error', 'Unhandled');
        const answer = lambdaCall(state, request, body);
        json(response, crash || answer);
      } else xml(response, ...xmlCall(state, new URLSearchParams(body)));
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
        response.writeHead(400, { 'content-type': 'text/xml' });
        return void response.end(
          `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
        );
      }
      response.writeHead(code ? 400 : 500, {
        'content-type': 'application/json',
        'x-amzn-errortype': code ?? 'InternalFailure',
      });
      response.end(JSON.stringify({ __type: code ?? 'InternalFailure', message }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

type State = Omit<AwsServer, 'url' | 'close'>;

const failure = (code: string, message = code): Error => Object.assign(new Error(message), { code });

// biome-ignore lint/suspicious/noExplicitAny: any operation's input
function jsonCall(state: State, operation: string, input: any): object {
  state.asked.push(operation);
  const error = state.errors.get(operation);
  if (error) throw failure(error);
  switch (operation) {
    case 'DescribeRule':
      return { ...ruleOf(state, input.Name), Targets: undefined };
    case 'ListTargetsByRule':
      return { Targets: ruleOf(state, input.Rule).Targets };
    case 'DescribeArchive':
      if (state.goneArchives.has(input.ArchiveName)) throw failure('ResourceNotFoundException');
      return { ArchiveName: input.ArchiveName, State: 'ENABLED', ...state.archive };
    case 'StartReplay': {
      const name = input.ReplayName as string;
      if (state.replays.has(name)) throw failure('ResourceAlreadyExistsException');
      state.replays.set(name, { request: input, states: [...state.replayLife] });
      return { State: 'STARTING' };
    }
    case 'DescribeReplay': {
      const replay = state.replays.get(input.ReplayName);
      if (!replay) throw failure('ResourceNotFoundException');
      const State = replay.states.length > 1 ? replay.states.shift()! : replay.states[0]!;
      return {
        State,
        StateReason: State === 'FAILED' ? 'the key of the archive is gone' : undefined,
        EventLastReplayedTime: replay.at,
      };
    }
    case 'CancelReplay':
      state.replays.get(input.ReplayName)!.states = ['CANCELLED'];
      return { State: 'CANCELLING' };
    case 'DescribeKey':
      if (!state.keys.has(input.KeyId)) throw failure('NotFoundException');
      return { KeyMetadata: { KeyId: input.KeyId, KeyState: state.keys.get(input.KeyId) } };
    case 'ListReplays':
      return {
        Replays: [...state.replays]
          .filter(([, { states }]) => states[0] === input.State)
          .map(([ReplayName]) => ({ ReplayName })),
      };
    case 'PutEvents':
      state.put.push(...(input.Entries as object[]));
      return { FailedEntryCount: 0, Entries: (input.Entries as object[]).map(() => ({ EventId: 'e' })) };
    case 'UpdateConnection':
      state.connections.set(input.Name, input.AuthParameters);
      return { ConnectionState: 'AUTHORIZING' };
    case 'GetSecretValue':
      return { SecretString: isApiKey(input.SecretId) ? state.apiKeySecret : state.secret };
    case 'PutSecretValue':
      state[isApiKey(input.SecretId) ? 'apiKeySecret' : 'secret'] = input.SecretString;
      return {};
    case 'LookupEvents':
      return { Events: state.trail };
    case 'StartQuery':
      state.queries.push(input);
      return { queryId: String(state.queries.length) };
    case 'GetQueryResults':
      return { status: 'Complete', results: state.queryResults };
    case 'FilterLogEvents':
      return {
        events: (state.logs.get(input.logGroupName) ?? [])
          .map(({ at = new Date(), ...line }: { at?: Date }) => ({
            timestamp: at.getTime(),
            message: 'text' in line ? line.text : JSON.stringify(line),
          }))
          .filter(({ timestamp }) => timestamp >= (input.startTime ?? 0)),
      };
    case 'GetMetricData':
      return {
        MetricDataResults: (input.MetricDataQueries as MetricQuery[]).map((query) => datapoints(state, query, input)),
      };
    case 'DescribeAlarms':
      return {
        MetricAlarms: state.ringing
          .filter((name) => (input.AlarmNames as string[]).includes(name))
          .map((AlarmName) => ({ AlarmName })),
        CompositeAlarms: [],
      };
    default:
      throw failure('UnknownOperationException', operation);
  }
}

function ruleOf(state: State, name: string) {
  const rule = state.rules.get(name);
  if (!rule) throw failure('ResourceNotFoundException', `Rule ${name} does not exist.`);
  return rule;
}

interface MetricQuery {
  Id: string;
  MetricStat: { Stat: string; Metric: { MetricName: string; Dimensions: { Value: string }[] } };
}

function datapoints(
  state: State,
  { Id, MetricStat: { Stat, Metric } }: MetricQuery,
  { StartTime, EndTime }: { StartTime: number; EndTime: number },
): object {
  const names = [
    `${Metric.MetricName}.${Stat}`,
    ...Metric.Dimensions.map(({ Value }) => `${Metric.MetricName}/${Value}`),
    Metric.MetricName,
  ];
  const held = names.map((name) => state.metrics.get(name)).find((found) => found !== undefined) ?? [];
  const points = held.filter(({ at }) => at.getTime() / 1000 >= StartTime && at.getTime() / 1000 <= EndTime);
  return {
    Id,
    Timestamps: points.map(({ at }) => at.getTime() / 1000),
    Values: points.map(({ value }) => value),
    StatusCode: 'Complete',
  };
}

function lambdaCall(state: State, request: IncomingMessage, body: string): object {
  const [, , kind, id, rest] = new URL(request.url!, 'http://lambda').pathname.split('/').map(decodeURIComponent);
  state.asked.push(`${request.method} ${kind}/${id}`);
  if (kind === 'functions' && rest === 'invocations') {
    state.invoked.push({ name: id!, payload: body });
    return {};
  }
  if (kind === 'functions' && !state.functions.has(id!))
    throw failure('ResourceNotFoundException', `No function ${id}.`);
  if (kind === 'functions') return { FunctionName: id, ...state.functions.get(id!) };
  const mapping = state.mappings.get(id!);
  if (!mapping) throw failure('ResourceNotFoundException', `The mapping ${id} does not exist.`);
  if (request.method === 'PUT') {
    const on = (JSON.parse(body) as { Enabled: boolean }).Enabled;
    Object.assign(mapping, { State: on ? 'Enabling' : 'Disabling', becomes: on ? 'Enabled' : 'Disabled', looks: 1 });
  } else if (mapping.becomes && mapping.looks-- <= 0)
    Object.assign(mapping, { State: mapping.becomes, becomes: undefined });
  return { UUID: id, State: mapping.State };
}

function xmlCall(state: State, input: URLSearchParams): [string, string] {
  const action = input.get('Action') ?? '';
  state.asked.push(action);
  if (action === 'GetCallerIdentity')
    return [action, '<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/test</Arn><UserId>U</UserId>'];
  if (action === 'ListSubscriptionsByTopic') {
    const subscriptions = state.subscriptions.map(
      ({ endpoint, arn }) =>
        `<member><SubscriptionArn>${arn}</SubscriptionArn><Endpoint>${endpoint}</Endpoint></member>`,
    );
    return [action, `<Subscriptions>${subscriptions.join('')}</Subscriptions>`];
  }
  const name = input.get('StackName') ?? '';
  const stack = state.stacks.get(name);
  if (!stack) throw failure('ValidationError', `Stack with id ${name} does not exist`);
  if (action === 'GetTemplate')
    return [action, `<TemplateBody>${JSON.stringify(state.template).replaceAll('&', '&amp;')}</TemplateBody>`];
  if (action === 'ListStackResources') {
    return [
      action,
      `<StackResourceSummaries>${stack.resources.map(({ type, id, logicalId = id }) => `<member><LogicalResourceId>${logicalId}</LogicalResourceId><ResourceType>${type}</ResourceType><PhysicalResourceId>${id}</PhysicalResourceId></member>`).join('')}</StackResourceSummaries>`,
    ];
  }
  const outputs = Object.entries(stack.outputs).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return [
    action,
    `<Stacks><member><StackName>${name}</StackName><StackStatus>${stack.status}</StackStatus><CreationTime>2026-11-01T00:00:00Z</CreationTime><Outputs>${outputs.join('')}</Outputs></member></Stacks>`,
  ];
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function xml(response: ServerResponse, action: string, result: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<${action}Response><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`,
  );
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const isApiKey = (secretId: string): boolean => secretId.endsWith('/api-key');

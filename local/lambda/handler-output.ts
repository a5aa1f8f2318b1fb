/** One line that a function printed: a record of its logger, metrics in CloudWatch's embedded format, or anything else. */
export type PrintedLine =
  | { kind: 'log'; record: LogRecord }
  | { kind: 'metrics'; metrics: EmbeddedMetrics }
  | { kind: 'text'; text: string };

export interface LogRecord {
  level: string;
  message: string;
  [field: string]: unknown;
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
export interface EmbeddedMetrics {
  _aws: {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit?: string }[] }[];
  };
  [field: string]: unknown;
}

export function readPrintedLine(line: string): PrintedLine {
  if (!line.startsWith('{')) return { kind: 'text', text: line };
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { kind: 'text', text: line };
  }
  if (typeof value._aws === 'object') return { kind: 'metrics', metrics: value as EmbeddedMetrics };
  if (typeof value.message === 'string') return { kind: 'log', record: value as LogRecord };
  return { kind: 'text', text: line };
}

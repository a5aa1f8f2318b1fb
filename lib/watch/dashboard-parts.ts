import { Duration } from 'aws-cdk-lib';
import {
  GraphWidget,
  type GraphWidgetProps,
  type IMetric,
  type IWidget,
  SingleValueWidget,
  TextWidget,
  TextWidgetBackground,
} from 'aws-cdk-lib/aws-cloudwatch';

/** A dashboard is 24 units wide; a unit of height is about 50 pixels. */
export const fullWidth = 24;

/** The same colour for the same thing everywhere: blue is normal, green is good, orange asks for a look, red hurts. */
export const colors = {
  normal: '#1f77b4',
  good: '#2ca02c',
  look: '#ff7f0e',
  bad: '#d62728',
  quiet: '#7f7f7f',
  other: '#9467bd',
} as const;

/** The question that the row below answers. */
export const question = (markdown: string): IWidget[] => [
  new TextWidget({
    markdown: `## ${markdown}`,
    width: fullWidth,
    height: 1,
    background: TextWidgetBackground.TRANSPARENT,
  }),
];

/** One stage of the path, in one line: its name, what to think of, its numbers. */
export const stage = (name: string, hint: string, metrics: IMetric[]): IWidget[] => [
  new TextWidget({ markdown: `**${name}**\n\n${hint}`, width: 4, height: 2 }),
  new SingleValueWidget({ metrics, width: fullWidth - 4, height: 2, period: Duration.minutes(5) }),
];

export const graph = (
  title: string,
  width: number,
  height: number,
  props: Omit<GraphWidgetProps, 'title' | 'width' | 'height'>,
) => new GraphWidget({ title, width, height, leftYAxis: { min: 0, showUnits: false }, ...props });

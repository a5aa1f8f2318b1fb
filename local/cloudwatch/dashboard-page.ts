import type { AlarmState } from './alarm-states.ts';
import { colorOf, gauge, shortNumber, timeChart } from './chart.ts';
import type { MetricHistory } from './metric-history.ts';
import { type Line, linesOf, type Widget } from './widget-lines.ts';

/** What the page shows besides the dashboard's body. */
export interface Showing {
  name: string;
  /** Where the numbers come from, in a sentence. */
  source: string;
  history: MetricHistory;
  /** Name and state of each alarm, by the ARN that the body names it with. */
  alarms: Map<string, { name: string; state: AlarmState }>;
  /** A script that keeps the page fresh; without it the page needs nothing else. */
  script?: string;
}

/** CloudWatch's grid on a screen of 1920 by 1080. */
const unit = { width: 79, height: 52 };
const headHeight = 44;
/** Points side by side in a graph: a local run counts by the second, and is short, so its length stands for the dashboard's three hours. */
const pointsOf = ({ span }: MetricHistory) => Math.min(40, Math.max(1, Math.round((span.toMs - span.fromMs) / 1000)));
const screen = 1080;

/** The dashboard as one HTML page. */
export function dashboardPage(widgets: readonly Widget[], showing: Showing): string {
  const height = Math.max(...widgets.map(({ y, height }) => y + height)) * unit.height;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(showing.name)}</title>
<style>${style}</style>
${showing.script === undefined ? '' : `<script type="module" src="${escaped(showing.script)}"></script>`}
<header><b>${escaped(showing.name)}</b><span>${escaped(showing.source)}</span><span class="legend"><i>AWS</i> only AWS produces this number&ensp; – nothing measured</span></header>
<main style="height:${height}px">
${widgets.map((widget) => frame(widget, showing)).join('\n')}
<div class="fold" style="top:${screen - headHeight}px"><span>here ends a screen of 1080 lines</span></div>
</main>
</html>
`;
}

function frame(widget: Widget, showing: Showing): string {
  const { x, y, width, height, properties } = widget;
  const box = `left:${x * unit.width}px;top:${y * unit.height}px;width:${width * unit.width - 8}px;height:${height * unit.height - 8}px`;
  const size = { width: width * unit.width - 8, height: height * unit.height - 8 - (properties.title ? 30 : 0) };
  const title = properties.title ? `<h3>${escaped(properties.title)}</h3>` : '';
  return `<section class="${widget.type} ${properties.view ?? ''}" style="${box}">${title}${inside(widget, showing, size)}</section>`;
}

function inside(widget: Widget, { history, alarms }: Showing, size: { width: number; height: number }): string {
  const { properties } = widget;
  if (widget.type === 'text') return markdown(properties.markdown ?? '');
  if (widget.type === 'alarm') {
    const named = (properties.alarms ?? []).map((arn) => {
      const alarm = alarms.get(arn);
      if (!alarm) throw new Error(`The dashboard shows an alarm that the template does not have: ${arn}`);
      return alarm;
    });
    const shown = named.filter(({ state }) => !properties.states || properties.states.includes(state));
    const boxes = shown.map(({ name, state }) => `<li class="${state}">${escaped(name)}</li>`);
    if (boxes.length === 0) return '<p class="quiet">Nothing.</p>';
    if (properties.states) return `<ul class="ringing">${boxes.join('')}</ul>`;
    return `<ul class="${boxes.length > 6 ? 'many' : 'few'}">${boxes.join('')}</ul>`;
  }
  const lines = linesOf(widget, history);
  if (properties.view === 'singleValue')
    return `<div class="values">${lines.map((line, index) => number(line, index, history)).join('')}</div>`;
  if (properties.view === 'gauge') {
    const { min = 0, max = 100 } = properties.yAxis?.left ?? {};
    return gauge(lines[0]!.valueIn(history.span), min, max, colorOf(lines[0]!, 0), size);
  }
  const legend = lines.map(
    (line, index) =>
      `<span><i style="background:${colorOf(line, index)}"></i>${escaped(line.label)}${line.onlyAws ? awsMark : ''}</span>`,
  );
  return `${timeChart(widget, lines, history.span, { width: size.width, height: size.height - 24 }, pointsOf(history))}<div class="lines">${legend.join('')}</div>`;
}

const awsMark = '<em>AWS</em>';

function number(line: Line, index: number, history: MetricHistory): string {
  const value = line.valueIn(history.span);
  const shown = line.onlyAws ? awsMark : value === undefined ? '<s>–</s>' : shortNumber(value);
  const color = line.color && value ? ` style="color:${colorOf(line, index)}"` : '';
  return `<div><b${color}>${shown}</b><span>${escaped(line.label)}</span></div>`;
}

/** As much markdown as the dashboard uses: one heading, paragraphs, bold, code and links. */
function markdown(text: string): string {
  const inline = (line: string) =>
    escaped(line)
      .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, '<a href="$2">$1</a>')
      .replaceAll(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
      .replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return text
    .split('\n\n')
    .map((block) => (block.startsWith('## ') ? `<h2>${inline(block.slice(3))}</h2>` : `<p>${inline(block)}</p>`))
    .join('');
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const style = `
* { box-sizing: border-box; }
body { margin: 0; width: 1920px; background: #f4f5f7; color: #16191f; font: 14px/1.35 "Liberation Sans", Arial, sans-serif; }
body.gone { opacity: 0.45; }
header { height: ${headHeight}px; padding: 0 16px; display: flex; gap: 20px; align-items: center; background: #161d26; color: #d5dbdb; font-size: 13px; }
header b { color: #fff; font-size: 17px; }
.legend { margin-left: auto; }
main { position: relative; margin: 6px 8px; }
section { position: absolute; background: #fff; border: 1px solid #d9dde1; border-radius: 6px; overflow: hidden; }
section.text { background: none; border: 0; padding: 10px 4px; }
h2 { margin: 6px 0 0; font-size: 19px; }
h3 { margin: 0; padding: 7px 12px 0; height: 30px; font-size: 14px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
p { margin: 0 0 6px; }
a { color: #0b62c4; text-decoration: none; }
code { background: #e9ebed; padding: 0 4px; border-radius: 3px; font: 12.5px "Liberation Mono", monospace; }
section.text p:nth-child(2):last-child { color: #545b64; }
.values { display: flex; flex-wrap: wrap; height: calc(100% - 4px); align-items: center; padding: 0 6px; }
h3 + .values { height: calc(100% - 34px); }
.values div { flex: 1; min-width: 92px; padding: 2px 8px; }
.values b { display: block; font-size: 29px; line-height: 1.15; font-weight: 600; }
.values span { color: #545b64; font-size: 13px; }
.values s { text-decoration: none; color: #aab1b8; }
em, .legend i { font: 600 12px "Liberation Sans", Arial, sans-serif; font-style: normal; color: #687078; border: 1px dashed #aab1b8; border-radius: 4px; padding: 1px 5px; vertical-align: middle; }
.legend i { color: #d5dbdb; }
.lines { display: flex; flex-wrap: wrap; gap: 0 12px; padding: 0 12px; height: 24px; overflow: hidden; font-size: 12.5px; color: #414750; }
.lines i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
ul { list-style: none; margin: 6px 10px; padding: 0; display: grid; gap: 6px; }
ul.few { grid-template-columns: 1fr; }
ul.ringing { grid-template-columns: repeat(2, 1fr); gap: 4px; }
p.quiet { padding: 10px 12px; color: #545b64; }
ul.many { grid-template-columns: repeat(6, 1fr); gap: 4px; }
li { border: 1px solid #b6e0c1; background: #eef9f0; border-radius: 4px; padding: 4px 8px; font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
ul.few li { padding: 22px 10px; font-size: 17px; font-weight: 600; }
li.ALARM { background: #d13212; border-color: #d13212; color: #fff; }
li.aws { background: #fff; border: 1px dashed #aab1b8; color: #687078; }
svg { display: block; }
.grid { stroke: #e9ebed; }
.tick { fill: #687078; font-size: 11px; }
.mark { font-size: 11.5px; }
.dial { font-size: 34px; font-weight: 600; fill: #16191f; }
.fold { position: absolute; left: 0; right: 16px; border-top: 1px dashed #e3b7ad; }
.fold span { position: absolute; right: 0; top: 2px; color: #c3472f; font-size: 11px; background: #f4f5f7; padding: 0 4px; }
`;

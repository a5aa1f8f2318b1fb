type Value = number | undefined | (number | undefined)[];

/**
 * As much of CloudWatch's metric math as the stack uses: + - * /, comparisons, IF, SUM, MAX, FILL and lists.
 *
 * A missing operand makes the result missing; SUM and MAX of a list leave missing elements out.
 * @throws {Error} naming what it does not understand, so that no new expression is drawn wrong in silence.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function evaluateMath(
  expression: string,
  metrics: Readonly<Record<string, number | undefined>>,
): number | undefined {
  const tokens = expression.match(/\d+(\.\d+)?|\w+|>=|<=|==|!=|[-+*/()<>,[\]]/g) ?? [];
  if (tokens.join('') !== expression.replaceAll(/\s/g, '')) throw new Error(`Not metric math: ${expression}`);
  let at = 0;
  const peek = () => tokens[at];
  const take = (wanted?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (wanted !== undefined && token !== wanted)) {
      throw new Error(`Metric math: wanted ${wanted ?? 'more'} before "${token ?? 'the end'}" in ${expression}`);
    }
    return token;
  };

  const comparison = (): Value => {
    let left = sum();
    while (peek() && peek()! in comparisons) left = apply(comparisons[take()]!, left, sum());
    return left;
  };
  const sum = (): Value => {
    let left = product();
    while (peek() === '+' || peek() === '-') left = apply(operators[take()]!, left, product());
    return left;
  };
  const product = (): Value => {
    let left = atom();
    while (peek() === '*' || peek() === '/') left = apply(operators[take()]!, left, atom());
    return left;
  };
  const list = (end: string): Value[] => {
    const items: Value[] = [];
    while (peek() !== end) {
      items.push(comparison());
      if (peek() !== end) take(',');
    }
    take(end);
    return items;
  };
  const atom = (): Value => {
    const token = take();
    if (token === '(') {
      const inner = comparison();
      take(')');
      return inner;
    }
    if (token === '[') return list(']') as (number | undefined)[];
    if (/^\d/.test(token)) return Number(token);
    if (peek() === '(') {
      take('(');
      return call(token, list(')'), expression);
    }
    if (!Object.hasOwn(metrics, token)) throw new Error(`Metric math: no metric has the id ${token} in ${expression}`);
    return metrics[token];
  };

  const result = comparison();
  if (at < tokens.length || Array.isArray(result)) throw new Error(`Metric math: cannot read all of ${expression}`);
  return result;
}

function call(name: string, values: Value[], expression: string): number | undefined {
  const present = (Array.isArray(values[0]) ? values[0] : []).filter((value) => value !== undefined);
  switch (name) {
    case 'IF':
      return values[0] === undefined ? undefined : (values[values[0] ? 1 : 2] as number | undefined);
    case 'FILL':
      return (values[0] ?? values[1]) as number | undefined;
    case 'SUM':
      return present.length === 0 ? undefined : present.reduce((total, value) => total + value, 0);
    case 'MAX':
      return present.length === 0 ? undefined : Math.max(...present);
    default:
      throw new Error(
        `Metric math: the function ${name} in ${expression} is unknown here; teach it in local/cloudwatch/metric-math.ts`,
      );
  }
}

const apply = (operator: (one: number, other: number) => number, one: Value, other: Value): Value =>
  typeof one === 'number' && typeof other === 'number' ? operator(one, other) : undefined;

const operators: Record<string, (one: number, other: number) => number> = {
  '+': (one, other) => one + other,
  '-': (one, other) => one - other,
  '*': (one, other) => one * other,
  '/': (one, other) => one / other,
};

const comparisons: Record<string, (one: number, other: number) => number> = {
  '>=': (one, other) => Number(one >= other),
  '<=': (one, other) => Number(one <= other),
  '>': (one, other) => Number(one > other),
  '<': (one, other) => Number(one < other),
  '==': (one, other) => Number(one === other),
  '!=': (one, other) => Number(one !== other),
};

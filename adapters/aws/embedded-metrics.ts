import { Metrics } from '@aws-lambda-powertools/metrics';
import { groupedByDimensions, type Measurement, metrics } from '../../core/metrics.ts';

/** One for an instance's life: each that is made reads all of Powertools' variables. */
let emf: Metrics | undefined;

/** Writes measurements as EMF lines: one for each set of dimensions, namespace from `POWERTOOLS_METRICS_NAMESPACE`. */
export function emitMetrics(measurements: readonly Measurement[]): void {
  emf ??= new Metrics();
  for (const { dimensions, values } of groupedByDimensions(measurements)) {
    // Powertools would add `service`, and an alarm looks for exactly the registry's dimensions.
    emf.clearDefaultDimensions();
    emf.setDefaultDimensions(dimensions);
    for (const { name, value } of values) emf.addMetric(name, metrics[name].unit, value);
    emf.publishStoredMetrics();
  }
}

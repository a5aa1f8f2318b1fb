import { printThresholds } from '../lib/watch/thresholds.ts';

// `npm run thresholds`: what every alarm compares with, by environment, and why. docs/metrics.md shows the same; a test holds it.
console.log(printThresholds());

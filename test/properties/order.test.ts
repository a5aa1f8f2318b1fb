import { bothShapes, endState, fetchesOnlyTies, figuresOfAnyOrder, neverTouchesAnother } from './claims.ts';
import { hold } from './hold.ts';

describe('whatever the order', () =>
  hold(endState, fetchesOnlyTies, bothShapes, figuresOfAnyOrder, neverTouchesAnother));

import { racing, staysDeleted, storyInOrder } from './claims.ts';
import { hold } from './hold.ts';

describe('deliveries at once, and one by one', () => hold(racing, storyInOrder, staysDeleted));

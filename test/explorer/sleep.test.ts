import { exploreAll } from './explore-all.js';
import { sleepSubject } from './subjects/sleep.js';

exploreAll(sleepSubject);

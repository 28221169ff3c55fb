import { exploreAll } from './explore-all.js';
import { plainReadsSubject } from './subjects/plain-reads.js';

exploreAll(plainReadsSubject);

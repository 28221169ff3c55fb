import { exploreAll } from './explore-all.js';
import { servingSubject } from './subjects/serving.js';

exploreAll(servingSubject);

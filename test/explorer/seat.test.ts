import { exploreAll } from './explore-all.js';
import { seatSubject } from './subjects/seat.js';

exploreAll(seatSubject);

import { exploreAll } from './explore-all.js';
import { hotTableSubject } from './subjects/hot-table.js';

exploreAll(hotTableSubject);

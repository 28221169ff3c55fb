import type { Subject } from '../subject.js';
import { hotTableSubject } from './hot-table.js';
import { mailboxSubject } from './mailbox.js';
import { plainReadsSubject } from './plain-reads.js';
import { seatSubject } from './seat.js';
import { servingSubject } from './serving.js';
import { sleepSubject } from './sleep.js';

export const SUBJECTS: readonly Subject[] = [
  mailboxSubject,
  sleepSubject,
  seatSubject,
  hotTableSubject,
  plainReadsSubject,
  servingSubject,
];

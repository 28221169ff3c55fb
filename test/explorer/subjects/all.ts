import type { Subject } from '../subject.js';
import { hotTableSubject } from './hot-table.js';
import { mailboxSubject } from './mailbox.js';
import { sleepSubject } from './sleep.js';

export const SUBJECTS: readonly Subject[] = [mailboxSubject, sleepSubject, hotTableSubject];

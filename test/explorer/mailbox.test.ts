import { exploreAll } from './explore-all.js';
import { mailboxSubject } from './subjects/mailbox.js';

exploreAll(mailboxSubject);

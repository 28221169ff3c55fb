/**
 * Commands about the connection itself: PING, HELLO, CLIENT and their kin, as far as client libraries send them when they
 * connect. There are no users and no passwords: AUTH is refused, never ignored.
 */
import { latin1Head } from './buffer-methods.js';
import {
  CommandError,
  type CommandSpec,
  command,
  container,
  type Handler,
  keyword,
  syntaxError,
} from './command-spec.js';
import type { RespProtocol } from './resp-writer.js';
import type { Session } from './session.js';
import { SERVER_NAME, SERVER_VERSION } from './version.js';

/** Most bytes of a connection's or library's name. */
const NAME_BYTES_MAX = 256;
const NO_AUTH = 'ERR AUTH is refused: this server has no users and no passwords. Use HELLO without AUTH';

const ping: Handler = (args, _session, out) => {
  if (args.length > 2) throw new CommandError("ERR wrong number of arguments for 'ping' command");
  if (args.length === 2) out.bulk(args[1]);
  else out.simple('PONG');
  return undefined;
};

const echo: Handler = (args, _session, out) => {
  out.bulk(args[1]);
  return undefined;
};

const quit: Handler = (_args, session, out) => {
  session.closing = true;
  out.ok();
  return undefined;
};

const reset: Handler = (_args, session, out) => {
  session.protocol = 2;
  session.errorForm = 'plain';
  session.clientName = '';
  out.protocol = 2;
  out.simple('RESET');
  return undefined;
};

const select: Handler = (args, _session, out) => {
  const index = args[1].latin1Slice();
  if (!/^\d{1,9}$/.test(index)) throw new CommandError('ERR invalid DB index');
  if (Number(index) !== 0) throw new CommandError('ERR DB index is out of range: there is one database, 0');
  out.ok();
  return undefined;
};

const auth: Handler = () => {
  throw new CommandError(NO_AUTH);
};

const hello: Handler = (args, session, out) => {
  const version = args.length > 1 ? latin1Head(args[1], 8) : String(session.protocol);
  if (!/^\d+$/.test(version)) throw new CommandError('ERR Protocol version is not an integer or out of range');
  if (version !== '2' && version !== '3') throw new CommandError('NOPROTO unsupported protocol version');
  let name: string | undefined;
  for (let index = 2; index < args.length; index++) {
    const option = keyword(args[index]);
    if (option === 'AUTH') throw new CommandError(NO_AUTH);
    if (option !== 'SETNAME' || index + 1 >= args.length) throw syntaxError();
    index += 1;
    name = nameOf(args[index], 'Client names');
  }
  if (name !== undefined) session.clientName = name;
  session.protocol = Number(version) as RespProtocol;
  out.protocol = session.protocol;
  out.map(7);
  out.bulkText('server');
  out.bulkText(SERVER_NAME);
  out.bulkText('version');
  out.bulkText(SERVER_VERSION);
  out.bulkText('proto');
  out.integer(session.protocol);
  out.bulkText('id');
  out.integer(session.id);
  out.bulkText('mode');
  out.bulkText('standalone');
  out.bulkText('role');
  out.bulkText('master');
  out.bulkText('modules');
  out.array(0);
  return undefined;
};

/** A name without blanks and control characters, as Redis asks. */
function nameOf(argument: Buffer, what: string): string {
  const text = argument.latin1Slice();
  if (text.length > NAME_BYTES_MAX || !/^[!-~]*$/.test(text)) {
    throw new CommandError(`ERR ${what} cannot contain spaces, newlines or special characters.`);
  }
  return text;
}

const setName: Handler = (args, session, out) => {
  session.clientName = nameOf(args[2], 'Client names');
  out.ok();
  return undefined;
};

const getName: Handler = (_args, session, out) => {
  if (session.clientName === '') out.null();
  else out.bulkText(session.clientName);
  return undefined;
};

const setInfo: Handler = (args, session, out) => {
  const attribute = keyword(args[2]);
  if (attribute === 'LIB-NAME') session.libraryName = nameOf(args[3], 'lib-name');
  else if (attribute === 'LIB-VER') session.libraryVersion = nameOf(args[3], 'lib-ver');
  else throw new CommandError(`ERR Unrecognized option '${latin1Head(args[2], 64)}'`);
  out.ok();
  return undefined;
};

const onOff: Handler = (args, _session, out) => {
  if (!['ON', 'OFF'].includes(keyword(args[2]))) throw syntaxError();
  out.ok();
  return undefined;
};

/** One line of CLIENT LIST. */
function clientLine(session: Session): string {
  const now = Date.now();
  const seconds = (sinceMs: number) => Math.floor((now - sinceMs) / 1_000);
  return [
    `id=${session.id} addr=${session.address} laddr=${session.localAddress} name=${session.clientName}`,
    `age=${seconds(session.connectedAtMs)} idle=${seconds(session.lastCommandAtMs)} flags=N db=0 resp=${session.protocol}`,
    `cmd=${session.lastCommand} lib-name=${session.libraryName} lib-ver=${session.libraryVersion}`,
  ].join(' ');
}

const clientRows: readonly CommandSpec[] = [
  command({
    name: 'id',
    arity: 2,
    summary: 'Number of this connection.',
    handler: (_args, session, out) => void out.integer(session.id),
  }),
  command({
    name: 'info',
    arity: 2,
    summary: 'This connection.',
    handler: (_args, session, out) => void out.bulkText(`${clientLine(session)}\n`),
  }),
  command({
    name: 'list',
    arity: -2,
    summary: 'All connections.',
    handler: (_args, { server }, out) => {
      out.bulkText([...server.sessions()].map((session) => `${clientLine(session)}\n`).join(''));
      return undefined;
    },
  }),
  command({ name: 'getname', arity: 2, summary: 'Name of this connection.', handler: getName }),
  command({ name: 'setname', arity: 3, syntax: 'name', summary: 'Names this connection.', handler: setName }),
  command({
    name: 'setinfo',
    arity: 4,
    syntax: 'LIB-NAME | LIB-VER value',
    summary: 'Names the client library.',
    handler: setInfo,
  }),
  command({
    name: 'no-evict',
    arity: 3,
    syntax: 'ON | OFF',
    summary: 'Accepted; no client is evicted.',
    handler: onOff,
  }),
  command({ name: 'no-touch', arity: 3, syntax: 'ON | OFF', summary: 'Accepted; without effect.', handler: onOff }),
];

const row: typeof command = (fields) => command({ group: 'connection', ...fields });

export const CONNECTION_COMMANDS: readonly CommandSpec[] = [
  row({ name: 'ping', arity: -1, syntax: '[message]', summary: 'PONG, or the message.', handler: ping }),
  row({ name: 'echo', arity: 2, syntax: 'message', summary: 'The message.', handler: echo }),
  row({ name: 'quit', arity: -1, summary: 'Closes the connection.', handler: quit }),
  row({ name: 'reset', arity: 1, summary: 'Back to RESP2, plain errors, no name.', handler: reset }),
  row({ name: 'select', arity: 2, syntax: '0', summary: 'There is one database.', handler: select }),
  row({ name: 'auth', arity: -2, summary: 'Refused: there are no passwords.', handler: auth }),
  row({
    name: 'hello',
    arity: -1,
    syntax: '[2 | 3 [SETNAME name]]',
    summary: 'Picks the protocol; describes the server.',
    handler: hello,
  }),
  container({ name: 'client', group: 'connection', summary: 'About connections.' }, clientRows),
];

// The small language in which cases write bytes. A line end `\n` stands for CR LF; a part in braces for something that
// is long, unprintable, or not known before the run. Everything is latin1: one character is one byte.
//
//   sent and expected                          expected only
//   {a}       the key named a of this case     {#}      digits
//   {a:250}   that key, 250 bytes long         {#cas}   digits, remembered as cas
//   {a.b64}   that key in base64               {..}     anything up to the end of the line
//   {x*1000}  the character x, 1000 times      {...}    any bytes, lines too
//   {hex:00ff} these bytes                     {/ab?/}  a regular expression
//   {cr} {lf} one control byte
//   {$cas} {$cas+1} what was remembered, or a number beside it
//   {now+60} {now-60} Unix time in seconds

/** Digits remembered during a case. */
export type Captures = Map<string, string>;

/** What a template is filled from. */
export interface Scope {
  /** Put before every key's name: unique to the run of a case, and of one length for all of them. */
  readonly prefix: string;
  readonly captures: Captures;
}

const PART = /\{([^{}]+)\}|\n/g;

/** The bytes of a template to send. @throws TypeError for a part that only an expectation may have */
export function render(template: string, scope: Scope): string {
  return template.replace(PART, (whole, inside?: string) => {
    if (inside === undefined) return "\r\n";
    const text = renderPart(inside, scope);
    if (text === undefined) throw new TypeError(`${whole} cannot be sent`);
    return text;
  });
}

/** An expected answer: exact bytes where the template has no open part, else a regular expression. */
export interface Pattern {
  /** For people: the bytes or the expression. */
  readonly source: string;
  /** Undefined for exact bytes. */
  readonly regex: RegExp | undefined;
  /** Names of the captures in order. */
  readonly captures: readonly string[];
}

/** @param tail more bytes that must follow the answer, to the very end */
export function toPattern(template: string, scope: Scope, tail = ""): Pattern {
  const captures: string[] = [];
  let source = "";
  let exact = "";
  let open = false;
  let from = 0;
  const literal = (text: string) => {
    exact += text;
    source += escape(text);
  };
  for (const match of template.matchAll(PART)) {
    literal(template.slice(from, match.index));
    from = match.index + match[0].length;
    const inside = match[1];
    const expression = inside === undefined ? undefined : openPart(inside);
    if (expression !== undefined) {
      open = true;
      source += expression;
      if (expression === CAPTURE) captures.push((inside ?? "").slice(1));
    } else {
      const text = inside === undefined ? "\r\n" : renderPart(inside, scope);
      if (text === undefined) throw new TypeError(`{${inside ?? ""}} is not a part of a template`);
      literal(text);
    }
  }
  literal(template.slice(from) + tail);
  // A long literal makes too large an expression, and needs none.
  return open ? { source, regex: new RegExp(`^${source}$`), captures } : { source: exact, regex: undefined, captures };
}

/** Matches `text` and remembers what it captured; false when it does not match. */
export function matches(pattern: Pattern, text: string, captures: Captures): boolean {
  if (!pattern.regex) return text === pattern.source;
  const match = pattern.regex.exec(text);
  if (!match) return false;
  pattern.captures.forEach((name, index) => captures.set(name, match[index + 1] ?? ""));
  return true;
}

const CAPTURE = "(\\d+)";

/** The expression of a part that only an expectation may have. */
function openPart(inside: string): string | undefined {
  if (inside === "..") return "[^\\r\\n]*";
  if (inside === "...") return "[^]*?";
  if (inside === "#") return "\\d+";
  if (inside.startsWith("#")) return CAPTURE;
  if (inside.startsWith("/")) return `(?:${inside.slice(1, -1)})`;
  return undefined;
}

function renderPart(inside: string, scope: Scope): string | undefined {
  if (inside === "cr") return "\r";
  if (inside === "lf") return "\n";
  if (inside.startsWith("hex:")) return Buffer.from(inside.slice(4), "hex").toString("latin1");
  const repeated = /^(.)\*(\d+)$/.exec(inside);
  if (repeated) return (repeated[1] ?? "").repeat(Number(repeated[2]));
  const time = /^now([+-]\d+)$/.exec(inside);
  if (time) return String(Math.floor(Date.now() / 1000) + Number(time[1]));
  const captured = /^\$(\w+?)([+-]\d+)?$/.exec(inside);
  if (captured) {
    const value = scope.captures.get(captured[1] ?? "");
    if (value === undefined) throw new TypeError(`{${inside}}: nothing was remembered as ${captured[1] ?? ""}`);
    return captured[2] === undefined ? value : String(BigInt(value) + BigInt(captured[2]));
  }
  const key = /^(\w+)(?::(\d+))?(\.b64)?$/.exec(inside);
  if (!key) return undefined;
  const name = scope.prefix + (key[1] ?? "");
  const full = key[2] === undefined ? name : name.padEnd(Number(key[2]), "k");
  if (key[2] !== undefined && full.length > Number(key[2])) throw new TypeError(`{${inside}} is too short for a key`);
  return key[3] === undefined ? full : Buffer.from(full, "latin1").toString("base64");
}

function escape(text: string): string {
  return text
    .replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
    .replace(/\n/g, "\\n")
    .replace(/\r/g, "\\r");
}

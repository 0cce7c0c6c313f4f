// The PHP values that have no JavaScript value of their own.

/**
 * A PHP float that JavaScript would take for an int: PHP tells 1.0 from 1, a JavaScript number does not.
 *
 * Written, it is always a float. Read, it appears only with the option `floats: "exact"`.
 */
export class PhpFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toJSON(): number {
    return this.value;
  }
}

/** A key of a PHP array or a property name. A Buffer stands for bytes that are not UTF-8, a bigint for an int beyond 2^53. */
export type PhpKey = string | number | bigint | Uint8Array;

/** An object of a PHP class: its name and properties in PHP's order, none of its behaviour. */
export class PhpObject {
  /** `stdClass` or a class with its namespace, e.g. `App\Entity\User`. */
  readonly className: string;
  /**
   * Under the names PHP serializes: public `x`, protected `"\0*\0x"`, private `"\0Class\0x"`. Objects that serialize
   * themselves may have numbers as names.
   */
  readonly properties: Map<PhpKey, unknown>;

  constructor(className: string, properties: Iterable<readonly [PhpKey, unknown]> | Record<string, unknown> = []) {
    this.className = className;
    this.properties = new Map(Symbol.iterator in properties ? properties : Object.entries(properties));
  }

  /** A property by its plain name, whatever its visibility; public ones first. Undefined when there is none. */
  get(name: string): unknown {
    if (this.properties.has(name)) return this.properties.get(name);
    for (const [key, value] of this.properties) {
      if (typeof key === "string" && key.startsWith("\0") && key.slice(key.indexOf("\0", 1) + 1) === name) return value;
    }
    return undefined;
  }

  /** Its public properties, as PHP's json_encode sees it. */
  toJSON(): Record<string, unknown> {
    const plain: Record<string, unknown> = {};
    for (const [key, value] of this.properties) {
      if (key instanceof Uint8Array) continue;
      const name = String(key);
      if (!name.startsWith("\0")) setOwn(plain, name, value);
    }
    return plain;
  }
}

/** A case of a PHP 8.1 enum. */
export class PhpEnum {
  /** The enum with its namespace, e.g. `App\Suit`. */
  readonly className: string;
  readonly caseName: string;

  constructor(className: string, caseName: string) {
    this.className = className;
    this.caseName = caseName;
  }
}

/** Sets an own property of any name; `__proto__` is a name like others, as for JSON.parse. */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[name] = value;
  }
}

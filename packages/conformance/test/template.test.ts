import { describe, expect, test } from "vitest";
import { matches, render, toPattern, type Scope } from "../src/template.ts";

const scope = (): Scope => ({ prefix: "p_", captures: new Map([["cas", "41"]]) });

describe("a template that is sent", () => {
  test.each([
    ["get {a}\n", "get p_a\r\n"],
    ["{a:6}", "p_akkk"],
    ["{a.b64}", "cF9h"],
    ["{x*5}", "xxxxx"],
    ["{hex:00ff}{cr}{lf}", "\0\xff\r\n"],
    ["{$cas} {$cas+1} {$cas-1}", "41 42 40"],
  ])("%j is %j", (template, bytes) => {
    expect(render(template, scope())).toBe(bytes);
  });

  test("{now+60} is a Unix time a minute ahead", () => {
    expect(Math.abs(Number(render("{now+60}", scope())) - Date.now() / 1000 - 60)).toBeLessThan(2);
  });

  test.each(["{#}", "{..}", "{...}", "{/x/}", "{$other}", "{a:2}"])("%s cannot be sent", (template) => {
    expect(() => render(template, scope())).toThrow(TypeError);
  });
});

describe("a template that is expected", () => {
  const fits = (template: string, text: string) => matches(toPattern(template, scope()), text, new Map());

  test.each([
    ["VALUE {a} 0 1\nx\n", "VALUE p_a 0 1\r\nx\r\n", true],
    ["END\n", "END\r\nEND\r\n", false],
    ["END\n", "END\n", false],
    ["c{#}\n", "c12\r\n", true],
    ["c{#}\n", "c\r\n", false],
    ["VERSION {..}\n", "VERSION 1.6\r\n", true],
    ["VERSION {..}\n", "VERSION 1\r\n2\r\n", false],
    ["{...}STAT a 1\n{...}END\n", "STAT b 1\r\nSTAT a 1\r\nEND\r\n", true],
    ["t{/100|99/}\n", "t99\r\n", true],
    ["t{/100|99/}\n", "t98\r\n", false],
    ["a.b\n", "axb\r\n", false],
    ["{x*200000}\n", `${"x".repeat(200000)}\r\n`, true],
  ])("%j and %j: %s", (template, text, fit) => {
    expect(fits(template, text)).toBe(fit);
  });

  test("remembers digits for later steps", () => {
    const captures = new Map<string, string>();
    expect(matches(toPattern("HD c{#cas}\n", scope()), "HD c77\r\n", captures)).toBe(true);
    expect(render("C{$cas+1}", { prefix: "", captures })).toBe("C78");
  });
});

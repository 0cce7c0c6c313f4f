// The commands of docs/proxy.md, run by the built binary on the file that it shows.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { appCommand, temporaryFolder } from "@marugoto/testing";
import { expect, test } from "vitest";
import { blocksOf } from "../src/markdown.ts";

test("docs/proxy.md: marugoto-proxy says what is written there", () => {
  const app = appCommand("proxy");
  const blocks = blocksOf("docs/proxy.md");
  const folder = temporaryFolder();
  try {
    const file = blocks.find(({ text }) => text.startsWith("# posts.yml\n"));
    writeFileSync(join(folder.path, "posts.yml"), file?.text ?? "");
    const session = blocks.find(({ language }) => language === "console");
    const commands = session?.text.split(/^\$ marugoto-proxy /m).slice(1) ?? [];
    expect(commands.length).toBeGreaterThanOrEqual(2);
    for (const command of commands) {
      const [line = "", ...output] = command.split("\n");
      const args = [...app.args, ...line.split(" ")];
      const said = execFileSync(app.command, args, { cwd: folder.path, encoding: "utf8", timeout: 20_000 });
      expect(said).toBe(output.join("\n"));
    }
  } finally {
    folder.remove();
  }
});

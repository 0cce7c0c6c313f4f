// Runs named steps, a few at a time, and prints one line per step: ok or FAILED, its name, its time. The output of a step
// is shown only when it fails.

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * @param steps `[name, run]` in the order they are started; `run` returns `{ ok, output }`
 * @param atOnce how many run at the same time
 * @returns the names of the steps that failed
 */
export async function runSteps(steps, atOnce) {
  const queue = [...steps];
  const failed = [];
  const worker = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      const [name, action] = step;
      const start = performance.now();
      const { ok, output } = await action().catch((error) => ({ ok: false, output: `${error.stack}\n` }));
      console.log(`${ok ? "ok    " : "FAILED"}  ${name.padEnd(16)} ${seconds(performance.now() - start)}`);
      if (!ok) {
        failed.push(name);
        console.log(output.trimEnd());
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failed;
}

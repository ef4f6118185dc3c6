import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { rolldown } from 'rolldown';

/** Makes threads of a TypeScript file of these tests, which Node alone cannot load. */
export async function threadOf(url: URL): Promise<(options: WorkerOptions) => Worker> {
  const build = await rolldown({ input: fileURLToPath(url), platform: 'node' });
  const { output } = await build.generate({ format: 'cjs' });
  await build.close();
  const [{ code }] = output;
  return (options) => new Worker(code, { ...options, eval: true });
}

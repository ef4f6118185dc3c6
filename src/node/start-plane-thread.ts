import { Worker } from 'node:worker_threads';
import type { PlaneData, PlaneName } from '../planes/messages.js';

const ENTRIES: Readonly<Record<PlaneName, URL>> = {
  http: new URL('../client-plane/http-main.js', import.meta.url),
  mysql: new URL('../client-plane/mysql-main.js', import.meta.url),
};

export function startPlaneThread(data: PlaneData): Worker {
  const { plane, factsPort } = data;
  return new Worker(ENTRIES[plane], { name: plane, workerData: data, transferList: [factsPort] });
}

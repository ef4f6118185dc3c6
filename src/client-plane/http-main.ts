/** Where the thread of the HTTP plane begins. */
import { HttpPlane } from './http-plane.js';
import { runPlane } from './plane-thread.js';

await runPlane(HttpPlane.create);

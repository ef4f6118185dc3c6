/** Where the thread of the MySQL plane begins. */
import { MysqlPlane } from './mysql-plane.js';
import { runPlane } from './plane-thread.js';

await runPlane(MysqlPlane.create);
